"""Recipes that combine many elements: reductions, running results, products of matrices."""

from __future__ import annotations

import numpy as np

from graphc.ir import dims
from graphc.ir.node import Node
from graphc.ir.opdef import REGISTRY
from graphc.ir.types import Shape
from graphc.ops import ops
from graphc.ops.declaring import scalar_like
from tests.properties.pairing import (
    MOST_ELEMENTS,
    Array,
    Pairing,
    Picks,
    Sizes,
    Value,
    elements,
    extent,
    is_bool,
    is_exact,
    is_float,
    is_number,
    known,
    recipe,
    summed,
)


def count_along(x: Value, axes: tuple[int, ...]) -> int:
    return elements(tuple(x.shape[axis] for axis in axes))


@recipe(is_number)
def total(b: Pairing, x: Value, picks: Picks) -> Value:
    axes = picks.some(range(x.rank)) if x.rank else ()
    return b.apply(
        ops.sum(x.node, axes=axes), lambda sizes, a: np.sum(a, axes, dtype=a.dtype), x,
        **summed(count_along(x, axes), x),
    )  # fmt: skip


@recipe(lambda v: is_float(v) and v.rank > 0)
def averaged(b: Pairing, x: Value, picks: Picks) -> Value:
    """The sum along an axis, divided by one more than its size."""
    axis = picks.below(x.rank)
    size = x.shape[axis]
    total = ops.sum(x.node, axes=(axis,))
    count = ops.astype(ops.size(dim=(size + 1,)), dtype=x.dtype)
    return b.apply(
        ops.div(total, ops.broadcast_to(count, shape=total.shape)),
        lambda sizes, a: np.sum(a, axis) / a.dtype.type(known((size,), sizes)[0] + 1), x,
        bound=x.bound,
    )  # fmt: skip


@recipe(lambda v: is_float(v) and v.rank > 0)
def deviating(b: Pairing, x: Value, picks: Picks) -> Value:
    """Squared distances from the mean over axes, divided by as many as there are and one."""
    axes = picks.some(range(x.rank))
    total = ops.squared_deviations(x.node, axes=axes)
    number = dims.product(x.shape[axis] for axis in axes) + 1
    count = ops.astype(ops.size(dim=(number,)), dtype=x.dtype)
    count = ops.broadcast_to(count, shape=total.shape) if total.shape else count

    def twin(sizes: Sizes, a: Array) -> Array:
        held = known((number,), sizes)[0]
        if held == 1:
            return np.zeros(known(total.shape, sizes), a.dtype)
        return np.var(a, axes, dtype=a.dtype) * a.dtype.type((held - 1) / held)

    return b.apply(ops.div(total, count), twin, x, bound=4 * x.bound**2, cancels=True)


@recipe(lambda v: is_number(v) and v.rank > 0)
def largest(b: Pairing, x: Value, picks: Picks) -> Value:
    """A maximum; along a dim that may be empty, not below the bound."""
    axes, start = picks.some(range(x.rank)), lowest(x)
    node = ops.max(x.node, axes=axes)
    if never_empty(x, axes):
        return b.apply(
            node, lambda sizes, a: np.max(a, axes), x, bound=x.bound, grid=x.grid
        )  # fmt: skip
    limit = 0 if x.dtype.kind == "u" else -int(np.ceil(x.bound))
    return b.apply(
        ops.maximum(node, scalar_like(node, limit)),
        lambda sizes, a: np.maximum(np.max(a, axes, initial=start), a.dtype.type(limit)), x,
        bound=x.bound, grid=x.grid,
    )  # fmt: skip


@recipe(lambda v: is_number(v) and v.rank > 0)
def smallest(b: Pairing, x: Value, picks: Picks) -> Value:
    """A minimum; along a dim that may be empty, not above the bound."""
    axes, start = picks.some(range(x.rank)), highest(x)
    node = ops.min(x.node, axes=axes)
    if never_empty(x, axes):
        return b.apply(
            node, lambda sizes, a: np.min(a, axes), x, bound=x.bound, grid=x.grid
        )  # fmt: skip
    limit = int(np.ceil(x.bound))
    return b.apply(
        ops.minimum(node, scalar_like(node, limit)),
        lambda sizes, a: np.minimum(np.min(a, axes, initial=start), a.dtype.type(limit)), x,
        bound=x.bound, grid=x.grid,
    )  # fmt: skip


def never_empty(x: Value, axes: tuple[int, ...]) -> bool:
    return all(dims.is_nonnegative(x.shape[axis] - 1) for axis in axes)


def lowest(x: Value) -> float | int:
    return -np.inf if x.dtype.is_float else int(np.iinfo(x.dtype.numpy).min)


def highest(x: Value) -> float | int:
    return np.inf if x.dtype.is_float else int(np.iinfo(x.dtype.numpy).max)


@recipe(is_bool)
def decided(b: Pairing, x: Value, picks: Picks) -> Value:
    name, numpy = picks.of((("any", np.any), ("all", np.all)))
    axes = picks.some(range(x.rank)) if x.rank else ()
    return b.apply(
        REGISTRY[name](x.node, axes=axes), lambda sizes, a: numpy(a, axis=axes), x, bound=1
    )


@recipe(lambda v: is_exact(v) and v.rank > 0)
def located(b: Pairing, x: Value, picks: Picks) -> Value | None:
    """The position of an extreme, along an axis that is known (an empty one has none)."""
    axes = [k for k, size in enumerate(x.shape) if isinstance(size, int) and size > 0]
    if not axes:
        return None
    axis = picks.of(axes)
    name, numpy = picks.of((("argmax", np.argmax), ("argmin", np.argmin)))

    def twin(sizes: Sizes, a: Array) -> Array:
        rest = a.shape[:axis] + a.shape[axis + 1 :]
        return np.asarray(numpy(a, axis) if a.size else np.zeros(rest), np.int64)

    return b.apply(REGISTRY[name](x.node, axis=axis), twin, x, bound=extent(x.shape[axis]))


@recipe(is_number)
def product(b: Pairing, x: Value, picks: Picks) -> Value:
    """A product of numbers of at most 1 in size; of integers, as it wraps around."""
    axes = picks.some(range(x.rank)) if x.rank else ()
    x = within_one(b, x)
    return b.apply(
        ops.prod(x.node, axes=axes), lambda sizes, a: np.prod(a, axes, dtype=a.dtype), x,
        bound=1 if x.dtype.is_float else np.inf,
    )  # fmt: skip


def within_one(b: Pairing, x: Value) -> Value:
    if not x.dtype.is_float:
        return x
    return b.apply(ops.sin(x.node), lambda sizes, a: np.sin(a), x, bound=1)


@recipe(lambda v: is_number(v) and v.rank > 0)
def running_sum(b: Pairing, x: Value, picks: Picks) -> Value:
    axis = picks.below(x.rank)
    return b.apply(
        ops.cumsum(x.node, axis=axis), lambda sizes, a: np.cumsum(a, axis, dtype=a.dtype), x,
        **summed(count_along(x, (axis,)), x),
    )  # fmt: skip


@recipe(lambda v: is_number(v) and v.rank > 0)
def running_product(b: Pairing, x: Value, picks: Picks) -> Value:
    axis = picks.below(x.rank)
    x = within_one(b, x)
    return b.apply(
        ops.cumprod(x.node, axis=axis), lambda sizes, a: np.cumprod(a, axis, dtype=a.dtype), x,
        bound=1 if x.dtype.is_float else np.inf,
    )  # fmt: skip


@recipe(lambda v: is_float(v) and v.rank > 0)
def softmax(b: Pairing, x: Value, picks: Picks) -> Value:
    axes = (x.rank - 1,)
    kept = (*x.shape[:-1], 1)

    def spread(node: Node) -> Node:
        return ops.broadcast_to(ops.reshape(node, shape=kept), shape=x.shape)

    powers = ops.exp(ops.sub(x.node, spread(ops.max(x.node, axes=axes))))
    node = ops.div(powers, spread(ops.sum(powers, axes=axes)))

    def twin(sizes: Sizes, a: Array) -> Array:
        if not a.size:
            return a
        powers = np.exp(a - np.max(a, -1, keepdims=True))
        return np.asarray(powers / np.sum(powers, -1, keepdims=True))

    return b.apply(node, twin, x, bound=1)


@recipe(lambda v: is_float(v) and v.rank > 0 and isinstance(v.shape[-1], int) and v.shape[-1] > 0)
def normalized(b: Pairing, x: Value, picks: Picks) -> Value:
    """(x - mean) / sqrt(variance + 1/2) along the last axis."""
    axes, count = (x.rank - 1,), extent(x.shape[-1])
    kept = (*x.shape[:-1], 1)

    def mean(node: Node) -> Node:
        total = ops.sum(node, axes=axes)
        return ops.reshape(ops.div(total, scalar_like(total, count)), shape=kept)

    centred = ops.sub(x.node, ops.broadcast_to(mean(x.node), shape=x.shape))
    variance = mean(ops.mul(centred, centred))
    scale = ops.rsqrt(ops.add(variance, scalar_like(variance, 0.5)))
    node = ops.mul(centred, ops.broadcast_to(scale, shape=x.shape))

    def twin(sizes: Sizes, a: Array) -> Array:
        half = a.dtype.type(0.5)
        centred = a - np.mean(a, -1, keepdims=True)
        return np.asarray(centred / np.sqrt(np.var(a, -1, keepdims=True) + half))

    return b.apply(node, twin, x, bound=max(1.0, count**0.5), cancels=True)


@recipe(lambda v: is_number(v) and v.rank > 1)
def multiplied(b: Pairing, x: Value, picks: Picks) -> Value | None:
    """A product of two values of one shape, the one or the other transposed; or by weights."""
    how = picks.below(3)
    left, right = x, weights(b, x, picks) if how == 2 else b.like(x, picks)
    if how == 0:
        right = transposed(b, right)
    if how == 1:
        left = transposed(b, left)
    node = ops.matmul(left.node, right.node)
    if elements(node.shape) > MOST_ELEMENTS:
        return None
    return b.apply(
        node, lambda sizes, p, q: np.matmul(p, q), left, right,
        **summed(extent(left.shape[-1]), left, right),
    )  # fmt: skip


@recipe(lambda v: is_number(v) and v.rank > 1)
def contracted(b: Pairing, x: Value, picks: Picks) -> Value | None:
    """A sum over one axis of two values, each with another axis of its own, turned somehow."""
    right = b.like(x, picks)
    of_left = "abcdefgh"[: x.rank]
    inner, own = picks.below(x.rank), picks.below(x.rank - 1)
    own += own >= inner
    of_right = of_left.replace(of_left[own], "z")
    result = of_left.replace(of_left[inner], "z")
    by = picks.below(x.rank)
    subscripts = f"{of_left},{of_right}->{result[by:]}{result[:by]}"
    node = ops.contract(x.node, right.node, subscripts=subscripts)
    if elements(node.shape) > MOST_ELEMENTS:
        return None
    return b.apply(
        node, lambda sizes, p, q: np.einsum(subscripts, p, q), x, right,
        **summed(extent(x.shape[inner]), x, right),
    )  # fmt: skip


def transposed(b: Pairing, x: Value) -> Value:
    axes = (*range(x.rank - 2), x.rank - 1, x.rank - 2)
    node = ops.permute_dims(x.node, axes=axes)
    return b.apply(node, lambda sizes, a: np.swapaxes(a, -1, -2), x, bound=x.bound, grid=x.grid)


def weights(b: Pairing, x: Value, picks: Picks) -> Value:
    """A new input that x can be multiplied by, repeated for all its leading dims."""
    inner = (x.shape[-1], picks.of((1, 3, 17)))
    shape: Shape = (*x.shape[:-2], *inner)
    return b.broadcast(b.input(x.dtype, inner, variable=bool(picks.below(2))), shape)
