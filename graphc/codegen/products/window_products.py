"""A product whose left operand slides along windows, as loops over tiles that read an image.

For a panel of rows and of depth an image is packed, padding and all. Then, for as many columns as
a tile has, the right operand is packed, tiles go along the rows, and the product's statements run
over all rows of the panel, column by column, since rows are what lies side by side in the result.
Where depth takes several panels, sums wait in a block of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING

from llvmlite import ir

from graphc.codegen.products.packing import Packing
from graphc.codegen.products.panels import Panels
from graphc.codegen.products.results import Body, in_lines
from graphc.codegen.products.tile import LINE
from graphc.codegen.products.window_plan import WindowPlan
from graphc.codegen.products.window_tile import declare_window_tile
from graphc.codegen.values import I64, memory_type, register_type, smaller, zeros
from graphc.ir import dims, scalar
from graphc.ir.dims import Size
from graphc.ir.dtypes import DType, int64
from graphc.schedule.collapse import substituted
from graphc.schedule.points import nest
from graphc.schedule.statements import Axis, Store, has_lines

if TYPE_CHECKING:
    from graphc.codegen.nests.statements import Statements


class WindowEmission:
    """Emits one such product."""

    def __init__(self, statements: Statements, plan: WindowPlan) -> None:
        self.statements, self.plan, self.product = statements, plan, plan.product
        self.elements, self.scopes = statements.elements, statements.elements.scopes
        self.tile, self.image = plan.tile, plan.image
        self.packing, self.panels = Packing(statements), Panels(self.elements)
        self.element = register_type(self.product.dtype)
        self.names: dict[str, str] = {}
        self._claim_memory()

    @property
    def builder(self) -> ir.IRBuilder:
        return self.scopes.builder

    def _claim_memory(self) -> None:
        """Room for the image, a tile's columns, their results, and sums that wait."""
        plan, tile, dtype = self.plan, self.tile, self.product.dtype
        self._claim("image", dtype, plan.image.size(plan.rows, plan.depth) + max(tile.offsets))
        self._claim("right", dtype, plan.steps * tile.columns)
        self._claim("strip", dtype, plan.strip_step * tile.columns)
        self._claim("zeros", dtype, tile.columns)
        self._claim("table", int64, plan.steps)
        if plan.is_deep:
            self._claim("sums", dtype, plan.sum_count)
        self.elements.changing |= set(self.names.values())

    def _claim(self, what: str, dtype: DType, size: int) -> None:
        memory = self.scopes.allocate(memory_type(dtype), size, LINE)
        self.names[what] = f"{self.product.result}.{what}"
        self.elements.buffers[self.names[what]] = (memory, dtype)

    def _memory(self, what: str) -> ir.Value:
        return self.elements.buffers[self.names[what]][0]

    def emit(self) -> None:
        """All rows and columns."""
        plan = self.plan
        kind = ir.ArrayType(self.element, self.tile.columns)
        self.builder.store(zeros(kind), self._memory("zeros"))
        self._write_table()
        with (
            self.panels.each(plan.columns),
            self.panels.each(plan.rows),
            self.panels.each(plan.depth, is_depth=True),
        ):
            self._pack_image()
            count = self.panels.count(plan.columns)
            with self.scopes.loop("tile.column", I64(0), count, self.tile.columns) as column:
                left = self.builder.sub(count, column)
                here = smaller(self.builder, left, I64(self.tile.columns))
                self.scopes.bind("tile.columns", here)
                self._pack_right()
                self._tiles(column, here)
                self._finish_if_last()

    # Packing ---------------------------------------------------------------------------------

    def _write_table(self) -> None:
        """Where every step of depth begins in the image."""
        depth = self.plan.depth
        within = Axis(depth.within.name, depth.run)
        start = scalar.index(self.image.start(self.plan.rows, depth))
        store = Store(self.names["table"], depth.place, start)
        self.statements.emit(nest((within, *depth.whole), (store,), vector=False))

    def _pack_image(self) -> None:
        plan = self.plan
        own = self.image.axes(plan.rows)
        place = self.image.place(plan.rows, plan.depth, self.image.within(plan.rows))
        value = self.image.moved(self.product.left, plan.rows, plan.depth)
        axes = (*self.image.planes(plan.depth), *own)
        steps = self.panels.count(plan.depth)
        with self.scopes.guard(self.builder.icmp_signed(">", steps, I64(0))):
            self.packing.emit(axes, Store(self.names["image"], place, value), is_image=True)

    def _pack_right(self) -> None:
        depth, most = self.plan.depth, self.tile.columns
        column = Axis("tile.column.in", dims.symbol("tile.columns", most))
        moved = depth.positions | {self.product.column.name: self._column() + column.position}
        place = most * depth.place + column.position
        value = self.product.right.substitute(moved)
        self.packing.emit((*depth.inner, column), Store(self.names["right"], place, value))

    def _column(self) -> Size:
        """The first column of the tile."""
        return dims.symbol(self.plan.columns.base) + dims.symbol("tile.column")

    # Tiles -----------------------------------------------------------------------------------

    def _tiles(self, column: ir.Value, columns: ir.Value) -> None:
        """All tiles along the rows of the panel."""
        cells = self.plan.cells
        with ExitStack() as stack:
            for axis in cells.outer:
                end = self.elements.size(axis.extent)
                stack.enter_context(self.scopes.loop(axis.name, I64(0), end))
            end = self.elements.size(cells.axis.extent)
            stack.enter_context(self.scopes.loop(cells.axis.name, I64(0), end, cells.run))
            self._tile(column, columns)

    def _tile(self, column: ir.Value, columns: ir.Value) -> None:
        plan, names = self.plan, {axis.name: 0 for axis in self.plan.cells.whole}
        inner = {axis.name: axis.position for axis in plan.rows.inner}
        if plan.rows.axis.name != plan.rows.within.name:
            inner[plan.rows.axis.name] = plan.rows.within.position
        within = (
            slide.parted(slide.step * dims.substitute(inner.get(slide.axis.name, 0), names))
            for slide in self.image.slides
        )
        spot = self.elements.size(self.image.spot(plan.rows, tuple(within)))
        row = self.elements.size(dims.substitute(plan.rows.place, names))
        goal, step = self._at(self._memory("strip"), row), I64(plan.strip_step)
        image = self._at(self._memory("image"), spot)
        operands = [
            image, self._memory("table"), self._memory("right"), I64(self.tile.columns),
            self.panels.count(plan.depth),
        ]  # fmt: skip
        if not plan.is_deep:
            self._call(columns, False, [*operands, self._memory("zeros"), I64(0), goal, step])
            return
        waiting, width = self._waiting(column), I64(self.tile.columns)
        first, last = self.panels.ends(plan.depth)
        begun = self.builder.select(first, self._memory("zeros"), waiting)
        begun_step = self.builder.select(first, I64(0), width)
        with self.scopes.guard(last):
            self._call(columns, False, [*operands, begun, begun_step, goal, step])
        with self.scopes.guard(self.builder.not_(last)):
            self._call(columns, True, [*operands, begun, begun_step, waiting, width])

    def _call(self, columns: ir.Value, by_rows: bool, arguments: list[ir.Value]) -> None:
        tiles = [self.tile, self.tile.narrow] if self.plan.has_narrow else [self.tile]
        found = [
            declare_window_tile(
                self.builder.module, self.element, tile.by_rows if by_rows else tile
            )
            for tile in tiles
        ]
        tile = found[0]
        if self.plan.has_narrow:
            is_narrow = self.builder.icmp_signed("<=", columns, I64(self.tile.lanes))
            tile = self.builder.select(is_narrow, found[1], tile)
        self.builder.call(tile, arguments)

    def _waiting(self, column: ir.Value) -> ir.Value:
        """Where a tile's sums wait between panels of depth."""
        builder, cells = self.builder, self.plan.cells
        number = builder.udiv(column, I64(self.tile.columns))
        for axis in (*cells.outer, cells.axis):
            most = self.plan.most(axis)
            here = self.scopes.find(axis.name)
            if axis is cells.axis:
                most, here = -(-most // cells.run), builder.udiv(here, I64(cells.run))
            number = builder.add(builder.mul(number, I64(most)), here)
        size = self.tile.rows * self.tile.columns
        return self._at(self._memory("sums"), builder.mul(number, I64(size)))

    def _at(self, base: ir.Value, offset: ir.Value) -> ir.Value:
        return self.builder.gep(base, [offset], source_etype=self.element)

    # Results ---------------------------------------------------------------------------------

    def _finish_if_last(self) -> None:
        if not self.plan.is_deep:
            self._finish()
            return
        with self.scopes.guard(self.panels.ends(self.plan.depth)[1]):
            self._finish()

    def _finish(self) -> None:
        """The product's statements for a tile's columns, over all rows of the panel."""
        own = dims.symbol("strip.column", self.tile.columns - 1)
        moved = {self.product.column.name: self._column() + own}
        with self.scopes.loop("strip.column", I64(0), self.scopes.find("tile.columns")):
            if has_lines(self.product.row, self.product.rows):
                self._finish_lines(moved, self.plan.strip_step * own)
            else:
                self._finish_row(moved, self.plan.strip_step * own)

    def _finish_row(self, moved: dict[str, Size], strip: Size) -> None:
        """The statements for rows that are neighbours in the results."""
        plan, lanes = self.plan, self.statements.lanes
        self.scopes.bind("strip.first", self.panels.first(plan.rows, self.product.rows))
        here = dims.symbol("strip.row", plan.rows.run * plan.rows.size - 1)
        moved |= {self.product.row.name: dims.symbol("strip.first") + here}
        window = self._window(substituted(self.product.body, moved), strip + here)
        self.scopes.each_window("strip.row", I64(0), self.panels.count(plan.rows), lanes, window)

    def _finish_lines(self, moved: dict[str, Size], strip: Size) -> None:
        """The statements for rows in lines apart, each of its own."""
        rows, lanes = self.plan.rows, self.statements.lanes
        body = substituted(self.product.body, moved | rows.positions)
        (*lines, last), body, place = in_lines(rows.inner, body, strip + rows.place)
        window = self._window(body, place)
        with ExitStack() as stack:
            for axis in lines:
                end = self.elements.size(axis.extent)
                stack.enter_context(self.scopes.loop(axis.name, I64(0), end))
            end = self.elements.size(last.extent)
            self.scopes.each_window(last.name, I64(0), end, lanes, window)

    def _window(self, body: Body, place: Size) -> Callable[[], None]:
        """What emits the body for neighbouring rows, the first of them at a place of the strip."""

        def window() -> None:
            self.scopes.bind(self.product.result, self._result(place))
            self.statements.emit(body)

        return window

    def _result(self, place: Size) -> ir.Value:
        """The sums of a column of the strip, as many as the statements take together."""
        window = self.scopes.window
        assert window is not None
        type_ = ir.VectorType(self.element, window.lanes) if window.lanes > 1 else self.element
        address = self._at(self._memory("strip"), self.elements.size(place))
        return self.builder.load(address, typ=type_, align=self.product.dtype.itemsize)
