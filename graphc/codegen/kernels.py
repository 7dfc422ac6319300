"""A kernel as one LLVM function.

The function takes the kernel's buffers, the sizes of its symbolic dims, a place to report a
failed check, the number of the first of its checked sites and, if its outermost loop may be cut,
the range of it to run.
"""

from __future__ import annotations

from collections.abc import Sequence

from llvmlite import ir

from graphc.codegen.elements import Elements
from graphc.codegen.scopes import Scopes
from graphc.codegen.statements import Statements
from graphc.codegen.target import Target
from graphc.codegen.values import I64, POINTER, VOID, memory_type
from graphc.ir import dims
from graphc.schedule.kernel import Kernel, Loop, sizes_of

#: No wider than this many lanes, whatever the element: index vectors are of 64-bit integers.
MOST_LANES = 16


def symbol_names(kernel: Kernel) -> tuple[str, ...]:
    """The symbolic dims whose sizes the kernel's function takes, in order."""
    own: set[str] = set()
    found: set[str] = set()
    for statement in kernel.statements():
        if isinstance(statement, Loop) or hasattr(statement, "axis"):
            own.add(statement.axis.name)
        for size in sizes_of(statement):
            found |= dims.symbols(size)
    for expr in kernel.expressions():
        for size in expr.indices():
            found |= dims.symbols(size)
    return tuple(sorted(found - own))


def lanes_for(kernel: Kernel, target: Target) -> int:
    """Positions worked on together: as many of the widest element as a register holds."""
    widest = max((argument.dtype.bits for argument in kernel.arguments), default=32)
    return max(2, min(MOST_LANES, target.vector_bits // max(widest, 8)))


def outer_loop(kernel: Kernel) -> Loop | None:
    """The loop that may be cut into ranges."""
    if not kernel.parallel:
        return None
    (loop,) = kernel.body
    assert isinstance(loop, Loop)
    return loop


def emit_kernel(module: ir.Module, name: str, kernel: Kernel, target: Target) -> ir.Function:
    """Add the kernel's function to a module."""
    symbols = symbol_names(kernel)
    loop = outer_loop(kernel)
    bounds = [I64, I64] if loop else []
    parameters = [POINTER] * len(kernel.arguments) + [I64] * len(symbols) + [POINTER, I64]
    type_ = ir.FunctionType(VOID, parameters + bounds)
    function = ir.Function(module, type_, name=name)
    function.attributes.add("nounwind")
    scopes = Scopes(function)
    elements = _elements(function, scopes, kernel, symbols)
    statements = Statements(elements, lanes_for(kernel, target))
    if loop is None:
        statements.emit(kernel.body)
    else:
        begin, end = function.args[-2:]
        begin.name, end.name = "begin", "end"
        statements.loop(loop, (begin, end))
    scopes.builder.ret_void()
    return function


def _elements(
    function: ir.Function, scopes: Scopes, kernel: Kernel, symbols: Sequence[str]
) -> Elements:
    count = len(kernel.arguments)
    buffers = {}
    for argument, value in zip(kernel.arguments, function.args[:count], strict=True):
        value.name = argument.name
        value.add_attribute("noalias")  # buffers of one launch never overlap
        buffers[argument.name] = (value, argument.dtype)
    for room in kernel.scratch:
        memory = scopes.allocate(memory_type(room.dtype), max(room.size, 1))
        memory.align = 64
        buffers[room.name] = (memory, room.dtype)
    for name, value in zip(symbols, function.args[count : count + len(symbols)], strict=True):
        value.name = f"dim.{name}"
        scopes.bind(name, value)
    status, first_site = function.args[count + len(symbols) : count + len(symbols) + 2]
    status.name, first_site.name = "status", "first_site"
    sites = {site: k for k, site in enumerate(kernel.sites)}
    changing = {argument.name for argument in kernel.arguments if argument.written}
    changing |= {room.name for room in kernel.scratch}
    return Elements(scopes, buffers, frozenset(changing), status, first_site, sites)
