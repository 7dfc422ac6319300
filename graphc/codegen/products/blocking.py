"""How a product is cut for the caches: panels of depth, and rows and columns that are packed.

An axis, or several that count through one another, is cut into *panels*. Outer axes are taken one
position at a time, one axis in runs, and those inside it whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import lcm

from graphc.codegen.products.tile import TileShape
from graphc.codegen.target import Target
from graphc.ir import dims
from graphc.ir.dims import Size
from graphc.schedule.statements import Axis, Product


@dataclass(frozen=True, slots=True)
class Blocking:
    """Elements of depth in a panel, and rows and columns that are packed together."""

    depth: int
    rows: int
    columns: int


#: Shares of the second-level cache. A tile's columns in all steps of a panel's depth leave room for
#: the rows packed together, which stay there while tiles take them column by column. The columns
#: pass through it, but where few rows need them, or results are read again row by row, they stay.
TILE_SHARE, LEFT_SHARE, FEW_SHARE = 1 / 16, 0.42, 0.5

#: Share of the third-level cache that packed columns take which pass through the second.
RIGHT_SHARE = 1 / 8

#: Bytes of what is packed at most, however large the caches: rows, columns that pass by, columns
#: that stay near. Each thread has a room of so many.
LEFT_BYTES, PASSING_BYTES, RIGHT_BYTES = 448 << 10, 4 << 20, 1 << 20

#: Steps of depth in a panel are a multiple of this.
UNIT = 16

#: Steps of depth in a panel, whatever the caches are.
LEAST_DEPTH, MOST_DEPTH = 64, 1024

#: Rows up to which they are few. A kernel may have several products of few rows.
FEW_ROWS = 128

#: Columns in a panel at most: strips of results are as long.
MOST_COLUMNS = 2048


def most_depth(target: Target) -> int:
    """Steps of depth in a panel at most."""
    step = 2 * target.vector_bits // 8
    fitting = int(target.caches.second * TILE_SHARE) // step
    return max(LEAST_DEPTH, min(fitting // UNIT * UNIT, MOST_DEPTH))


def blocking(product: Product, tile: TileShape, target: Target, passes: bool) -> Blocking:
    """Sizes of the blocks of a product; the right operand's columns may pass by, or should stay."""
    itemsize, height, width = product.dtype.itemsize, product.row.extent, product.column.extent
    steps, most = dims.product(axis.extent for axis in product.depth), most_depth(target)
    depth = max(1, min(steps, most)) if isinstance(steps, int) else most
    second, third = target.caches.second, target.caches.third
    left = min(int(second * LEFT_SHARE), LEFT_BYTES)
    rows = left // (itemsize * most) // tile.rows * tile.rows
    is_few = dims.is_nonnegative(FEW_ROWS - height)
    if passes and not is_few:
        right = min(max(int(third * RIGHT_SHARE), second), PASSING_BYTES)
    else:
        right = min(int(second * FEW_SHARE) if is_few else second, RIGHT_BYTES)
    columns = max(1, right // (itemsize * depth) // tile.columns) * tile.columns
    columns = min(columns, MOST_COLUMNS)
    if isinstance(width, int):
        columns = min(columns, -(-width // tile.columns) * tile.columns)
    return Blocking(depth, max(rows, tile.rows), columns)


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

    They are nearly of one size, and of a multiple of the unit if that is possible.
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
        whole = whole if whole <= run else 1
        count = -(-extent // (run // whole * whole))
        run = -(-extent // (count * whole)) * whole
    return Cut(axes[:first], axes[first], run, axes[first + 1 :], size)
