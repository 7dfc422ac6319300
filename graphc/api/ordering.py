"""Sorting."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphc.api.broadcasting import fitted
from graphc.api.operands import TensorLike, graph_of, to_node
from graphc.api.shapes import as_axis, size_node
from graphc.ops import ops

if TYPE_CHECKING:
    from graphc.api.tensor import Tensor


def sort(
    x: TensorLike, /, *, axis: int = -1, descending: bool = False, stable: bool = True
) -> Tensor:
    """The elements in order along an axis. NaN counts as the greatest.

    It is always stable, which `stable=False` allows.
    """
    graph, node = graph_of("sort", x), to_node("sort", x)
    along = as_axis("sort", axis, len(node.shape))
    ascending = ops.sort(node, axis=along)
    return graph.tensor(ops.flip(ascending, axes=(along,)) if descending else ascending)


def argsort(
    x: TensorLike, /, *, axis: int = -1, descending: bool = False, stable: bool = True
) -> Tensor:
    """The positions, as int64, that put the elements in order along an axis.

    NaN counts as the greatest. Equal elements keep their order, in both directions.
    """
    graph, node = graph_of("argsort", x), to_node("argsort", x)
    along = as_axis("argsort", axis, len(node.shape))
    if not descending:
        return graph.tensor(ops.argsort(node, axis=along))
    # Of the elements in reverse, so that equal ones come back in their order.
    order = ops.argsort(ops.flip(node, axes=(along,)), axis=along)
    last = fitted(size_node(node.shape[along] - 1), node.shape)
    return graph.tensor(ops.flip(ops.sub(last, order), axes=(along,)))
