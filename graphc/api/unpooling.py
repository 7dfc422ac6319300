"""Where the maxima of windows stand, and the way back: maxima put where they stood."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphc.api import reductions
from graphc.api.blame import fail_shape
from graphc.api.broadcasting import fitted
from graphc.api.gathering import take_along_axis
from graphc.api.manipulation import reshaped
from graphc.api.operands import TensorLike, graph_of, to_node, to_nodes
from graphc.api.pooling import completed, pooled
from graphc.api.putting import put_along_axis
from graphc.api.shapes import ShapeLike, as_shape, filled, size_node
from graphc.api.windowing import Padding, Steps, as_steps, windows_of
from graphc.ir.dims import Size, product
from graphc.ir.dtypes import int64
from graphc.ir.node import Node
from graphc.ir.types import Shape
from graphc.ops import ops
from graphc.ops.pooling import elements, least
from graphc.ops.windows import Windows

if TYPE_CHECKING:
    from graphc.api.tensor import Tensor


def argmax_pool1d(
    x: TensorLike, /, size: Steps, stride: Steps | None = None, padding: Padding = 0,
    dilation: Steps = 1, *, ceil_mode: bool = False,
) -> Tensor:  # fmt: skip
    """The position of the maximum of every window along one dim; see `argmax_pool2d`."""
    return _positions("argmax_pool1d", 1, x, size, stride, padding, dilation, ceil_mode)


def argmax_pool2d(
    x: TensorLike, /, size: Steps, stride: Steps | None = None, padding: Padding = 0,
    dilation: Steps = 1, *, ceil_mode: bool = False,
) -> Tensor:  # fmt: skip
    """The position, as int64, of the maximum of every window of the last two dims.

    It counts the elements of these dims in row-major order. Of elements that tie, the first is
    taken, and the first NaN if there is one. The arguments are those of `max_pool2d`.
    """
    return _positions("argmax_pool2d", 2, x, size, stride, padding, dilation, ceil_mode)


def argmax_pool3d(
    x: TensorLike, /, size: Steps, stride: Steps | None = None, padding: Padding = 0,
    dilation: Steps = 1, *, ceil_mode: bool = False,
) -> Tensor:  # fmt: skip
    """The position of the maximum of every window of the last three dims; see `argmax_pool2d`."""
    return _positions("argmax_pool3d", 3, x, size, stride, padding, dilation, ceil_mode)


def take_pooled(x: TensorLike, positions: TensorLike, /, *, rank: int) -> Tensor:
    """The elements of x at positions in its last `rank` dims, as `argmax_pool2d` finds them.

    Its derivative goes to those elements alone, where that of `max_pool2d` is shared by all that
    tie.
    """
    op = "take_pooled"
    graph, node, places = graph_of(op, x, positions), to_node(op, x), to_node(op, positions)
    lead = _lead(op, node, places, rank)
    flat = graph.tensor(reshaped(node, (*lead, product(node.shape[-rank:]))))
    index = graph.tensor(reshaped(places, (*lead, product(places.shape[-rank:]))))
    return graph.tensor(reshaped(take_along_axis(flat, index).node, places.shape))


def max_unpool(x: TensorLike, positions: TensorLike, sizes: ShapeLike, /) -> Tensor:
    """Elements of x put at positions of data that is 0 elsewhere, of these spatial sizes.

    The way back from `argmax_pool2d` and its like: `positions` are of x's shape, and there are as
    many sizes as dims they count. At a position that comes twice the last element stays.
    """
    op = "max_unpool"
    graph, node, places = graph_of(op, x, positions), to_node(op, x), to_node(op, positions)
    whole = as_shape(op, sizes)
    rank = len(whole)
    lead = _lead(op, node, places, rank)
    if node.shape != places.shape:
        fail_shape(op, f"positions {places.type} must be of the shape of {node.type}")
    empty = graph.tensor(filled((*lead, product(whole)), 0, node.dtype))
    count = product(node.shape[-rank:])
    values, index = (graph.tensor(reshaped(part, (*lead, count))) for part in (node, places))
    found = put_along_axis(empty, index, values, axis=-1)
    return graph.tensor(reshaped(found.node, (*lead, *whole)))


def unfold(
    x: TensorLike, /, size: Steps, stride: Steps = 1, padding: Padding = 0, dilation: Steps = 1
) -> Tensor:
    """The windows of images side by side: x [N, C, H, W] gives [N, C*h*w, windows].

    A column holds all elements of one window, by channel and then row by row; windows are in
    row-major order. The arguments are those of `conv2d`.
    """
    op = "unfold"
    graph, (node,) = graph_of(op, x), to_nodes(op, x)
    if len(node.shape) != 4:
        fail_shape(op, f"needs data [N, C, H, W], not {node.type}")
    kernel = as_steps(op, size, "size", 2)
    windows = windows_of(op, node.shape[-2:], kernel, stride, padding, dilation)
    view = ops.permute_dims(elements(node, windows, kernel, 0), axes=(2, 3, 0, 1, 4, 5))
    batch, channels, height, width, *counts = view.shape
    shape = (batch, channels * height * width, product(counts))
    return graph.tensor(reshaped(view, shape))


def _lead(op: str, node: Node, places: Node, rank: int) -> Shape:
    """The dims before the spatial ones."""
    if not 1 <= rank < len(node.shape) + 1 or len(places.shape) != len(node.shape):
        fail_shape(op, f"{places.type} are no positions in {rank} dims of {node.type}")
    return node.shape[: len(node.shape) - rank]


def _positions(
    op: str, rank: int, x: TensorLike, size: Steps, stride: Steps | None, padding: Padding,
    dilation: Steps, ceil_mode: bool,
) -> Tensor:  # fmt: skip
    graph, node = graph_of(op, x), to_node(op, x)
    kernel, windows = pooled(op, rank, node, size, stride, padding, dilation)
    if ceil_mode:
        windows = completed(op, windows, node.shape[-rank:], kernel)
    view = elements(node, windows, kernel, least(node.dtype))
    spatial = view.shape[rank:]
    row = graph.tensor(reshaped(view, (product(kernel), *spatial)))
    places = reductions.argmax(row, 0).node
    return graph.tensor(_in_data(places, windows, kernel, node.shape[-rank:]))


def _in_data(places: Node, windows: Windows, kernel: tuple[int, ...], sizes: Shape) -> Node:
    """Positions in windows as positions in the data."""
    rank, total = len(kernel), None
    first = len(places.shape) - rank
    for k in range(rank):
        inside = _times(
            ops.remainder(
                ops.floor_divide(places, _filled(places, product(kernel[k + 1 :]))),
                _filled(places, kernel[k]),
            ),
            windows.dilations[k],
        )
        window = _times(
            ops.iota(shape=places.shape, axis=first + k, dtype=int64), windows.strides[k]
        )
        moved = ops.sub(ops.add(window, inside), _filled(places, windows.low[k]))
        scaled = ops.mul(moved, _filled(places, product(sizes[k + 1 :])))
        total = scaled if total is None else ops.add(total, scaled)
    assert total is not None
    return total


def _times(node: Node, factor: int) -> Node:
    return ops.mul(node, _filled(node, factor))


def _filled(node: Node, size: Size) -> Node:
    return fitted(size_node(size), node.shape)
