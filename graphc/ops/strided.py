"""The derivative of a strided convolution by its data, in pieces that meet no zeros.

In padded data, position stride*j + r is in windows only at the places p of which p*dilation is
congruent to r modulo the stride, and these windows are neighbours. So positions with one residue r
have terms of their own, over neighbouring cotangents and every so manieth weight, and nothing is
multiplied by the zeros that a stride puts between cotangents. Residues that follow one another and
differ in nothing but their first place are one piece.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from math import gcd, prod

from graphc.ir import dims, scalar
from graphc.ir.dims import Size
from graphc.ir.lowering import Piece, Read
from graphc.ir.node import Node
from graphc.ir.scalar import Expr, Index
from graphc.ir.types import Shape
from graphc.ops.windows import Windows, all_of

#: Pieces at most: each is a product of the kernel.
MOST = 64


@dataclass(frozen=True, slots=True)
class _Residues:
    """Along one dim, positions stride*j + residue + t of padded data, for t below `turns`.

    There are `count` numbers j from `first` on. The m-th of `places` is place + t + step*m, in
    window j + shift - back*m.
    """

    residue: int
    turns: int
    first: Size
    count: Size
    place: int
    step: int
    places: Size
    shift: int
    back: int


def pieces(node: Node) -> tuple[Piece, ...]:
    """What `convolution_input` falls into; nothing without a stride, or if that were too much."""
    windows = Windows.of(node)
    if prod(windows.strides) == 1:
        return ()
    along = [list(_joined(_residues(node, windows, k))) for k in range(windows.rank)]
    if prod(map(len, along)) > MOST:
        return ()
    found = product(*along)
    return tuple(_piece(node, windows, some) for some in found if all(r.count != 0 for r in some))


def _residues(node: Node, windows: Windows, k: int) -> Iterator[_Residues]:
    stride, dilation, low = windows.strides[k], windows.dilations[k], windows.low[k]
    size, kernel = (shape[k - windows.rank] for shape in (node.shape, node.inputs[1].shape))
    common = gcd(stride, dilation)
    step = stride // common
    for r in range(stride):
        first = dims.floordiv(low - r + stride - 1, stride)
        count = dims.floordiv(size - 1 + low - r, stride) - first + 1
        place = next((p for p in range(step) if (r - p * dilation) % stride == 0), None)
        places: Size = 0
        if place is not None:
            places = dims.floordiv(kernel - place + step - 1, step)
        if place is None or places == 0:
            yield _Residues(r, 1, first, count, r, step, 0, 0, dilation // common)
            continue
        shift = (r - place * dilation) // stride
        yield _Residues(r, 1, first, count, place, step, places, shift, dilation // common)


def _joined(residues: Iterator[_Residues]) -> Iterator[_Residues]:
    """Those that follow one another together, as far as they differ in their first place alone."""
    last: _Residues | None = None
    for here in residues:
        if last is not None and _follows(last, here):
            last = replace(last, turns=last.turns + 1)
            continue
        if last is not None:
            yield last
        last = here
    if last is not None:
        yield last


def _follows(last: _Residues, here: _Residues) -> bool:
    return here == replace(
        last, residue=last.residue + last.turns, turns=1, place=last.place + last.turns
    )


def _piece(node: Node, windows: Windows, along: tuple[_Residues, ...]) -> Piece:
    rank, lead = windows.rank, len(node.shape) - windows.rank
    cotangents, weights = node.inputs
    outputs, counts = weights.shape[-rank - 2], cotangents.shape[-rank:]
    extents = (outputs, *(one.places for one in along))

    def at(turn: Index, index: Index) -> Index:
        steps = zip(turn, index[lead:], along, windows.strides, windows.low, strict=True)
        places = ((one.first + j) * s + one.residue + t - low for t, j, one, s, low in steps)
        return (*index[:lead], *places)

    def operands(turn: Index, index: Index, inner: Index, read: Read) -> tuple[Expr, ...]:
        (batch, *groups, channel), (output, *terms) = index[:lead], inner
        place = (one.place + t + one.step * m for one, t, m in zip(along, turn, terms, strict=True))
        window = tuple(
            one.first + j + one.shift - one.back * m
            for one, j, m in zip(along, index[lead:], terms, strict=True)
        )
        inside = tuple(map(scalar.in_bounds, window, counts))
        return (
            read(1, (*groups, output, channel, *place)),
            read(0, (batch, *groups, output, *window), all_of(inside)),
        )

    shape: Shape = (*node.shape[:lead], *(one.count for one in along))
    return Piece(tuple(one.turns for one in along), shape, at, lambda index: extents, operands)
