"""Combiners: how partial results start, grow and come together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from llvmlite import ir

from graphc.codegen.values import (
    I64,
    constant_like,
    intrinsic,
    is_vector,
    lane_order,
    shaped,
    undefined,
)
from graphc.codegen.values import memory_type as state_type
from graphc.ir.combiners import Number, identity
from graphc.ir.dtypes import DType

State = tuple[ir.Value, ...]


@dataclass(frozen=True, slots=True)
class Combiner:
    """An associative operation on states of one or two values.

    `identity` gives the numbers that change nothing, `grow` takes in an element (and its
    position), `merge` puts two partial states together, the one of earlier elements first, and
    `result` tells what a state comes to. `parts` gives the types of a state's values where they
    are not an element and a position.
    """

    identity: Callable[[DType], tuple[Number, ...]]
    grow: Callable[[ir.IRBuilder, DType, State, State, ir.Value | None], State]
    merge: Callable[[ir.IRBuilder, DType, State, State], State]
    tracks_position: bool = False
    result: Callable[[ir.IRBuilder, DType, State], ir.Value] | None = None
    parts: Callable[[DType, int], tuple[ir.Type, ...]] | None = None

    def types(self, dtype: DType, lanes: int) -> tuple[ir.Type, ...]:
        """LLVM types of a state kept in memory for elements of a dtype."""
        if self.parts is not None:
            return self.parts(dtype, lanes)
        first = shaped(state_type(dtype), lanes)
        return (first, shaped(I64, lanes)) if self.tracks_position else (first,)


Binary = Callable[[ir.IRBuilder, DType, ir.Value, ir.Value], ir.Value]


def _simple(name: str, combine: Binary) -> Combiner:
    def grow(
        builder: ir.IRBuilder, dtype: DType, state: State, element: State,
        position: ir.Value | None,
    ) -> State:  # fmt: skip
        return (combine(builder, dtype, state[0], element[0]),)

    def merge(builder: ir.IRBuilder, dtype: DType, first: State, second: State) -> State:
        return (combine(builder, dtype, first[0], second[0]),)

    return Combiner(lambda dtype: (identity(name, dtype),), grow, merge)


def _add(builder: ir.IRBuilder, dtype: DType, a: ir.Value, b: ir.Value) -> ir.Value:
    return builder.fadd(a, b) if dtype.is_float else builder.add(a, b)


def _mul(builder: ir.IRBuilder, dtype: DType, a: ir.Value, b: ir.Value) -> ir.Value:
    return builder.fmul(a, b) if dtype.is_float else builder.mul(a, b)


def _max(builder: ir.IRBuilder, dtype: DType, a: ir.Value, b: ir.Value) -> ir.Value:
    if dtype.is_float:
        return intrinsic(builder, "llvm.maximum", a.type, a, b)
    return builder.select(_greater(builder, dtype, a, b), a, b)


def _min(builder: ir.IRBuilder, dtype: DType, a: ir.Value, b: ir.Value) -> ir.Value:
    if dtype.is_float:
        return intrinsic(builder, "llvm.minimum", a.type, a, b)
    return builder.select(_greater(builder, dtype, b, a), a, b)


def _greater(builder: ir.IRBuilder, dtype: DType, a: ir.Value, b: ir.Value) -> ir.Value:
    if dtype.is_float:
        return builder.fcmp_ordered(">", a, b)
    compare = builder.icmp_signed if dtype.kind == "i" else builder.icmp_unsigned
    return compare(">", a, b)


def _dot() -> Combiner:
    """Products added up, each rounded once with its addition."""

    def grow(
        builder: ir.IRBuilder, dtype: DType, state: State, element: State,
        position: ir.Value | None,
    ) -> State:  # fmt: skip
        left, right = element
        if dtype.is_float:
            return (intrinsic(builder, "llvm.fma", state[0].type, left, right, state[0]),)
        return (builder.add(state[0], builder.mul(left, right)),)

    def merge(builder: ir.IRBuilder, dtype: DType, first: State, second: State) -> State:
        return (_add(builder, dtype, first[0], second[0]),)

    return Combiner(lambda dtype: (0,), grow, merge)


def _position(smallest: bool) -> Combiner:
    """Position of the first extreme: states are (value, position), position -1 for none yet."""

    def better(builder: ir.IRBuilder, dtype: DType, new: State, old: State) -> ir.Value:
        a, b = (old[0], new[0]) if smallest else (new[0], old[0])
        wins = _greater(builder, dtype, a, b)
        ties = _equal(builder, dtype, a, b)
        if dtype.is_float:
            new_nan = builder.fcmp_unordered("uno", new[0], new[0])
            old_nan = builder.fcmp_unordered("uno", old[0], old[0])
            wins = builder.or_(wins, builder.and_(new_nan, builder.not_(old_nan)))
            ties = builder.or_(ties, builder.and_(new_nan, old_nan))
        none = constant_like(old[1], -1)
        earlier = builder.icmp_unsigned("<", new[1], old[1])  # "none" is the largest unsigned
        wins = builder.or_(wins, builder.and_(ties, earlier))
        wins = builder.or_(wins, builder.icmp_signed("==", old[1], none))
        return builder.and_(wins, builder.icmp_signed("!=", new[1], none))

    def merge(builder: ir.IRBuilder, dtype: DType, first: State, second: State) -> State:
        take = better(builder, dtype, second, first)
        return tuple(builder.select(take, new, old) for new, old in zip(second, first, strict=True))

    def grow(
        builder: ir.IRBuilder, dtype: DType, state: State, element: State,
        position: ir.Value | None,
    ) -> State:  # fmt: skip
        assert position is not None
        return merge(builder, dtype, state, (element[0], position))

    return Combiner(lambda dtype: (0, -1), grow, merge, tracks_position=True)


def _equal(builder: ir.IRBuilder, dtype: DType, a: ir.Value, b: ir.Value) -> ir.Value:
    if dtype.is_float:
        return builder.fcmp_ordered("==", a, b)
    return builder.icmp_signed("==", a, b)


def _bits(name: str, operation: str) -> Combiner:
    return _simple(name, lambda builder, dtype, a, b: getattr(builder, operation)(a, b))


COMBINERS: dict[str, Combiner] = {
    "sum": _simple("sum", _add),
    "prod": _simple("prod", _mul),
    "max": _simple("max", _max),
    "min": _simple("min", _min),
    "any": _bits("any", "or_"),
    "all": _bits("all", "and_"),
    "dot": _dot(),
    "argmax": _position(smallest=False),
    "argmin": _position(smallest=True),
}


def halves(builder: ir.IRBuilder, state: State) -> tuple[State, State]:
    """The first and the second half of the lanes of a state."""
    count = state[0].type.count // 2
    parts = []
    for start in (0, count):
        mask = lane_order(range(start, start + count))
        parts.append(
            tuple(builder.shuffle_vector(value, undefined(value.type), mask) for value in state)
        )
    return parts[0], parts[1]


def across_lanes(builder: ir.IRBuilder, combiner: Combiner, dtype: DType, state: State) -> State:
    """One state from the lanes of a vector state, as a tree of halves."""
    while is_vector(state[0]) and state[0].type.count > 1:
        state = combiner.merge(builder, dtype, *halves(builder, state))
    zero = ir.Constant(ir.IntType(32), 0)
    return tuple(
        builder.extract_element(value, zero) if is_vector(value) else value for value in state
    )
