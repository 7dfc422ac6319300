"""Depthwise convolutions without a product, which would have a single row.

The result, and the derivative by data, are chains of multiply-adds over the places of a window, in
the order of a product and begun at 0 as it is, so the bits are a product's. They have kernels of
their own (`chains.py`).

In the derivative by weights a channel has one number for each place of a window, summed over the
whole batch: too few for a tile's rows or columns. Each is a sum over positions, and those of
all places read the same rows of data and cotangents while they are in the cache.

Of windows of more than nine places the derivative by weights stays a product if there is a stride,
or if rows are short.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from graphc.ir import dims
from graphc.ir.dims import Size
from graphc.ir.lowering import Piece, Read, Reduce
from graphc.ir.node import Node
from graphc.ir.opdef import OpDef
from graphc.ir.scalar import Expr, Index
from graphc.ir.types import Shape, TensorType
from graphc.ops import ops
from graphc.ops.algebra import mul
from graphc.ops.pooling import MOST, at_place
from graphc.ops.windows import Windows, places
from graphc.schedule.products.parts import LATE, never

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
    """Whether a node is a depthwise convolution, or its derivative by data, of usual windows."""
    if node.op not in (ops.convolution, ops.convolution_input) or not node.dtype.is_float:
        return False
    rank, shape = Windows.of(node).rank, node.inputs[1].shape
    return shape[-rank - 2 : -rank] == (1, 1) and 0 < _count(shape[-rank:]) <= MANY


def in_chain(node: Node) -> Node:
    """Such a node as chains, which its kernel makes."""
    rank = Windows.of(node).rank
    type_ = TensorType(node.dtype, (*node.shape[: -rank - 1], *node.shape[-rank:]))
    made = Node(_chain_of(node.op), node.inputs, node.attrs, type_, None, node.location)
    return ops.reshape(made, shape=node.shape)


def is_in_place(node: Node) -> bool:
    """Whether a node is a chain that its kernel makes, without the dim of channels."""
    return node.op in map(_chain_of, (ops.convolution, ops.convolution_input))


@cache
def _chain_of(op: OpDef) -> OpDef:
    """The op without the dim of channels."""
    rule = op.lowering
    assert isinstance(rule, Reduce)

    def whole(node: Node) -> Node:
        shape = _with_channel(node, node.shape, 1)
        return Node(op, node.inputs, node.attrs, TensorType(node.dtype, shape))

    def operands(node: Node, index: Index, inner: Index, read: Read) -> tuple[Expr, ...]:
        return rule.operands(whole(node), _with_channel(node, index, 0), inner, read)

    def pieces(node: Node) -> tuple[Piece, ...]:
        found = rule.pieces(whole(node)) if rule.pieces else ()
        return tuple(_without_channel(node, piece) for piece in found)

    return replace(
        op, name=f"{op.name}_chain", reference=never, vjp=LATE, jvp=LATE,
        lowering=replace(
            rule, extents=lambda node: rule.extents(whole(node)), operands=operands, pieces=pieces
        ),
    )  # fmt: skip


def _with_channel(node: Node, index: Index, channel: Size) -> Index:
    rank = Windows.of(node).rank
    return (*index[:-rank], channel, *index[-rank:])


def _without_channel(node: Node, piece: Piece) -> Piece:
    rank = Windows.of(node).rank

    def at(turn: Index, index: Index) -> Index:
        found = piece.at(turn, _with_channel(node, index, 0))
        return (*found[: -rank - 1], *found[-rank:])

    return Piece(
        piece.turns,
        (*piece.shape[: -rank - 1], *piece.shape[-rank:]),
        at,
        lambda index: piece.extents(_with_channel(node, index, 0)),
        lambda turn, index, inner, read: piece.operands(
            turn, _with_channel(node, index, 0), inner, read
        ),
    )


def _count(kernel: Shape) -> int:
    """How many places a window has; more than `MANY` if that is unknown."""
    count = dims.product(kernel)
    return count if isinstance(count, int) else MANY + 1
