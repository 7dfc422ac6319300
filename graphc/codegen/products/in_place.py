"""Operands that a tile can read where they lie."""

from __future__ import annotations

from dataclasses import dataclass

from graphc.ir import dims, scalar
from graphc.ir.dims import Size
from graphc.ir.scalar import Expr
from graphc.schedule.statements import Axis, Product, Store, Update, walk


@dataclass(frozen=True, slots=True)
class Place:
    """A buffer and an offset in it, and how far apart elements are.

    `across` from row to row of the left operand, or from column to column of the right one, and
    `step` from one step of depth to the next.
    """

    buffer: str
    offset: Size
    across: Size
    step: Size


def depth_axis(product: Product) -> Axis | None:
    """The only axis of depth that has several steps; None if there are more of them."""
    found = [axis for axis in product.depth if axis.extent != 1]
    return found[0] if len(found) == 1 else None


def place_of(product: Product, operand: Expr, along: Axis) -> Place | None:
    """Where an operand lies; None if it must be worked out, or if its memory may change meanwhile.

    It is read at even distances along an axis of rows or columns and along depth, without a
    condition, and as the dtype in which it is multiplied.
    """
    depth = depth_axis(product)
    if depth is None or operand.name != "load" or operand.args:
        return None
    if operand.dtype is not product.dtype or scalar.opaque_values(operand.offset):
        return None
    if str(operand.source) in _written(product):
        return None
    across, step = along.step(operand.offset), depth.step(operand.offset)
    if across is None or step is None or _names(across, step) & _own_axes(product):
        return None
    return Place(str(operand.source), operand.offset, across, step)


def _names(*sizes: Size) -> frozenset[str]:
    return frozenset[str]().union(*map(dims.symbols, sizes))


def _own_axes(product: Product) -> set[str]:
    axes = (product.row, product.column, *product.rows, *product.columns, *product.depth)
    return {axis.name for axis in axes}


def _written(product: Product) -> set[str]:
    """The buffers into which a product's statements write."""
    return {
        statement.target
        for statement in walk(product.body)
        if isinstance(statement, Store | Update)
    }
