"""Squared distances from a mean, where one pass over memory is to be enough.

Over trailing axes alone a row is read twice, but from the cache. Else the elements are taken in
parts, each with a number k of its own near its elements: with s and q the sums of x - k and of
their squares over the m elements of a part, the squared distances from the part's mean add up to
q - s*s/m, and that mean lies k - mean + s/m from the mean of all. Parts are put together as

    sum of (q - s*s/m) + m*(k - mean + s/m)**2

(after Chan, Golub and LeVeque, "Algorithms for computing the sample variance", 1983). A part is
a row, with its rounded mean as k, or a block of rows, with its first row. In a block k is one
of the samples, so q is at most m + 1 times the difference, and the subtraction costs few bits,
however far from 0 the numbers lie.
"""

from __future__ import annotations

import numpy as np

from graphc.ir import dims
from graphc.ir.dims import Size
from graphc.ir.dtypes import DType, int64
from graphc.ir.lowering import Composite
from graphc.ir.node import Node
from graphc.ir.types import Shape
from graphc.ops import ops
from graphc.ops.algebra import add, div, mul, square, sub, where
from graphc.ops.declaring import scalar_like
from graphc.ops.reductions import centred, mean_over, spread
from graphc.schedule.blocks import (
    BLOCK,
    FIRST,
    block_reduce,
    block_shift,
    blocks_of,
    row_axes,
)

Axes = tuple[int, ...]


def written_out(node: Node) -> Node:
    """The ops that compute a composite op."""
    if node.op is ops.squared_deviations:
        return _deviations(node.inputs[0], tuple(sorted(node.attrs["axes"])))
    assert isinstance(node.op.lowering, Composite)
    return node.op.lowering.written_out(node)


def _deviations(x: Node, axes: Axes) -> Node:
    rank = len(x.shape)
    inner = row_axes(rank, axes)
    outer = axes[: len(axes) - len(inner)]
    if inner and outer:
        return _by_rows(x, inner, outer)
    if axes == tuple(range(len(axes))) and 0 < len(axes) < rank and _is_long(_number(x, axes)):
        return _by_blocks(x, axes)
    return ops.sum(square(centred(x, axes)), axes=axes)


def _is_long(rows: Size) -> bool:
    return not isinstance(rows, int) or rows > BLOCK


def _by_rows(x: Node, inner: Axes, outer: Axes) -> Node:
    """Distances within rows from k, the rounded mean of the row."""
    k, near = mean_over(x, inner), centred(x, inner)
    s, q = ops.sum(near, axes=inner), ops.sum(square(near), axes=inner)
    count = _counted(_number(x, inner), s)
    mean = spread(mean_over(k, outer), k, outer)
    return _put_together(mean, (k, s, q, count), outer, _number(x, (*outer, *inner)))


def _put_together(
    mean: Node, parts: tuple[Node, Node, Node, Node], axes: Axes, number: Size
) -> Node:
    """Squared distances from the mean of all, of parts (k, s, q, m) that lie along axes.

    The distances themselves would add up to 0, had the mean not been rounded: the square of what
    they do add up to is taken off. Squares that overflow leave an infinite q, and q - s*s/m would
    be NaN.
    """
    k, s, q, rows = parts
    beyond = div(s, rows)
    overflows = ops.logical_and(ops.isinf(q), ops.isfinite(s))
    within = ops.where(overflows, q, sub(q, mul(beyond, s)))
    away = add(sub(k, mean), beyond)
    holds_any = ops.gt(rows, scalar_like(rows, 0))  # the mean of none is NaN
    total = ops.sum(where(holds_any, add(within, mul(rows, square(away))), 0), axes=axes)
    drift = ops.sum(where(holds_any, mul(rows, away), 0), axes=axes)
    rounded = mul(drift, div(drift, _counted(number, drift)))
    corrected = ops.maximum(sub(total, rounded), scalar_like(total, 0))
    return ops.where(ops.isfinite(rounded), corrected, total)


def _number(x: Node, axes: Axes) -> Size:
    return dims.product(x.shape[axis] for axis in axes)


def _counted(count: Size, like: Node) -> Node:
    """A size as numbers of a node's type."""
    if isinstance(count, int):
        return scalar_like(like, count)
    number = ops.astype(ops.size(dim=(count,)), dtype=like.dtype)
    return ops.broadcast_to(number, shape=like.shape) if like.shape else number


def _by_blocks(x: Node, axes: Axes) -> Node:
    """Distances within blocks from a sample, put together about the mean."""
    count = len(axes)
    first = block_reduce(x, combiner=FIRST, count=count)
    shifted = block_shift(x, first, count=count)
    s = block_reduce(shifted, combiner="sum", count=count)
    q = block_reduce(square(shifted), combiner="sum", count=count)
    rows = _rows_of_blocks(_number(x, axes), s.shape, x.dtype)
    mean = ops.broadcast_to(mean_over(x, axes), shape=s.shape)
    return _put_together(mean, (first, s, q, rows), (0,), _number(x, axes))


def _rows_of_blocks(rows: Size, shape: Shape, dtype: DType) -> Node:
    """For each block the number of its rows: BLOCK, but for the last one."""
    full = ops.constant(value=np.asarray(BLOCK, dtype.numpy))
    if isinstance(rows, int) and rows % BLOCK == 0:
        return ops.broadcast_to(full, shape=shape)
    blocks = blocks_of(rows, BLOCK)
    number = ops.iota(shape=(blocks,), axis=0, dtype=int64)
    start = mul(number, BLOCK)
    total = ops.broadcast_to(ops.size(dim=(rows,)), shape=(blocks,))
    left = ops.minimum(sub(total, start), scalar_like(number, BLOCK))
    column = ops.reshape(ops.astype(left, dtype=dtype), shape=(blocks, *(1 for _ in shape[1:])))
    return ops.broadcast_to(column, shape=shape)
