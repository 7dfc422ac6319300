"""Reductions under way: where their states are kept, how they grow and are put together."""

from __future__ import annotations

from dataclasses import dataclass

from llvmlite import ir

from graphc.codegen.expressions.elements import Elements
from graphc.codegen.nests.extremes import combiner_for
from graphc.codegen.nests.reductions import Combiner, State, across_lanes
from graphc.codegen.values import (
    I8,
    I32,
    I64,
    constant_like,
    lane_count,
    lanes_constant,
    shaped,
    splat,
)
from graphc.ir import dims
from graphc.ir.dtypes import bool_
from graphc.ir.scalar import index
from graphc.schedule.statements import Combine, Fold, Loop, Reduction, walk

#: Partial results that a reduction along its last axis keeps; part of its meaning, since it
#: fixes the order of additions. A multiple of every machine's vector width.
PARTIALS = 64

#: The last position that 32 bits hold.
MOST_POSITION = (1 << 31) - 1


@dataclass(frozen=True)
class _Running:
    """A reduction under way: its state in memory, and how many lanes that has.

    With lanes, an element at position p of the innermost loop belongs to lane p modulo PARTIALS.
    """

    reduction: Reduction
    combiner: Combiner
    memory: State
    lanes: int

    def types(self, lanes: int) -> tuple[ir.Type, ...]:
        """The types of that many lanes of the state."""
        return self.combiner.types(self.reduction.element, lanes, _position_type(self.reduction))


class Folds:
    """The reductions of a kernel."""

    def __init__(self, elements: Elements) -> None:
        self.elements = elements
        self.scopes = elements.scopes
        self.running: dict[str, _Running] = {}

    @property
    def builder(self) -> ir.IRBuilder:
        return self.scopes.builder

    def begin(self, fold: Fold) -> None:
        """States in which nothing is combined yet."""
        for reduction in fold.reductions:
            lanes = self.scopes.window.lanes if self.scopes.window else 1
            if reduction.lanes:
                lanes = _lanes_used(fold)
            self.running[reduction.result] = self._begin(reduction, lanes)

    def finish(self, fold: Fold) -> None:
        """Make the results known."""
        for reduction in fold.reductions:
            self.scopes.bind(reduction.result, self._finish(self.running.pop(reduction.result)))

    def lanes_of(self, loop: Loop) -> int | None:
        """Lanes of the states into which a loop's own body combines by lanes; None if it does not.

        They are the same for all of them.
        """
        for statement in loop.body:
            if isinstance(statement, Combine):
                running = self.running[statement.result]
                return running.lanes if running.reduction.lanes else None
        return None

    def _begin(self, reduction: Reduction, lanes: int) -> _Running:
        combiner = combiner_for(reduction.combiner, reduction.element)
        types = combiner.types(reduction.element, lanes, _position_type(reduction))
        memory = []
        for type_, number in zip(types, combiner.identity(reduction.element), strict=True):
            cell = self.scopes.allocate(type_)
            element = type_.element if lanes > 1 else type_
            plain = int(number) if isinstance(number, bool) else number
            self.builder.store(splat(self.builder, ir.Constant(element, plain), lanes), cell)
            memory.append(cell)
        return _Running(reduction, combiner, tuple(memory), lanes)

    def combine(self, combine: Combine) -> None:
        """Take an element into the state of its lane; the new value is a local."""
        running = self.running[combine.result]
        reduction = running.reduction
        window = self.scopes.window
        lanes = window.lanes if window else 1
        here = self._cells(running, lanes)
        types = running.types(lanes)
        state = tuple(
            self.builder.load(cell, typ=type_) for cell, type_ in zip(here, types, strict=True)
        )
        element = tuple(
            to_state(
                self.builder,
                splat(self.builder, self.elements.value(operand), lanes),
                reduction.element is bool_,
            )
            for operand in combine.operands
        )
        position = self._position(reduction, lanes)
        grown = running.combiner.grow(self.builder, reduction.element, state, element, position)
        if reduction.lanes and not self._adds_zeros(combine, running):
            grown = self._masked(grown, state)
        for cell, value in zip(here, grown, strict=True):
            self.builder.store(value, cell)
        self.scopes.bind(combine.result, grown[0])

    def _cells(self, running: _Running, lanes: int) -> State:
        """Where the state of the current window's lanes is kept."""
        if not running.reduction.lanes or lanes >= running.lanes:
            return running.memory
        assert self.scopes.window is not None
        base = self.scopes.find(self.scopes.window.axis)
        first = self.builder.urem(base, I64(running.lanes))
        pairs = zip(running.memory, running.types(1), strict=True)
        return tuple(self.builder.gep(cell, [first], source_etype=type_) for cell, type_ in pairs)

    def _position(self, reduction: Reduction, lanes: int) -> ir.Value | None:
        if reduction.position is None:
            return None
        type_ = _position_type(reduction)
        step = self.elements.step(reduction.position) if lanes > 1 else None
        if type_ is I64 or step != 1:
            position = self.elements.value(index(reduction.position))
            position = (
                position
                if type_ is I64
                else self.builder.trunc(position, shaped(type_, lane_count(position)))
            )
            return splat(self.builder, position, lanes)
        first = self.builder.trunc(self.elements.size(reduction.position), type_)
        numbers = lanes_constant(range(lanes), type_)
        return self.builder.add(splat(self.builder, first, lanes), numbers)

    def _adds_zeros(self, combine: Combine, running: _Running) -> bool:
        """Whether products are added of which all lanes that do not exist are zero.

        Only the sign of a zero can differ for that, and those of results are all the same.
        """
        return running.reduction.combiner == "dot" and all(
            operand.name == "load" and self.elements.varies(operand.offset)
            for operand in combine.operands
        )

    def _masked(self, new: State, old: State) -> State:
        mask = self.scopes.window.mask if self.scopes.window else None
        if mask is None:
            return new
        pairs = zip(new, old, strict=True)
        return tuple(self.builder.select(mask, after, before) for after, before in pairs)

    def _finish(self, running: _Running) -> ir.Value:
        """The result: lanes put together as a tree of halves."""
        reduction, combiner, dtype = running.reduction, running.combiner, running.reduction.element
        pairs = zip(running.memory, running.types(running.lanes), strict=True)
        state = tuple(self.builder.load(cell, typ=type_) for cell, type_ in pairs)
        if reduction.lanes:
            state = across_lanes(self.builder, combiner, dtype, state)
        if combiner.result is not None:
            return combiner.result(self.builder, dtype, state)
        result = state[0]
        if combiner.tracks_position:
            result = state[1]
            if result.type not in (I64, shaped(I64, lane_count(result))):
                result = self.builder.sext(result, shaped(I64, lane_count(result)))
        is_sum = reduction.combiner == "sum" or (reduction.combiner == "dot" and reduction.lanes)
        if is_sum and dtype.is_float:
            result = self.builder.fadd(result, constant_like(result, 0.0))  # never -0.0
        if reduction.dtype is bool_:
            result = self.builder.icmp_unsigned("!=", result, constant_like(result, 0))
        return result


def to_state(builder: ir.IRBuilder, value: ir.Value, is_bool: bool) -> ir.Value:
    """An element as states hold it: a bool as a byte."""
    return builder.zext(value, shaped(I8, lane_count(value))) if is_bool else value


def _position_type(reduction: Reduction) -> ir.IntType:
    """What holds positions: as wide as the elements, if that is enough and not too little."""
    fits = reduction.position is not None and dims.is_nonnegative(
        MOST_POSITION - reduction.position
    )
    return I32 if fits and reduction.element.bits <= 32 else I64


def _lanes_used(fold: Fold) -> int:
    """As many lanes as there can be elements in, the least power of two; PARTIALS at most.

    The others would hold what changes nothing.
    """
    most = 1
    for statement in walk(fold.body):
        if isinstance(statement, Loop) and any(isinstance(s, Combine) for s in statement.body):
            extent = statement.axis.extent
            most = max(most, extent if isinstance(extent, int) else PARTIALS)
    return min(PARTIALS, max(2, 1 << (most - 1).bit_length()))
