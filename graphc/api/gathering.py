"""Functions that read and add at positions which the program computes.

Negative positions count from the end. A position outside its axis is an error: at once where it
is known, else at run time, and it names the function's line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from graphc.api.blame import fail_dtype, fail_shape
from graphc.api.broadcasting import common_shape, fitted, repeated_to
from graphc.api.operands import Array, TensorLike, graph_of, to_array, to_node, to_nodes
from graphc.api.shapes import DimLike, as_axis, as_dim, to_dtype
from graphc.api.value import Value
from graphc.errors import OutOfRangeError
from graphc.ir.dims import Size
from graphc.ir.dtypes import float32, int64
from graphc.ir.location import capture
from graphc.ir.node import Node
from graphc.ir.types import Shape
from graphc.ops import ops

if TYPE_CHECKING:
    from graphc.api.tensor import Tensor


def take(x: TensorLike, indices: TensorLike, /, *, axis: int | None = None) -> Tensor:
    """The slices of x at integer positions along an axis.

    The dims of `indices` stand in the result in place of the axis, which may be left out for x of
    one dim.
    """
    graph, node = graph_of("take", x, indices), to_node("take", x)
    if axis is None and len(node.shape) != 1:
        fail_shape("take", f"needs an axis for a tensor of {len(node.shape)} dims")
    along = as_axis("take", 0 if axis is None else axis, len(node.shape))
    index = index_node("take", indices)
    check_known(index, node, along, "take")
    return graph.tensor(ops.gather(node, index, axes=(along,), position=along))


def take_along_axis(x: TensorLike, indices: TensorLike, /, *, axis: int = -1) -> Tensor:
    """The elements of x at positions along an axis that differ from row to row.

    `indices` has as many dims as x; those other than the axis broadcast with x's.
    """
    op = "take_along_axis"
    graph, node = graph_of(op, x, indices), to_node(op, x)
    index, along = index_node(op, indices), as_axis(op, axis, len(node.shape))
    if len(index.shape) != len(node.shape):
        fail_shape(op, f"needs as many dims in both, not {node.type} and {index.type}")
    check_known(index, node, along, op)
    node, index = _aligned(op, node, index, along)
    places = [
        index if k == along else ops.iota(shape=index.shape, axis=k, dtype=int64)
        for k in range(len(node.shape))
    ]
    return graph.tensor(ops.gather(node, *places, axes=tuple(range(len(places))), position=0))


def one_hot(indices: TensorLike, depth: DimLike, /, *, dtype: object = float32) -> Tensor:
    """For each position, in a new last dim of size `depth`, 1 there and 0 elsewhere.

    A position outside 0..depth-1 gives zeros only.
    """
    index, size = index_node("one_hot", indices), as_dim("one_hot", depth)
    result = ops.one_hot(index, depth=(size,), dtype=to_dtype("one_hot", dtype))
    return graph_of("one_hot", indices).tensor(result)


def scatter_add(
    x: TensorLike, indices: TensorLike, updates: TensorLike, /, *, axis: int = 0
) -> Tensor:
    """x with the updates added at integer positions along an axis; repeated positions add up.

    `updates` broadcasts to the shape of `take(x, indices, axis=axis)` and promotes with x.
    """
    op = "scatter_add"
    graph = graph_of(op, x, indices, updates)
    node, added = to_nodes(op, x, updates)
    along, index = as_axis(op, axis, len(node.shape)), index_node(op, indices)
    check_known(index, node, along, op)
    shape = node.shape[:along] + index.shape + node.shape[along + 1 :]
    added = repeated_to(op, added, shape)
    return graph.tensor(ops.scatter_add(node, index, added, axes=(along,), position=along))


def index_node(op: str, indices: object) -> Node:
    """Integer positions as a node; ShapeError for a mask, DTypeError for floats."""
    if isinstance(indices, Value):
        node = indices.node
    else:
        node = ops.constant(value=_index_array(op, indices))
    if node.dtype.is_bool:
        fail_shape(
            op, "a mask picks a number of elements that depends on the data; use gc.where instead"
        )
    if not node.dtype.is_integer:
        fail_dtype(op, f"positions must be integers, not {node.dtype.name}")
    return node


def _index_array(op: str, indices: object) -> Array:
    if isinstance(indices, list | tuple) and np.size(indices) == 0:  # NumPy's default is float64
        return np.zeros(np.shape(indices), np.int64)
    return to_array(op, indices)


def check_known(index: Node, source: Node, axis: int, op: str) -> None:
    """OutOfRangeError if an index and the size are both known and do not fit."""
    size = source.shape[axis]
    if index.op.name != "constant" or not isinstance(size, int):
        return
    array = index.attrs["value"]
    bad = array[(array < -size) | (array >= size)]
    if bad.size:
        raise OutOfRangeError(
            f"index {int(bad.flat[0])} is out of range for axis {axis} of {source.type}",
            op=op,
            location=capture(),
        )


def _aligned(op: str, node: Node, index: Node, axis: int) -> tuple[Node, Node]:
    """Both repeated to the dims they have in common, but for those at the axis."""
    common = common_shape(op, [_with(side.shape, axis, 1) for side in (node, index)])
    source = fitted(node, _with(common, axis, node.shape[axis]))
    return source, fitted(index, _with(common, axis, index.shape[axis]))


def _with(shape: Shape, axis: int, size: Size) -> Shape:
    return (*shape[:axis], size, *shape[axis + 1 :])
