"""Products whose left operand slides along windows: tiles, panels and the image they read.

In a convolution with many outputs these are the columns, and positions of a picture the rows; in
the gradient with respect to weights, rows are the places of a window. A tile takes neighbouring
rows, whole lines of them where it can, so no sums are wasted between lines, and strides cost
nothing: an element is read for each row and spread over a vector.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from graphc.codegen.products.blocking import Cut, cut
from graphc.codegen.products.image import Image, slides_of
from graphc.codegen.products.window_tile import WindowTile
from graphc.codegen.target import Target
from graphc.ir import dims
from graphc.ir.dims import Size
from graphc.schedule.statements import Axis, Product, Store

#: Rows and steps of depth in a panel at most.
MOST_ROWS, MOST_DEPTH = 1024, 1280

#: Bytes of an image, and of sums that wait, at most.
IMAGE_BYTES, SUM_BYTES = 384 << 10, 512 << 10

#: Columns in a panel if there is nothing to keep for each of them.
ANY_COLUMNS = 1 << 16

#: Rows of a tile, by vectors of columns and the number of registers.
TILES = {32: ((1, 28), (2, 14), (3, 9), (4, 6)), 16: ((1, 12), (2, 6), (3, 4))}

#: Half cycles for packing an element that is read under conditions, and one of the right operand,
#: whose columns are seldom neighbours.
PACKED, TURNED = 1.5, 2.0

#: What an axis of unknown extent counts as.
TYPICAL = 1 << 10


@dataclass(frozen=True, slots=True)
class WindowPlan:
    """How such a product is emitted: the tile, the panels, and within a panel the tiles' rows."""

    product: Product
    tile: WindowTile
    depth: Cut
    rows: Cut
    columns: Cut
    cells: Cut
    image: Image
    has_narrow: bool
    cost: float

    @property
    def is_deep(self) -> bool:
        """Whether sums wait between panels of depth."""
        steps = dims.product(axis.extent for axis in self.product.depth)
        return not isinstance(steps, int) or steps > self.depth.run * self.depth.size

    @property
    def tiles(self) -> tuple[WindowTile, ...]:
        """All that are called."""
        found = (self.tile, self.tile.narrow) if self.has_narrow else (self.tile,)
        return found + tuple(tile.by_rows for tile in found) if self.is_deep else found

    @property
    def strip_step(self) -> int:
        """Elements from column to column of the results; a tile stores whole vectors."""
        lanes = self.tile.lanes
        return (self.rows.run * self.rows.size // lanes + 2 + self.tile.rows // lanes) * lanes

    @property
    def steps(self) -> int:
        """Steps of depth in a panel at most."""
        return self.depth.run * self.depth.size

    @property
    def cell_count(self) -> int:
        """Tiles along the rows of a panel at most."""
        count = -(-_most(self.cells.axis, self.rows) // self.cells.run)
        for axis in self.cells.outer:
            count *= _most(axis, self.rows)
        return count

    def most(self, axis: Axis) -> int:
        """Positions of an axis inside a panel of rows, at most."""
        return _most(axis, self.rows)

    @property
    def sum_count(self) -> int:
        """Sums that wait."""
        across = -(-self.columns.run // self.tile.columns)
        return self.cell_count * across * self.tile.rows * self.tile.columns


def _most(axis: Axis, panel: Cut) -> int:
    """Positions of an axis inside a panel, at most."""
    if axis.name == panel.within.name:
        return panel.run
    assert isinstance(axis.extent, int)
    return axis.extent


def exchanged(product: Product) -> Product:
    """The same product with rows for columns."""
    return replace(
        product,
        row=product.column, column=product.row, rows=product.columns, columns=product.rows,
        left=product.right, right=product.left,
    )  # fmt: skip


def window_plan(product: Product, target: Target) -> WindowPlan | None:
    """How a product is emitted whose left operand slides; None if it does not.

    Rows are taken several together, so nothing may be combined along them.
    """
    is_stored = all(isinstance(statement, Store) for statement in product.body)
    if len(product.columns) != 1 or product.onto is not None or not is_stored:
        return None
    slides = slides_of(product.left, product.rows, product.depth)
    if not any(slide.depth for slide in slides):
        return None
    most_rows, most_depth = MOST_ROWS, MOST_DEPTH
    itemsize = product.dtype.itemsize
    while True:
        rows, depth = _panels(product.rows, most_rows), _panels(product.depth, most_depth)
        image = Image(tuple(slide.inside(depth) for slide in slides))
        if not any(slide.reach for slide in image.slides):
            return None
        if image.size(rows, depth) * itemsize <= IMAGE_BYTES:
            break
        if most_rows == most_depth == 1:
            return None
        if most_depth * 4 > most_rows:
            most_depth = max(1, most_depth // 2)
        else:
            most_rows = max(1, most_rows // 2)
    return _planned(product, target, rows, depth, image)


def _panels(axes: tuple[Axis, ...], most: int) -> Cut:
    """Panels of axes, with no more positions than there are."""
    found, extent = cut(axes, most), axes[0].extent
    if found.outer or not isinstance(extent, int):
        return found
    return replace(found, run=max(1, min(found.run, extent)))


def _planned(product: Product, target: Target, rows: Cut, depth: Cut, image: Image) -> WindowPlan:
    bits, width = product.dtype.bits, product.column.extent
    lanes = target.vector_bits // bits
    best = min(
        _choices(rows, width, lanes, target.vector_registers), key=lambda choice: choice.cost
    )
    cells = best.cells
    tile = WindowTile(_offsets(image, rows, cells), best.vectors, lanes)
    columns = cut((product.column,), ANY_COLUMNS, tile.columns)
    left = width % tile.columns if isinstance(width, int) else 1
    found = WindowPlan(
        product, tile, depth, rows, columns, cells, image,
        has_narrow=tile.vectors > 1 and 0 < left <= lanes,
        cost=_cost(best, image.size(rows, depth), rows, depth, width),
    )  # fmt: skip
    if not found.is_deep:
        return found
    room = SUM_BYTES // (product.dtype.itemsize * found.cell_count * tile.rows)
    most = max(1, room // tile.columns) * tile.columns
    return replace(found, columns=cut((product.column,), most, tile.columns))


def _cost(best: _Choice, size: int, rows: Cut, depth: Cut, width: Size) -> float:
    """Half cycles for a row and a step of depth, what is packed included."""
    height, steps = rows.run * rows.size, depth.run * depth.size
    columns = width if isinstance(width, int) else TYPICAL
    return (best.cost + TURNED * columns) / height + PACKED * size / (height * steps)


@dataclass(frozen=True, slots=True)
class _Choice:
    vectors: int
    cells: Cut
    cost: float


def _choices(rows: Cut, width: Size, lanes: int, registers: int) -> Iterator[_Choice]:
    """Tiles that there may be, with half the cycles that all of them take for a step of depth.

    In a cycle go two multiply-adds, or two loads: of each row, each vector and the table. At
    least 8 sums have to grow at once, since each waits for the last. The loop itself counts as 1.
    """
    columns = width if isinstance(width, int) else TYPICAL
    for vectors, most in TILES[registers]:
        across = -(-columns // lanes)
        for cells in _cells(rows, most):
            height = cells.run * cells.size
            own = max(height * vectors, height + vectors + 1, 8) + 1
            last = across % vectors
            narrow = max(height + 2, 8) + 1 if last == 1 else own if last else 0
            count = -(-_most(cells.axis, rows) // cells.run)
            for axis in cells.outer:
                count *= _most(axis, rows)
            yield _Choice(vectors, cells, count * (across // vectors * own + narrow))


def _cells(rows: Cut, most: int) -> Iterator[Cut]:
    """Ways to cut a panel's rows into tiles: some positions of one axis, with all inside it."""
    inner, size = rows.inner, 1
    for k in range(len(inner) - 1, -1, -1):
        if size > most:
            break
        extent = _most(inner[k], rows)
        for run in range(1, min(extent, most // size) + 1):
            yield Cut(inner[:k], inner[k], run, inner[k + 1 :], size)
        size *= extent


def _offsets(image: Image, rows: Cut, cells: Cut) -> tuple[int, ...]:
    """Where in the image the rows of a tile lie, from the first on."""
    found: list[int] = []
    extents = [cells.run, *(_most(axis, rows) for axis in cells.whole)]
    for number in range(cells.run * cells.size):
        places: list[int] = []
        rest = number
        for extent in reversed(extents):
            places.insert(0, rest % extent)
            rest //= extent
        within = [0] * len(cells.outer) + places
        full = [0] * (len(image.slides) - len(extents) - len(cells.outer)) + within
        steps = zip(image.slides, full, strict=True)
        spot = image.spot(rows, tuple(slide.parted(slide.step * place) for slide, place in steps))
        assert isinstance(spot, int)
        found.append(spot)
    return tuple(found)
