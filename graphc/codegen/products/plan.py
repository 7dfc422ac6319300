"""How a product is emitted for a target: its tiles, its blocks, and how its operands are packed."""

from __future__ import annotations

from dataclasses import dataclass, replace

from graphc.codegen.products.blocking import MOST_DEPTH, Blocking, Cut, blocking, cut
from graphc.codegen.products.image import Image, image
from graphc.codegen.products.tile import TileShape, tile_shape
from graphc.codegen.target import Target
from graphc.ir import scalar
from graphc.schedule.statements import Product


@dataclass(frozen=True, slots=True)
class Plan:
    """How a product is emitted: the tile, the blocks and panels, and how operands are packed.

    `by_depth`: rows of the left one lie side by side. `image`: the right one is read along
    sliding windows.
    """

    tile: TileShape
    blocks: Blocking
    by_depth: bool
    has_narrow: bool
    depth: Cut
    columns: Cut
    image: Image | None

    @property
    def tiles(self) -> tuple[TileShape, ...]:
        """The tile, and the one for what is left of the columns."""
        return (self.tile, self.tile.narrow) if self.has_narrow else (self.tile,)

    @property
    def left_row(self) -> int:
        """Elements from row to row of the packed left operand."""
        return 1 if self.by_depth else MOST_DEPTH

    @property
    def left_step(self) -> int:
        """Elements from one step of depth of the packed left operand to the next."""
        return self.blocks.rows if self.by_depth else 1

    @property
    def right_step(self) -> int:
        """Elements from a step of depth of the right one to the next, and of sums from row to row.

        They are no multiple of a page, whose lines would collide.
        """
        most = self.columns.run * self.columns.size if self.image else self.blocks.columns
        return -(-most // self.tile.columns) * self.tile.columns + self.tile.lanes

    @property
    def right_size(self) -> int:
        """Elements of the packed right operand; a tile reads on to its own end."""
        if self.image is None:
            return self.right_step * self.blocks.depth
        return self.image.size(self.columns, self.depth) + self.right_step


def plan(product: Product, target: Target) -> Plan:
    """How a product is emitted for a target."""
    rows, columns = product.row.extent, product.column.extent
    tile = tile_shape(rows, columns, product.dtype.bits, target)
    blocks = blocking(product, tile)
    depth = cut(product.depth, blocks.depth)
    found = None if product.onto else image(product, depth)
    if found is None:
        panels = cut(product.columns, blocks.columns, tile.columns)
        left = columns % tile.columns if isinstance(columns, int) else 1
    else:
        panels, left = found.panels(), 1
        tile = replace(tile, by_table=True)
    has_narrow = tile.vectors > 1 and 0 < left <= tile.lanes
    return Plan(tile, blocks, _runs_by_rows(product), has_narrow, depth, panels, found)


def _runs_by_rows(product: Product) -> bool:
    """Whether neighbouring rows are neighbours in what the left operand reads."""
    loads = [expr for expr in scalar.walk((product.left,)) if expr.name == "load"]
    return bool(loads) and all(product.row.step(load.offset) == 1 for load in loads)
