"""Depthwise convolutions without a product, which would have a single row.

The result, and the derivative by data, are chains of multiply-adds over the places of a window, in
the order of a product and begun at 0 as it is, so the bits are a product's. They have kernels of
their own (`chains.py`).

In the derivative by weights a channel has one number for each place of a window, summed over the
whole batch: too few for a tile's rows or columns. A kernel has the sums of all places
(`place_sums.py`), which read the same rows of data and cotangents while they are in registers.
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
from graphc.ops.windows import Windows
from graphc.schedule.products.parts import LATE, PARTS, cut, never

#: Places of a window at most.
MANY = 49

#: What the sums for all places are called, and how many channels, or parts of their sums, there
#: should be at least.
SUMS, FEWEST = "convolution_weights_sums", 64

#: More parts than there are pictures.
EVERY = 1 << 30


def is_depthwise(node: Node) -> bool:
    """Whether a node is a derivative by the weights of usual windows."""
    if node.op is not ops.convolution_weights or not node.dtype.is_float:
        return False
    rank, shape = Windows.of(node).rank, node.shape
    return shape[-rank - 2 : -rank] == (1, 1) and 0 < _count(shape[-rank:]) <= MANY


def in_sums(node: Node) -> Node:
    """Such a node as sums for all places, or for parts of them, which its kernel makes."""
    rank = Windows.of(node).rank
    type_ = TensorType(node.dtype, (*node.shape[: -rank - 2], *node.shape[-rank:]))
    made = Node(_sums_of(node.op), node.inputs, node.attrs, type_, None, node.location)
    most, axis = _parts(node, rank)
    return ops.reshape(cut(made, most, 1, axis), shape=node.shape)


def _parts(node: Node, rank: int) -> tuple[int, int]:
    """Into how many parts at most the sums are cut, and along the batch (0) or lines (1).

    Pictures have one each, so that memory is gone through in its order, unless the parts would
    take a fourth of what is read.
    """
    channels, (batch, *_) = dims.product(node.shape[: -rank - 2]), node.inputs[1].shape
    plane = dims.product(node.inputs[1].shape[-rank:])
    few = -(-FEWEST // max(1, channels)) if isinstance(channels, int) else 1
    is_small = isinstance(plane, int) and plane < 4 * _count(node.shape[-rank:])
    if not isinstance(batch, int):
        return (min(few, PARTS) if is_small else EVERY), 0
    if batch >= few and not is_small:
        return batch, 0
    return min(few, PARTS), 0 if batch >= PARTS else 1


def is_summed(node: Node) -> bool:
    """Whether a node is sums for all places of windows, or parts of them, that a kernel makes."""
    return node.op.name.startswith(SUMS)


@cache
def _sums_of(op: OpDef) -> OpDef:
    """The op without the dims of outputs and channels."""
    rule = op.lowering
    assert isinstance(rule, Reduce)

    def operands(node: Node, index: Index, inner: Index, read: Read) -> tuple[Expr, ...]:
        rank = Windows.of(node).rank
        return rule.operands(node, (*index[:-rank], 0, 0, *index[-rank:]), inner, read)

    return replace(
        op, name=SUMS, reference=never, vjp=LATE, jvp=LATE,
        lowering=replace(rule, operands=operands),
    )  # fmt: skip


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
