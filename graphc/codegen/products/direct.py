"""A product of which operands are read where they lie: loops over tiles, and little else."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

from llvmlite import ir

from graphc.codegen.products.direct_shape import has
from graphc.codegen.products.direct_tile import DirectTile, Known, declare
from graphc.codegen.products.in_place import Place
from graphc.codegen.products.products import Emission
from graphc.codegen.products.results import is_plain, waiting_place
from graphc.codegen.values import I64, memory_type, smaller, zeros
from graphc.ir import dims
from graphc.ir.dims import Size
from graphc.schedule.statements import Store

#: Steps of depth from which on a tile that all programs share is as fast as one that knows all
#: distances, and how many of these there are registers for.
MANY_STEPS, MOST_ROWS = 128, 8

#: Rows of the lowest tile for what is left of them.
LEAST_ROWS = 4


@dataclass(frozen=True, slots=True)
class Strip:
    """Columns from one on to another, and the tile that goes through them.

    What is left of the rows goes to the last one in `lower` that has them.
    """

    begin: Size
    end: Size
    tile: DirectTile

    @property
    def lower(self) -> tuple[DirectTile, ...]:
        """Tiles of half as many rows, and of half of those, if the tile may be cut."""
        rows, found = self.tile.shape.rows, []
        while self.tile.cut and rows >= 2 * LEAST_ROWS:
            rows //= 2
            found.append(replace(self.tile, shape=replace(self.tile.shape, rows=rows)))
        return tuple(found)


class DirectEmission(Emission):
    """Tiles that read operands in memory, or copies of them.

    Where rows or columns are no multiple of a tile's, the last tiles reach back and compute some
    results again, which are the same, or are of fewer columns. If it is not known that there are
    as many rows or columns as a tile has, it is told how many, and smaller ones are at hand for
    what is left. Sums that wait have room for each tile. What goes on from what is there is worked
    out once: no tile reaches back. An operand whose steps of depth are apart by a distance that is
    not known is copied if they turn out to be in each other's way.
    """

    def _claim_memory(self) -> None:
        assert self.plan.direct is not None
        self.direct = self.plan.direct
        self.is_deep = self.direct.deep
        if self.is_deep:
            self.strip_rows = self.direct.rows
        self.names = {}
        sizes: dict[str, int] = {}
        self.copied: dict[str, ir.Value] = {}
        if may_be_copied(self.direct.left):
            sizes["left"] = self.direct.rows * self.direct.depth
        if may_be_copied(self.direct.right):
            sizes["right"] = self.direct.depth * self.plan.strip_step
        self.waiting = waiting_place(self.product, self.elements.shared)
        self.is_plain = self.waiting is not None and is_plain(self.product)
        assert self.is_plain or self.product.onto is None, self.product
        if self.is_deep:
            tiles = [self.plan.tile, *self.direct.shapes.narrower]
            height = max(-(-self.direct.rows // tile.rows) * tile.rows for tile in tiles)
            sizes["sums"] = height * self.plan.strip_step
        elif not self.is_plain:
            sizes["strip"] = self.plan.tile.rows * self.plan.strip_step
        if self.is_begun:
            sizes["zeros"] = self.plan.tile.columns
        for what, size in sizes.items():
            self.names[what] = f"{self.product.result}.{what}"
            self._claim(self.names[what], self.product.dtype, size)
        if self.is_deep:
            self.names["strip"] = self.names["sums"]
        self.elements.changing |= set(self.names.values())

    # What is known ---------------------------------------------------------------------------

    @property
    def is_onto(self) -> bool:
        """Whether sums go on from what is in the result."""
        return self.product.onto is not None

    @property
    def is_begun(self) -> bool:
        """Whether sums may have been begun before a tile."""
        return self.is_deep or self.is_onto

    def _tile_of(self) -> DirectTile:
        tile, rows = self.plan.tile, self.product.row.extent
        left, right = self.direct.left, self.direct.right
        left_row, left_step = self._left_copied() if left is None else (left.across, left.step)
        right_step = self.plan.strip_step if right is None else right.step
        steps = self.depth.axis.extent
        made = DirectTile(
            shape=tile,
            columns=min(tile.columns, self.direct.columns),
            left_row=_known(left_row),
            left_step=_known(left_step),
            right_step=_known(right_step),
            depth=steps if isinstance(steps, int) and not self.is_deep else None,
            target_row=_known(self._target_step()),
            begun=self.is_begun,
            cut=not has(rows, tile.rows) or (self.is_onto and not _divides(tile.rows, rows)),
            open=not isinstance(self.product.column.extent, int),
            ahead=self.direct.ahead,
        )
        is_long = self.direct.depth >= MANY_STEPS and tile.rows <= MOST_ROWS
        is_asked = left is not None and may_be_copied(left)
        return made.for_all if is_long or is_asked or made.cut or made.open else made

    def _strips(self) -> list[Strip]:
        """The columns of whole tiles, and what is left for a narrower one."""
        tile, last = self._tile_of(), self.direct.shapes.last
        width = self.product.column.extent
        if tile.open:
            return self._halved(tile)
        if not last:
            return [Strip(0, width, tile)]
        assert isinstance(width, int)
        whole = width - width % tile.columns
        narrow = replace(tile, shape=replace(tile.shape, vectors=last), columns=width - whole)
        return [Strip(0, whole, tile), Strip(whole, width, narrow)]

    def _halved(self, tile: DirectTile) -> list[Strip]:
        """Columns up to the last place where half a tile's are left, or less, and so on."""
        begin: Size = 0
        found, width = [], self.product.column.extent
        narrower = self.direct.shapes.narrower
        for k, shape in enumerate((tile.shape, *narrower)):
            end, size = width, shape.columns
            if k < len(narrower):
                end = dims.minimum(width, size * dims.floordiv(width + size // 2 - 1, size))
            rows = shape.rows if self._is_by_strips() else tile.shape.rows
            shape = replace(shape, rows=rows)
            found.append(Strip(begin, end, replace(tile, shape=shape, columns=size)))
            begin = end
        return found

    def _is_by_strips(self) -> bool:
        """Whether all rows of a strip of columns come one after another."""
        return self.is_deep or (self.is_plain and not self.direct.by_rows)

    def _left_copied(self) -> tuple[int, int]:
        """Elements from row to row and from step to step of a copied left operand."""
        if self.direct.left is not None and self.direct.left.across == 1:
            return 1, self.direct.rows
        return self.direct.depth, 1

    def _target_step(self) -> Size | None:
        """Elements from row to row of where sums go; None if that is one or the other."""
        if not self.is_plain:
            return self.plan.strip_step
        assert self.waiting is not None
        return None if self.is_deep else self.waiting[2]

    # Loops -----------------------------------------------------------------------------------

    def emit(self) -> None:
        if self.is_begun:
            kind = ir.ArrayType(self.element, self.plan.tile.columns)
            self.builder.store(zeros(kind), self._memory("zeros"))
        with self.panels.each(self.columns), self.panels.each(self.rows):
            with self.panels.each(self.depth, is_depth=True):
                self._copy_operands()
                self._tiles()
            if self.is_deep and not self.is_plain:
                count = self.panels.count(self.rows)
                self._finish(I64(0), count, self._width())

    def _copy_operands(self) -> None:
        """What is not read where it lies."""
        for side, place, copy in (
            ("right", self.direct.right, self._pack_right),
            ("left", self.direct.left, self._copy_left),
        ):
            if place is None:
                copy()
            elif may_be_copied(place):
                self.copied[side] = self._collides(place.step)
                with self.scopes.guard(self.copied[side]):
                    copy()

    def _copy_left(self) -> None:
        row, step = self._left_copied()
        place, left = row * self.rows.place + step * self.depth.place, self.product.left
        axes = (*self.rows.inner, *self.depth.inner)
        if row == 1:
            axes = (*self.depth.inner, *self.rows.inner)
        self.packing.emit(axes, Store(self.names["left"], place, self._moved(left)))

    def _collides(self, step: Size) -> ir.Value:
        """Whether a panel's steps of depth so far apart are on too few lines of the cache."""
        builder, limits = self.builder, self.direct.limits
        distance = self.elements.size(step * self.product.dtype.itemsize)
        unit = smaller(builder, builder.and_(distance, builder.neg(distance)), I64(limits.way))
        lines = builder.mul(self.panels.count(self.depth), unit)
        return builder.icmp_signed(">", lines, I64(limits.lines))

    def _tiles(self) -> None:
        """All tiles of a panel of depth."""
        rows, most = self.panels.count(self.rows), self.plan.tile.rows

        def by_rows(size: int) -> AbstractContextManager[ir.Value]:
            return self.scopes.loop("tile.row", I64(0), rows, size)

        if self._is_by_strips():
            for strip in self._strips():
                with self._by_columns(strip) as column, by_rows(strip.tile.shape.rows) as row:
                    self._one(row, column, strip)
            return
        with by_rows(most) as row:
            for strip in self._strips():
                with self._by_columns(strip) as column:
                    self._one(row, column, strip)
            if not self.is_plain:
                start = self._row_start(row, most)
                here = smaller(self.builder, self.builder.sub(rows, start), I64(most))
                self._finish(start, here, self._width(), self.builder.sub(row, start))

    def _by_columns(self, strip: Strip) -> AbstractContextManager[ir.Value]:
        begin, end = self.elements.size(strip.begin), self.elements.size(strip.end)
        return self.scopes.loop("tile.column", begin, end, strip.tile.shape.columns)

    def _width(self) -> ir.Value:
        return self.elements.size(self.product.column.extent)

    def _row_start(self, row: ir.Value, size: int) -> ir.Value:
        """Where a tile begins that is to have the row: it may reach back."""
        return self._reaching_back(row, self.product.row.extent, size)

    def _reaching_back(self, place: ir.Value, extent: Size, size: int) -> ir.Value:
        """The start of a tile at a place: so far back that all of it exists, if that may be."""
        if self.is_onto or not has(extent, size) or _divides(size, extent):
            return place
        last = self.builder.sub(self.elements.size(extent), I64(size))
        return smaller(self.builder, place, last)

    def _one(self, row: ir.Value, column: ir.Value, strip: Strip) -> None:
        """One tile of sums, to where they wait, to the strip, or to the result."""
        builder = self.builder
        start = self._row_start(row, strip.tile.shape.rows)
        size = strip.tile.shape.columns
        is_whole = strip.tile.columns == size and not strip.tile.open
        begin = self._reaching_back(column, strip.end, size) if is_whole else column
        given = {
            "left": self._left_at(start),
            "right": self._right_at(begin),
            "depth": self.panels.count(self.depth),
            "rows": builder.sub(self.panels.count(self.rows), start),
            "columns": builder.sub(self.elements.size(strip.end), begin),
        }
        given |= self._distances()
        given |= self._goal(row, column, start, begin)
        function = self._fitting(strip, given["rows"])
        builder.call(function, [given[name] for name in strip.tile.parameters()])

    def _fitting(self, strip: Strip, rows: ir.Value) -> ir.Value:
        """The function of the lowest tile that has so many rows, or of the highest."""
        builder = self.builder
        found: ir.Value = declare(builder.module, self.element, strip.tile)
        for tile in strip.lower:
            function = declare(builder.module, self.element, tile)
            holds = builder.icmp_signed("<=", rows, I64(tile.shape.rows))
            found = builder.select(holds, function, found)
        return found

    def _distances(self) -> dict[str, ir.Value]:
        """Elements from row to row and from step to step of the operands."""
        row, step = self._left_copied()
        left, right = self.direct.left, self.direct.right
        return {
            "left_row": self._either("left", I64(row), left and self.elements.size(left.across)),
            "left_step": self._either("left", I64(step), left and self.elements.size(left.step)),
            "right_step": self._either(
                "right", I64(self.plan.strip_step), right and self.elements.size(right.step)
            ),
        }

    def _either(self, side: str, copied: ir.Value, there: ir.Value | None) -> ir.Value:
        """What is true of an operand that is copied, or of one that is read where it lies."""
        if there is None:
            return copied
        if side not in self.copied:
            return there
        return self.builder.select(self.copied[side], copied, there)

    def _goal(
        self, row: ir.Value, column: ir.Value, start: ir.Value, begin: ir.Value
    ) -> dict[str, ir.Value]:
        """Where sums begin and where they go."""
        builder, step = self.builder, I64(self.plan.strip_step)
        if not self.is_plain and not self.is_deep:
            return {"target": self._at(self._memory("strip"), begin), "target_row": step}
        if not self.is_deep:
            goal = self._result_goal(start, begin)
            return goal | self._begun(goal["target"], goal["target_row"])
        is_last = self.panels.ends(self.depth)[1]
        sums = self._memory("sums")
        waiting = self._at(sums, builder.add(builder.mul(row, step), column))
        last = {
            "target": self._at(sums, builder.add(builder.mul(start, step), begin)),
            "target_row": step,
        }
        if self.is_plain:
            last = self._result_goal(start, begin)
        return {
            **self._begun(waiting, step),
            "target": builder.select(is_last, last["target"], waiting),
            "target_row": builder.select(is_last, last["target_row"], step),
        }

    def _result_goal(self, start: ir.Value, begin: ir.Value) -> dict[str, ir.Value]:
        assert self.waiting is not None
        target, offset, step = self.waiting
        place = self.elements.size(dims.substitute(offset, self._corner(start, begin)))
        goal, distance = self._at(self.elements.buffers[target][0], place), self.elements.size(step)
        return {"target": goal, "target_row": distance}

    def _begun(self, place: ir.Value, distance: ir.Value) -> dict[str, ir.Value]:
        """Where sums go on from, if they do: from a place, or from zeros where they are new."""
        if not self.is_begun:
            return {}
        is_new, zero = self._is_new(self.panels.ends(self.depth)[0]), self._memory("zeros")
        return {
            "source": self.builder.select(is_new, zero, place),
            "source_row": self.builder.select(is_new, I64(0), distance),
        }

    # Operands --------------------------------------------------------------------------------

    def _left_at(self, row: ir.Value) -> ir.Value:
        copy = there = None
        if "left" in self.names:
            copy = self._at(
                self._memory("left"), self.builder.mul(row, I64(self._left_copied()[0]))
            )
        if self.direct.left is not None:
            there = self._in_place(self.direct.left, row, I64(0))
        return self._either("left", copy, there)

    def _right_at(self, column: ir.Value) -> ir.Value:
        copy = there = None
        if "right" in self.names:
            copy = self._at(self._memory("right"), column)
        if self.direct.right is not None:
            there = self._in_place(self.direct.right, I64(0), column)
        return self._either("right", copy, there)

    def _in_place(self, place: Place, row: ir.Value, column: ir.Value) -> ir.Value:
        """An operand at a row or column and at the panel of depth."""
        moved = self._corner(row, column) | {self.depth.axis.name: dims.symbol(self.depth.base)}
        offset = self.elements.size(dims.substitute(place.offset, moved))
        pointer, dtype = self.elements.buffers[place.buffer]
        return self.builder.gep(pointer, [offset], source_etype=memory_type(dtype))


def may_be_copied(place: Place | None) -> bool:
    """Whether an operand has to be copied, or it is not known that it need not be."""
    return place is None or not isinstance(place.step, int)


def _divides(size: int, extent: Size) -> bool:
    """Whether an extent is known to be a multiple."""
    return isinstance(extent, int) and extent % size == 0


def _known(size: Size | None) -> Known:
    return size if isinstance(size, int) else None
