"""Loads whose lanes lie a few elements apart, as those of every second element, or of a column."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llvmlite import ir

from graphc.codegen.expressions.access import load_picked, load_rows
from graphc.codegen.expressions.strides import taken_apart
from graphc.codegen.scopes import Scope
from graphc.codegen.values import memory_type
from graphc.ir import dims, scalar
from graphc.ir.dims import Size
from graphc.ir.scalar import Expr

if TYPE_CHECKING:
    from graphc.codegen.expressions.elements import Elements

#: Elements further apart than this are gathered one by one.
MOST_APART = 16


def spacing(elements: Elements, offset: Size) -> int:
    """How far lanes, if all of them are there, lie apart; 0 if far or not evenly."""
    window = elements.scopes.window
    if window is None or window.mask is not None:
        return 0
    step = elements.step(offset)
    return step if isinstance(step, int) and abs(step) <= MOST_APART else 0


def phase(offset: Size, step: int) -> int:
    """Which of the elements between two lanes this is, counted from a multiple of the step."""
    constant = offset if isinstance(offset, int) else offset.terms.get((), 0)
    return constant % abs(step) if step else 0


def spaced_row(elements: Elements, expr: Expr, where: ir.Value | None, scope: Scope) -> ir.Value:
    """Elements a few apart, zeros if a condition on all of them does not hold.

    What lies between is loaded too, once for all who want of it.
    """
    step, source = spacing(elements, expr.offset), str(expr.source)
    which = phase(expr.offset, step)
    first = expr.offset - which
    if step < 0 or not _is_inside(elements, first, step, source):
        return _picked(elements, expr, where, scope.builder)
    key = ("apart", source, first, step, expr.args)
    if key not in scope.rows:
        _, dtype = elements.buffers[source]
        type_ = _row_type(elements, source)
        address = _start(elements, source, first, where, step * type_.count, scope.builder)
        rows = load_rows(scope.builder, type_, address, step, dtype.itemsize)
        scope.rows[key] = taken_apart(scope.builder, rows)
    return scope.rows[key][which]


def _picked(
    elements: Elements, expr: Expr, where: ir.Value | None, builder: ir.IRBuilder
) -> ir.Value:
    """Elements from rows that reach no further than these."""
    step, source = spacing(elements, expr.offset), str(expr.source)
    type_ = _row_type(elements, source)
    low = expr.offset if step > 0 else expr.offset + step * (type_.count - 1)
    wanted = [abs(step) * lane for lane in range(type_.count)]
    address = _start(elements, source, low, where, wanted[-1] + 1, builder)
    _, dtype = elements.buffers[source]
    return load_picked(builder, type_, address, wanted[:: 1 if step > 0 else -1], dtype.itemsize)


def _row_type(elements: Elements, source: str) -> ir.VectorType:
    assert elements.scopes.window is not None
    return ir.VectorType(memory_type(elements.buffers[source][1]), elements.scopes.window.lanes)


def _start(
    elements: Elements, source: str, offset: Size, where: ir.Value | None, count: int,
    builder: ir.IRBuilder,
) -> ir.Value:  # fmt: skip
    """The address of `count` elements, or of as many zeros."""
    pointer, dtype = elements.buffers[source]
    element = memory_type(dtype)
    address = builder.gep(pointer, [elements.size(offset)], source_etype=element)
    if where is None:
        return address
    zeros = elements.scopes.zeros(ir.VectorType(element, count))
    return builder.select(where, address, zeros)


def _is_inside(elements: Elements, first: Size, step: int, source: str) -> bool:
    """Whether all of `step` elements from an offset on are in the buffer, at every position."""
    extent = elements.extents.get(source)
    if extent is None or scalar.opaque_values(first):
        return False
    return dims.is_nonnegative(first) and dims.is_nonnegative(extent - step - first)
