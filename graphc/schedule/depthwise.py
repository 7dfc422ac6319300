"""The derivative of a depthwise convolution by its weights, as sums of elementwise products.

Each channel has one number for each place of a window, summed over the whole batch: too few
results for a tile's rows or columns. As a sum over positions it runs along rows of the data, many
elements at a time. With a stride data would be read a few elements apart, and short rows go
several to a vector, each element under a condition of its own: then a product takes less time.
"""

from __future__ import annotations

from graphc.ir.node import Node
from graphc.ops import ops
from graphc.ops.algebra import mul
from graphc.ops.pooling import elements
from graphc.ops.windows import Windows

#: Elements from which on a row fills vectors by itself.
LONG = 17


def is_depthwise(node: Node) -> bool:
    """Whether a node is such a derivative, without strides and over long rows."""
    if node.op is not ops.convolution_weights or not node.dtype.is_float:
        return False
    rank = Windows.of(node).rank
    channels, along = node.shape[-rank - 2 : -rank], node.inputs[1].shape[-1]
    is_long = not isinstance(along, int) or along >= LONG
    return channels == (1, 1) and is_long and set(Windows.of(node).strides) == {1}


def in_sums(node: Node) -> Node:
    """Such a node written out."""
    data, cotangents = node.inputs
    windows = Windows.of(node)
    rank, kernel = windows.rank, node.shape[-windows.rank :]
    view = elements(data, windows, kernel, 0)
    parts = mul(view, ops.broadcast_to(cotangents, shape=view.shape))
    last = len(view.shape)
    total = ops.sum(parts, axes=(rank, *range(last - rank, last)))
    groups = len(total.shape) - rank
    order = (*range(rank, rank + groups), *range(rank))
    return ops.reshape(ops.permute_dims(total, axes=order), shape=node.shape)
