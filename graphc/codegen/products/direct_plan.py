"""Whether a product's tiles read operands where they lie, and in which steps.

Packing pays if what is packed is read many times, from places that would be in each other's way.
Small products, those of few rows and those of few columns take longer to pack than that saves.
"""

from __future__ import annotations

from dataclasses import dataclass

from graphc.codegen.products.direct_limits import Limits, limits
from graphc.codegen.products.direct_shape import Shapes, shapes
from graphc.codegen.products.in_place import Place, depth_axis, place_of
from graphc.codegen.target import Target
from graphc.ir import dims
from graphc.ir.dims import Size
from graphc.schedule.statements import Product

#: Steps of depth in a panel where there are several, and up to how many are one panel.
PANEL, LONG = 256, 640

#: Steps of depth in a panel where it is not known how many columns there are, and bytes of sums
#: that wait then: it is the room for them that must not be too large, mostly there are fewer.
PANELS, OPEN_SUMS = (PANEL, PANEL // 2, PANEL // 4), 1 << 20

#: Rows that are few, and steps in a panel of theirs: so many that each is on a page of its own.
FEW_ROWS, SHORT_PANEL = 32, 64

#: Tiles by which columns are asked for ahead where rows are few.
AHEAD = 2

#: Rows or columns of a block at most, and the steps in which it is found out how many there are.
MOST, UNIT = 1024, 8


@dataclass(frozen=True, slots=True)
class Direct:
    """A product of which an operand, or both, are read where they lie, and copied otherwise.

    It has at most so many rows and columns, and `depth` steps in a panel; if it is `deep`, sums
    wait between panels. Columns that are `ahead` by so many are asked for. Tiles of one row follow
    on another `by_rows`, else by columns. `limits` are those by which all this was decided.
    """

    shapes: Shapes
    rows: int
    columns: int
    left: Place | None
    right: Place | None
    depth: int
    limits: Limits
    deep: bool = False
    ahead: int = 0
    by_rows: bool = False


def direct(product: Product, target: Target) -> Direct | None:
    """How a product goes without packing; None if it is better packed."""
    axis, columns = depth_axis(product), product.column.extent
    height, width = most(product.row.extent), most(columns)
    if axis is None or height is None or width is None or len(product.columns) != 1:
        return None
    right = place_of(product, product.right, product.columns[0])
    if right is not None and right.across != 1:
        right = None
    left = place_of(product, product.left, product.row)
    if left is None and right is None:
        return None
    bits = product.dtype.bits
    once, steps = product.onto is not None, axis.extent
    found = shapes(product.row.extent, columns, width, steps, bits, target, left, once)
    made = _Choice(product, found, height, width, left, right, steps, limits(target.caches)).made()
    return None if made is not None and made.deep and once else made


def most(size: Size) -> int | None:
    """How large a size is at most, in steps; None if that is not known, or it is 0."""
    if isinstance(size, int):
        return size if size > 0 else None
    if not dims.is_nonnegative(MOST - size):
        return None
    low, high = 0, MOST // UNIT
    while low + 1 < high:
        middle = (low + high) // 2
        low, high = (low, middle) if dims.is_nonnegative(middle * UNIT - size) else (middle, high)
    return high * UNIT


@dataclass(frozen=True, slots=True)
class _Choice:
    product: Product
    shapes: Shapes
    height: int
    width: int
    left: Place | None
    right: Place | None
    steps: Size
    limits: Limits

    @property
    def itemsize(self) -> int:
        return self.product.dtype.itemsize

    def made(self) -> Direct | None:
        is_known = isinstance(self.product.column.extent, int)
        most = self.limits.sums if is_known else OPEN_SUMS
        keeps_sums = self.height * self.width * self.itemsize <= most
        all_steps = self.steps if isinstance(self.steps, int) else None
        if all_steps is not None and self._is_single():
            return self._with(all_steps)
        if keeps_sums and self._is_low():
            return self._with(SHORT_PANEL, True, AHEAD * self.shapes.tile.columns)
        if all_steps is not None and not self._fits(all_steps):
            all_steps = None
        if all_steps is not None and (all_steps <= LONG or self._is_narrow()):
            return self._with(all_steps)
        panels = (PANEL,) if is_known else PANELS
        fitting = [panel for panel in panels if self._fits(panel)]
        if keeps_sums and fitting:
            return self._with(fitting[0], True)
        return None if all_steps is None else self._with(all_steps)

    def _with(self, depth: int, deep: bool = False, ahead: int = 0) -> Direct:
        by_rows = not deep and self._is_mostly_result(depth)
        return Direct(
            self.shapes, self.height, self.width, self.left, self.right, depth, self.limits,
            deep, ahead, by_rows,
        )  # fmt: skip

    def _is_mostly_result(self, depth: int) -> bool:
        """Whether results are written far away, and had better be neighbours in memory."""
        results, right = self.height * self.width, depth * self.width
        return (
            results * self.itemsize > self.limits.operand
            and right * self.itemsize <= self.limits.sums
        )

    def _is_single(self) -> bool:
        """Whether one tile has all the results, and reads everything but once."""
        is_one = (
            self.product.row.extent == self.shapes.tile.rows
            and self.width <= self.shapes.tile.columns
        )
        return is_one and self.left is not None and self.right is not None

    def _is_low(self) -> bool:
        """Whether rows are few, and the way of a large right operand through memory counts."""
        if self.right is None or self.height > FEW_ROWS:
            return False
        if not isinstance(self.right.step, int):
            return False
        steps = self.steps if isinstance(self.steps, int) else PANEL
        return steps * abs(self.right.step) * self.itemsize > self.limits.far

    def _fits(self, depth: int) -> bool:
        """Whether what is read again and again in a panel of so many steps stays near."""
        strip = depth * self.shapes.tile.columns * self.itemsize
        return strip <= self.limits.strip and self._right_fits(depth) and self._left_fits(depth)

    def _right_fits(self, depth: int) -> bool:
        size = depth * self.width * self.itemsize
        if self.right is None:
            return size <= self.limits.copied
        return size <= self.limits.operand and self._is_spread(self.right, depth)

    def _left_fits(self, depth: int) -> bool:
        size = self.height * depth * self.itemsize
        if self.left is None:
            return size <= self.limits.copied
        is_near = size <= self.limits.operand or self._is_narrow()
        return is_near and self._is_spread(self.left, depth)

    def _is_narrow(self) -> bool:
        """Whether rows are gone through once or twice."""
        return self.width <= 2 * self.shapes.tile.columns

    def _is_spread(self, place: Place, depth: int) -> bool:
        """Whether steps of depth are on so many lines of the cache that they can stay.

        Where that is not known, it is found out when the product is run.
        """
        if not isinstance(place.step, int):
            return True
        return self.limits.is_spread(depth, abs(place.step) * self.itemsize)
