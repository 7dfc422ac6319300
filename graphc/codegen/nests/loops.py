"""How loops are emitted: by windows, pieces, periods, rows or tiles, as their bodies ask for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING

from llvmlite import ir

from graphc.codegen.nests.chains import load_together, together
from graphc.codegen.nests.folds import PARTIALS
from graphc.codegen.nests.periods import Periodic, periodic
from graphc.codegen.nests.pieces import decided, pieces, same_everywhere
from graphc.codegen.nests.shapes import WIDE, is_light, kept_row, moved, runs_straight
from graphc.codegen.nests.short_blocks import blocks_of, emit_blocks
from graphc.codegen.nests.short_rows import flattened
from graphc.codegen.nests.tiles import emit_tiles
from graphc.codegen.nests.turned import turned_nest
from graphc.codegen.values import I64
from graphc.schedule.kernel import Kernel
from graphc.schedule.statements import Combine, Loop, Statement, Store, Update

if TYPE_CHECKING:
    from graphc.codegen.nests.statements import Statements

Body = tuple[Statement, ...]

#: A loop that takes several positions together had better be cut at multiples of this.
UNIT = 64

#: Rows that are combined in one turn of a loop.
TOGETHER = 2


def cut_unit(loop: Loop, kernel: Kernel) -> int:
    """At multiples of how many positions a kernel's outermost loop is cut among threads."""
    scratch = frozenset(room.name for room in kernel.scratch)
    changing = scratch | {argument.name for argument in kernel.arguments if argument.written}
    together = loop.vector or turned_nest(loop, changing) or flattened(loop, changing, scratch)
    return UNIT if together else 1


class Loops:
    """Emits a kernel's loops."""

    def __init__(self, statements: Statements) -> None:
        self.statements = statements
        self.elements = statements.elements
        self.scopes = statements.scopes
        self.lanes = statements.lanes
        self.scratch = frozenset(self.elements.buffers) - frozenset(self.elements.extents)

    @property
    def builder(self) -> ir.IRBuilder:
        return self.scopes.builder

    def emit(self, loop: Loop, bounds: tuple[ir.Value, ir.Value] | None = None) -> None:
        """A loop over its axis, or over the part of it between two bounds."""
        start, end = bounds or (I64(0), self.elements.size(loop.axis.extent))
        changing = self.elements.changing
        turned = turned_nest(loop, changing)
        short = None if turned else flattened(loop, changing, self.scratch)
        blocks_below = self.statements.products.in_runs(loop) if bounds else None
        with self.if_any(end, start):
            if turned is not None:
                emit_tiles(self.statements, turned, (start, end))
            elif blocks_below is not None:
                blocks_below((start, end))
            elif short is not None:
                self._several_rows(loop, short, start, end)
            elif (change := kept_row(loop)) is not None:
                self._kept(loop, change, start, end)
            elif loop.vector:
                self._in_pieces(loop, start, end)
            elif (blocks := blocks_of(loop)) is not None:
                full = emit_blocks(self.statements, loop, blocks, start, end)
                self._one_by_one(loop, full, end)
            else:
                self._one_by_one(loop, start, end)

    def if_any(self, end: ir.Value, start: ir.Value | None = None) -> AbstractContextManager[None]:
        """Runs what is inside if there is a position; nothing to ask where that is known."""
        if isinstance(end, ir.Constant) and (start is None or isinstance(start, ir.Constant)):
            first = 0 if start is None else start.constant
            if end.constant > first:
                return nullcontext()
        begin = I64(0) if start is None else start
        return self.scopes.guard(self.builder.icmp_signed("<", begin, end))

    def _one_by_one(self, loop: Loop, start: ir.Value, end: ir.Value) -> None:
        with self.scopes.loop(loop.axis.name, start, end):
            self.statements.emit(loop.body)

    def _full(self, name: str, start: ir.Value, end: ir.Value, lanes: int, body: Body) -> ir.Value:
        """The body for full windows; the position where they end."""
        return self.scopes.full_windows(name, start, end, lanes, lambda: self.statements.emit(body))

    # Rows and pieces -------------------------------------------------------------------------

    def _several_rows(
        self, loop: Loop, stores: tuple[Store, ...], start: ir.Value, end: ir.Value
    ) -> None:
        """A loop whose positions are taken together as `stores`, and one by one at its end."""
        together = Loop(loop.axis, stores, vector=True)
        for body, begin, until in self._parts(together, start, end):
            full = self._full(loop.axis.name, begin, until, self.lanes, body)
            self._one_by_one(loop, full, until)

    def _in_pieces(self, loop: Loop, start: ir.Value, end: ir.Value) -> None:
        """A vector loop, one after another the parts of it in which conditions are known."""
        condition = same_everywhere(loop)
        if condition is not None:
            holds = self.elements.value(condition)
            for value, runs in ((True, holds), (False, self.builder.not_(holds))):
                with self.scopes.guard(runs):
                    self._in_pieces(replace(loop, body=decided(loop, condition, value)), start, end)
            return
        for body, begin, until in self._parts(loop, start, end):
            self._vector(replace(loop, body=body), begin, until)

    def _parts(
        self, loop: Loop, start: ir.Value, end: ir.Value
    ) -> Iterator[tuple[Body, ir.Value, ir.Value]]:
        """The parts of a loop, each with its bounds; what is emitted runs if it is not empty."""
        parts = pieces(loop)
        for part in parts:
            until = end
            if part.end is not None:
                until = self._between(start, self.elements.size(part.end), end)
            with self.if_any(until, start) if len(parts) > 1 else nullcontext():
                yield part.body, start, until
            start = until

    def _between(self, low: ir.Value, place: ir.Value, high: ir.Value) -> ir.Value:
        """The place, or the bound next to it."""
        if all(isinstance(value, ir.Constant) for value in (low, place, high)):
            return I64(max(low.constant, min(place.constant, high.constant)))
        below = self.builder.icmp_signed("<", place, high)
        place = self.builder.select(below, place, high)
        above = self.builder.icmp_signed(">", place, low)
        return self.builder.select(above, place, low)

    def _kept(self, loop: Loop, change: Update | Store, start: ir.Value, end: ir.Value) -> None:
        """Rows combined into one short row, which stays in registers meanwhile."""
        (columns,) = loop.body
        assert isinstance(columns, Loop) and isinstance(columns.axis.extent, int)

        def window() -> None:
            rows = self.builder.and_(self.builder.sub(end, start), I64(-TOGETHER))
            full = self.builder.add(start, rows)
            with self.statements.kept(change) as grow:
                with self.scopes.loop(loop.axis.name, start, full, TOGETHER):
                    for ahead in range(TOGETHER):
                        grow(moved(change, loop.axis, ahead))
                with self.scopes.loop(loop.axis.name, full, end):
                    grow(change)

        self.scopes.masked_window(
            columns.axis.name, I64(0), I64(columns.axis.extent), PARTIALS, window
        )

    # Windows ---------------------------------------------------------------------------------

    def _vector(self, loop: Loop, start: ir.Value, end: ir.Value) -> None:
        by_period = periodic(loop)
        combined = self.statements.folds.lanes_of(loop)
        if by_period is not None:
            self._by_period(loop, by_period, start, end)
        elif combined is not None and (combined <= self.lanes or is_light(loop)):
            self._by_partials(loop, combined, start, end)
        else:
            if self._is_wide(loop):
                start = self._full(loop.axis.name, start, end, WIDE * self.lanes, loop.body)
            lanes = together(loop) * self.lanes
            self.scopes.each_window(
                loop.axis.name, start, end, lanes, lambda: self.statements.emit(loop.body)
            )

    def _is_wide(self, loop: Loop) -> bool:
        """Whether a loop is worth taking several vectors at a time."""
        extent = loop.axis.extent
        is_long = not isinstance(extent, int) or extent >= WIDE * self.lanes
        return is_long and is_light(loop) and runs_straight(loop)

    def _by_partials(self, loop: Loop, lanes: int, start: ir.Value, end: ir.Value) -> None:
        """A loop that combines by lanes, all lanes of the state at once."""
        name = loop.axis.name

        def body() -> None:
            self._load_terms(loop.body)
            self.statements.emit(loop.body)

        full = self.scopes.full_windows(name, start, end, lanes, body)
        self.scopes.masked_window(name, full, end, lanes, body)

    def _load_terms(self, body: Body) -> None:
        """Load what is combined and lies a few elements apart, each row once."""
        terms = [term for one in body if isinstance(one, Combine) for term in one.operands]
        loads = [term for term in terms if term.name == "load"]
        for source in dict.fromkeys(load.source for load in loads):
            load_together(self.elements, [load for load in loads if load.source == source])

    def _by_period(self, loop: Loop, found: Periodic, start: ir.Value, end: ir.Value) -> None:
        """A loop from the first whole period on by periods; what lies around those one by one."""
        period = I64(found.period)
        first = self._quotient(start, found.period - 1, found.period)
        last = self._quotient(end, 0, found.period)
        begin = self._between(start, self._times(first, period), end)
        self._one_by_one(loop, start, begin)
        count, lanes = first, self.lanes
        while lanes > 1:
            count = self._full(found.axis.name, count, last, lanes, found.stores)
            is_known = isinstance(count, ir.Constant) and isinstance(last, ir.Constant)
            lanes = lanes // 2 if is_known else 1  # a few more need a shorter window, not a mask
        whole = self._between(begin, self._times(count, period), end)
        self._one_by_one(loop, whole, end)

    def _quotient(self, value: ir.Value, more: int, divisor: int) -> ir.Value:
        """(value + more) // divisor, known if the value is."""
        if isinstance(value, ir.Constant):
            return I64((value.constant + more) // divisor)
        return self.builder.udiv(self.builder.add(value, I64(more)), I64(divisor))

    def _times(self, a: ir.Value, b: ir.Constant) -> ir.Value:
        if isinstance(a, ir.Constant):
            return I64(a.constant * b.constant)
        return self.builder.mul(a, b)
