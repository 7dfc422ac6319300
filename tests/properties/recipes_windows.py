"""Recipes in which windows slide along the last dim: convolution, maxima and sums."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.ops import ops
from graphc.ops.windows import Windows
from tests.properties.pairing import (
    MOST_ELEMENTS,
    Array,
    Pairing,
    Picks,
    Sizes,
    Value,
    elements,
    is_number,
    known,
    recipe,
    summed,
)


def windows_along(x: Value, size: int, picks: Picks) -> Windows:
    """Windows of a size along the last dim, padded so that one fits into however little."""
    stride, dilation, low = 1 + picks.below(3), 1 + picks.below(2), picks.below(2)
    reach = dilation * (size - 1)
    last = x.shape[-1]
    fits = isinstance(last, int) and last > reach
    high = picks.below(2) if fits else max(reach + 1 - low, 0)
    return Windows((stride,), (low,), (high,), (dilation,))


def seen(a: Array, windows: Windows, size: int, fill: float = 0) -> list[Array]:
    """For each place in a window, what is read there by all windows."""
    (stride,), (low,), (high,), (dilation,) = (
        windows.strides, windows.low, windows.high, windows.dilations,
    )  # fmt: skip
    wide = np.full((*a.shape[:-1], low + a.shape[-1] + high), a.dtype.type(fill))
    wide[..., low : low + a.shape[-1]] = a
    count = (wide.shape[-1] - dilation * (size - 1) - 1) // stride + 1
    return [
        wide[..., k * dilation : k * dilation + stride * count : stride][..., :count]
        for k in range(size)
    ]


@recipe(lambda v: is_number(v) and v.rank > 0)
def convolved(b: Pairing, x: Value, picks: Picks) -> Value | None:
    """Channels, if there are some whose number is known, and windows along the last dim."""
    size, outputs = 1 + picks.below(3), picks.of((1, 4))
    windows = windows_along(x, size, picks)
    lead, channels = x.shape[:-1], 1
    if x.rank > 1 and isinstance(x.shape[-2], int) and x.shape[-2] > 0:
        lead, channels = x.shape[:-2], x.shape[-2]
    batch: Any = 1
    for n in lead:
        batch = batch * n
    w = b.input(x.dtype, (outputs, channels, size), variable=bool(picks.below(2)))
    data = ops.reshape(x.node, shape=(batch, channels, x.shape[-1]))
    product = ops.convolution(data, w.node, **windows.attrs)
    node = ops.reshape(product, shape=(*lead, outputs, product.shape[-1]))
    if elements(node.shape) > MOST_ELEMENTS:
        return None

    def twin(sizes: Sizes, a: Array, weights: Array) -> Array:
        rows = a.reshape(*known((batch, channels, x.shape[-1]), sizes))
        parts = np.stack(seen(rows, windows, size), axis=-1)
        total = np.einsum("ncyk,ock->noy", parts, weights)
        return total.reshape(known(node.shape, sizes))

    return b.apply(node, twin, x, w, **summed(channels * size, x, w))


@recipe(lambda v: is_number(v) and v.rank > 0 and isinstance(v.shape[-1], int) and v.shape[-1] > 4)
def pooled(b: Pairing, x: Value, picks: Picks) -> Value:
    """The maximum of every window, of which none is padding alone."""
    size = 2 + picks.below(2)
    windows = windows_along(x, size, picks)
    node = ops.window_max(x.node, **windows.attrs, shape=(size,))
    least = -np.inf if x.dtype.is_float else np.iinfo(x.dtype.numpy).min

    def twin(sizes: Sizes, a: Array) -> Array:
        return np.max(seen(a, windows, size, least), axis=0)

    return b.apply(node, twin, x, bound=x.bound, grid=x.grid)


@recipe(lambda v: is_number(v) and v.rank > 0)
def added_in_windows(b: Pairing, x: Value, picks: Picks) -> Value | None:
    size = 1 + picks.below(3)
    windows = windows_along(x, size, picks)
    view = ops.windows(ops.broadcast_to(x.node, shape=(size, *x.shape)), **windows.attrs, value=0.0)
    node = ops.sum(view, axes=(0,))
    if elements(node.shape) > MOST_ELEMENTS:
        return None

    def twin(sizes: Sizes, a: Array) -> Array:
        return np.sum(seen(a, windows, size), axis=0, dtype=a.dtype)

    return b.apply(node, twin, x, **summed(size, x))
