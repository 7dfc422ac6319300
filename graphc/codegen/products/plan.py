"""How a product is emitted for a target: its tiles, its blocks, and how its operands are packed."""

from __future__ import annotations

from dataclasses import dataclass, replace

from graphc.codegen.products.blocking import Blocking, Cut, blocking, cut, most_depth
from graphc.codegen.products.direct_plan import Direct, direct
from graphc.codegen.products.image import Image, image
from graphc.codegen.products.in_place import depth_axis
from graphc.codegen.products.micro_panels import MicroPanels, micro_panels
from graphc.codegen.products.results import is_plain, waiting_place
from graphc.codegen.products.tile import LINE, TileShape, tile_shape
from graphc.codegen.target import Target
from graphc.ir import scalar
from graphc.schedule.statements import Product

#: By how many elements more than whole lines rows of the left operand lie apart: they come to the
#: ends of their lines one after another, not all in one step of depth.
STAGGER = 5


#: Bytes of sums that wait for all rows of a block, so that the right operand is packed but once.
MOST_SUMS = 1 << 19

#: The run of a panel that holds all rows, however many.
ALL = 1 << 40


@dataclass(frozen=True, slots=True)
class Plan:
    """How a product is emitted: the tile, the blocks and panels, and how operands are packed.

    `by_depth`: rows of the left one lie side by side, those of a tile apart from others; else they
    are `left_row` elements apart. `image`: the right one is read along sliding windows. `near`: the
    micro-panels of the right one; None where steps of depth lie after one another. `direct`:
    an operand at least is read where it lies, and none has micro-panels.
    """

    tile: TileShape
    blocks: Blocking
    line: int
    row: int
    rows: Cut
    depth: Cut
    columns: Cut
    image: Image | None
    by_depth: bool
    has_narrow: bool
    has_low: bool = False
    direct: Direct | None = None

    @property
    def left(self) -> MicroPanels | None:
        """The micro-panels of the left operand; None where its rows lie after one another."""
        if not self.by_depth:
            return None
        return micro_panels(self.rows, self.tile.rows, self.blocks.depth, self.line)

    @property
    def right(self) -> MicroPanels | None:
        """The micro-panels of the right one; None where steps of depth lie after one another."""
        if self.image is not None or self.direct is not None:
            return None
        return micro_panels(self.columns, self.tile.columns, self.blocks.depth, self.line)

    @property
    def tiles(self) -> tuple[TileShape, ...]:
        """Tiles that are called: one, and others for what is left of the columns and rows."""
        if self.direct is not None:
            return ()
        narrow = (self.tile.narrow,) if self.has_narrow else ()
        return (self.tile, *narrow, *((self.tile.low,) if self.has_low else ()))

    @property
    def left_row(self) -> int:
        """Elements from row to row of the packed left operand."""
        return 1 if self.by_depth else self.row

    @property
    def left_step(self) -> int:
        """Elements from one step of depth of the packed left operand to the next."""
        return self.tile.rows if self.by_depth else 1

    @property
    def left_size(self) -> int:
        """Elements of the packed left operand."""
        return self.left.size(self.blocks.rows) if self.left else self.blocks.rows * self.row

    @property
    def right_step(self) -> int:
        """Elements from a step of depth of the right one to the next."""
        return self.tile.columns if self.right else self.strip_step

    @property
    def right_size(self) -> int:
        """Elements of the packed right operand; a tile reads on to its own end."""
        if self.image is not None:
            return self.image.size(self.columns, self.depth) + self.strip_step
        if self.right is not None:
            return self.right.size(self.columns.run)
        return self.strip_step * self.blocks.depth

    @property
    def strip_step(self) -> int:
        """Elements from row to row of sums.

        They are no multiple of a page, whose lines would collide.
        """
        most = self.columns.run * self.columns.size if self.image else self.blocks.columns
        return -(-most // self.tile.columns) * self.tile.columns + self.tile.lanes

    def rows_kept(self, product: Product) -> int:
        """The product's rows, if the sums of all of them with a panel of columns are few."""
        rows = product.row.extent
        few = MOST_SUMS // (product.dtype.itemsize * self.strip_step)
        return rows if isinstance(rows, int) and rows <= few else 0


def plan(product: Product, target: Target) -> Plan:
    """How a product is emitted for a target."""
    found = direct(product, target) if len(product.rows) == 1 else None
    return _packed(product, target) if found is None else _direct(product, found)


def _direct(product: Product, found: Direct) -> Plan:
    """Panels of a product that is not packed."""
    axis, tile = depth_axis(product), found.shapes.tile
    assert axis is not None
    width = -(-found.columns // tile.columns) * tile.columns
    blocks = Blocking(found.depth, tile.rows, width)
    depth, panels = cut((axis,), found.depth), cut(product.columns, width)
    rows = cut((product.row,), ALL)
    return Plan(tile, blocks, 0, 0, rows, depth, panels, None, False, False, direct=found)


def _packed(product: Product, target: Target) -> Plan:
    rows, columns = product.row.extent, product.column.extent
    tile = tile_shape(rows, columns, product.dtype.bits, target)
    is_stored = is_plain(product) and waiting_place(product, frozenset()) is not None
    blocks = blocking(product, tile, target, passes=is_stored and product.onto is None)
    depth = cut(product.depth, blocks.depth)
    found = image(product, depth) if product.onto is None else None
    if found is None:
        panels = cut(product.columns, blocks.columns, tile.columns)
        left = columns % tile.columns if isinstance(columns, int) else 1
    else:
        panels, left = found.panels(), 1
        tile = replace(tile, by_table=True)
    line = LINE // product.dtype.itemsize
    return Plan(
        tile, blocks, line, most_depth(target) + line + STAGGER,
        cut(product.rows, blocks.rows, tile.rows), depth, panels, found, _runs_by_rows(product),
        has_narrow=tile.vectors > 1 and 0 < left <= tile.lanes,
        has_low=found is None and _may_end_low(product, tile),
    )  # fmt: skip


def _may_end_low(product: Product, tile: TileShape) -> bool:
    """Whether the last rows may be so few that a whole tile wastes as much time again."""
    rows = product.row.extent
    if not isinstance(rows, int):
        return True
    return rows > tile.rows and 0 < rows % tile.rows <= tile.low.rows


def _runs_by_rows(product: Product) -> bool:
    """Whether neighbouring rows are neighbours in what the left operand reads."""
    loads = [expr for expr in scalar.walk((product.left,)) if expr.name == "load"]
    steps = {product.row.step(load.offset) for load in loads}
    return len(product.rows) == 1 and steps == {1}
