"""Packing what lies in rows in memory: copies, with the rows that follow asked for ahead."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from llvmlite import ir

from graphc.codegen.expressions.elements import Elements
from graphc.codegen.products.blocking import Cut
from graphc.codegen.products.micro_panels import MicroPanels
from graphc.codegen.products.runs import Runs, runs_of
from graphc.codegen.products.tile import fetch
from graphc.codegen.scopes import Window
from graphc.codegen.values import I64, lane_numbers, memory_type, splat
from graphc.ir import dims, scalar
from graphc.ir.dims import Size
from graphc.ir.scalar import Expr
from graphc.schedule.collapse import collapse
from graphc.schedule.points import nest
from graphc.schedule.statements import Axis, Store

if TYPE_CHECKING:
    from graphc.codegen.nests.statements import Statements

#: Rows that are asked for before they are copied, and of images, which are shorter.
AHEAD, IMAGE_AHEAD = 3, 12


@dataclass(frozen=True, slots=True)
class Rows:
    """Copied rows: elements side by side along `along`, and `step` of them from row to row."""

    row: Axis
    along: Axis
    step: Size


def plain_rows(axes: tuple[Axis, ...], store: Store) -> Rows | None:
    """How a store of loops over axes copies rows; None if it does something else."""
    load = store.value
    if len(axes) != 2 or load.name != "load" or load.args or scalar.opaque_values(load.offset):
        return None
    row, along = axes
    step = row.step(load.offset)
    if step is None or along.step(load.offset) != 1 or along.step(store.offset) != 1:
        return None
    return Rows(row, along, step)


def is_conditional(store: Store) -> bool:
    """Whether what is packed is read under conditions."""
    return any(e.name == "load" and e.args for e in scalar.walk((store.value,)))


def is_rectangle(axes: tuple[Axis, ...]) -> bool:
    """Whether the last two loops are known apart: phases of an image differ in length."""
    return len(axes) > 1 and axes[-2].name not in dims.symbols(axes[-1].extent)


def emit_copy(elements: Elements, rows: Rows, store: Store, lanes: int) -> None:
    """The copy."""
    scopes, load = elements.scopes, store.value
    end = elements.size(rows.row.extent)
    length = elements.size(rows.along.extent)
    with (
        scopes.loop(rows.row.name, I64(0), end),
        scopes.loop(rows.along.name, I64(0), length, lanes) as position,
    ):
        with masked(elements, rows.along.name, lanes, length, position):
            elements.store(store.target, store.offset, elements.value(load))
        _fetch_row(elements, load, AHEAD * rows.step, lanes)


def _fetch_row(elements: Elements, load: Expr, distance: Size, lanes: int) -> None:
    """Ask for the elements at some distance."""
    builder = elements.builder
    pointer, dtype = elements.buffers[str(load.source)]
    place = builder.add(elements.size(load.offset), elements.size(distance))
    start = builder.gep(pointer, [place], source_etype=memory_type(dtype))
    fetch(builder, start, lanes * dtype.itemsize)


def emit_tiled_copy(
    elements: Elements, panels: MicroPanels, rows: Rows, store: Store, lanes: int
) -> None:
    """The copy of rows to micro-panels; to whole ones without masks, which would take as long."""
    scopes, load, name = elements.scopes, store.value, rows.along.name

    def copy() -> None:
        elements.store(store.target, store.offset, elements.value(load))
        _fetch_row(elements, load, AHEAD * rows.step, lanes)

    with (
        scopes.loop(rows.row.name, I64(0), elements.size(rows.row.extent)),
        scopes.loop(panels.number.name, I64(0), elements.size(panels.number.extent)),
    ):
        length = elements.size(panels.within.extent)
        is_whole = elements.builder.icmp_signed("==", length, I64(panels.width))
        with scopes.either(is_whole) as otherwise:
            scopes.each_window(name, I64(0), I64(panels.width), lanes, copy)
            otherwise()
            with (
                scopes.loop(name, I64(0), length, lanes) as position,
                masked(elements, name, lanes, length, position),
            ):
                copy()


@contextmanager
def masked(
    elements: Elements, name: str, lanes: int, length: ir.Value, position: ir.Value
) -> Iterator[None]:
    """Inside, the axis of that name has a window from the position on, up to a length."""
    builder, scopes = elements.builder, elements.scopes
    left = splat(builder, builder.sub(length, position), lanes)
    mask = builder.icmp_signed("<", lane_numbers(lanes), left)
    outside, scopes.window = scopes.window, Window(name, lanes, mask)
    yield
    scopes.window = outside


def _runs_along(axis: Axis, value: Expr) -> bool:
    """Whether all that is read lies side by side along an axis, or does not change with it."""
    loads = [expr for expr in scalar.walk((value,)) if expr.name == "load"]
    return all(not load.args and axis.step(load.offset) in (0, 1) for load in loads)


class Packing:
    """Emits loops that copy or compute what a product reads, in the order in which it does."""

    def __init__(self, statements: Statements) -> None:
        self.statements = statements
        self.elements, self.scopes = statements.elements, statements.elements.scopes

    def emit(self, axes: tuple[Axis, ...], store: Store, *, is_image: bool = False) -> None:
        """The store at all positions of the axes, of which some may be of one position."""
        joined, body = collapse(axes, (store,))
        match body:
            case (Store() as copy,) if (rows := plain_rows(joined, copy)) is not None:
                emit_copy(self.elements, rows, copy, self.statements.lanes)
            case (Store() as copy,) if joined and (runs := runs_of(joined[-1], copy.value)):
                self._by_runs(joined, copy, runs)
            case (Store() as copy,) if is_rectangle(joined) and is_conditional(copy):
                self._by_windows(joined, copy, is_image)
            case _:
                self.statements.emit(nest(joined, body))

    def emit_micro_panels(self, target: str, depth: Cut, panels: MicroPanels, value: Expr) -> None:
        """What an operand is in a panel of depth, given by its positions inside panels."""
        axes = (*depth.inner, panels.number, panels.within)
        store = Store(target, panels.place(depth.place), value.substitute(panels.positions))
        joined, (copy,) = collapse(axes, (store,))
        assert isinstance(copy, Store)
        if len(joined) == 3 and (rows := plain_rows((joined[0], joined[2]), copy)) is not None:
            emit_tiled_copy(self.elements, panels, rows, copy, self.statements.lanes)
        elif _runs_along(panels.within, value.substitute(panels.positions)):
            self.emit(axes, store)
        else:
            self.emit((panels.number, *depth.inner, panels.within), store)

    def _by_runs(self, axes: tuple[Axis, ...], store: Store, runs: Runs) -> None:
        """Runs of the last axis around all loops that do not say where they are."""
        sizes = (runs.base, runs.size, runs.axis.extent)
        names = frozenset[str]().union(*map(dims.symbols, sizes))
        own = names & {axis.name for axis in axes}
        size = self.elements.size
        with ExitStack() as stack:
            for axis in axes:
                if axis.name in own:
                    stack.enter_context(self._each(axis))
            first, end = runs.rows
            stack.enter_context(self.scopes.loop(runs.row, size(first), size(end)))
            begin, until = (size(bound) for bound in runs.bounds)
            self.scopes.bind(runs.begin, begin)
            self.scopes.bind(runs.count, self.elements.builder.sub(until, begin))
            inner = tuple(axis for axis in axes[:-1] if axis.name not in own)
            self.emit((*inner, runs.along), runs.within(store))

    def _by_windows(self, axes: tuple[Axis, ...], store: Store, is_image: bool) -> None:
        """Windows of the last axis around the loop before it: their masks are worked out once."""
        *outer, between, last = axes

        ahead = [
            (load, step)
            for load in scalar.walk((store.value,))
            if is_image
            and load.name == "load"
            and isinstance(step := between.step(load.offset), int)
            and step != 0
        ]

        def window() -> None:
            with self._each(between):
                self.statements.emit((store,))
                for load, step in ahead:
                    _fetch_row(self.elements, load, IMAGE_AHEAD * step, self.statements.lanes)

        with ExitStack() as stack:
            for axis in outer:
                stack.enter_context(self._each(axis))
            end = self.elements.size(last.extent)
            self.scopes.each_window(last.name, I64(0), end, self.statements.lanes, window)

    def _each(self, axis: Axis) -> AbstractContextManager[ir.Value]:
        return self.scopes.loop(axis.name, I64(0), self.elements.size(axis.extent))
