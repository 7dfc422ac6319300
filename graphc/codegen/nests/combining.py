"""Reductions of a few elements as expressions, with the bits that a loop over them would give.

A state is one expression, or the value and the position of an extreme. What a reduction starts
from changes no element, so it is left out; a sum that is -0.0 becomes 0.0 at the end.
"""

from __future__ import annotations

from collections.abc import Mapping

from graphc.ir import scalar
from graphc.ir.combiners import identity
from graphc.ir.dims import Size
from graphc.ir.dtypes import int32, int64
from graphc.ir.scalar import Expr
from graphc.schedule.statements import Reduction

State = tuple[Expr, ...]

_OPERATIONS = {
    "sum": "add", "prod": "mul", "max": "maximum", "min": "minimum", "any": "or", "all": "and",
    "dot": "add",
}  # fmt: skip

#: Lanes of a reduction that keeps partial results; a power of two.
_MOST_LANES = 64


def grown(
    reduction: Reduction, state: State | None, operands: State, position: Size | None
) -> State:
    """The state with one more element taken in."""
    if reduction.combiner == "dot":
        start = scalar.const(0, reduction.element) if state is None else state[0]
        return (scalar.op("fma", reduction.element, *operands, start),)
    new = operands
    if position is not None:
        new = (operands[0], scalar.cast(scalar.index(position), int32))
    if state is not None:
        return merged(reduction, state, new)
    return new


def merged(reduction: Reduction, first: State, second: State) -> State:
    """One state from two, the first of elements before those of the second."""
    if reduction.position is None:
        return (scalar.same(_OPERATIONS[reduction.combiner], first[0], second[0]),)
    take = _is_better(reduction, second[0], first[0])
    pairs = zip(second, first, strict=True)
    return tuple(scalar.select(take, new, old) for new, old in pairs)


def _is_better(reduction: Reduction, new: Expr, old: Expr) -> Expr:
    """Whether a later element is more extreme; a NaN is, unless there is one already."""
    name = "gt" if reduction.combiner == "argmax" else "lt"
    if not new.dtype.is_float:
        return scalar.compare(name, new, old)
    other = "le" if reduction.combiner == "argmax" else "ge"
    not_worse = scalar.same("not", scalar.compare(other, new, old))
    return scalar.logical_and(not_worse, scalar.compare("eq", old, old))


def finished(reduction: Reduction, parts: Mapping[int, State]) -> Expr:
    """The result: states by lane put together as a tree of halves."""
    state = _tree(reduction, parts)
    if state is None:
        start = identity(reduction.combiner, reduction.element)
        return scalar.const(start, reduction.dtype)
    if reduction.position is not None:
        return scalar.cast(state[1], int64)
    is_sum = reduction.combiner == "sum" or (reduction.combiner == "dot" and reduction.lanes)
    if is_sum and reduction.element.is_float:
        return scalar.same("add", state[0], scalar.const(0, reduction.element))
    if reduction.combiner in ("max", "min") and reduction.element.is_float:
        nan = scalar.const(float("nan"), reduction.element)  # the same one as in a loop
        return scalar.select(scalar.compare("ne", state[0], state[0]), nan, state[0])
    return state[0]


def _tree(reduction: Reduction, parts: Mapping[int, State]) -> State | None:
    if reduction.position is not None:
        return _in_order(reduction, parts)
    states = [parts.get(lane) for lane in range(_MOST_LANES)]
    while len(states) > 1:
        half = len(states) // 2
        states = [_either(reduction, states[k], states[k + half]) for k in range(half)]
    return states[0]


def _in_order(reduction: Reduction, parts: Mapping[int, State]) -> State | None:
    """An extreme's position depends on no order; in order of the lanes ties need no thought.

    Each lane must hold one element.
    """
    state: State | None = None
    for lane in sorted(parts):
        state = _either(reduction, state, parts[lane])
    return state


def _either(reduction: Reduction, first: State | None, second: State | None) -> State | None:
    if first is None or second is None:
        return first if second is None else second
    return merged(reduction, first, second)
