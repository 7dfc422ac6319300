"""Loops cut where what is computed changes: where parts of a row meet, and at the ends of padding.

Tensors put one after another along an axis, as the gradient of `split` does, are selects on the
position along it. In a loop over all positions everything would be computed everywhere and
thrown away elsewhere; in a loop for each range the conditions are known.
"""

from __future__ import annotations

from itertools import pairwise

from graphc.ir import dims, scalar
from graphc.ir.dims import Size
from graphc.ir.dtypes import bool_, int64
from graphc.ir.scalar import Expr
from graphc.schedule.collapse import rebuilt
from graphc.schedule.statements import Axis, Statement, Store, roots_of

#: Positions of a range at least: shorter ones are no work for vectors.
SHORTEST = 16
#: Ranges at most.
MOST_RANGES = 8

Body = tuple[Statement, ...]


def ranges(axis: Axis, body: Body) -> list[tuple[int, int]]:
    """Ranges of the axis, in order, in each of which no condition of the stores changes.

    None if there would be a single one, too many or too short ones.
    """
    extent = axis.extent
    if not isinstance(extent, int) or not all(isinstance(one, Store) for one in body):
        return []
    roots = tuple(root for statement in body for root in roots_of(statement))
    found = {_turn(expr, axis) for expr in scalar.walk(roots)}
    cuts = sorted({0, extent, *(cut for cut in found if cut is not None and 0 < cut < extent)})
    parts = list(pairwise(cuts))
    is_long = all(end - first >= SHORTEST for first, end in parts)
    return parts if is_long and 1 < len(parts) <= MOST_RANGES else []


def _turn(expr: Expr, axis: Axis) -> int | None:
    """The position along the axis from which on a condition holds, or no longer holds."""
    if not _compares_positions(expr):
        return None
    left, right = expr.args
    parts = dims.affine(_position(left) - _position(right), axis.symbol)
    if parts is None or parts[0] != 1 or not isinstance(parts[1], int):
        return None
    return -parts[1]


def _compares_positions(expr: Expr) -> bool:
    kinds = {"index", "const"}
    return expr.name in ("ge", "lt") and all(
        arg.name in kinds and arg.dtype is int64 for arg in expr.args
    )


def _position(expr: Expr) -> Size:
    if expr.name == "index":
        position: Size = expr.data
        return position
    return int(scalar.constant_value(expr))


def moved(body: Body, axis: Axis, first: int, part: Axis) -> Body:
    """The body at positions `first + part` of the axis, with the conditions settled."""
    values = {axis.name: first + part.position}

    def change(expr: Expr) -> Expr:
        return scalar.rebuild(expr.substitute(values), _settled)

    return rebuilt(body, change, lambda size: dims.substitute(size, values))


def _settled(expr: Expr) -> Expr:
    """The expression, or what it is if a condition in it is known."""
    if _compares_positions(expr):
        return _compared(expr)
    match expr.name, expr.args:
        case "and", (left, right):
            known = [arg for arg in (left, right) if arg.name == "const"]
            if any(not scalar.constant_value(arg) for arg in known):
                return scalar.const(False, bool_)
            return right if left in known else left if right in known else expr
        case "select", (condition, then, otherwise) if condition.name == "const":
            return then if scalar.constant_value(condition) else otherwise
        case "load", (where,) if where.name == "const":
            if scalar.constant_value(where):
                return scalar.load(expr.source, expr.offset, expr.dtype)
            return scalar.const(False, expr.dtype)
        case _:
            return expr


def _compared(expr: Expr) -> Expr:
    left, right = expr.args
    distance = _position(left) - _position(right)
    if dims.is_nonnegative(distance):
        return scalar.const(expr.name == "ge", bool_)
    if dims.is_nonnegative(-1 - distance):
        return scalar.const(expr.name == "lt", bool_)
    return expr
