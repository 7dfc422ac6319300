"""Depthwise convolutions as elementwise work: a product of theirs would have a single row.

The result, and the derivative by data, are chains of multiply-adds over the places of a window, in
the order of a product and begun at 0 as it is, so the bits are a product's. In the derivative with
a stride an element reads the windows that contain it, each with its own weight.

In the derivative by weights a channel has one number for each place of a window, summed over the
whole batch: too few for a tile's rows or columns. Each is a sum over positions, and those of
all places read the same rows of data and cotangents while they are in the cache.

Of windows of more than nine places the result and the derivative by data stay products, and so does
that by weights with a stride or over short rows.
"""

from __future__ import annotations

from functools import reduce

from graphc.ir import dims
from graphc.ir.dims import Size
from graphc.ir.node import Node
from graphc.ir.types import Shape
from graphc.ops import ops
from graphc.ops.algebra import mul
from graphc.ops.covering import covers
from graphc.ops.declaring import scalar_like
from graphc.ops.pooling import MOST, at_place
from graphc.ops.windows import Windows, places

#: Elements from which on a row fills vectors by itself.
LONG = 17

#: Places of a window at most that each have a sum of their own.
MANY = 49


def is_depthwise(node: Node) -> bool:
    """Whether a node is a derivative by such weights, of small windows or over long rows."""
    if node.op is not ops.convolution_weights or not node.dtype.is_float:
        return False
    windows, along = Windows.of(node), node.inputs[1].shape[-1]
    kernel, channels = node.shape[-windows.rank :], node.shape[-windows.rank - 2 : -windows.rank]
    is_long = not isinstance(along, int) or along >= LONG
    worth = _count(kernel) <= MOST or (is_long and set(windows.strides) == {1})
    return channels == (1, 1) and 0 < _count(kernel) <= MANY and worth


def in_sums(node: Node) -> Node:
    """Such a node written out: a sum for each place, all of which read a row together."""
    data, cotangents = node.inputs
    windows = Windows.of(node)
    rank, kernel = windows.rank, node.shape[-windows.rank :]
    last = len(cotangents.shape)
    axes = (0, *range(last - rank, last))
    found = []
    for place in places(tuple(map(int, kernel))):
        view = at_place(data, windows, kernel, place, 0)
        total = ops.sum(mul(view, cotangents), axes=axes)
        found.append(ops.reshape(total, shape=(*total.shape, 1)))
    return ops.reshape(ops.concat(*found, axis=len(found[0].shape) - 1), shape=node.shape)


def is_chain(node: Node) -> bool:
    """Whether a node is a depthwise convolution, or its derivative by data, of small windows."""
    if node.op not in (ops.convolution, ops.convolution_input) or not node.dtype.is_float:
        return False
    windows, weights = Windows.of(node), node.inputs[1]
    kernel = weights.shape[-windows.rank :]
    if weights.shape[-windows.rank - 2 : -windows.rank] != (1, 1) or not 0 < _count(kernel) <= MOST:
        return False
    padded = all(isinstance(low, int) and low >= 0 for low in windows.low)
    return node.op is ops.convolution or (padded and set(windows.dilations) == {1})


def _count(kernel: Shape) -> int:
    """How many places a window has; more than `MANY` if that is unknown."""
    count = dims.product(kernel)
    return count if isinstance(count, int) else MANY + 1


def in_chain(node: Node) -> Node:
    """Such a node written out."""
    other, weights = node.inputs
    windows = Windows.of(node)
    kernel = tuple(int(n) for n in weights.shape[-windows.rank :])
    if node.op is ops.convolution:
        pairs = [
            (at_place(other, windows, kernel, place, 0), _weight(node, place))
            for place in places(kernel)
        ]
    else:
        attrs = {**windows.attrs, "kernel": kernel, "shape": node.shape[-windows.rank :]}
        pairs = [
            (ops.covering_window(other, **attrs, back=back), _covering_weight(node, windows, back))
            for back in covers(windows, kernel)
        ]
    zero = scalar_like(node, 0)
    return reduce(lambda total, pair: ops.fma(pair[1], pair[0], total), pairs, zero)


def _weight(node: Node, place: tuple[int, ...]) -> Node:
    """The weight of every channel at one place, for each element."""
    weights, rank = node.inputs[1], len(place)
    lead = len(weights.shape) - rank
    single = _part(weights, (*(0,) * lead, *place), (*weights.shape[:lead], *(1,) * rank))
    return _for_all(single, node, rank)


def _covering_weight(node: Node, windows: Windows, back: tuple[int, ...]) -> Node:
    """For each element the weight with which it is in the window so far back."""
    weights, rank, found = node.inputs[1], windows.rank, node.inputs[1]
    lead = len(weights.shape) - rank
    for axis, (k, stride, low, size) in enumerate(
        zip(back, windows.strides, windows.low, node.shape[-rank:], strict=True), start=lead
    ):
        found = _along(found, axis, k * stride, stride, low, size)
    return _for_all(found, node, rank)


def _along(weights: Node, axis: int, first: int, stride: int, low: Size, size: Size) -> Node:
    """Weights from the first one on, in turn for the elements of an axis, behind its padding."""
    shape, count = weights.shape, weights.shape[axis]
    start = (*(0,) * axis, first, *(0,) * (len(shape) - axis - 1))
    there = min(stride, int(count) - first)
    some = _part(weights, start, (*shape[:axis], there, *shape[axis + 1 :]))
    if stride == 1:
        return some
    none = (0,) * len(shape)
    more = (*(0,) * axis, stride - there, *(0,) * (len(shape) - axis - 1))
    if there < stride:
        some = ops.pad(some, low=none, high=more, value=0.0)
    times = dims.floordiv(size + low + stride - 1, stride)
    turns = ops.reshape(some, shape=(*shape[:axis], 1, stride, *shape[axis + 1 :]))
    turns = ops.broadcast_to(turns, shape=(*shape[:axis], times, stride, *shape[axis + 1 :]))
    line = ops.reshape(turns, shape=(*shape[:axis], times * stride, *shape[axis + 1 :]))
    behind = (*(0,) * axis, low, *(0,) * (len(shape) - axis - 1))
    return _part(line, behind, (*shape[:axis], size, *shape[axis + 1 :]))


def _part(node: Node, start: Shape, shape: Shape) -> Node:
    return ops.slice(node, start=start, step=(1,) * len(start), shape=shape)


def _for_all(weights: Node, node: Node, rank: int) -> Node:
    """Weights of groups, one output and one channel, for each element of the batch."""
    lead = len(weights.shape) - rank
    single = ops.reshape(weights, shape=(*weights.shape[: lead - 1], *weights.shape[lead:]))
    return ops.broadcast_to(single, shape=node.shape)
