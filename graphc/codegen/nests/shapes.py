"""What can be told of a loop by its body: whether it is light, straight, or sums up short rows."""

from __future__ import annotations

from dataclasses import replace

from graphc.codegen.nests.short_rows import operations_in
from graphc.ir import dims, scalar
from graphc.ir.scalar import Expr
from graphc.schedule.jamming import MOST_KEPT
from graphc.schedule.statements import (
    Axis,
    Fold,
    Loop,
    Store,
    Update,
    roots_of,
    sizes_of,
    walk,
)

#: Operations of a body so light that `WIDE` vectors are worked on at once.
LIGHT, WIDE = 16, 4


def is_light(loop: Loop) -> bool:
    """Whether several vectors of all that the body computes fit into registers."""
    inner = tuple(s for s in walk(loop.body) if not isinstance(s, Loop | Fold))
    return operations_in(inner) <= LIGHT


def runs_straight(loop: Loop) -> bool:
    """Whether everything read and written lies side by side along the loop, or in one place."""
    axis = loop.axis
    for statement in walk(loop.body):
        if not all(axis.step(size) in (0, 1) for size in sizes_of(statement)):
            return False
    roots = tuple(expr for statement in walk(loop.body) for expr in roots_of(statement))
    return all(_is_straight(expr, axis) for expr in scalar.walk(roots))


def _is_straight(expr: Expr, axis: Axis) -> bool:
    if expr.name == "load":
        return axis.step(expr.offset) in (0, 1)
    if expr.name in ("index", "checked"):
        return not any(dims.depends_on(size, axis.symbol) for size in expr.indices())
    return True


def kept_row(loop: Loop) -> Update | Store | None:
    """The statement of a loop over rows that combines all of them into one short row."""
    match loop.body:
        case (Loop(axis, ((Update() | Store()) as change,), True),) if not loop.vector:
            known = isinstance(axis.extent, int) and axis.extent <= MOST_KEPT
            fixed = not dims.depends_on(change.offset, loop.axis.symbol)
            straight = axis.step(change.offset) == 1
            return change if known and fixed and straight and _combines(change) else None
        case _:
            return None


def _combines(change: Update | Store) -> bool:
    """Whether the new value is made of the old one, everywhere, and of what is never written."""
    if isinstance(change, Update):
        return change.where is None
    loads = [expr for expr in scalar.walk((change.value,)) if expr.name == "load"]
    own = [load for load in loads if load.source == change.target]
    return own == [old_value(change)]


def old_value(change: Store) -> Expr:
    """What a store replaces, as an expression."""
    return scalar.load(change.target, change.offset, change.value.dtype)


def moved(change: Update | Store, axis: Axis, ahead: int) -> Update | Store:
    """The statement of a position further along an axis on which only its value depends."""
    position = dims.of_atom(axis.symbol) + ahead
    return replace(change, value=change.value.substitute({axis.name: position}))
