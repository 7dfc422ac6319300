"""Combiners: how partial results start, grow and come together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from llvmlite import ir

from graphc.codegen.values import (
    I64,
    constant_like,
    declared,
    intrinsic,
    is_vector,
    lane_order,
    shaped,
    suffix,
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
    are not an element and a position. `across` puts the lanes of a state together where their
    order means nothing for a dtype; None where it does.
    """

    identity: Callable[[DType], tuple[Number, ...]]
    grow: Callable[[ir.IRBuilder, DType, State, State, ir.Value | None], State]
    merge: Callable[[ir.IRBuilder, DType, State, State], State]
    tracks_position: bool = False
    result: Callable[[ir.IRBuilder, DType, State], ir.Value] | None = None
    parts: Callable[[DType, int], tuple[ir.Type, ...]] | None = None
    across: Callable[[ir.IRBuilder, DType, State], State | None] | None = None

    def types(self, dtype: DType, lanes: int, position: ir.Type = I64) -> tuple[ir.Type, ...]:
        """LLVM types of a state kept in memory for elements of a dtype."""
        if self.parts is not None:
            return self.parts(dtype, lanes)
        first = shaped(state_type(dtype), lanes)
        return (first, shaped(position, lanes)) if self.tracks_position else (first,)


Binary = Callable[[ir.IRBuilder, DType, ir.Value, ir.Value], ir.Value]


def _simple(name: str, combine: Binary) -> Combiner:
    def grow(
        builder: ir.IRBuilder, dtype: DType, state: State, element: State,
        position: ir.Value | None,
    ) -> State:  # fmt: skip
        return (combine(builder, dtype, state[0], element[0]),)

    def merge(builder: ir.IRBuilder, dtype: DType, first: State, second: State) -> State:
        return (combine(builder, dtype, first[0], second[0]),)

    def across(builder: ir.IRBuilder, dtype: DType, state: State) -> State | None:
        operation = _ACROSS.get((name, dtype.kind)) or _ACROSS.get((name, ""))
        if dtype.is_float or operation is None:
            return None
        return (reduced(builder, operation, state[0]),)

    return Combiner(lambda dtype: (identity(name, dtype),), grow, merge, across=across)


#: LLVM's reductions of a vector that give the same in any order: by combiner, and kind of dtype.
_ACROSS = {
    ("sum", ""): "add", ("prod", ""): "mul", ("any", ""): "or", ("all", ""): "and",
    ("max", "i"): "smax", ("min", "i"): "smin", ("max", ""): "umax", ("min", ""): "umin",
}  # fmt: skip


def reduced(
    builder: ir.IRBuilder, operation: str, row: ir.Value, flags: tuple[str, ...] = ()
) -> ir.Value:
    """All lanes of a vector put together by one of LLVM's operations for it."""
    name = f"llvm.vector.reduce.{operation}.{suffix(row.type)}"
    function = declared(builder, name, row.type.element, row)
    return builder.call(function, [row], fastmath=flags)


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
        """Whether a later element is more extreme; a NaN is, unless there is one already."""
        a, b = (old[0], new[0]) if smallest else (new[0], old[0])
        if not dtype.is_float:
            return _greater(builder, dtype, a, b)
        wins = builder.fcmp_unordered(">", a, b)
        return builder.and_(wins, builder.fcmp_ordered("ord", old[0], old[0]))

    def merge(builder: ir.IRBuilder, dtype: DType, first: State, second: State) -> State:
        """Of two lanes, in which any positions may come before others."""
        none = constant_like(first[1], -1)
        worse = better(builder, dtype, first, second)
        ties = builder.not_(builder.or_(better(builder, dtype, second, first), worse))
        later = builder.icmp_unsigned("<=", first[1], second[1])  # "none" is the largest unsigned
        stays = builder.or_(worse, builder.and_(ties, later))
        stays = builder.and_(stays, builder.icmp_signed("!=", first[1], none))
        stays = builder.or_(stays, builder.icmp_signed("==", second[1], none))
        return _chosen(builder, stays, first, second)

    def grow(
        builder: ir.IRBuilder, dtype: DType, state: State, element: State,
        position: ir.Value | None,
    ) -> State:  # fmt: skip
        assert position is not None
        new = (element[0], position)
        take = better(builder, dtype, new, state)
        is_first = builder.icmp_signed("<", state[1], constant_like(state[1], 0))
        return _chosen(builder, builder.or_(take, is_first), new, state)

    return Combiner(lambda dtype: (0, -1), grow, merge, tracks_position=True)


def _chosen(builder: ir.IRBuilder, condition: ir.Value, yes: State, no: State) -> State:
    pairs = zip(yes, no, strict=True)
    return tuple(builder.select(condition, first, second) for first, second in pairs)


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
    """One state from the lanes of a vector state, as a tree of halves where the order counts."""
    if combiner.across is not None and is_vector(state[0]):
        known = combiner.across(builder, dtype, state)
        if known is not None:
            return known
    while is_vector(state[0]) and state[0].type.count > 1:
        state = combiner.merge(builder, dtype, *halves(builder, state))
    zero = ir.Constant(ir.IntType(32), 0)
    return tuple(
        builder.extract_element(value, zero) if is_vector(value) else value for value in state
    )
