"""Loops that do the same at every second, third ... position: a period at a time.

What undoes a step of 2 writes a value at even positions and a zero at odd ones, and a repetition
reads at half of the position. With each position of a period a value of its own, as in short rows,
no lane needs a quotient of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import lcm

from graphc.codegen.nests.known import simplified
from graphc.codegen.nests.short_rows import is_near, offsets_in
from graphc.ir import dims, scalar
from graphc.ir.dims import Quotient, Remainder, Size
from graphc.schedule.statements import Axis, Loop, Statement, Store

#: The longest period, and the most expressions of a body that is repeated as often.
MOST_PERIOD, MOST_EXPRESSIONS = 8, 200


@dataclass(frozen=True)
class Periodic:
    """The stores of one period, in terms of an axis that counts periods."""

    period: int
    axis: Axis
    stores: tuple[Store, ...]


def periodic(loop: Loop) -> Periodic | None:
    """A vector loop by its period; None if it has none."""
    stores = tuple(statement for statement in loop.body if isinstance(statement, Store))
    if not loop.vector or len(stores) < len(loop.body):
        return None
    period = _period(stores, loop.axis)
    if not 1 < period <= MOST_PERIOD:
        return None
    axis = Axis(f"{loop.axis.name}.period", dims.floordiv(loop.axis.extent, period))
    count = dims.symbol(axis.name, axis.extent - 1)
    found: list[Store] = []
    for phase in range(period):
        position = {loop.axis.name: period * count + phase}
        found += [_moved(store, position) for store in stores]
    made = tuple(found)
    exprs = sum(1 for _ in scalar.walk(tuple(store.value for store in made)))
    good = exprs <= MOST_EXPRESSIONS and all(is_near(size, axis) for size in offsets_in(made))
    return Periodic(period, axis, made) if good else None


def _moved(store: Store, position: dict[str, Size]) -> Store:
    value = scalar.rebuild(store.value.substitute(position), simplified)
    return Store(store.target, dims.substitute(store.offset, position), value)


def _period(stores: tuple[Statement, ...], axis: Axis) -> int:
    """The least common multiple of what the position is divided by; 1 for nothing."""
    period = 1
    for size in offsets_in(stores):
        for atom in size.atoms() if isinstance(size, dims.Dim) else ():
            match atom:
                case Quotient(a, int(d)) | Remainder(a, int(d)) if dims.depends_on(a, axis.symbol):
                    period = lcm(period, d)
                case _:
                    pass
    return period
