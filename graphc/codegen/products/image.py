"""Right operands that are read along sliding windows: packed once, not once for each position.

In a convolution, column `y` and depth `k` read at `y*stride + k`. With a stride of 1 all that a
step of depth reads is what another one does, some elements further on. So an *image* is packed,
padding included, and a table says where each step of depth begins in it. Rows of the image are
longer than those of the result, by the window less 1; sums for the columns between are of no use,
and not stored.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from graphc.codegen.products.blocking import RIGHT_BYTES, Cut, cut
from graphc.ir import dims, scalar
from graphc.ir.dims import Size
from graphc.ir.scalar import Expr
from graphc.schedule.statements import Axis, Product

#: Work on columns of no use that packing all steps apart would cost as well, for one row.
PACKING = 25

#: Rows that a product is taken to have where that is not known.
TYPICAL_ROWS = 64

#: Positions of columns in a panel, as far as one row of the image allows.
MOST_COLUMNS = 512


@dataclass(frozen=True, slots=True)
class Slide:
    """A column that moves through the operand together with an axis of depth, `by` times as fast.

    `lead` is how far steps of depth reach before the column, `reach` how far in all.
    """

    column: Axis
    depth: Axis | None
    by: int

    @property
    def reach(self) -> int:
        """Positions that the image has more than columns."""
        extent = 1 if self.depth is None else self.depth.extent
        assert isinstance(extent, int)
        return abs(self.by) * (extent - 1)

    @property
    def lead(self) -> int:
        """How far before the column steps of depth read."""
        return self.reach if self.by < 0 else 0

    @property
    def offset(self) -> Size:
        """Where a step of depth begins in the image."""
        return self.lead if self.depth is None else self.by * self.depth.position + self.lead


@dataclass(frozen=True, slots=True)
class Image:
    """How the columns of a product slide, outermost first."""

    slides: tuple[Slide, ...]

    def panels(self) -> Cut:
        """Columns in panels. Those inside a panel count in rows as long as the image's own."""
        true = [slide.column for slide in self.slides]
        wide = [Axis(slide.column.name, slide.column.extent + slide.reach) for slide in self.slides]
        found = cut(tuple(wide), MOST_COLUMNS)
        first = len(found.outer)
        run = cut((true[first],), max(1, MOST_COLUMNS // found.size)).run
        return replace(found, outer=tuple(true[:first]), axis=true[first], run=run)

    def axes(self, columns: Cut) -> tuple[Axis, ...]:
        """The image's own axes in a panel of columns."""
        return tuple(
            Axis(f"{slide.column.name}.image", _inside(slide, columns)[0] + slide.reach)
            for slide in self.slides
        )

    def planes(self, depth: Cut) -> tuple[Axis, ...]:
        """The axes of depth in a panel along which images lie side by side."""
        sliding = {slide.depth.name for slide in self.slides if slide.depth is not None}
        return tuple(axis for axis in depth.inner if axis.name not in sliding)

    def moved(self, right: Expr, columns: Cut, depth: Cut) -> Expr:
        """The operand at a position of the image."""
        positions: dict[str, Size] = dict(depth.positions)
        for slide, axis in zip(self.slides, self.axes(columns), strict=True):
            base = _inside(slide, columns)[2]
            positions[slide.column.name] = axis.position + base - slide.lead
            if slide.depth is not None:
                positions[slide.depth.name] = 0
        return right.substitute(positions)

    def place(self, columns: Cut, depth: Cut, within: tuple[Size, ...]) -> Size:
        """The number of a position within the image, among those of all planes of a panel."""
        place: Size = 0
        for axis in self.planes(depth):
            place = place * axis.extent + axis.position
        for slide, position in zip(self.slides, within, strict=True):
            place = place * (_inside(slide, columns)[1] + slide.reach) + position
        return place

    def start(self, columns: Cut, depth: Cut) -> Size:
        """Where a step of depth begins."""
        return self.place(columns, depth, tuple(slide.offset for slide in self.slides))

    def size(self, columns: Cut, depth: Cut) -> int:
        """Elements of all planes of a panel, at most."""
        total = 1
        for axis in self.planes(depth):
            extent = depth.run if axis.name == depth.within.name else axis.extent
            assert isinstance(extent, int)
            total *= extent
        for slide in self.slides:
            total *= _inside(slide, columns)[1] + slide.reach
        return total


def _inside(slide: Slide, columns: Cut) -> tuple[Size, int, Size]:
    """A column's positions in a panel, as many as there may be, and where the first of them is."""
    if slide.column.name == columns.axis.name:
        return dims.symbol(columns.count, columns.run), columns.run, dims.symbol(columns.base)
    if slide.column.name in {axis.name for axis in columns.outer}:
        return 1, 1, slide.column.position
    assert isinstance(slide.column.extent, int)
    return slide.column.extent, slide.column.extent, 0


def image(product: Product, depth: Cut) -> Image | None:
    """How the right operand slides; None if it does not, or its image is too large or too wide."""
    left = [axis for axis in depth.whole if isinstance(axis.extent, int)]
    slides: list[Slide] = []
    for column in product.columns:
        if not isinstance(column.extent, int):
            return None
        slide = next((s for axis in left if (s := _slide(product.right, column, axis))), None)
        slides.append(slide or Slide(column, None, 0))
        left = [axis for axis in left if slide is None or axis is not slide.depth]
    found = Image(tuple(slides))
    if not any(slide.reach for slide in slides) or not _pays(product, found):
        return None
    is_small = found.size(found.panels(), depth) * product.dtype.itemsize <= RIGHT_BYTES
    return found if is_small else None


def _slide(right: Expr, column: Axis, depth: Axis) -> Slide | None:
    """How a column moves with an axis of depth, if all that is read depends on their sum."""
    loads = [expr for expr in scalar.walk((right,)) if expr.name == "load"]
    for load in loads:
        by_column, by_depth = column.step(load.offset), depth.step(load.offset)
        if by_column is None or by_depth is None:
            return None
        if not isinstance(by_column, int) or not isinstance(by_depth, int) or by_column == 0:
            continue
        if by_depth == 0 or by_depth % by_column:
            return None
        by = by_depth // by_column
        together = right.substitute({column.name: dims.symbol("$sum") - by * depth.position})
        return None if together.depends_on(depth.symbol) else Slide(column, depth, by)
    return None


def _pays(product: Product, found: Image) -> bool:
    """Whether the columns of no use cost less than packing every step of depth."""
    used = wide = 1
    for slide in found.slides[1:] or found.slides:
        assert isinstance(slide.column.extent, int)
        used, wide = used * slide.column.extent, wide * (slide.column.extent + slide.reach)
    rows = product.row.extent
    height = rows if isinstance(rows, int) else TYPICAL_ROWS
    return wide * height <= used * (height + PACKING)
