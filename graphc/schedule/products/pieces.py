"""The pieces of a sum of products: one is all of it, unless the op says that elements differ."""

from __future__ import annotations

from functools import reduce

from graphc.ir import dims
from graphc.ir.lowering import Piece, Reduce
from graphc.ir.node import Node
from graphc.ir.types import Shape


def pieces_of(node: Node) -> tuple[Piece, ...]:
    """The pieces of a node's result."""
    rule = node.op.lowering
    assert isinstance(rule, Reduce)
    found = rule.pieces(node) if rule.pieces else ()
    return found or (_whole(node, rule),)


def falls_apart(node: Node) -> bool:
    """Whether a node's result has pieces, rather than being one."""
    rule = node.op.lowering
    return isinstance(rule, Reduce) and rule.pieces is not None and bool(rule.pieces(node))


def _whole(node: Node, rule: Reduce) -> Piece:
    return Piece(
        (), node.shape,
        lambda turn, index: index,
        lambda index: rule.loops(node, index),
        lambda turn, index, inner, read: rule.operands(node, index, inner, read),
    )  # fmt: skip


def has_terms(piece: Piece) -> bool:
    """Whether anything is added up for its elements."""
    return 0 not in piece.extents((0,) * len(piece.shape))


def frame_of(pieces: tuple[Piece, ...]) -> Shape:
    """As many elements along each dim as the piece has that has most of them."""
    sizes = zip(*(piece.shape for piece in pieces), strict=True)
    return tuple(reduce(dims.maximum, dict.fromkeys(some)) for some in sizes)
