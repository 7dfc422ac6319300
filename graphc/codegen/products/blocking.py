"""How a product is cut for the caches: panels of depth, and rows and columns that are packed.

An axis, or several that count through one another, is cut into *panels*. Outer axes are taken one
position at a time, one axis in runs, and those inside it whole.
"""

from __future__ import annotations

from dataclasses import dataclass

from graphc.codegen.products.tile import TileShape
from graphc.ir import dims
from graphc.ir.dims import Size
from graphc.schedule.statements import Axis


@dataclass(frozen=True, slots=True)
class Blocking:
    """Elements of depth in a panel, and rows and columns that are packed together.

    A tile's columns over a panel lie in the first cache, the rows that are packed in the second.
    """

    depth: int
    rows: int
    columns: int


#: Steps of depth in a panel at most.
MOST_DEPTH = 512

#: Bytes of a tile's columns over a panel, of the rows packed, and of the columns.

TILE_BYTES, LEFT_BYTES, RIGHT_BYTES = 1 << 16, 43 << 13, 1 << 20


def blocking(itemsize: int, tile: TileShape, width: Size) -> Blocking:
    """Sizes of the blocks, in elements, for a product of that many columns."""
    depth = min(TILE_BYTES // (itemsize * tile.columns), MOST_DEPTH)
    rows = LEFT_BYTES // (itemsize * depth) // tile.rows * tile.rows
    columns = RIGHT_BYTES // (itemsize * depth) // tile.columns * tile.columns
    if isinstance(width, int):
        columns = min(columns, -(-width // tile.columns) * tile.columns)
    return Blocking(depth, rows, columns)


@dataclass(frozen=True, slots=True)
class Cut:
    """Axes cut into panels: `outer` singly, `run` positions of one axis, `whole` axes inside it.

    `size` is how many positions of `whole` belong to one of the axis.
    """

    outer: tuple[Axis, ...]
    axis: Axis
    run: int
    whole: tuple[Axis, ...]
    size: int

    @property
    def base(self) -> str:
        """The name of the axis' position where a panel begins."""
        return f"{self.axis.name}.base"

    @property
    def count(self) -> str:
        """The name of the number of positions of the axis in a panel."""
        return f"{self.axis.name}.count"

    @property
    def within(self) -> Axis:
        """The axis inside a panel."""
        return Axis(f"{self.axis.name}.in", dims.symbol(self.count, self.run))

    @property
    def inner(self) -> tuple[Axis, ...]:
        """The axes inside a panel."""
        return (self.within, *self.whole)

    @property
    def positions(self) -> dict[str, Size]:
        """The axis' position in terms of the panel's."""
        return {self.axis.name: dims.symbol(self.base) + self.within.position}

    @property
    def place(self) -> Size:
        """The number of a position inside a panel."""
        place: Size = 0
        for axis in self.inner:
            place = place * axis.extent + axis.position
        return place


def cut(axes: tuple[Axis, ...], most: int) -> Cut:
    """Panels of at most that many positions, as far as whole inner axes are known to fit."""
    size, first = 1, len(axes) - 1
    while first > 0:
        extent = axes[first].extent
        if not isinstance(extent, int) or size * extent > most:
            break
        size, first = size * extent, first - 1
    return Cut(axes[:first], axes[first], max(1, most // size), axes[first + 1 :], size)
