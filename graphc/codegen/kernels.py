"""A kernel as an LLVM module: a function, and the task by which it is entered.

The function takes the kernel's buffers, the sizes of its symbolic dims, a place to report a
failed check, room for what it needs for itself and, if its outermost loop may be cut, the range of
it to run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from llvmlite import ir

from graphc.codegen.expressions.elements import Elements
from graphc.codegen.nests.shapes import runs_straight
from graphc.codegen.nests.statements import Statements
from graphc.codegen.scopes import LINE, Scopes
from graphc.codegen.target import Target
from graphc.codegen.threads.parallel import emit_task
from graphc.codegen.values import I64, POINTER, VOID, memory_type
from graphc.ir import dims
from graphc.schedule.kernel import Kernel
from graphc.schedule.statements import Axis, Loop, axes_of, sizes_of

#: No wider than this many lanes, whatever the element: index vectors are of 64-bit integers. Bytes
#: that no position is computed for, side by side, have as many as there are partial results.
MOST_LANES, MOST_BYTES = 16, 64


def symbol_names(kernel: Kernel) -> tuple[str, ...]:
    """The symbolic dims whose sizes the kernel's function takes, in order."""
    own: set[str] = set()
    found: set[str] = set()
    for statement in kernel.statements():
        own.update(axis.name for axis in axes_of(statement))
        for size in sizes_of(statement):
            found |= dims.symbols(size)
    for expr in kernel.expressions():
        for size in expr.indices():
            found |= dims.symbols(size)
    return tuple(sorted(found - own))


def lanes_for(kernel: Kernel, target: Target) -> int:
    """Positions worked on together: as many of the widest element as a register holds."""
    widest = max((argument.dtype.bits for argument in kernel.arguments), default=32)
    most = MOST_BYTES if _is_of_bytes(kernel) else MOST_LANES
    return max(2, min(most, target.vector_bits // max(widest, 8)))


def _is_of_bytes(kernel: Kernel) -> bool:
    """Whether all that a kernel works on are bytes, side by side in long rows."""
    if any(argument.dtype.itemsize > 1 for argument in kernel.arguments):
        return False
    if any(e.dtype.itemsize > 1 or e.name in ("index", "checked") for e in kernel.expressions()):
        return False
    loops = [s for s in kernel.statements() if isinstance(s, Loop) and s.vector]
    return bool(loops) and all(runs_straight(loop) and _is_long(loop.axis) for loop in loops)


def _is_long(axis: Axis) -> bool:
    return not isinstance(axis.extent, int) or axis.extent >= MOST_BYTES


def outer_loop(kernel: Kernel) -> Loop | None:
    """The loop that may be cut into ranges."""
    if not kernel.parallel:
        return None
    (loop,) = kernel.body
    assert isinstance(loop, Loop)
    return loop


def function_name(kernel: Kernel) -> str:
    """A name for the kernel's function that tells what it computes: equal for equal kernels."""
    digest = hashlib.sha256(repr(kernel.key()).encode()).hexdigest()
    return f"kernel_{digest[:24]}"


@dataclass(frozen=True, slots=True)
class Emitted:
    """The module of a kernel, and the bytes of room that whoever runs its task must have."""

    module: ir.Module
    room: int


def emit_kernel(kernel: Kernel, target: Target) -> Emitted:
    """The module of a kernel, whose task is `task_name(function_name(kernel))`."""
    module = ir.Module(name=function_name(kernel))
    module.triple = target.triple
    function, room = _emit_function(module, kernel, target)
    own = [POINTER] * len(kernel.arguments) + [I64] * len(symbol_names(kernel))
    emit_task(module, function, own, room)
    return Emitted(module, room)


def _emit_function(module: ir.Module, kernel: Kernel, target: Target) -> tuple[ir.Function, int]:
    """The function, and the bytes of room that it uses."""
    symbols = symbol_names(kernel)
    loop = outer_loop(kernel)
    bounds = [I64, I64] if loop else []
    parameters = [POINTER] * len(kernel.arguments) + [I64] * len(symbols) + [POINTER] * 2
    function = ir.Function(module, ir.FunctionType(VOID, parameters + bounds), name=module.name)
    function.linkage = "internal"
    function.attributes.add("nounwind")
    room = function.args[len(parameters) - 1]
    room.name = "room"
    room.add_attribute("noalias")
    scopes = Scopes(function, room)
    elements = _elements(function, scopes, kernel, symbols)
    statements = Statements(elements, lanes_for(kernel, target), target)
    if loop is None:
        statements.emit(kernel.body)
    else:
        begin, end = function.args[-2:]
        begin.name, end.name = "begin", "end"
        statements.loop(loop, (begin, end))
    scopes.builder.ret_void()
    return function, scopes.room_bytes


def _elements(
    function: ir.Function, scopes: Scopes, kernel: Kernel, symbols: Sequence[str]
) -> Elements:
    count = len(kernel.arguments)
    buffers = {}
    for argument, value in zip(kernel.arguments, function.args[:count], strict=True):
        value.name = argument.name
        if not argument.shares:
            value.add_attribute("noalias")  # no other buffer of the launch overlaps it
        buffers[argument.name] = (value, argument.dtype)
    for room in kernel.scratch:
        memory = scopes.allocate(memory_type(room.dtype), max(room.size, 1), LINE)
        buffers[room.name] = (memory, room.dtype)
    for name, value in zip(symbols, function.args[count : count + len(symbols)], strict=True):
        value.name = f"dim.{name}"
        scopes.bind(name, value)
    status = function.args[count + len(symbols)]
    status.name = "status"
    sites = {site: k for k, site in enumerate(kernel.sites)}
    changing = {argument.name for argument in kernel.arguments if argument.written}
    changing |= {room.name for room in kernel.scratch}
    extents = {argument.name: argument.size for argument in kernel.arguments}
    shared = frozenset(argument.name for argument in kernel.arguments if argument.shares)
    return Elements(scopes, buffers, frozenset(changing), status, sites, extents, shared)
