"""The tile of a product that is not packed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from graphc.codegen.products.in_place import Place
from graphc.codegen.products.tile import TileShape
from graphc.codegen.target import Target
from graphc.ir import dims
from graphc.ir.dims import Dim, Maximum, Size

#: Bytes of a page, and rows that are read in step from different pages at the same place: they
#: share a line of the first-level cache.
PAGE, MOST_ALIKE = 1 << 12, 8

#: Steps of depth that a product is taken to have where that is not known, and numbers of rows by
#: which tiles are then judged alike.
TYPICAL, TYPICAL_ROWS = 256, (8, 64, 256)

#: Cycles that a tile takes besides its multiply-adds, in which one follows on another, and for a
#: vector from the second-level cache, where the columns of a tile are more than so many bytes. If
#: it is not known how far apart steps of depth are, fewer stay near, and more vectors come at once.
AROUND, LATENCY, FAR, NEAR = 20, 4, 2.5, 1 << 15
OPEN_FAR, OPEN_NEAR = 4, 1 << 14

#: What a second tile, of fewer columns, has to save to be worth its code.
SAVED = 0.02

#: Vectors of columns in a tile at most, its rows where it is not known that there are as many, and
#: how many there must be for it not to matter.
MOST_VECTORS, MOST_CUT, ENOUGH = 6, 8, 32


#: Vectors in a tile where it is not known how many columns there are, and up to how many vectors of
#: them are then judged alike.
HALVED, TYPICAL_VECTORS = (1, 2, 4), 9


@dataclass(frozen=True, slots=True)
class Shapes:
    """A tile, and how many vectors of columns the last one has, if it has fewer; else 0.

    Where the number of columns is not known, there are narrower ones, each of half as many vectors.
    """

    tile: TileShape
    last: int = 0
    narrower: tuple[TileShape, ...] = ()


def shapes(
    rows: Size, columns: Size, most: int, steps: Size, bits: int, target: Target,
    left: Place | None, once: bool = False,
) -> Shapes:  # fmt: skip
    """The tiles that take the least time for all results, and of those the smallest.

    There are at most so many columns. Tiles at the lower end reach back over others; at the right
    end they do as well, or are narrower: always if each result may be worked out but `once`, and if
    the number of columns is not known.
    """
    lanes = target.vector_bits // bits
    depth = steps if isinstance(steps, int) else TYPICAL
    heights = (rows,) if isinstance(rows, int) else TYPICAL_ROWS
    far = (FAR, NEAR) if isinstance(columns, int) else (OPEN_FAR, OPEN_NEAR)
    times = _Times(heights, most, depth, lanes, *far)

    def high(w: int) -> list[int]:
        fitting = (target.vector_registers - w - 1) // w
        return list(range(1, max(1, min(fitting, _most_rows(rows, w, bits, left))) + 1))

    wide = range(1, min(MOST_VECTORS, -(-most // lanes)) + 1)
    if not isinstance(columns, int):
        few = isinstance(rows, int) and rows <= LATENCY
        return _halved(times, {w: high(w) for w in HALVED if w in wide and (w <= 2 or few)})
    found = [
        (h, w, last)
        for w in wide
        for h in high(w)
        for last in {0, times.left(w)}
        if last or not once or not times.overlaps(w)
    ]
    rows_, vectors, last = min(found, key=times.of)
    return Shapes(TileShape(rows_, vectors, lanes), last)


def _halved(times: _Times, high: Mapping[int, Sequence[int]]) -> Shapes:
    """Tiles for any number of columns, by how many rows one of so many vectors may have."""

    def least(wide: int) -> tuple[float, int]:
        return min((times.line(h, wide), h) for h in high[wide])

    def of(wide: int) -> float:
        """For few vectors of columns: the last tile is the smallest that has those left."""
        total = 0.0
        for count in range(1, TYPICAL_VECTORS):
            total += count // wide * least(wide)[0]
            total += least(min(w for w in high if w >= count % wide))[0] if count % wide else 0
        return total

    best = min(high, key=of)
    tile, *narrower = (
        TileShape(least(wide)[1], wide, times.lanes) for wide in reversed(HALVED) if wide <= best
    )
    return Shapes(tile, 0, tuple(narrower))


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


def _most_rows(rows: Size, vectors: int, bits: int, left: Place | None) -> int:
    most = min(rows, ENOUGH) if isinstance(rows, int) else ENOUGH
    if not has(rows, ENOUGH) and not isinstance(rows, int):
        most = MOST_CUT if vectors > 1 else 2 * MOST_CUT
    return min(most, MOST_ALIKE) if left is not None and _is_alike(left, bits // 8) else most


def _is_alike(left: Place, itemsize: int) -> bool:
    """Whether rows lie at the same place of different pages."""
    return not isinstance(left.across, int) or left.across * itemsize % PAGE == 0


@dataclass(frozen=True, slots=True)
class _Times:
    """Cycles for all tiles of a product and for each of its rows, by their rows and vectors."""

    heights: tuple[int, ...]
    width: int
    depth: int
    lanes: int
    far: float
    near: int

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
        return self._tiles(high) * line, high * wide, wide

    def line(self, high: int, wide: int) -> float:
        """Of the tiles for all rows, one below another."""
        return self._tiles(high) * self._tile(high, wide)

    def _tiles(self, high: int) -> float:
        return sum(-(-height // high) / height for height in self.heights)

    def _tile(self, high: int, wide: int) -> float:
        loads = (high + 2 * wide) / 2  # a vector often lies across two lines
        if self.depth * wide * 64 > self.near:
            loads = max(loads, wide * self.far)
        return self.depth * max(high * wide / 2, LATENCY, loads) + AROUND
