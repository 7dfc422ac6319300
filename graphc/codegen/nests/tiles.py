"""Emission of nests of loops that are cut into tiles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llvmlite import ir

from graphc.codegen.expressions.access import load_row, store_row
from graphc.codegen.expressions.strides import exchanged
from graphc.codegen.nests.turned import TILE, Nest, Square, base, inner, is_within, within
from graphc.codegen.scopes import LINE
from graphc.codegen.values import I64, memory_type
from graphc.ir import dims
from graphc.ir.dims import Size

if TYPE_CHECKING:
    from graphc.codegen.nests.statements import Statements

Bounds = tuple[ir.Value, ir.Value]

#: Rows and columns that are turned in registers at most. The larger ones are a fifth faster where
#: caches do not hold all, and take three times the code.
BLOCK, SMALL_BLOCK = 16, 8

#: Positions of a nest that takes so little time that less code is worth more.
MODEST = 1 << 16


def emit_tiles(statements: Statements, nest: Nest, bounds: Bounds) -> None:
    """The nest, its outermost loop between two bounds."""
    with statements.scopes.for_a_while():
        _Tiles(statements, nest).emit(bounds)


def _block(nest: Nest) -> int:
    """Rows and columns to be turned in registers."""
    is_short = isinstance(nest.rows.extent, int) and nest.rows.extent < TILE
    return SMALL_BLOCK if is_short or is_within(nest.loops, MODEST) else BLOCK


class _Tiles:
    def __init__(self, statements: Statements, nest: Nest) -> None:
        self.statements = statements
        self.elements = statements.elements
        self.scopes = statements.scopes
        self.nest = nest
        for square in nest.squares:
            _, dtype = self.elements.buffers[str(square.load.source)]
            memory = self.scopes.allocate(memory_type(dtype), TILE * TILE, LINE)
            self.elements.buffers[square.name] = (memory, dtype)

    @property
    def builder(self) -> ir.IRBuilder:
        return self.scopes.builder

    def emit(self, bounds: Bounds) -> None:
        self._loops(0, bounds, I64(0))

    def _loops(self, depth: int, bounds: Bounds, height: ir.Value) -> None:
        """The loops from a depth on; `height` is that of the tile, once it is known."""
        loop = self.nest.loops[depth]
        last = depth == len(self.nest.loops) - 1
        is_cut = last or depth == self.nest.turned
        name = base(loop.axis) if is_cut else loop.axis.name
        with self.scopes.loop(name, *bounds, TILE if is_cut else 1) as position:
            extent = self._extent(position, bounds[1]) if is_cut else height
            if last:
                self._tile(height, extent)
            else:
                following = self.elements.size(self.nest.loops[depth + 1].axis.extent)
                self._loops(depth + 1, (I64(0), following), extent)

    def _extent(self, position: ir.Value, end: ir.Value) -> ir.Value:
        """Positions of a tile that exist."""
        left = self.builder.sub(end, position)
        whole = self.builder.icmp_signed("<", left, I64(TILE))
        return self.builder.select(whole, left, I64(TILE))

    def _tile(self, height: ir.Value, width: ir.Value) -> None:
        for square in self.nest.squares:
            self._bring_in(square, height, width)
        rows, columns = inner(self.nest.rows), inner(self.nest.columns)
        lanes = self.statements.lanes
        with self.scopes.loop(rows, I64(0), height):
            self.scopes.each_window(
                columns, I64(0), width, lanes, lambda: self.statements.emit(self.nest.body)
            )

    # Squares ---------------------------------------------------------------------------------

    def _bring_in(self, square: Square, height: ir.Value, width: ir.Value) -> None:
        """Whole blocks turned in registers, the rest one by one."""
        lanes = min(self.statements.lanes, _block(self.nest))
        rows, columns = inner(self.nest.rows), inner(self.nest.columns)
        high = self.builder.and_(height, I64(-lanes))
        wide = self.builder.and_(width, I64(-lanes))
        zero = I64(0)
        with (
            self.scopes.loop(columns, zero, wide, lanes),
            self.scopes.loop(rows, zero, high, lanes),
        ):
            self._block(square, lanes)
        for bounds in (((zero, height), (wide, width)), ((high, height), (zero, wide))):
            with self.scopes.loop(rows, *bounds[0]), self.scopes.loop(columns, *bounds[1]):
                self._single(square)

    def _offset(self, square: Square, column: int = 0) -> Size:
        axes = (self.nest.rows, self.nest.columns)
        moved: dict[str, Size] = {axis.name: within(axis) for axis in axes}
        moved[axes[1].name] = moved[axes[1].name] + column
        return dims.substitute(square.load.offset, moved)

    def _place(self, row: int = 0) -> Size:
        rows, columns = (
            dims.symbol(inner(axis), TILE - 1) for axis in (self.nest.rows, self.nest.columns)
        )
        return TILE * (rows + row) + columns

    def _block(self, square: Square, lanes: int) -> None:
        pointer, dtype = self.elements.buffers[str(square.load.source)]
        memory, _ = self.elements.buffers[square.name]
        element = memory_type(dtype)
        type_ = ir.VectorType(element, lanes)
        loaded = []
        for column in range(lanes):
            offset = self.elements.size(self._offset(square, column))
            address = self.builder.gep(pointer, [offset], source_etype=element)
            loaded.append(load_row(self.builder, type_, address, None, dtype.itemsize))
        for row, turned in enumerate(exchanged(self.builder, loaded)):
            place = self.elements.size(self._place(row))
            address = self.builder.gep(memory, [place], source_etype=element)
            store_row(self.builder, turned, address, None, dtype.itemsize)

    def _single(self, square: Square) -> None:
        pointer, dtype = self.elements.buffers[str(square.load.source)]
        memory, _ = self.elements.buffers[square.name]
        element = memory_type(dtype)
        offset = self.elements.size(self._offset(square))
        source = self.builder.gep(pointer, [offset], source_etype=element)
        place = self.elements.size(self._place())
        target = self.builder.gep(memory, [place], source_etype=element)
        self.builder.store(self.builder.load(source, typ=element), target)
