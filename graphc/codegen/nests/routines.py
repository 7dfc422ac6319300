"""Calls of LAPACK and BLAS, by name: where they are is found when a program is loaded.

LAPACK is called through its C interface, LAPACKE, without the conversions of that layer (the
functions called `_work`): numbers go by value, and matrices are stored by columns.
"""

from __future__ import annotations

from collections.abc import Iterable

from llvmlite import ir

from graphc.codegen.expressions.elements import Elements
from graphc.codegen.threads.counters import emit_reached, emit_wait
from graphc.codegen.values import I8, I32, I64, POINTER, VOID, memory_type, register_type
from graphc.ir.dims import Dim, Size
from graphc.ir.dtypes import DType
from graphc.ops.callbacks import Entry
from graphc.schedule.calls import REACHED, WAIT, Call, Pointer
from graphc.schedule.kernel import Kernel

#: What routines take: letters, integers, floats and pointers.
_TAKES = {
    "potrf": "cipi", "getrf": "iipip", "laswp": "ipiiipi", "lapmt": "iiipip", "laset": "ciiffpi",
    "geqrf": "iipippi", "orgqr": "iiipippi", "syevd": "ccipippipi", "gesdd": "ciipippipipip",
    "geqrt": "iiipipip", "gemqrt": "cciiiipipipip",
    "trsm": "cccciifpipi", "trsv": "cccipipi", "gemm": "cciiifpipifpi", "syrk": "cciifpifpi",
}  # fmt: skip

#: Routines of BLAS, whose C interface has numbers for letters and returns nothing.
_BLAS = {"trsm", "trsv", "gemm", "syrk"}
_NUMBERS = {"L": 141, "R": 142, "U": 121, "l": 122, "N": 111, "T": 112, "n": 131, "u": 132}
_BY_COLUMNS = 102

_MOST = I64(2**31 - 1)


def symbol_name(routine: str, dtype: DType) -> str:
    """What the routine for a dtype is called in the library; a Python function has a name."""
    if isinstance(routine, Entry):
        return routine
    letter = "s" if dtype.bits == 32 else "d"
    if routine in _BLAS:
        return f"scipy_cblas_{letter}{routine}"
    return f"scipy_LAPACKE_{letter}{routine}_work"


def imported(kernels: Iterable[Kernel]) -> tuple[str, ...]:
    """The names of all routines that kernels call."""
    calls = (s for kernel in kernels for s in kernel.statements() if isinstance(s, Call))
    found = (call for call in calls if call.routine not in (WAIT, REACHED))
    return tuple(sorted({symbol_name(call.routine, call.dtype) for call in found}))


def _called_back(elements: Elements, call: Call) -> ir.Value:
    """Call a Python function, with addresses and sizes."""
    given = [_address(elements, pointer) for pointer in call.pointers()]
    given += [elements.size(part) for part in call.given if isinstance(part, int | Dim)]
    types = [POINTER] * len(call.pointers()) + [I64] * (len(given) - len(call.pointers()))
    module = elements.scopes.function.module
    known = module.globals.get(call.routine)
    function = known or ir.Function(module, ir.FunctionType(I32, types), name=call.routine)
    return elements.builder.call(function, given)


def _address(elements: Elements, pointer: Pointer) -> ir.Value:
    base, element = elements.buffers[pointer.buffer]
    offset = elements.size(pointer.offset)
    return elements.builder.gep(base, [offset], source_etype=memory_type(element))


def emit(elements: Elements, call: Call) -> None:
    """Call the routine where the condition holds, and bind what it returns to the call's name."""
    scopes = elements.scopes
    if call.where is None:
        scopes.bind(call.result, _called(elements, call))
        return
    returned = scopes.allocate(I32)
    scopes.builder.store(I32(0), returned)
    with scopes.guard(elements.value(call.where)):
        value = _called(elements, call)
        scopes.builder.store(value, returned)
    scopes.bind(call.result, scopes.builder.load(returned, typ=I32))


def _called(elements: Elements, call: Call) -> ir.Value:
    if isinstance(call.routine, Entry):
        return _called_back(elements, call)
    if call.routine in (WAIT, REACHED):
        pointer, value = call.given
        assert isinstance(pointer, Pointer) and isinstance(value, int | Dim)
        emit = emit_wait if call.routine == WAIT else emit_reached
        emit(elements.builder, _address(elements, pointer), elements.size(value))
        return I32(0)
    takes, is_blas = _TAKES[call.routine], call.routine in _BLAS
    given = [I32(_BY_COLUMNS)]
    types = [I32]
    attributes: dict[int, list[str]] = {}
    for kind, part in zip(takes, call.given, strict=True):
        if kind == "c" and not is_blas:  # the ABI may leave it to the caller to fill the register
            attributes[len(given)] = ["zeroext"]
        given.append(_argument(elements, kind, part, call.dtype, is_blas))
        types.append(given[-1].type)
    function = _declared(elements, call, types, VOID if is_blas else I32, attributes)
    returned = elements.builder.call(function, given, arg_attrs=attributes)
    return I32(0) if is_blas else returned


def _argument(
    elements: Elements, kind: str, part: str | float | Size | Pointer, dtype: DType, is_blas: bool
) -> ir.Value:
    builder = elements.builder
    if isinstance(part, Pointer):
        return _address(elements, part)
    if isinstance(part, str):
        return I32(_NUMBERS[part]) if is_blas else I8(ord(part))
    if kind == "f":
        return ir.Constant(register_type(dtype), part)
    assert not isinstance(part, float)
    size = elements.size(part)
    if isinstance(size, ir.Constant):
        return I32(min(size.constant, _MOST.constant))
    fits = builder.icmp_signed("<", size, _MOST)  # a workspace may have more elements than that
    return builder.trunc(builder.select(fits, size, _MOST), I32)


def _declared(
    elements: Elements,
    call: Call,
    types: list[ir.Type],
    result: ir.Type,
    attributes: dict[int, list[str]],
) -> ir.Function:
    module = elements.scopes.function.module
    name = symbol_name(call.routine, call.dtype)
    if name in module.globals:
        return module.globals[name]
    pointers = [POINTER if isinstance(type_, ir.PointerType) else type_ for type_ in types]
    function = ir.Function(module, ir.FunctionType(result, pointers), name=name)
    for place, names in attributes.items():
        for attribute in names:
            function.args[place].add_attribute(attribute)
    return function
