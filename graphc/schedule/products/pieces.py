"""The pieces of a sum of products: one is all of it, unless the op says that elements differ."""

from __future__ import annotations

from dataclasses import replace
from functools import reduce
from itertools import chain

from graphc.ir import dims
from graphc.ir.lowering import Piece, Read, Reduce
from graphc.ir.node import Node
from graphc.ir.scalar import Expr, Index
from graphc.ir.types import Shape

#: Turns of a piece along the last dim up to which each is one of its own.
MOST_TURNS = 8


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


def neighbours(pieces: tuple[Piece, ...]) -> list[list[Piece]]:
    """Pieces whose elements are at the same places but along the last dim, of equal number."""
    found: dict[object, list[Piece]] = {}
    for piece in chain.from_iterable(map(_turns_apart, pieces)):
        place = piece.at((0,) * len(piece.turns), (0,) * len(piece.shape))
        found.setdefault((piece.turns, piece.shape, place[:-1]), []).append(piece)
    return list(found.values())


def _turns_apart(piece: Piece) -> list[Piece]:
    """A piece for each of its few turns along the last dim."""
    if not piece.turns or not 1 < piece.turns[-1] <= MOST_TURNS:
        return [piece]
    return [_in_turn(piece, k) for k in range(piece.turns[-1])]


def _in_turn(piece: Piece, last: int) -> Piece:
    def operands(turn: Index, index: Index, inner: Index, read: Read) -> tuple[Expr, ...]:
        return piece.operands((*turn[:-1], last), index, inner, read)

    return replace(
        piece,
        turns=(*piece.turns[:-1], 1),
        at=lambda turn, index: piece.at((*turn[:-1], last), index),
        operands=operands,
    )
