"""Kernels of sums of products that have no rows or no columns, piece by piece.

A depthwise convolution would be a product of a single row, and an image be packed for it. Instead
each element is a chain of multiply-adds over the places of a window, in the order of a product and
begun at 0, so that no bit differs. Elements below one another read the same rows of data: several
lines are taken at once, and what they read is read once for all of them. Sums of many terms are
loops instead.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from graphc.ir import dims, scalar
from graphc.ir.dims import Size
from graphc.ir.indexing import delinearize, linearize
from graphc.ir.lowering import Piece
from graphc.ir.scalar import Expr, Index
from graphc.schedule.groups import Fusion, Group
from graphc.schedule.kernel import Kernel
from graphc.schedule.points import nest
from graphc.schedule.products.pieces import has_terms, neighbours, pieces_of
from graphc.schedule.reading import Buffer, Builder
from graphc.schedule.statements import (
    Combine,
    Fold,
    Loop,
    Reduction,
    Statement,
    Store,
)

#: Lines that are taken together, at least and at most, and terms up to which a sum is written out.
FEWEST, MOST, MOST_TERMS = 4, 8, 49

#: Terms of the lines that are taken together: more of them take longer to compile than they gain.
TERMS_TOGETHER = 200


def chain_kernel(group: Group, fusion: Fusion, rank: int) -> tuple[Kernel, tuple[Buffer, ...]]:
    """The kernel of a sum over windows of so many dims, and what is fused to it."""
    return _Chains(group, fusion, rank).build()


class _Chains:
    """Such a kernel under construction."""

    def __init__(self, group: Group, fusion: Fusion, rank: int) -> None:
        self.group, self.fusion, self.rank = group, fusion, rank
        self.node, self.builder = group.nodes[0], Builder(fusion)

    def build(self) -> tuple[Kernel, tuple[Buffer, ...]]:
        """A loop over all but the dims of windows, and in it one over the lines of each piece."""
        lead = self.node.shape[: -self.rank]
        block = self.builder.axis(dims.product(lead))
        place = delinearize(block.position, lead)
        body = [
            statement
            for pieces in neighbours(pieces_of(self.node))
            for statement in self._pieces(pieces, place)
        ]
        return self.builder.kernel((Loop(block, tuple(body)),), parallel=True)

    def _pieces(self, pieces: list[Piece], place: Index) -> Iterator[Statement]:
        """All lines of pieces whose elements are neighbours along them."""
        axis, piece = self.builder.axis, pieces[0]
        turns = tuple(map(axis, piece.turns))
        turn = tuple(one.position for one in turns)
        *outer, last = piece.shape[-self.rank :]
        around, count = tuple(map(axis, outer[:-1])), outer[-1] if outer else 1
        start = (*place, *(one.position for one in around))
        terms, whole = max(map(_terms, pieces)), (0, count, 1)
        is_long, several = terms > MOST_TERMS, len(pieces)
        for first, turns_of_lines, height in (
            [whole] if is_long else _heights(count, several, several * terms)
        ):
            lines, along = axis(turns_of_lines), axis(last)
            body: list[Statement] = []
            for k in range(height):
                row = (first + height * lines.position + k,) if outer else ()
                own = (*start, *row, along.position)
                for one in pieces:
                    body += self._element(one, turn, own, is_long)
            inner = (Loop(along, tuple(body), vector=last != 1),)  # else a vector would be stored
            loops = (one for one in (*turns, *around, lines) if one.extent != 1)
            yield from nest(tuple(loops), inner, vector=False)

    def _element(self, piece: Piece, turn: Index, own: Index, is_long: bool) -> Iterator[Statement]:
        """What is stored for one element of a piece, and a loop before it if it has many terms."""
        builder, index = self.builder, piece.at(turn, own)
        value = None if is_long else self._chain(piece, turn, own)
        if value is None:
            fold, value = self._fold(piece, turn, own)
            yield fold
        for node in self.group.nodes:
            short = index[: self.group.rank]
            short += (0,) * (len(node.shape) - len(short))
            found = value if node is self.node else builder.element(node, short)
            builder.computed[node] = (short, found)
            if node in self.fusion.kept:
                target = builder.argument(node, written=True)
                yield Store(target, linearize(short, node.shape), found)

    def _fold(self, piece: Piece, turn: Index, own: Index) -> tuple[Fold, Expr]:
        """The terms of an element one after another."""
        builder, dtype = self.builder, self.node.dtype
        axes = tuple(map(builder.axis, piece.extents(own)))
        inner = tuple(axis.position for axis in axes)
        operands = piece.operands(turn, own, inner, builder.reader(self.node))
        name = builder.result()
        body = nest(axes, (Combine(name, operands),), vector=False)
        return Fold((Reduction(name, "dot", dtype, dtype, False),), body), scalar.local(name, dtype)

    def _chain(self, piece: Piece, turn: Index, own: Index) -> Expr:
        """The multiply-adds of an element."""
        read, total = self.builder.reader(self.node), scalar.const(0, self.node.dtype)
        if not has_terms(piece):
            return total
        for inner in product(*(range(int(n)) for n in piece.extents(own))):
            left, right = piece.operands(turn, own, inner, read)
            total = scalar.same("fma", left, right, total)
        return total


def _terms(piece: Piece) -> int:
    """How many terms an element of a piece has; more than the most if that is unknown."""
    terms = dims.product(piece.extents((0,) * len(piece.shape)))
    return terms if isinstance(terms, int) else MOST_TERMS + 1


def _heights(count: Size, several: int, terms: int) -> list[tuple[Size, Size, int]]:
    """Loops over lines: where each begins, how many turns it has, and the lines of a turn.

    Fewer are taken together where `several` elements of each line are, or many terms.
    """
    most = max(1, min(MOST // several, TERMS_TOGETHER // max(terms, 1)))
    fewest = min(max(1, FEWEST // several), most)
    if isinstance(count, int):
        height = max(count, 1) if count <= most else _height(count, fewest, most, MOST // several)
        whole = count // height
        found: list[tuple[Size, Size, int]] = [(0, whole, height)]
        return found + [(height * whole, 1, count - height * whole)] * (height * whole < count)
    groups = dims.floordiv(count, fewest)
    return [(0, groups, fewest), (fewest * groups, count - fewest * groups, 1)]


def _height(count: int, fewest: int, most: int, limit: int) -> int:
    """How many lines of so many go together; more than usual if none are left over then."""
    even = (
        n for n in (*range(most, fewest - 1, -1), *range(most + 1, limit + 1)) if count % n == 0
    )
    least_left = min(range(fewest, most + 1), key=lambda n: (count % n, -n))
    return next(even, least_left)
