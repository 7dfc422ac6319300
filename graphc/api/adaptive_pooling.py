"""Pooling to a given number of windows, which need not be of one size."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from graphc.api import elementwise as el
from graphc.api import reductions
from graphc.api.blame import fail_attribute, fail_shape
from graphc.api.gathering import take
from graphc.api.matrices import check_float
from graphc.api.operands import Array, TensorLike, graph_of, to_node
from graphc.api.shapes import as_int, as_list, is_several
from graphc.ir.dims import Dim

if TYPE_CHECKING:
    from graphc.api.tensor import Tensor

#: How many windows along all spatial dims, or along each; None for as many as there are elements.
Counts: TypeAlias = int | Sequence[int | None] | None
_Pool: TypeAlias = Callable[["Tensor", Array, Array, int], "Tensor"]


def adaptive_avg_pool1d(x: TensorLike, /, size: Counts) -> Tensor:
    """The means of `size` windows along one dim; see `adaptive_avg_pool2d`."""
    return _pooled("adaptive_avg_pool1d", 1, x, size, _means)


def adaptive_avg_pool2d(x: TensorLike, /, size: Counts) -> Tensor:
    """The means of `size` windows along each of the last two dims, of floats.

    Window i of m along n elements, a number that is known, goes from floor(i*n/m) to before
    ceil((i + 1)*n/m). Of a size None there are as many as elements.
    """
    return _pooled("adaptive_avg_pool2d", 2, x, size, _means)


def adaptive_avg_pool3d(x: TensorLike, /, size: Counts) -> Tensor:
    """The means of `size` windows along each of the last three dims; see `adaptive_avg_pool2d`."""
    return _pooled("adaptive_avg_pool3d", 3, x, size, _means)


def adaptive_max_pool1d(x: TensorLike, /, size: Counts) -> Tensor:
    """The maxima of `size` windows along one dim; see `adaptive_max_pool2d`."""
    return _pooled("adaptive_max_pool1d", 1, x, size, _maxima)


def adaptive_max_pool2d(x: TensorLike, /, size: Counts) -> Tensor:
    """The maxima of `size` windows along each of the last two dims, of floats.

    Windows are those of `adaptive_avg_pool2d`. Elements that tie share the derivative.
    """
    return _pooled("adaptive_max_pool2d", 2, x, size, _maxima)


def adaptive_max_pool3d(x: TensorLike, /, size: Counts) -> Tensor:
    """The maxima of `size` windows along each of the last three dims; see `adaptive_max_pool2d`."""
    return _pooled("adaptive_max_pool3d", 3, x, size, _maxima)


def _pooled(op: str, rank: int, x: TensorLike, size: Counts, pool: _Pool) -> Tensor:
    """One dim after the other: a window is a product of intervals."""
    graph, node = graph_of(op, x), to_node(op, x)
    check_float(op, node)
    if len(node.shape) < rank:
        fail_shape(op, f"needs {rank} spatial dims, not {node.type}")
    counts = as_list(size) if is_several(size) else [size] * rank
    if len(counts) != rank:
        fail_attribute(op, f"size {size!r} must be one number, or one for each of {rank} dims")
    found = graph.tensor(node)
    for axis, count in enumerate(counts, start=len(node.shape) - rank):
        if count is None or count == node.shape[axis]:
            continue
        found = pool(found, *_windows(op, node.shape[axis], as_int(op, count, "size")), axis)
    return found


def _windows(op: str, size: object, count: int) -> tuple[Array, Array]:
    """The positions of each window in a row, and which of them are part of it."""
    if isinstance(size, Dim) or not isinstance(size, int):
        fail_shape(op, f"needs spatial dims of known sizes, not {size}")
    if count < 0 or (size == 0 and count):
        fail_attribute(op, f"cannot make {count} windows of {size} elements")
    starts = np.arange(count) * size // max(count, 1)
    ends = -(-(np.arange(count) + 1) * size // max(count, 1))
    width = int(np.max(ends - starts, initial=1))
    places = starts[:, None] + np.arange(width)
    return np.minimum(places, max(size - 1, 0)).astype(np.int64), places < ends[:, None]


def _row(x: Tensor, places: Array, inside: Array, axis: int, filler: float) -> Tensor:
    """The elements of the windows, in a new axis after the one that is pooled."""
    shape = (*inside.shape, *(1,) * (x.ndim - axis - 1))
    return el.where(inside.reshape(shape), take(x, places, axis=axis), filler)


def _means(x: Tensor, places: Array, inside: Array, axis: int) -> Tensor:
    total = reductions.sum(_row(x, places, inside, axis, 0.0), axis + 1)
    counts = inside.sum(1).reshape((-1, *(1,) * (x.ndim - axis - 1)))
    return el.divide(total, counts.astype(x.dtype.numpy))


def _maxima(x: Tensor, places: Array, inside: Array, axis: int) -> Tensor:
    return reductions.max(_row(x, places, inside, axis, -math.inf), axis + 1)
