"""What a product's statements read and store at each of its results."""

from __future__ import annotations

from graphc.ir import dims, scalar
from graphc.ir.dims import Size, Symbol
from graphc.ir.scalar import Expr
from graphc.schedule.statements import Axis, Product, Store, roots_of, walk


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
        by_column = dims.affine(statement.offset, _symbol(product.column))
        by_row = dims.affine(statement.offset, _symbol(product.row))
        if by_column is not None and by_column[0] == 1 and by_row is not None:
            return statement.target, statement.offset, by_row[0]
    return None


def rows_read(product: Product) -> list[Expr]:
    """The loads in a product's statements that follow its rows and columns."""
    roots = tuple(expr for statement in walk(product.body) for expr in roots_of(statement))
    found: dict[tuple[str, Size], Expr] = {}
    for expr in scalar.walk(roots):
        if expr.name != "load" or scalar.opaque_values(expr.offset):
            continue
        by_column = dims.affine(expr.offset, _symbol(product.column))
        by_row = dims.affine(expr.offset, _symbol(product.row))
        if by_column is not None and by_column[0] == 1 and by_row is not None and by_row[0] != 0:
            found.setdefault((str(expr.source), expr.offset), expr)
    return list(found.values())


def is_plain(product: Product) -> bool:
    """Whether all that is done with the sums is to store them."""
    match product.body:
        case (Store(value=value),):
            return value is scalar.local(product.result, product.dtype)
        case _:
            return False


def _symbol(axis: Axis) -> Symbol:
    return Symbol(axis.name, axis.extent - 1)
