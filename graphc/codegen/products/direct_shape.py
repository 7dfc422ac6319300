"""The tile of a product that is not packed."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product as pairs

from graphc.codegen.products.in_place import Place
from graphc.codegen.products.tile import TileShape
from graphc.codegen.target import Target
from graphc.ir import dims
from graphc.ir.dims import Dim, Maximum, Size

#: Bytes of a page, and rows that are read in step from different pages at the same place: they
#: share a line of the first-level cache.
PAGE, MOST_ALIKE = 1 << 12, 8

#: Rows and steps of depth that a product is taken to have where that is not known.
TYPICAL = 256

#: Cycles that a tile takes besides its multiply-adds, in which one follows on another, and for a
#: vector from the second-level cache, where the columns of a tile are more than so many bytes.
AROUND, LATENCY, FAR, NEAR = 20, 4, 2.5, 1 << 15

#: What a second tile, of fewer columns, has to save to be worth its code.
SAVED = 0.02

#: Vectors of columns in a tile at most, its rows where it is not known that there are as many, and
#: how many there must be for it not to matter.
MOST_VECTORS, MOST_CUT, ENOUGH = 6, 8, 32


@dataclass(frozen=True, slots=True)
class Shapes:
    """A tile, and how many vectors of columns the last one has, if it has fewer; else 0."""

    tile: TileShape
    last: int = 0


def shapes(
    rows: Size, columns: Size, most: int, steps: Size, bits: int, target: Target,
    left: Place | None, once: bool = False,
) -> Shapes:  # fmt: skip
    """The tiles that take the least time for all results, and of those the smallest.

    There are at most so many columns. Tiles at the lower end reach back over others; at the right
    end they do as well, or are narrower: always if each result may be worked out but `once`.
    """
    lanes = target.vector_bits // bits
    depth = steps if isinstance(steps, int) else TYPICAL
    made = _Times(rows if isinstance(rows, int) else TYPICAL, most, depth, lanes)
    high = range(1, max(1, _most_rows(rows, bits, left)) + 1)
    wide = range(1, min(MOST_VECTORS, -(-most // lanes)) + 1)
    found = [
        (h, w, last)
        for h, w in pairs(high, wide)
        if h * w + w + 1 <= target.vector_registers
        for last in {0, made.left(w) if isinstance(columns, int) else 0}
        if last or not once or not made.overlaps(w)
    ]
    rows_, vectors, last = min(found, key=made.of)
    return Shapes(TileShape(rows_, vectors, lanes), last)


def has(size: Size, least: int) -> bool:
    """Whether a size is known to be so large."""
    if dims.is_nonnegative(size - least):
        return True
    for atom in size.atoms() if isinstance(size, Dim) else ():
        split = dims.affine(size, atom) if isinstance(atom, Maximum) else None
        if split is None or not isinstance(atom, Maximum):
            continue
        ends = [split[1] + split[0] * side for side in (atom.left, atom.right)]
        if all(dims.is_nonnegative(end - least) for end in ends):
            return True
    return False


def _most_rows(rows: Size, bits: int, left: Place | None) -> int:
    most = min(rows, ENOUGH) if isinstance(rows, int) else ENOUGH
    if not has(rows, ENOUGH) and not isinstance(rows, int):
        most = MOST_CUT
    return min(most, MOST_ALIKE) if left is not None and _is_alike(left, bits // 8) else most


def _is_alike(left: Place, itemsize: int) -> bool:
    """Whether rows lie at the same place of different pages."""
    return not isinstance(left.across, int) or left.across * itemsize % PAGE == 0


@dataclass(frozen=True, slots=True)
class _Times:
    """Cycles for all tiles of a product, by their rows and vectors."""

    height: int
    width: int
    depth: int
    lanes: int

    def left(self, wide: int) -> int:
        """Vectors for the columns beyond whole tiles, if those are fewer than a tile has."""
        size = wide * self.lanes
        vectors = -(-(self.width % size) // self.lanes)
        return vectors if self.width > size and vectors < wide else 0

    def overlaps(self, wide: int) -> bool:
        """Whether the last of tiles of one shape reaches back."""
        size = wide * self.lanes
        return self.width > size and self.width % size > 0

    def of(self, shape: tuple[int, int, int]) -> tuple[float, int, int]:
        """Of tiles of rows and vectors, the last of so many vectors; smaller ones come first."""
        high, wide, last = shape
        size = wide * self.lanes
        columns = self.width // size if last else -(-self.width // size)
        line = columns * self._tile(high, wide)
        if last:
            line = (line + self._tile(high, last)) * (1 + SAVED)
        return -(-self.height // high) * line, high * wide, wide

    def _tile(self, high: int, wide: int) -> float:
        loads = (high + 2 * wide) / 2  # a vector often lies across two lines
        if self.depth * wide * 64 > NEAR:
            loads = max(loads, wide * FAR)
        return self.depth * max(high * wide / 2, LATENCY, loads) + AROUND
