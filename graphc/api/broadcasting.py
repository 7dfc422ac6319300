"""Operands brought to one shape, by `broadcast_to` nodes that stand in the graph.

Only a literal 1 and a missing leading dim are repeated. A dim that is known when fed and meets
another one must be equal to it: the node that relies on it carries the guard.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from graphc.api.blame import fail_attribute, fail_shape
from graphc.api.operands import TensorLike, graph_of, to_node, to_nodes
from graphc.api.shapes import ShapeLike, as_shape
from graphc.ir.dims import Size, unify
from graphc.ir.node import Node
from graphc.ir.types import Shape
from graphc.ops import ops

if TYPE_CHECKING:
    from graphc.api.tensor import Tensor


def common_shape(op: str, shapes: Sequence[Shape]) -> Shape:
    """The shape to which all of them broadcast; ShapeError if there is none."""
    first, *others = shapes
    if all(shape == first for shape in others):
        return first
    rank = max(map(len, shapes))
    return tuple(_common_dim(op, shapes, axis - rank) for axis in range(rank))


def broadcast_nodes(op: str, nodes: Sequence[Node]) -> list[Node]:
    """The nodes, each repeated to the shape they have in common."""
    shape = common_shape(op, [node.shape for node in nodes])
    return [fitted(node, shape) for node in nodes]


def fitted(node: Node, shape: Shape) -> Node:
    """The node under a shape to which it broadcasts; itself if it has that shape."""
    return node if node.shape == shape else ops.broadcast_to(node, shape=shape)


def repeated_to(op: str, node: Node, shape: Shape) -> Node:
    """The node repeated to a shape; ShapeError if it does not broadcast to that."""
    common_shape(op, [node.shape, shape])
    extra = len(shape) - len(node.shape)
    if extra < 0 or any(a != 1 == b for a, b in zip(node.shape, shape[extra:], strict=True)):
        fail_shape(op, f"shape {shape_text(node.shape)} does not fit {shape_text(shape)}")
    return fitted(node, shape)


def same_operands(op: str, *operands: TensorLike) -> list[Node]:
    """Nodes of one dtype and one shape for the operands of an elementwise function."""
    return broadcast_nodes(op, to_nodes(op, *operands))


def broadcast_to(x: TensorLike, /, shape: ShapeLike) -> Tensor:
    """The elements repeated along missing leading dims and dims of size 1 to fill the shape.

    ShapeError if a dim of x is neither 1 nor the wanted size.
    """
    op = "broadcast_to"
    return graph_of(op, x).tensor(repeated_to(op, to_node(op, x), as_shape(op, shape)))


def broadcast_arrays(*arrays: TensorLike) -> list[Tensor]:
    """All the arrays, repeated to the shape they have in common; each keeps its dtype."""
    graph = graph_of("broadcast_arrays", *arrays)
    nodes = [to_node("broadcast_arrays", array) for array in arrays]
    return [graph.tensor(node) for node in broadcast_nodes("broadcast_arrays", nodes)]


def meshgrid(*arrays: TensorLike, indexing: Literal["xy", "ij"] = "xy") -> list[Tensor]:
    """The coordinates of all points of a grid, a tensor for each vector along its axes.

    With "ij" the k-th vector lies along axis k; with "xy" the first lies along columns, axis 1, and
    the second along rows.
    """
    op = "meshgrid"
    if indexing not in ("xy", "ij"):
        fail_attribute(op, f"indexing must be 'xy' or 'ij', not {indexing!r}")
    graph, nodes = graph_of(op, *arrays), [to_node(op, array) for array in arrays]
    for node in nodes:
        if len(node.shape) != 1:
            fail_shape(op, f"needs vectors, not {node.type}")
    axes = list(range(len(nodes)))
    if indexing == "xy" and len(nodes) > 1:
        axes[:2] = [1, 0]
    shape: Shape = tuple(nodes[axes.index(k)].shape[0] for k in range(len(nodes)))
    columns = [
        ops.reshape(node, shape=(*node.shape, *(1,) * (len(nodes) - axis - 1)))
        for node, axis in zip(nodes, axes, strict=True)
    ]
    return [graph.tensor(fitted(column, shape)) for column in columns]


def _common_dim(op: str, shapes: Sequence[Shape], axis: int) -> Size:
    """The dim at an axis counted from the end."""
    total: Size = 1
    for shape in shapes:
        if len(shape) < -axis or shape[axis] == 1:
            continue
        found = (shape[axis], None) if total == 1 else unify(total, shape[axis])
        if found is None:
            texts = " and ".join(shape_text(shape) for shape in shapes)
            fail_shape(op, f"shapes {texts} do not broadcast: {total} is not {shape[axis]}")
        total = found[0]
    return total


def shape_text(shape: Shape) -> str:
    """The shape as messages show it."""
    return f"[{', '.join(map(str, shape))}]"
