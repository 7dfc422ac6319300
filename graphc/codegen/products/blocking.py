"""How a product is cut for the caches: panels of depth, and rows and columns that are packed.

An axis, or several that count through one another, is cut into *panels*. Outer axes are taken one
position at a time, one axis in runs, and those inside it whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import lcm

from graphc.codegen.products.tile import TileShape
from graphc.ir import dims
from graphc.ir.dims import Size
from graphc.schedule.statements import Axis, Product


@dataclass(frozen=True, slots=True)
class Blocking:
    """Elements of depth in a panel, and rows and columns that are packed together."""

    depth: int
    rows: int
    columns: int


#: Steps of depth in a panel at most, and where their number is not known.
MOST_DEPTH, UNKNOWN_DEPTH = 640, 512

#: Bytes of the rows packed together: they stay in the second-level cache while tiles take them
#: column by column. The columns pass through it, but where few rows need them, they stay too.
LEFT_BYTES, RIGHT_BYTES, FEW_BYTES = 420 << 10, 1 << 20, 1 << 19

#: Rows up to which they are few.
FEW_ROWS = 256

#: Columns in a panel at most: strips of results are as long.
MOST_COLUMNS = 1024


def blocking(product: Product, tile: TileShape) -> Blocking:
    """Sizes of the blocks of a product."""
    itemsize, height, width = product.dtype.itemsize, product.row.extent, product.column.extent
    steps = dims.product(axis.extent for axis in product.depth)
    depth = min(steps, MOST_DEPTH) if isinstance(steps, int) else UNKNOWN_DEPTH
    rows = LEFT_BYTES // (itemsize * MOST_DEPTH) // tile.rows * tile.rows
    is_few = isinstance(height, int) and height <= FEW_ROWS
    right = FEW_BYTES if is_few else RIGHT_BYTES
    columns = max(1, right // (itemsize * max(depth, 1)) // tile.columns) * tile.columns
    columns = min(columns, MOST_COLUMNS)
    if isinstance(width, int):
        columns = min(columns, -(-width // tile.columns) * tile.columns)
    return Blocking(max(depth, 1), rows, columns)


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


def cut(axes: tuple[Axis, ...], most: int, unit: int = 1) -> Cut:
    """Panels of at most that many positions, as far as whole inner axes are known to fit.

    They are nearly of one size; or, if that is possible, of a multiple of the unit.
    """
    size, first = 1, len(axes) - 1
    while first > 0:
        extent = axes[first].extent
        if not isinstance(extent, int) or size * extent > most:
            break
        size, first = size * extent, first - 1
    run = max(1, most // size)
    extent = axes[first].extent
    if isinstance(extent, int) and extent > run:
        whole = lcm(size, unit) // size
        run = run // whole * whole if unit > 1 and whole <= run else -(-extent // -(-extent // run))
    return Cut(axes[:first], axes[first], run, axes[first + 1 :], size)
