"""The statements of a kernel as LLVM IR."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from llvmlite import ir

from graphc.codegen import sorting
from graphc.codegen.elements import Elements
from graphc.codegen.reductions import COMBINERS, Combiner, State, across_lanes
from graphc.codegen.values import I64, constant_like, is_vector, lane_count, splat
from graphc.ir.dtypes import bool_
from graphc.ir.scalar import index
from graphc.schedule.kernel import (
    Combine,
    Fold,
    Loop,
    Reduction,
    Sort,
    Statement,
    Store,
    Update,
)

#: Partial results that a reduction along its last axis keeps; part of its meaning, since it
#: fixes the order of additions. A multiple of every machine's vector width.
PARTIALS = 64

Body = tuple[Statement, ...]


@dataclass(frozen=True)
class _Running:
    """A reduction under way: its states in memory, `count` of them, each of some lanes."""

    reduction: Reduction
    combiner: Combiner
    cells: State
    types: tuple[ir.Type, ...]
    lanes: int
    count: int


class Statements:
    """Emits statements into a kernel's function, loops marked so `lanes` positions at a time."""

    def __init__(self, elements: Elements, lanes: int) -> None:
        self.elements = elements
        self.scopes = elements.scopes
        self.lanes = lanes
        self.running: dict[str, _Running] = {}

    @property
    def builder(self) -> ir.IRBuilder:
        return self.scopes.builder

    def emit(self, body: Body) -> None:
        """Emit statements one after another."""
        for statement in body:
            match statement:
                case Store():
                    value = self.elements.value(statement.value)
                    self.elements.store(statement.target, statement.offset, value)
                case Update():
                    self._update(statement)
                case Combine():
                    self._combine(statement)
                case Loop():
                    self.loop(statement)
                case Fold():
                    self._fold(statement)
                case Sort():
                    with self._if_any(self.elements.size(statement.axis.extent)):
                        sorting.emit(self.elements, statement)

    # Loops -----------------------------------------------------------------------------------

    def loop(self, loop: Loop, bounds: tuple[ir.Value, ir.Value] | None = None) -> None:
        """A loop over its axis, or over the part of it between two bounds."""
        start, end = bounds or (ir.Constant(I64, 0), self.elements.size(loop.axis.extent))

        def body() -> None:
            self.emit(loop.body)

        with self._if_any(end, start):
            if loop.vector:
                self.scopes.each_window(loop.axis.name, start, end, self.lanes, body)
            else:
                with self.scopes.loop(loop.axis.name, start, end):
                    body()

    def _if_any(self, end: ir.Value, start: ir.Value | None = None) -> AbstractContextManager[None]:
        """Runs what is inside if there is a position; nothing to ask where that is known."""
        if isinstance(end, ir.Constant) and (start is None or isinstance(start, ir.Constant)):
            first = 0 if start is None else start.constant
            if end.constant > first:
                return nullcontext()
        begin = ir.Constant(I64, 0) if start is None else start
        return self.scopes.guard(self.builder.icmp_signed("<", begin, end))

    # Updates ---------------------------------------------------------------------------------

    def _update(self, update: Update) -> None:
        self.elements.size(update.offset)  # reports an index out of range
        inside: AbstractContextManager[None] = nullcontext()
        if update.where is not None:
            inside = self.scopes.guard(self.elements.value(update.where))
        with inside:
            old = self.elements.current(update.target, update.offset)
            value = self.elements.value(update.value)
            lanes = max(lane_count(old), lane_count(value))
            parts = (splat(self.builder, part, lanes) for part in (old, value))
            combiner, dtype = COMBINERS[update.combiner], update.value.dtype
            first, second = (self._to_state(part, dtype is bool_) for part in parts)
            (total,) = combiner.merge(self.builder, dtype, (first,), (second,))
            if dtype is bool_:
                total = self.builder.icmp_unsigned("!=", total, constant_like(total, 0))
            self.elements.store(update.target, update.offset, total)

    def _to_state(self, value: ir.Value, is_bool: bool) -> ir.Value:
        return self.builder.zext(value, _bytes_like(value)) if is_bool else value

    # Reductions ------------------------------------------------------------------------------

    def _fold(self, fold: Fold) -> None:
        for reduction in fold.reductions:
            self.running[reduction.result] = self._begin(reduction)
        self.emit(fold.body)
        for reduction in fold.reductions:
            self.scopes.bind(reduction.result, self._finish(self.running.pop(reduction.result)))

    def _begin(self, reduction: Reduction) -> _Running:
        combiner = COMBINERS[reduction.combiner]
        if reduction.lanes:
            lanes, count = self.lanes, PARTIALS // self.lanes
        else:
            lanes, count = (self.scopes.window.lanes if self.scopes.window else 1), 1
        types = combiner.types(reduction.element, lanes)
        cells = []
        numbers = combiner.identity(reduction.element)
        for type_, number in zip(types, numbers, strict=True):
            cell = self.scopes.allocate(type_, count)
            element = type_.element if lanes > 1 else type_
            plain = int(number) if isinstance(number, bool) else number
            start = splat(self.builder, ir.Constant(element, plain), lanes)
            for k in range(count):
                self.builder.store(start, self._cell(cell, type_, ir.Constant(I64, k)))
            cells.append(cell)
        return _Running(reduction, combiner, tuple(cells), types, lanes, count)

    def _cell(self, memory: ir.Value, type_: ir.Type, k: ir.Value) -> ir.Value:
        return self.builder.gep(memory, [k], source_etype=type_)

    def _cells(self, running: _Running, k: ir.Value) -> State:
        pairs = zip(running.cells, running.types, strict=True)
        return tuple(self._cell(cell, type_, k) for cell, type_ in pairs)

    def _combine(self, combine: Combine) -> None:
        """Take an element into the state of its lane; the new value is a local."""
        running = self.running[combine.result]
        reduction = running.reduction
        here = self._cells(running, self._slot(running))
        state = self._read(here, running)
        element = tuple(
            self._to_state(
                splat(self.builder, self.elements.value(operand), running.lanes),
                reduction.element is bool_,
            )
            for operand in combine.operands
        )
        position = self._position(running)
        grown = running.combiner.grow(self.builder, reduction.element, state, element, position)
        if reduction.lanes:
            grown = self._masked(grown, state)
        for cell, value in zip(here, grown, strict=True):
            self.builder.store(value, cell)
        self.scopes.bind(combine.result, grown[0])

    def _slot(self, running: _Running) -> ir.Value:
        """The state that the current window belongs to, by its position modulo PARTIALS."""
        if running.count == 1:
            return ir.Constant(I64, 0)
        assert self.scopes.window is not None
        base = self.scopes.find(self.scopes.window.axis)
        chunk = self.builder.udiv(base, ir.Constant(I64, running.lanes))
        return self.builder.urem(chunk, ir.Constant(I64, running.count))

    def _position(self, running: _Running) -> ir.Value | None:
        if running.reduction.position is None:
            return None
        position = self.elements.value(index(running.reduction.position))
        return splat(self.builder, position, running.lanes)

    def _masked(self, new: State, old: State) -> State:
        mask = self.scopes.window.mask if self.scopes.window else None
        if mask is None:
            return new
        pairs = zip(new, old, strict=True)
        return tuple(self.builder.select(mask, after, before) for after, before in pairs)

    def _read(self, cells: State, running: _Running) -> State:
        pairs = zip(cells, running.types, strict=True)
        return tuple(self.builder.load(cell, typ=type_) for cell, type_ in pairs)

    def _finish(self, running: _Running) -> ir.Value:
        """The result: states put together as a tree of halves, then lanes likewise."""
        reduction, combiner, dtype = running.reduction, running.combiner, running.reduction.element
        states = [
            self._read(self._cells(running, ir.Constant(I64, k)), running)
            for k in range(running.count)
        ]
        while len(states) > 1:
            half = len(states) // 2
            states = [
                combiner.merge(self.builder, dtype, states[k], states[k + half])
                for k in range(half)
            ]
        state = states[0]
        if reduction.lanes:
            state = across_lanes(self.builder, combiner, dtype, state)
        result = state[1] if combiner.tracks_position else state[0]
        if reduction.combiner == "sum" and dtype.is_float:
            result = self.builder.fadd(result, constant_like(result, 0.0))  # never -0.0
        if reduction.dtype is bool_:
            result = self.builder.icmp_unsigned("!=", result, constant_like(result, 0))
        return result


def _bytes_like(value: ir.Value) -> ir.Type:
    byte = ir.IntType(8)
    return ir.VectorType(byte, value.type.count) if is_vector(value) else byte
