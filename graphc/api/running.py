"""Running combinations along an axis, each element included, beyond sums and products."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from graphc.api import elementwise as el
from graphc.api.blame import fail_shape
from graphc.api.formulas import logaddexp
from graphc.api.gathering import take_along_axis
from graphc.api.joining import pad
from graphc.api.manipulation import sliced
from graphc.api.matrices import check_float
from graphc.api.operands import TensorLike, graph_of, to_node
from graphc.api.ordering import argsort
from graphc.api.shapes import as_axis
from graphc.ir.dims import Dim
from graphc.ops import ops

if TYPE_CHECKING:
    from graphc.api.tensor import Tensor


def cumulative_max(x: TensorLike, /, *, axis: int | None = None) -> Tensor:
    """Running maximum along an axis, NaN from the first one on.

    The axis may be left out of one dim. The derivative goes to the last of elements that tie.
    """
    return _running("cumulative_max", x, axis, is_least=False)[0]


def cumulative_min(x: TensorLike, /, *, axis: int | None = None) -> Tensor:
    """Running minimum along an axis, NaN from the first one on; see `cumulative_max`."""
    return _running("cumulative_min", x, axis, is_least=True)[0]


def cumulative_argmax(x: TensorLike, /, *, axis: int | None = None) -> Tensor:
    """Position, as int64, of the running maximum along an axis: the last of those that tie."""
    return _running("cumulative_argmax", x, axis, is_least=False)[1]


def cumulative_argmin(x: TensorLike, /, *, axis: int | None = None) -> Tensor:
    """Position, as int64, of the running minimum along an axis; see `cumulative_argmax`."""
    return _running("cumulative_argmin", x, axis, is_least=True)[1]


def _running(op: str, x: TensorLike, axis: int | None, *, is_least: bool) -> tuple[Tensor, Tensor]:
    """The running extreme and its position: that of the highest rank so far.

    Ranks come from a stable sort, so they tell NaN, which comes last, and the later of equals.
    """
    graph, node = graph_of(op, x), to_node(op, x)
    along = _axis(op, axis, len(node.shape))
    keys = graph.tensor(node)
    if is_least:
        keys = -keys if node.dtype.is_float else el.bitwise_invert(keys)
    order = argsort(keys, axis=along)
    ranks = argsort(order, axis=along)
    highest = graph.tensor(ops.cummax(ranks.node, axis=along))
    places = take_along_axis(order, highest, axis=along)
    return take_along_axis(graph.tensor(node), places, axis=along), places


def cumulative_logsumexp(x: TensorLike, /, *, axis: int | None = None) -> Tensor:
    """log(sum(exp(x))) of all elements up to each along an axis, of a size that is known.

    No part of it overflows, or is lost beside larger ones that come later. Sums are of pairs of
    pairs, so it takes log2(n) steps for n elements.
    """
    op = "cumulative_logsumexp"
    graph, node = graph_of(op, x), to_node(op, x)
    check_float(op, node)
    along = _axis(op, axis, len(node.shape))
    size = node.shape[along]
    if isinstance(size, Dim):
        fail_shape(op, f"needs a known size along axis {along} of {node.type}")
    total, step = graph.tensor(node), 1
    while step < size:
        earlier = graph.tensor(sliced(total.node, along, 0, size - step))
        widths = [(step if k == along else 0, 0) for k in range(len(node.shape))]
        total = logaddexp(total, pad(earlier, widths, -math.inf))
        step *= 2
    return total


def _axis(op: str, axis: int | None, rank: int) -> int:
    if axis is None and rank != 1:
        fail_shape(op, f"needs an axis for a tensor of {rank} dims")
    return as_axis(op, 0 if axis is None else axis, rank)
