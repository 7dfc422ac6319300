"""Pooling: the maximum or the mean of the windows of data, or of all of it.

Data is [..., *spatial]: any dims may stand before the spatial ones.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from graphc.api import elementwise as el
from graphc.api import reductions
from graphc.api.blame import fail_attribute, fail_dtype, fail_shape
from graphc.api.manipulation import permuted, reshaped, sliced
from graphc.api.operands import TensorLike, graph_of, to_node
from graphc.api.shapes import filled
from graphc.api.windowing import Padding, Steps, as_steps, windows_of
from graphc.ir.dims import Dim, Size, floordiv, is_nonnegative, maximum
from graphc.ir.node import Node
from graphc.ir.types import Shape
from graphc.ops import ops
from graphc.ops.windows import Windows

if TYPE_CHECKING:
    from graphc.api.tensor import Tensor


def max_pool1d(
    x: TensorLike, /, size: Steps, stride: Steps | None = None, padding: Padding = 0,
    dilation: Steps = 1, *, ceil_mode: bool = False,
) -> Tensor:  # fmt: skip
    """The maximum of every window along one dim; see `max_pool2d`."""
    return _maxima("max_pool1d", 1, x, size, stride, padding, dilation, ceil_mode)


def max_pool2d(
    x: TensorLike, /, size: Steps, stride: Steps | None = None, padding: Padding = 0,
    dilation: Steps = 1, *, ceil_mode: bool = False,
) -> Tensor:  # fmt: skip
    """The maximum of every window of the last two dims; NaN if there is one in it.

    - `size`: of a window; one number, or one for each dim.
    - `stride`: the distance of windows; the size, unless told otherwise, so that none overlap.
    - `padding`: as in `conv2d`, but less than the size. It counts as the dtype's least value.
    - `dilation`: the distance of the elements of a window.

    What is left over at the end of a dim counts for nothing or, with `ceil_mode`, has a window of
    its own, for which the sizes must be known. Elements of a window that tie share its derivative
    equally, as they do in `gc.max`.

    >>> with gc.Graph():
    ...     y = gc.nn.max_pool2d(gc.placeholder(gc.float32, ("batch", 8, 9, "width")), 2)
    >>> y.shape
    (batch, 8, 4, width//2)
    """
    return _maxima("max_pool2d", 2, x, size, stride, padding, dilation, ceil_mode)


def max_pool3d(
    x: TensorLike, /, size: Steps, stride: Steps | None = None, padding: Padding = 0,
    dilation: Steps = 1, *, ceil_mode: bool = False,
) -> Tensor:  # fmt: skip
    """The maximum of every window of the last three dims; see `max_pool2d`."""
    return _maxima("max_pool3d", 3, x, size, stride, padding, dilation, ceil_mode)


def avg_pool1d(
    x: TensorLike, /, size: Steps, stride: Steps | None = None, padding: Padding = 0,
    *, count_include_pad: bool = True, ceil_mode: bool = False,
) -> Tensor:  # fmt: skip
    """The mean of every window along one dim; see `avg_pool2d`."""
    return _means("avg_pool1d", 1, x, size, stride, padding, count_include_pad, ceil_mode)


def avg_pool2d(
    x: TensorLike, /, size: Steps, stride: Steps | None = None, padding: Padding = 0,
    *, count_include_pad: bool = True, ceil_mode: bool = False,
) -> Tensor:  # fmt: skip
    """The mean of every window of the last two dims, of floats.

    `size`, `stride`, `padding` and `ceil_mode` are those of `max_pool2d`; padding counts as zeros.
    Without `count_include_pad`, sums are divided by the number of elements that are no padding.
    What `ceil_mode` adds beyond the padding is never counted.
    """
    return _means("avg_pool2d", 2, x, size, stride, padding, count_include_pad, ceil_mode)


def avg_pool3d(
    x: TensorLike, /, size: Steps, stride: Steps | None = None, padding: Padding = 0,
    *, count_include_pad: bool = True, ceil_mode: bool = False,
) -> Tensor:  # fmt: skip
    """The mean of every window of the last three dims; see `avg_pool2d`."""
    return _means("avg_pool3d", 3, x, size, stride, padding, count_include_pad, ceil_mode)


def global_max_pool(x: TensorLike, /, *, keepdims: bool = False) -> Tensor:
    """The maximum over all dims but the first two, batch and channels."""
    return reductions.max(x, _spatial_axes("global_max_pool", x), keepdims=keepdims)


def global_avg_pool(x: TensorLike, /, *, keepdims: bool = False) -> Tensor:
    """The mean over all dims but the first two, batch and channels, of floats."""
    return reductions.mean(x, _spatial_axes("global_avg_pool", x), keepdims=keepdims)


def _spatial_axes(op: str, x: TensorLike) -> tuple[int, ...]:
    node = to_node(op, x)
    if len(node.shape) < 3:
        fail_shape(op, f"needs batch, channels and spatial dims, not {node.type}")
    return tuple(range(2, len(node.shape)))


def _maxima(
    op: str, rank: int, x: TensorLike, size: Steps, stride: Steps | None, padding: Padding,
    dilation: Steps, ceil_mode: bool,
) -> Tensor:  # fmt: skip
    graph, node = graph_of(op, x), to_node(op, x)
    if not node.dtype.is_float and not node.dtype.is_integer:
        fail_dtype(op, f"needs numbers, not {node.dtype.name}; convert with gc.astype")
    kernel, windows = pooled(op, rank, node, size, stride, padding, dilation)
    if ceil_mode:
        windows = completed(op, windows, node.shape[-rank:], kernel)
    if _are_cells(windows, kernel):
        return graph.tensor(ops.max(_cells(node, kernel), axes=tuple(range(rank))))
    return graph.tensor(ops.window_max(node, **windows.attrs, shape=kernel))


def _means(
    op: str, rank: int, x: TensorLike, size: Steps, stride: Steps | None, padding: Padding,
    count_include_pad: bool, ceil_mode: bool,
) -> Tensor:  # fmt: skip
    graph, node = graph_of(op, x), to_node(op, x)
    if not node.dtype.is_float:
        fail_dtype(op, f"needs floating point, not {node.dtype.name}; convert with gc.astype")
    kernel, windows = pooled(op, rank, node, size, stride, padding)
    sizes = node.shape[-rank:]
    grown = completed(op, windows, sizes, kernel) if ceil_mode else windows
    total = graph.tensor(_sums(node, kernel, grown))
    is_padded = windows.low != (0,) * rank or windows.high != (0,) * rank
    if not ceil_mode and (count_include_pad or not is_padded):
        return total / math.prod(kernel)
    if count_include_pad:  # the padding is part of what is counted, what completes it is not
        sides = zip(sizes, windows.low, windows.high, strict=True)
        sizes = tuple(size + low + high for size, low, high in sides)
        added = zip(grown.high, windows.high, strict=True)
        high = tuple(more - less for more, less in added)
        grown = Windows(grown.strides, (0,) * rank, high, grown.dilations)
    ones = filled(sizes, 1, node.dtype)
    return el.divide(total, graph.tensor(_sums(ones, kernel, grown)))


def pooled(
    op: str, rank: int, node: Node, size: Steps, stride: Steps | None, padding: Padding,
    dilation: Steps = 1,
) -> tuple[tuple[int, ...], Windows]:  # fmt: skip
    """The size of a window, and how windows lie."""
    if len(node.shape) < rank:
        fail_shape(op, f"needs {rank} spatial dims, not {node.type}")
    kernel = as_steps(op, size, "size", rank)
    step = kernel if stride is None else stride
    windows = windows_of(op, node.shape[-rank:], kernel, step, padding, dilation)
    sides = (*zip(windows.low, kernel, strict=True), *zip(windows.high, kernel, strict=True))
    if any(isinstance(side, int) and side >= n for side, n in sides):
        fail_attribute(op, f"padding {padding!r} must be less than the size {size!r} of a window")
    return kernel, windows


def completed(op: str, windows: Windows, sizes: Shape, kernel: tuple[int, ...]) -> Windows:
    """The windows with one more for what is left over, unless it would begin in padding."""
    rooms = [*windows.rooms(sizes, kernel)]
    if any(isinstance(room, Dim) for room in rooms):
        fail_shape(op, f"ceil_mode needs spatial dims of known sizes, not {sizes}")
    high: list[Size] = []
    for room, stride, size, low, after in zip(
        rooms, windows.strides, sizes, windows.low, windows.high, strict=True
    ):
        steps = -floordiv(-room, stride)
        is_outside = is_nonnegative(steps * stride - size - low)
        steps = steps - 1 if is_outside else steps
        high.append(after + maximum(steps * stride - room, 0))
    return Windows(windows.strides, windows.low, tuple(high), windows.dilations)


def _sums(node: Node, kernel: tuple[int, ...], windows: Windows) -> Node:
    """The sum of every window, padding being zeros."""
    if _are_cells(windows, kernel):
        return ops.sum(_cells(node, kernel), axes=tuple(range(len(kernel))))
    return ops.window_sum(node, **windows.attrs, shape=kernel)


def _are_cells(windows: Windows, kernel: tuple[int, ...]) -> bool:
    """Whether every element lies in one window at most."""
    adjacent = windows.strides == kernel and set(windows.dilations) == {1}
    return adjacent and not any((*windows.low, *windows.high))


def _cells(node: Node, kernel: tuple[int, ...]) -> Node:
    """The elements of windows side by side, the places in a window in front.

    So the way back to an element is the way to its one window, with nothing to add up.
    """
    lead, rank = len(node.shape) - len(kernel), len(node.shape)
    counts = [floordiv(n, k) for n, k in zip(node.shape[lead:], kernel, strict=True)]
    for axis, (count, k) in enumerate(zip(counts, kernel, strict=True), start=lead):
        if node.shape[axis] != count * k:
            node = sliced(node, axis, 0, count * k)
    pairs = [part for pair in zip(counts, kernel, strict=True) for part in pair]
    apart = reshaped(node, (*node.shape[:lead], *pairs))
    window = [*range(lead), *range(lead, 2 * rank - lead, 2)]
    return permuted(apart, (*range(lead + 1, 2 * rank - lead, 2), *window))
