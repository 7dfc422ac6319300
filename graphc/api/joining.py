"""Functions that put tensors together, take them apart, or surround them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import sub
from typing import TYPE_CHECKING, Literal

from graphc.api.blame import fail_attribute, fail_shape
from graphc.api.broadcasting import fitted
from graphc.api.manipulation import reshaped, sliced
from graphc.api.operands import TensorLike, graph_of, to_array, to_node, to_nodes
from graphc.api.shapes import DimLike, as_axis, as_dim, as_int, as_list, is_several, size_node
from graphc.ir.dims import Dim, Size, floordiv, product
from graphc.ir.dtypes import int64
from graphc.ir.node import Node
from graphc.ops import ops

if TYPE_CHECKING:
    from graphc.api.tensor import Tensor


def concat(arrays: Sequence[TensorLike], /, *, axis: int | None = 0) -> Tensor:
    """Tensors one after another along an axis, or for None their elements in one dim.

    Dtypes promote; the other dims must be equal.
    """
    graph, nodes = graph_of("concat", *arrays), _all_nodes("concat", arrays)
    if axis is None:
        nodes, axis = [reshaped(node, (product(node.shape),)) for node in nodes], 0
    along = as_axis("concat", axis, len(nodes[0].shape))
    return graph.tensor(nodes[0] if len(nodes) == 1 else ops.concat(*nodes, axis=along))


def stack(arrays: Sequence[TensorLike], /, *, axis: int = 0) -> Tensor:
    """Tensors of one shape put together along a new axis."""
    graph, nodes = graph_of("stack", *arrays), _all_nodes("stack", arrays)
    rank = len(nodes[0].shape)
    for node in nodes:
        if len(node.shape) != rank:
            fail_shape("stack", f"{nodes[0].type} and {node.type} have not as many dims")
    along = as_axis("stack", axis, rank + 1)
    rows = [reshaped(node, (*node.shape[:along], 1, *node.shape[along:])) for node in nodes]
    return graph.tensor(rows[0] if len(rows) == 1 else ops.concat(*rows, axis=along))


def unstack(x: TensorLike, /, *, axis: int = 0) -> list[Tensor]:
    """The slices along an axis, which must have a size that is known, without that axis."""
    graph, node = graph_of("unstack", x), to_node("unstack", x)
    along = as_axis("unstack", axis, len(node.shape))
    size = node.shape[along]
    if isinstance(size, Dim):
        fail_shape("unstack", f"the number of slices, {size}, is known only when fed")
    shape = node.shape[:along] + node.shape[along + 1 :]
    return [graph.tensor(reshaped(sliced(node, along, k, 1), shape)) for k in range(size)]


def split(x: TensorLike, parts: int | Sequence[DimLike], /, *, axis: int = 0) -> list[Tensor]:
    """The tensor cut along an axis into so many equal parts, or into parts of the given sizes.

    One of several sizes may be -1: it takes what is left.
    """
    graph, node = graph_of("split", x), to_node("split", x)
    along = as_axis("split", axis, len(node.shape))
    if is_several(parts):
        sizes = _part_sizes(node.shape[along], [as_dim("split", size) for size in parts])
        return [graph.tensor(part) for part in _cut(node, along, sizes)]
    count = as_int("split", parts, "parts")
    if count < 1:
        fail_attribute("split", f"cannot cut into {count} parts")
    return [graph.tensor(part) for part in _equal_parts(node, along, count)]


def _equal_parts(node: Node, axis: int, count: int) -> list[Node]:
    size = node.shape[axis]
    part = floordiv(size, count)
    if part * count == size:
        return _cut(node, axis, [part] * count)
    if not isinstance(size, Dim):
        fail_shape("split", f"axis {axis} of {node.type} does not divide into {count} equal parts")
    # The reshape carries the guard that the parts are equal.
    lead, rest = node.shape[:axis], node.shape[axis + 1 :]
    rows = ops.reshape(node, shape=(*lead, count, part, *rest))
    return [reshaped(sliced(rows, axis, k, 1), (*lead, part, *rest)) for k in range(count)]


def _cut(node: Node, axis: int, sizes: list[Size]) -> list[Node]:
    starts: list[Size] = [0]
    for size in sizes:
        starts.append(starts[-1] + size)
    return [sliced(node, axis, start, size) for start, size in zip(starts, sizes, strict=False)]


def _part_sizes(whole: Size, sizes: list[Size]) -> list[Size]:
    """Sizes that add up to the whole, with -1 replaced by what is left."""
    if sizes.count(-1) == 1:
        rest = reduce(sub, (size for size in sizes if size != -1), whole)
        sizes = [rest if size == -1 else size for size in sizes]
    total: Size = 0
    for size in sizes:
        if isinstance(size, int) and size < 0:
            fail_shape("split", f"sizes {sizes} do not fit {whole}")
        total = total + size
    if total != whole:
        fail_shape("split", f"sizes {sizes} add up to {total}, not to {whole}")
    return sizes


def pad(
    x: TensorLike, widths: int | Sequence[int] | Sequence[Sequence[int]], /, value: float = 0, *,
    mode: Literal["constant", "edge", "reflect", "wrap"] = "constant",
) -> Tensor:  # fmt: skip
    """The tensor with more elements before and after it along each axis.

    `widths` is one number for all sides, a pair (before, after) for all axes, or a pair for each.
    The elements that are added are of one value or, by `mode`, "edge": the last element again;
    "reflect": those before it, mirrored at it; "wrap": those from the other end.
    """
    graph, node = graph_of("pad", x), to_node("pad", x)
    pairs = _width_pairs(widths, len(node.shape))
    if mode != "constant":
        for axis, widths_of_axis in enumerate(pairs):
            node = _continued(node, axis, *widths_of_axis, mode)
        return graph.tensor(node)
    low, high = tuple(pair[0] for pair in pairs), tuple(pair[1] for pair in pairs)
    if not any(low) and not any(high):
        return graph.tensor(node)
    filler = float(to_array("pad", value, node.dtype))
    return graph.tensor(ops.pad(node, low=low, high=high, value=filler))


def _continued(node: Node, axis: int, low: int, high: int, mode: str) -> Node:
    """More elements along an axis, each read at the position that it continues."""
    if mode not in ("edge", "reflect", "wrap"):
        fail_attribute("pad", f"mode must be 'constant', 'edge', 'reflect' or 'wrap', not {mode!r}")
    size = node.shape[axis]
    if not low and not high:
        return node
    if min(low, high) < 0:
        fail_attribute("pad", f"cannot pad by {min(low, high)}; slice instead")
    if size == 0:
        fail_shape("pad", f"axis {axis} of {node.type} has no elements to continue")
    count = (low + size + high,)
    place = ops.sub(ops.iota(shape=count, axis=0, dtype=int64), fitted(size_node(low), count))
    last = fitted(size_node(size - 1), count)
    if mode == "edge":
        place = ops.minimum(ops.maximum(place, fitted(size_node(0), count)), last)
    elif mode == "wrap":
        place = ops.remainder(place, fitted(size_node(size), count))
    else:
        period = ops.maximum(ops.add(last, last), fitted(size_node(1), count))
        turn = ops.remainder(place, period)
        place = ops.minimum(turn, ops.sub(period, turn))
        place = ops.minimum(place, last)
    return ops.gather(node, place, axes=(axis,), position=axis)


def _width_pairs(widths: object, rank: int) -> list[tuple[int, int]]:
    parts = as_list(widths)
    if not is_several(widths):
        parts = [(widths, widths)] * rank
    elif len(parts) == 2 and not any(map(is_several, parts)):
        parts = [parts] * rank
    if len(parts) != rank or not all(is_several(pair) and len(pair) == 2 for pair in parts):
        fail_attribute("pad", f"{widths!r} does not give a pair of widths for each of {rank} dims")
    return [(as_int("pad", low, "a width"), as_int("pad", high, "a width")) for low, high in parts]


def _all_nodes(op: str, arrays: Sequence[TensorLike]) -> list[Node]:
    if not is_several(arrays) or not arrays:
        fail_attribute(op, "takes a list of one or more tensors")
    return to_nodes(op, *arrays)
