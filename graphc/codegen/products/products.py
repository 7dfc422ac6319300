"""A product as loops over tiles.

Panels of the right operand are packed by depth and columns, rows of the left one beside them; both
are read through the expressions that the kernel has for them, so a view, a conversion or a formula
costs no pass of its own. A tile's results go to a strip of its rows, from which the product's
statements read them. Where depth takes several panels, sums wait in the memory of a result, if
there is one to which nothing else belongs, else in a block of their own.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack, nullcontext
from typing import TYPE_CHECKING, cast

from llvmlite import ir

from graphc.codegen.products.image import Image
from graphc.codegen.products.micro_panels import place_of
from graphc.codegen.products.packing import Packing, masked
from graphc.codegen.products.panels import Panels
from graphc.codegen.products.plan import Plan
from graphc.codegen.products.results import in_lines, is_plain, rows_read, waiting_place
from graphc.codegen.products.tile import LINE, declare_tile, fetch
from graphc.codegen.values import I64, memory_type, register_type, smaller, zeros
from graphc.ir import dims, scalar
from graphc.ir.dims import Size
from graphc.ir.dtypes import DType, int64
from graphc.ir.scalar import Expr
from graphc.schedule.collapse import substituted
from graphc.schedule.points import nest
from graphc.schedule.statements import Axis, Product, Statement, Store, has_lines

if TYPE_CHECKING:
    from graphc.codegen.nests.statements import Statements

Body = tuple[Statement, ...]

#: Steps of depth up to which storing results takes the time, and had better go by whole rows.
SHALLOW = 64


class Emission:
    """Emits a product whose operands are packed."""

    def __init__(self, statements: Statements, product: Product, plan: Plan) -> None:
        self.statements, self.product, self.plan = statements, product, plan
        self.elements, self.scopes = statements.elements, statements.elements.scopes
        self.image = self.plan.image
        self.depth, self.columns = self.plan.depth, self.plan.columns
        self.rows = self.plan.rows
        self.packing = Packing(self.statements)
        self.panels = Panels(self.elements)
        self.element = register_type(product.dtype)
        self.strip_rows = self.plan.tile.rows
        self.tiles = {
            tile: declare_tile(self.builder.module, self.element, tile, self.plan.left_row)
            for tile in self.plan.tiles
        }
        self._claim_memory()

    @property
    def builder(self) -> ir.IRBuilder:
        return self.scopes.builder

    @property
    def has_lines(self) -> bool:
        """Whether results of columns lie in lines apart."""
        return has_lines(self.product.column, self.product.columns)

    def _claim_memory(self) -> None:
        """Room for packed operands, a tile's results, and sums that wait."""
        blocks, tile, name = self.plan.blocks, self.plan.tile, self.product.result
        self.is_deep = not self._fits_a_panel(self.plan.blocks.depth)
        self.waiting = None
        if self.image is None:
            self.waiting = waiting_place(self.product, self.elements.shared)
        self.is_plain = self.waiting is not None and is_plain(self.product)
        assert self.is_plain or self.product.onto is None, self.product
        sizes = {
            "left": self.plan.left_size,
            "right": self.plan.right_size,
            "strip": 1 if self.is_plain else tile.rows * self.plan.strip_step,
            "zeros": tile.columns,
        }
        self.keeps_all = False
        if self.is_deep and self.waiting is None:
            rows = self.plan.rows_kept(self.product)
            self.keeps_all = rows > 0
            sizes["sums"] = (rows or blocks.rows) * self.plan.strip_step
        self.names = {what: f"{name}.{what}" for what in sizes}
        for what, size in sizes.items():
            self._claim(self.names[what], self.product.dtype, size)
        if self.image is not None:
            self.names["table"] = f"{name}.table"
            self._claim(self.names["table"], int64, blocks.depth)
        self.elements.changing |= set(self.names.values())

    def _claim(self, name: str, dtype: DType, size: int) -> None:
        memory = self.scopes.allocate(memory_type(dtype), size, LINE)
        self.elements.buffers[name] = (memory, dtype)

    def _fits_a_panel(self, most: int) -> bool:
        steps = dims.product(axis.extent for axis in self.product.depth)
        return isinstance(steps, int) and steps <= most

    def _memory(self, what: str) -> ir.Value:
        return self.elements.buffers[self.names[what]][0]

    # Loops -----------------------------------------------------------------------------------

    def emit(self) -> None:
        """All rows and columns of the product."""
        kind = ir.ArrayType(self.element, self.plan.tile.columns)
        self.builder.store(zeros(kind), self._memory("zeros"))
        if self.image is not None:
            self._write_table(self.image)
        if self.waiting is not None or self.keeps_all or not self.is_deep:
            with self.panels.each(self.columns), self.panels.each(self.depth, is_depth=True):
                self._pack_right()
                with self.panels.each(self.rows):
                    self._block()
        else:
            with (
                self.panels.each(self.columns),
                self.panels.each(self.rows),
                self.panels.each(self.depth, is_depth=True),
            ):
                with self.scopes.guard(self.panels.is_gone(self.rows, self.depth)):
                    self._pack_right()
                self._block()

    # Packing ---------------------------------------------------------------------------------

    def _write_table(self, image: Image) -> None:
        """Where every step of depth begins in the image."""
        depth = self.depth
        within = Axis(depth.within.name, depth.run)
        start = scalar.index(image.start(self.columns, depth))
        store = Store(self.names["table"], depth.place, start)
        self.statements.emit(nest((within, *depth.whole), (store,), vector=False))

    def _pack_right(self) -> None:
        name = self.names["right"]
        if self.image is None:
            right = self._moved(self.product.right)
            if self.plan.right is not None:
                self.packing.emit_micro_panels(name, self.depth, self.plan.right, right)
                return
            place = self.plan.right_step * self.depth.place + self.columns.place
            self.packing.emit((*self.depth.inner, *self.columns.inner), Store(name, place, right))
            return
        own = self.image.axes(self.columns)
        within = self.image.within(self.columns)
        place = self.image.place(self.columns, self.depth, within)
        value = self.image.moved(self.product.right, self.columns, self.depth)
        axes = (*self.image.planes(self.depth), *own)
        self.packing.emit(axes, Store(name, place, value), is_image=True)

    def _pack_left(self) -> None:
        name, left = self.names["left"], self._moved(self.product.left)
        if self.plan.left is not None:
            self.packing.emit_micro_panels(name, self.depth, self.plan.left, left)
            return
        place = self.plan.left_row * self.rows.place + self.depth.place
        self.packing.emit((*self.rows.inner, *self.depth.inner), Store(name, place, left))

    def _moved(self, expr: Expr) -> Expr:
        """An operand at the positions inside the panels."""
        moved = self.rows.positions | self.columns.positions | self.depth.positions
        return expr.substitute(moved)

    # Tiles -----------------------------------------------------------------------------------

    def _block(self) -> None:
        """The tiles of the rows and columns at hand."""
        tile = self.plan.tile
        self._pack_left()
        columns, rows = self.panels.count(self.columns), self.panels.count(self.rows)

        def by_rows() -> AbstractContextManager[ir.Value]:
            return self.scopes.loop("tile.row", I64(0), rows, tile.rows)

        def by_columns() -> AbstractContextManager[ir.Value]:
            return self.scopes.loop("tile.column", I64(0), columns, tile.columns)

        if self.is_plain and not self._fits_a_panel(SHALLOW):
            with by_columns() as column, by_rows() as row:
                here = self._here(row, rows, column, columns)
                down, across = self.panels.following(row, rows, tile.rows, tile.columns)
                self._tile(row, column, here, (down, across))
            return
        with by_rows() as row:
            with by_columns() as column:
                here = self._here(row, rows, column, columns)
                across, down = self.panels.following(column, columns, tile.columns, tile.rows)
                self._tile(row, column, here, (down, across))
            if not self.is_plain:
                with self._if_last():
                    self._finish(row, self._left(row, rows, tile.rows), columns)

    def _here(
        self, row: ir.Value, rows: ir.Value, column: ir.Value, columns: ir.Value
    ) -> tuple[ir.Value, ir.Value]:
        """Rows and columns of a tile that exist."""
        tile = self.plan.tile
        return self._left(row, rows, tile.rows), self._left(column, columns, tile.columns)

    def _left(self, place: ir.Value, end: ir.Value, most: int) -> ir.Value:
        """How many there are from a place on, up to a tile's number of them."""
        return smaller(self.builder, self.builder.sub(end, place), I64(most))

    def _if_last(self) -> AbstractContextManager[None]:
        """Code inside runs for the last panel of depth."""
        return self.scopes.guard(self.panels.ends(self.depth)[1]) if self.is_deep else nullcontext()

    def _tile(
        self, row: ir.Value, column: ir.Value, here: tuple[ir.Value, ir.Value],
        following: tuple[ir.Value, ir.Value],
    ) -> None:  # fmt: skip
        """One tile of sums, to where they wait or, from the last panel of depth, to the strip.

        `here` are the rows and columns that it has, `following` those to the next one.
        """
        builder, plan = self.builder, self.plan
        left = place_of(builder, row, plan.left, plan.left_row)
        right, ahead = (place_of(builder, n, plan.right, 1) for n in (column, following[1]))
        begun, step = self._memory("zeros"), I64(0)
        goal, goal_step = self._at(self._memory("strip"), column), I64(plan.strip_step)
        coming, coming_step = begun, step
        if self.is_deep or self.is_plain:
            waiting, waiting_step = self._waiting(row, column)
            coming, coming_step = self._next(waiting, waiting_step, following), waiting_step
            is_first, is_last = self.panels.ends(self.depth)
            is_new = self._is_new(is_first)
            begun = builder.select(is_new, begun, waiting)
            step = builder.select(is_new, step, waiting_step)
            if self.is_plain:
                goal, goal_step = waiting, waiting_step
            else:
                goal = builder.select(is_last, goal, waiting)
                goal_step = builder.select(is_last, goal_step, waiting_step)
        if not self.is_plain:
            with self._if_last():
                self._ask_for_operands(row, column, here[0])
        depth = self.panels.count(self.depth)
        operands = [self._at(self._memory("left"), left), I64(plan.left_step)]
        operands += [self._at(self._memory("right"), right)]
        operands += [self._memory("table") if self.image else I64(plan.right_step), depth, ahead]
        results = [begun, step, goal, goal_step, *here, coming, coming_step]
        builder.call(self._function(here), [*operands, *results])

    def _function(self, here: tuple[ir.Value, ir.Value]) -> ir.Value:
        """The tile for so many rows and columns."""
        builder, (rows, columns), tile = self.builder, here, self.plan.tile
        found = self.tiles[tile]
        if self.plan.has_low:
            is_low = builder.icmp_signed("<=", rows, I64(tile.low.rows))
            found = builder.select(is_low, self.tiles[tile.low], found)
        if self.plan.has_narrow:
            is_narrow = builder.icmp_signed("<=", columns, I64(tile.lanes))
            found = builder.select(is_narrow, self.tiles[tile.narrow], found)
        return found

    def _is_new(self, is_first: ir.Value) -> ir.Value:
        """Whether sums begin at 0 in a panel of depth, which may be the first one."""
        if self.product.onto is None:
            return is_first
        turn = self.elements.size(self.product.onto)
        return self.builder.and_(is_first, self.builder.icmp_signed("==", turn, I64(0)))

    def _next(
        self, place: ir.Value, step: ir.Value, following: tuple[ir.Value, ir.Value]
    ) -> ir.Value:
        """Where the sums of the next tile are, from those of this one."""
        down, across = following
        return self._at(place, self.builder.add(self.builder.mul(down, step), across))

    def _at(self, base: ir.Value, offset: ir.Value) -> ir.Value:
        return self.builder.gep(base, [offset], source_etype=self.element)

    def _waiting(self, row: ir.Value, column: ir.Value) -> tuple[ir.Value, ir.Value]:
        """Where a tile's sums wait between panels of depth, and from row to row."""
        if self.waiting is None:
            step = I64(self.plan.strip_step)
            if self.keeps_all:
                row = self.builder.add(row, self.panels.first(self.rows, self.product.rows))
            offset = self.builder.add(self.builder.mul(row, step), column)
            return self._at(self._memory("sums"), offset), step
        target, offset_of, step_size = self.waiting
        start = self.elements.size(dims.substitute(offset_of, self._corner(row, column)))
        return self._at(self.elements.buffers[target][0], start), self.elements.size(step_size)

    def _corner(self, row: ir.Value, column: ir.Value) -> dict[str, Size]:
        """The product's row and column at those of the current panels, under names bound here."""
        builder = self.builder
        for what, place, cut_, axes in (
            ("row", row, self.rows, self.product.rows),
            ("column", column, self.columns, self.product.columns),
        ):
            first = self.panels.first(cut_, axes)
            self.scopes.bind(f"tile.{what}.place", builder.add(first, place))
        return {
            self.product.row.name: dims.symbol("tile.row.place"),
            self.product.column.name: dims.symbol("tile.column.place"),
        }

    # Results ---------------------------------------------------------------------------------

    def _finish(
        self, row: ir.Value, rows: ir.Value, columns: ir.Value, first: ir.Value | None = None
    ) -> None:
        """The product's statements for rows of a strip, over all columns of the panel.

        Row by row: in results of a few rows by a few columns, addresses one page apart would be
        taken for one another.
        """
        self.scopes.bind("strip.columns", columns)
        axes, strip, true = self._lines(), cast(Size, 0), cast(Size, 0)
        for axis, wide in zip(axes, self._widths(), strict=True):
            strip, true = strip * wide + axis.position, true * axis.extent + axis.position
        # nothing varies along a single position, so it is no loop over vectors
        axes = tuple(axis for axis in axes if axis.extent != 1) or axes[:1]
        moved = self._corner(row, I64(0))
        moved[self.product.row.name] += dims.symbol("strip.row", self.strip_rows - 1)
        moved[self.product.column.name] += true
        body = substituted(self.product.body, moved)
        if self.has_lines:
            axes, body, strip = in_lines(axes, substituted(body, self.columns.positions), strip)
        *lines, last = axes
        with ExitStack() as stack:
            stack.enter_context(self.scopes.loop("strip.row", first or I64(0), rows))
            for axis in lines:
                end = self.elements.size(axis.extent)
                stack.enter_context(self.scopes.loop(axis.name, I64(0), end))
            self._line(last, strip, body)

    def _lines(self) -> tuple[Axis, ...]:
        """The axes of a panel's columns that exist; one where they lie side by side."""
        if self.image is None and not self.has_lines:
            return (Axis("strip.column", dims.symbol("strip.columns", self.plan.strip_step)),)
        true = {axis.name: axis for axis in self.product.columns}
        return (self.columns.within, *(true[axis.name] for axis in self.columns.whole))

    def _widths(self) -> tuple[Size, ...]:
        """How many of them sums are kept for."""
        if self.image is None and not self.has_lines:
            return (1,)
        return (1, *(axis.extent for axis in self.columns.whole))

    def _ask_for_operands(self, row: ir.Value, column: ir.Value, rows: ir.Value) -> None:
        """Bring near what the statements will read, which takes as long as the tile."""
        loads = rows_read(self.product)
        if not loads:
            return
        corner = self._corner(row, column)
        corner[self.product.row.name] += dims.symbol("tile.ahead", self.plan.tile.rows - 1)
        with self.scopes.loop("tile.ahead", I64(0), rows):
            for load in loads:
                pointer, dtype = self.elements.buffers[str(load.source)]
                offset = self.elements.size(dims.substitute(load.offset, corner))
                start = self.builder.gep(pointer, [offset], source_etype=memory_type(dtype))
                fetch(self.builder, start, self.plan.tile.columns * dtype.itemsize)

    def _line(self, axis: Axis, strip: Size, body: Body) -> None:
        """Neighbouring results, a vector at a time; the strip has them at an offset."""
        lanes, length = self.statements.lanes, self.elements.size(axis.extent)

        def window() -> None:
            self.scopes.bind(self.product.result, self._result(strip))
            self.statements.emit(body)

        if self._is_whole(axis):
            self.scopes.full_windows(axis.name, I64(0), length, lanes, window)
            return
        if self.has_lines:  # the masks of stores with gaps are known for the ends of lines
            self.scopes.each_window(axis.name, I64(0), length, lanes, window)
            return
        with (
            self.scopes.loop(axis.name, I64(0), length, lanes) as position,
            masked(self.elements, axis.name, lanes, length, position),
        ):
            window()

    def _is_whole(self, axis: Axis) -> bool:
        """Whether lines, however many results they have, are known to fill their vectors."""
        lanes, run = self.statements.lanes, self.columns.run * self.columns.size
        if self.image is not None or self.has_lines:
            return isinstance(axis.extent, int) and axis.extent % lanes == 0
        extent = self.columns.axis.extent * self.columns.size
        return isinstance(extent, int) and extent % lanes == 0 and run % lanes == 0

    def _result(self, strip: Size) -> ir.Value:
        """The sums of a row of the strip, as many as a vector holds."""
        builder, window = self.builder, self.scopes.window
        assert window is not None
        row = builder.mul(self.scopes.find("strip.row"), I64(self.plan.strip_step))
        address = self._at(self._memory("strip"), builder.add(row, self.elements.size(strip)))
        type_ = ir.VectorType(self.element, window.lanes) if window.lanes > 1 else self.element
        return builder.load(address, typ=type_, align=self.product.dtype.itemsize)
