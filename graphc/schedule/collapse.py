"""Joining neighbouring loops into one where every offset runs straight through both."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from graphc.ir import dims, scalar
from graphc.ir.dims import Size, Symbol
from graphc.ir.scalar import Expr
from graphc.schedule.calls import Call, Check
from graphc.schedule.statements import (
    Axis,
    Combine,
    Either,
    Fold,
    Loop,
    Product,
    Sort,
    Statement,
    Store,
    Turns,
    Update,
    roots_of,
    sizes_of,
    walk,
)

Body = tuple[Statement, ...]


def collapse(axes: tuple[Axis, ...], body: Body) -> tuple[tuple[Axis, ...], Body]:
    """As few loops around a body as its offsets allow, and none of extent 1.

    Loops inside the body stay: the order within a reduction is part of its meaning.
    """
    single = [axis for axis in axes if axis.extent == 1]
    if single:
        axes = tuple(axis for axis in axes if axis.extent != 1)
        body = substituted(body, {axis.name: 0 for axis in single})
    place = len(axes) - 2
    while place >= 0:
        outer, inner = axes[place : place + 2]
        if _runs_straight(body, outer, inner):
            joined = Axis(inner.name, outer.extent * inner.extent)
            axes = (*axes[:place], joined, *axes[place + 2 :])
            body = substituted(body, {outer.name: 0, inner.name: joined.position})
        place -= 1
    return axes, body


def _runs_straight(body: Body, outer: Axis, inner: Axis) -> bool:
    """Whether every position depends on the two axes only through outer*extent + inner."""
    pair = outer.symbol, inner.symbol
    return all(_joins(size, *pair, inner.extent) for size in _positions(body))


def _joins(size: Size, outer: Symbol, inner: Symbol, extent: Size) -> bool:
    by_inner = dims.affine(size, inner)
    if by_inner is None:
        return False
    by_outer = dims.affine(by_inner[1], outer)
    if by_outer is None or dims.depends_on(by_inner[0], outer):
        return False
    return bool(by_outer[0] == by_inner[0] * extent)


def _positions(body: Body) -> list[Size]:
    statements = list(walk(body))
    roots = tuple(expr for statement in statements for expr in roots_of(statement))
    found: list[Size] = [size for expr in scalar.walk(roots) for size in expr.indices()]
    for statement in statements:
        found.extend(sizes_of(statement))
    return found


def substituted(body: Body, values: Mapping[str, Size]) -> Body:
    """The statements with symbols in all positions, sizes and extents replaced."""
    return rebuilt(
        body,
        lambda expr: expr.substitute(values),
        lambda size: dims.substitute(size, values),
    )


def rebuilt(body: Body, change: Callable[[Expr], Expr], move: Callable[[Size], Size]) -> Body:
    """The statements with every expression changed, and every offset and extent moved."""
    done: dict[Expr, Expr] = {}

    def value(expr: Expr) -> Expr:
        if expr not in done:
            done[expr] = change(expr)
        return done[expr]

    def resized(axis: Axis) -> Axis:
        return replace(axis, extent=move(axis.extent))

    def made(statement: Statement) -> Statement:
        match statement:
            case Loop():
                axis = resized(statement.axis)
                return replace(statement, axis=axis, body=tuple(map(made, statement.body)))
            case Fold():
                return replace(statement, body=tuple(map(made, statement.body)))
            case Product():
                return replace(
                    statement,
                    row=resized(statement.row), column=resized(statement.column),
                    rows=tuple(map(resized, statement.rows)),
                    columns=tuple(map(resized, statement.columns)),
                    depth=tuple(map(resized, statement.depth)),
                    left=value(statement.left), right=value(statement.right),
                    body=tuple(map(made, statement.body)),
                    onto=None if statement.onto is None else move(statement.onto),
                )  # fmt: skip
            case Turns():
                condition = statement.condition
                return replace(
                    statement,
                    axis=resized(statement.axis),
                    test=tuple(map(made, statement.test)),
                    body=tuple(map(made, statement.body)),
                    condition=None if condition is None else value(condition),
                )
            case Either():
                return Either(
                    value(statement.condition),
                    tuple(map(made, statement.then)),
                    tuple(map(made, statement.otherwise)),
                )
            case _:
                return _rebuilt_single(statement, value, move)

    return tuple(map(made, body))


def _rebuilt_single(
    statement: Store | Update | Combine | Sort | Call | Check,
    value: Callable[[Expr], Expr],
    move: Callable[[Size], Size],
) -> Statement:
    """As `rebuilt`, for a statement without others inside."""
    match statement:
        case Store():
            new, offset = value(statement.value), move(statement.offset)
            return replace(statement, value=new, offset=offset)
        case Update():
            where = None if statement.where is None else value(statement.where)
            new, offset = value(statement.value), move(statement.offset)
            return replace(statement, value=new, offset=offset, where=where)
        case Combine():
            return replace(statement, operands=tuple(map(value, statement.operands)))
        case Sort():
            return replace(statement, key=value(statement.key), offset=move(statement.offset))
        case Call():
            return statement.rebuilt(value, move)
        case Check():
            return replace(statement, value=value(statement.value))
