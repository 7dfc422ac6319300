"""What a product's statements read and store at each of its results."""

from __future__ import annotations

from graphc.ir import scalar
from graphc.ir.dims import Size
from graphc.ir.dtypes import int64
from graphc.ir.scalar import Expr
from graphc.schedule.collapse import collapse
from graphc.schedule.statements import Axis, Product, Statement, Store, roots_of, walk

Body = tuple[Statement, ...]


def waiting_place(product: Product, shared: frozenset[str]) -> tuple[str, Size, Size] | None:
    """A result in whose memory sums can wait: its name, the offset, and elements from row to row.

    It is of the sums' dtype, its columns lie side by side, and nothing in the product reads it.
    """
    reads = {
        str(expr.source)
        for statement in walk((product,))
        for expr in scalar.walk(roots_of(statement))
        if expr.name == "load"
    }
    for statement in product.body:
        if not isinstance(statement, Store) or statement.value.dtype is not product.dtype:
            continue
        if statement.target in reads | shared:
            continue
        by_row = product.row.step(statement.offset)
        if product.column.step(statement.offset) == 1 and by_row is not None:
            return statement.target, statement.offset, by_row
    return None


def rows_read(product: Product) -> list[Expr]:
    """The loads in a product's statements that follow its rows and columns."""
    roots = tuple(expr for statement in walk(product.body) for expr in roots_of(statement))
    found: dict[tuple[str, Size], Expr] = {}
    for expr in scalar.walk(roots):
        if expr.name != "load" or scalar.opaque_values(expr.offset):
            continue
        if product.column.step(expr.offset) == 1 and product.row.step(expr.offset) not in (None, 0):
            found.setdefault((str(expr.source), expr.offset), expr)
    return list(found.values())


def in_lines(
    axes: tuple[Axis, ...], body: Body, place: Size
) -> tuple[tuple[Axis, ...], Body, Size]:
    """As few loops as a body along rows or columns needs whose sums have a place; one at least."""
    mark = Store("", place, scalar.const(0, int64))
    joined, (*inner, moved) = collapse(axes, (*body, mark))
    assert isinstance(moved, Store)
    return joined or (Axis(axes[-1].name, 1),), tuple(inner), moved.offset


def is_plain(product: Product) -> bool:
    """Whether all that is done with the sums is to store them."""
    match product.body:
        case (Store(value=value),):
            return value is scalar.local(product.result, product.dtype)
        case _:
            return False
