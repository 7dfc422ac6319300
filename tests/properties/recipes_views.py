"""Recipes that move elements: views, padding, joining, reading and sorting by position."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.errors import DimError
from graphc.ir import dims
from graphc.ir.dims import Size
from graphc.ir.dtypes import int64
from graphc.ir.types import Shape
from graphc.ops import ops
from graphc.ops.declaring import scalar_like
from tests.properties.pairing import (
    MOST_ELEMENTS,
    Array,
    Pairing,
    Picks,
    Sizes,
    Twin,
    Value,
    anything,
    both_grids,
    canonical,
    elements,
    extent,
    has_axes,
    is_exact,
    is_integer,
    is_number,
    known,
    recipe,
    summed,
)


def moved(b: Pairing, node: Any, twin: Twin, x: Value) -> Value:
    """Record a node whose elements are those of x."""
    return b.apply(node, twin, x, bound=x.bound, grid=x.grid)


def reshaped(b: Pairing, x: Value, shape: Shape) -> Value:
    return moved(
        b, ops.reshape(x.node, shape=shape), lambda sizes, a: a.reshape(known(shape, sizes)), x
    )


@recipe(anything)
def flattened(b: Pairing, x: Value, picks: Picks) -> Value:
    """Everything in one dim, or two neighbouring dims made one."""
    if x.rank < 3 or picks.below(2):
        return reshaped(b, x, (dims.product(x.shape),))
    axis = picks.below(x.rank - 1)
    joined = x.shape[axis] * x.shape[axis + 1]
    return reshaped(b, x, (*x.shape[:axis], joined, *x.shape[axis + 2 :]))


@recipe(has_axes)
def split(b: Pairing, x: Value, picks: Picks) -> Value | None:
    """A dim as two, or with a 1 before it."""
    axis = picks.below(x.rank)
    size = x.shape[axis]
    by: Size = picks.of([d for d in (2, 3, 5, 17, *b.dims, 1) if d == 1 or divides(d, size)])
    if x.rank >= 4:
        return None
    parts = (dims.floordiv(size, by), by) if by != 1 else (1, size)
    return reshaped(b, x, (*x.shape[:axis], *parts, *x.shape[axis + 1 :]))


def divides(divisor: Size, size: Size) -> bool:
    """Whether a dim is a multiple for all feeds, with a divisor that is known or another dim."""
    try:
        quotient, rest = dims.divide(size, divisor)
    except DimError:
        return False
    return rest == 0 and quotient != 0


@recipe(lambda v: v.rank > 1)
def permuted(b: Pairing, x: Value, picks: Picks) -> Value:
    axes = list(range(x.rank))
    if picks.below(2):
        axes[-1], axes[-2] = axes[-2], axes[-1]
    else:
        axes = axes[1:] + axes[:1]
    order = tuple(axes)
    node = ops.permute_dims(x.node, axes=order)
    return moved(b, node, lambda sizes, a: np.transpose(a, order), x)


@recipe(lambda v: v.rank < 4)
def repeated(b: Pairing, x: Value, picks: Picks) -> Value | None:
    """Broadcast along a new leading dim, or along a new last one."""
    size: Size = picks.of((*b.dims, 3))
    if elements((*x.shape, size)) > MOST_ELEMENTS:
        return None
    if picks.below(2):
        column = reshaped(b, x, (*x.shape, 1))
        return b.broadcast(column, (*x.shape, size))
    return b.broadcast(x, (size, *x.shape))


@recipe(has_axes)
def sliced(b: Pairing, x: Value, picks: Picks) -> Value:
    """Part of one axis, in steps of 1, 2, 3, -1 or -2."""
    axis, step = picks.below(x.rank), picks.of((1, -1, 2, -2, 3))
    size = x.shape[axis]
    start: Size = 0 if step > 0 else size - 1
    count = -dims.floordiv(-size, abs(step))
    if isinstance(size, int) and size > 1 and step > 0 and picks.below(2):
        start, count = 1, -(-(size - 1) // step)
    starts = tuple(start if k == axis else 0 for k in range(x.rank))
    steps = tuple(step if k == axis else 1 for k in range(x.rank))
    shape = tuple(count if k == axis else size for k, size in enumerate(x.shape))

    def twin(sizes: Sizes, a: Array) -> Array:
        first = start if isinstance(start, int) else None
        index = slice(first if step > 0 else None, None, step)
        return a[(slice(None),) * axis + (index,)]

    return moved(b, ops.slice(x.node, start=starts, step=steps, shape=shape), twin, x)


@recipe(has_axes)
def flipped(b: Pairing, x: Value, picks: Picks) -> Value:
    axes = picks.some(range(x.rank))
    return moved(b, ops.flip(x.node, axes=axes), lambda sizes, a: np.flip(a, axes), x)


@recipe(has_axes)
def padded(b: Pairing, x: Value, picks: Picks) -> Value | None:
    axis, before, after = picks.below(x.rank), picks.below(3), picks.below(3)
    value = float(picks.below(2))
    low = tuple(before if k == axis else 0 for k in range(x.rank))
    high = tuple(after if k == axis else 0 for k in range(x.rank))
    node = ops.pad(x.node, low=low, high=high, value=value)
    if elements(node.shape) > MOST_ELEMENTS:
        return None
    widths = tuple(zip(low, high, strict=True))
    return b.apply(
        node, lambda sizes, a: np.pad(a, widths, constant_values=a.dtype.type(value)), x,
        bound=max(x.bound, 1), grid=x.grid,
    )  # fmt: skip


@recipe(has_axes)
def joined(b: Pairing, x: Value, picks: Picks) -> Value | None:
    """x and another (or itself, twice) along an axis in which they may differ."""
    axis = picks.below(x.rank)

    def rest(value: Value) -> Shape:
        return canonical(value.shape[:axis] + value.shape[axis + 1 :])

    found = b.candidates(lambda v: v.dtype is x.dtype and v.rank == x.rank and rest(v) == rest(x))
    parts = [x, picks.of(found)] + [x] * picks.below(2)
    node = ops.concat(*(part.node for part in parts), axis=axis)
    if elements(node.shape) > MOST_ELEMENTS:
        return None
    return b.apply(
        node, lambda sizes, *arrays: np.concatenate(arrays, axis), *parts,
        bound=max(part.bound for part in parts), grid=both_grids(*parts),
    )  # fmt: skip


# Positions that the program computes -------------------------------------------------------


def positions(b: Pairing, size: Size, picks: Picks) -> Value | None:
    """Integers that are valid positions along an axis of this size."""
    if isinstance(size, int) and 0 < size <= 60:  # so that twice the size fits int8
        return known_positions(b, size, picks)
    return symbolic_positions(b, size, picks)


def known_positions(b: Pairing, size: int, picks: Picks) -> Value:
    """Negative ones are among them."""
    found = b.candidates(lambda v: is_integer(v) and v.rank <= 2 and elements(v.shape) <= 40)
    index = picks.of(found) if found else b.input(int64, (3,))
    below = size if index.dtype.kind == "u" else 2 * size
    back = below - size
    inside = ops.remainder(index.node, scalar_like(index.node, below))
    return b.apply(
        ops.sub(inside, scalar_like(index.node, back)),
        lambda sizes, a: np.remainder(a, a.dtype.type(below)) - a.dtype.type(back), index,
        bound=size,
    )  # fmt: skip


def symbolic_positions(b: Pairing, size: Size, picks: Picks) -> Value | None:
    """Of a shape that has the dim itself, so that there are none when it is empty."""
    (dim,) = canonical((size,))
    found = b.candidates(lambda v: is_integer(v) and v.rank <= 2 and dim in canonical(v.shape))
    if not found:
        return None
    index = picks.of(found)
    whole = ops.astype(index.node, dtype=int64)
    count = ops.broadcast_to(ops.size(dim=(size,)), shape=index.shape)
    return b.apply(
        ops.remainder(whole, count),
        lambda sizes, a: np.remainder(a.astype(np.int64), known((size,), sizes)[0]), index,
        bound=extent(size),
    )  # fmt: skip


@recipe(has_axes)
def gathered(b: Pairing, x: Value, picks: Picks) -> Value | None:
    axis = picks.below(x.rank)
    index = positions(b, x.shape[axis], picks)
    if index is None:
        return None
    node = ops.gather(x.node, index.node, axes=(axis,), position=axis)
    if elements(node.shape) > MOST_ELEMENTS:
        return None
    return b.apply(
        node, lambda sizes, a, i: np.take(a, i, axis), x, index, bound=x.bound, grid=x.grid
    )


@recipe(lambda v: is_number(v) and v.rank > 0)
def scattered(b: Pairing, x: Value, picks: Picks) -> Value | None:
    """x with rows of another value of its shape, picked by position, combined with rows of it."""
    axis = picks.below(x.rank)
    index = positions(b, x.shape[axis], picks)
    if index is None:
        return None
    other = b.like(x, picks)
    picked = ops.gather(other.node, index.node, axes=(axis,), position=axis)
    if elements(picked.shape) > MOST_ELEMENTS:
        return None
    updates = b.apply(
        picked, lambda sizes, a, i: np.take(a, i, axis), other, index,
        bound=other.bound, grid=other.grid,
    )  # fmt: skip
    op, combine = picks.of(SCATTERS)
    node = op(x.node, index.node, updates.node, axes=(axis,), position=axis)
    total = summed(elements(index.shape), other)
    return b.apply(
        node, lambda sizes, a, i, u: scatter(combine, a, i, u, axis), x, index, updates,
        bound=x.bound + total["bound"], grid=both_grids(x, other),
    )  # fmt: skip


SCATTERS = (
    (ops.scatter_add, np.add), (ops.scatter_max, np.maximum), (ops.scatter_min, np.minimum),
)  # fmt: skip


def scatter(combine: np.ufunc, base: Array, index: Array, updates: Array, axis: int) -> Array:
    result = np.array(base)
    by_row = np.moveaxis(result, axis, 0)
    along = range(axis, axis + index.ndim)
    combine.at(by_row, index.astype(np.int64), np.moveaxis(updates, along, range(index.ndim)))
    return result


@recipe(lambda v: is_number(v) and v.rank > 0)
def sorted_(b: Pairing, x: Value, picks: Picks) -> Value:
    axis = picks.below(x.rank)
    return moved(b, ops.sort(x.node, axis=axis), lambda sizes, a: np.sort(a, axis), x)


def order_of(b: Pairing, x: Value, axis: int) -> Value:
    return b.apply(
        ops.argsort(x.node, axis=axis),
        lambda sizes, a: np.argsort(a, axis, kind="stable").astype(np.int64), x,
        bound=extent(x.shape[axis]),
    )  # fmt: skip


@recipe(lambda v: is_exact(v) and v.rank > 0)
def ordered(b: Pairing, x: Value, picks: Picks) -> Value:
    return order_of(b, x, picks.below(x.rank))


@recipe(lambda v: is_exact(v) and v.rank > 0)
def read_in_order(b: Pairing, x: Value, picks: Picks) -> Value:
    """Another value of the shape of x, read in the order that sorts x."""
    axis = picks.below(x.rank)
    order, other = order_of(b, x, axis), b.like(x, picks)
    indices = [
        order.node if k == axis else ops.iota(shape=order.shape, axis=k, dtype=int64)
        for k in range(x.rank)
    ]
    node = ops.gather(other.node, *indices, axes=tuple(range(x.rank)), position=0)
    return b.apply(
        node, lambda sizes, a, i: np.take_along_axis(a, i, axis), other, order,
        bound=other.bound, grid=other.grid,
    )  # fmt: skip
