"""Rows of a few elements: several rows worked on together, a row's own loops written out.

A vector along a row of 3 elements would be mostly empty. Where everything in a loop is short, the
loop itself is taken several positions at a time instead: each element of a row is a value of its
own, a vector over the rows, and a reduction along the row is an expression in them. What a row
keeps for itself needs no memory then. The order of additions is that of the loops.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from graphc.codegen.nests.combining import State, finished, grown
from graphc.codegen.nests.known import simplified
from graphc.ir import dims, scalar
from graphc.ir.dims import Size
from graphc.ir.scalar import Expr
from graphc.schedule.statements import (
    Axis,
    Combine,
    Fold,
    Loop,
    Reduction,
    Statement,
    Store,
    roots_of,
    sizes_of,
    walk,
)

#: Elements of a row, and a row's operations, that are written out.
MOST_IN_ROW, MOST_OPERATIONS = 16, 800

#: Elements of a row in which nothing is combined: more take too many shuffles.
MOST_COPIED = 8

#: Positions that the loop over rows must have, if it is known how many it has.
FEWEST_ROWS = 8

#: Operations that count for more than one.
_LONG = {
    "maximum": 5, "minimum": 5, "div": 2, "floor_divide": 8, "remainder": 8, "sqrt": 2,
    "pow": 90, "lgamma": 120, "digamma": 100, "exp": 20, "log": 25, "tanh": 30, "sin": 30,
    "cos": 30, "tan": 40, "sigmoid": 30, "exp2": 20, "expm1": 30, "log2": 25, "log1p": 30,
    "erf": 40, "erfc": 60, "asin": 30, "acos": 30, "atan": 30, "atan2": 50, "sinh": 40, "cosh": 40,
    "asinh": 50, "acosh": 40, "atanh": 40, "cbrt": 30,
}  # fmt: skip


class _CannotBeFlat(Exception):
    """The statements are of a kind that is not written out."""


def flattened(
    loop: Loop, written: frozenset[str], scratch: frozenset[str]
) -> tuple[Store, ...] | None:
    """The stores of one position of a loop over short rows, without loops; None for other loops.

    `written` are the buffers to which the kernel writes, here or before, `scratch` those of them
    that are private to a row.
    """
    if loop.vector or not _is_over_short_rows(loop):
        return None
    rows = _Rows(written & _stored_in(loop.body), scratch)
    try:
        rows.run(loop.body, {})
    except _CannotBeFlat:
        return None
    stores = tuple(rows.stores)
    good = stores and all(is_near(size, loop.axis) for size in offsets_in(stores))
    return stores if good and operations_in(stores) <= MOST_OPERATIONS else None


def _is_over_short_rows(loop: Loop) -> bool:
    """A first look, before anything is written out."""
    extent = loop.axis.extent
    if isinstance(extent, int) and extent < FEWEST_ROWS:
        return False
    inner = [statement for statement in walk(loop.body) if isinstance(statement, Loop)]
    lengths = [statement.axis.extent for statement in inner]
    kinds = all(isinstance(s, Store | Combine | Loop | Fold) for s in walk(loop.body))
    folds = any(isinstance(statement, Fold) for statement in walk(loop.body))
    most = MOST_IN_ROW if folds else MOST_COPIED
    return (
        bool(inner)
        and kinds
        and all(isinstance(n, int) and n <= most for n in lengths)
        and _longest(loop.body) <= MOST_IN_ROW
    )


def _stored_in(body: tuple[Statement, ...]) -> frozenset[str]:
    """The buffers to which statements store."""
    return frozenset(one.target for one in walk(body) if isinstance(one, Store))


def _longest(body: tuple[Statement, ...]) -> int:
    """The most positions of loops inside one another."""
    most = 1
    for statement in body:
        if isinstance(statement, Loop):
            assert isinstance(statement.axis.extent, int)
            most = max(most, statement.axis.extent * _longest(statement.body))
        elif isinstance(statement, Fold):
            most = max(most, _longest(statement.body))
    return most


def offsets_in(stores: tuple[Statement, ...]) -> list[Size]:
    """All positions in stores and in what they read."""
    roots = tuple(expr for store in stores for expr in roots_of(store))
    sizes = [size for expr in scalar.walk(roots) for size in expr.indices()]
    return [*sizes, *(size for store in stores for size in sizes_of(store))]


def is_near(size: Size, axis: Axis) -> bool:
    """Whether neighbouring positions of the axis lead to neighbouring elements, or nearly so."""
    step = axis.step(size)
    return isinstance(step, int) and abs(step) <= MOST_IN_ROW


def operations_in(body: tuple[Statement, ...]) -> int:
    """What a body does for one position, roughly in operations of the machine."""
    exprs = scalar.walk(tuple(expr for statement in body for expr in roots_of(statement)))
    return sum(_LONG.get(expr.name, 1) for expr in exprs)


@dataclass
class _Rows:
    """Runs statements on expressions: what is stored, and what locals and scratch hold."""

    written: frozenset[str]
    scratch: frozenset[str]
    stores: list[Store] = field(default_factory=list)
    memory: dict[tuple[str, Size], Expr] = field(default_factory=dict)
    locals: dict[str, Expr] = field(default_factory=dict)
    partial: dict[str, dict[int, State]] = field(default_factory=dict)
    reductions: dict[str, Reduction] = field(default_factory=dict)

    def run(self, body: tuple[Statement, ...], at: Mapping[str, Size], lane: int = 0) -> None:
        """Statements at positions of the loops around them; `lane` is that of the innermost."""
        for statement in body:
            match statement:
                case Store(target, offset, value):
                    self._store(target, dims.substitute(offset, at), self._value(value, at))
                case Combine(result, operands):
                    self._combine(result, tuple(self._value(o, at) for o in operands), lane, at)
                case Loop(axis, inner):
                    assert isinstance(axis.extent, int)
                    for k in range(axis.extent):
                        self.run(inner, {**at, axis.name: k}, k)
                case Fold(reductions, inner):
                    self._fold(reductions, inner, at, lane)
                case _:
                    raise _CannotBeFlat

    def _store(self, target: str, offset: Size, value: Expr) -> None:
        """Remember what is stored. Scratch at a place that is the same for all rows ends here."""
        self.memory[target, offset] = value
        if target not in self.scratch or not isinstance(offset, int):
            self.stores.append(Store(target, offset, value))

    def _value(self, expr: Expr, at: Mapping[str, Size]) -> Expr:
        moved = expr.substitute(at) if at else expr
        return scalar.rebuild(moved, self._known)

    def _known(self, expr: Expr) -> Expr:
        """A local or something stored as the expression that it is; else what is simpler."""
        match expr.name:
            case "checked":
                raise _CannotBeFlat
            case "local":
                if str(expr.data) in self.locals:
                    return self.locals[str(expr.data)]
            case "load":
                if scalar.opaque_values(expr.offset):
                    raise _CannotBeFlat
                if str(expr.source) in self.written:
                    return self._stored(expr)
            case _:
                pass
        return simplified(expr)

    def _stored(self, expr: Expr) -> Expr:
        known = self.memory.get((str(expr.source), expr.offset))
        if known is None:
            raise _CannotBeFlat
        if not expr.args:
            return known
        zero = scalar.const(0, expr.dtype)
        return simplified(scalar.select(expr.args[0], known, zero))

    # Reductions ------------------------------------------------------------------------------

    def _fold(
        self, reductions: tuple[Reduction, ...], body: tuple[Statement, ...],
        at: Mapping[str, Size], lane: int,
    ) -> None:  # fmt: skip
        for reduction in reductions:
            self.reductions[reduction.result] = reduction
            self.partial[reduction.result] = {}
        self.run(body, at, lane)
        for reduction in reductions:
            parts = self.partial.pop(reduction.result)
            self.locals[reduction.result] = finished(reduction, parts)

    def _combine(self, result: str, operands: State, lane: int, at: Mapping[str, Size]) -> None:
        if result not in self.partial:
            raise _CannotBeFlat  # of a fold around all rows
        reduction, parts = self.reductions[result], self.partial[result]
        lane = lane if reduction.lanes else 0
        place = reduction.position
        position = None if place is None else dims.substitute(place, at)
        parts[lane] = grown(reduction, parts.get(lane), operands, position)
        if not reduction.lanes:
            self.locals[result] = parts[lane][0]
