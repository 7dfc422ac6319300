"""Emission of nests of loops that are cut into tiles."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from llvmlite import ir

from graphc.codegen.nests.turned import TILE, Nest, base, inner
from graphc.codegen.nests.turning import declare_turn
from graphc.codegen.scopes import LINE
from graphc.codegen.values import I64, memory_type
from graphc.ir import dims
from graphc.ir.dims import Size
from graphc.ir.scalar import Expr
from graphc.schedule.statements import Store

if TYPE_CHECKING:
    from graphc.codegen.nests.statements import Statements

Bounds = tuple[ir.Value, ir.Value]


def emit_tiles(statements: Statements, nest: Nest, bounds: Bounds) -> None:
    """The nest, its outermost loop between two bounds."""
    with statements.scopes.for_a_while():
        if nest.copy is None or nest.copy.target in statements.elements.extents:
            _Tiles(statements, nest).emit(bounds)
        else:  # to memory of the kernel's own, which is near
            _Turned(statements, nest).copy(nest.copy, bounds)


class _Turned:
    """Turns what is read across rows. Where rows and columns begin is bound to their `base`."""

    def __init__(self, statements: Statements, nest: Nest) -> None:
        self.statements = statements
        self.elements = statements.elements
        self.scopes = statements.scopes
        self.nest = nest

    @property
    def builder(self) -> ir.IRBuilder:
        return self.scopes.builder

    def copy(self, store: Store, bounds: Bounds) -> None:
        """All of a nest that does nothing else: the other loops, and one call inside them."""
        rows, columns = self.nest.rows, self.nest.columns
        counts = {}
        with ExitStack() as stack:
            for k, loop in enumerate(self.nest.loops):
                here = (I64(0), self.elements.size(loop.axis.extent)) if k else bounds
                if loop.axis in (rows, columns):
                    self.scopes.bind(base(loop.axis), here[0])
                    counts[loop.axis] = self.builder.sub(here[1], here[0])
                else:
                    stack.enter_context(self.scopes.loop(loop.axis.name, *here))
            step = rows.step(store.offset)
            assert step is not None
            target = self._address(store.target, store.offset)
            size = self.elements.size(step)
            self.turn(store.value, target, size, counts[rows], counts[columns])

    def turn(
        self, load: Expr, target: ir.Value, step: ir.Value, height: ir.Value, width: ir.Value
    ) -> None:
        """Rows that a load reads, turned to a target whose rows are `step` apart."""
        source = self._address(str(load.source), load.offset)
        distance = self.nest.columns.step(load.offset)
        assert distance is not None
        function = declare_turn(self.builder.module, load.dtype.itemsize, self.nest.apart)
        given = [source, self.elements.size(distance), target, step, height, width]
        self.builder.call(function, given)

    def _address(self, buffer: str, offset: Size) -> ir.Value:
        """Where an offset is for the first row and column."""
        axes = (self.nest.rows, self.nest.columns)
        moved: dict[str, Size] = {axis.name: dims.symbol(base(axis)) for axis in axes}
        pointer, dtype = self.elements.buffers[buffer]
        place = self.elements.size(dims.substitute(offset, moved))
        return self.builder.gep(pointer, [place], source_etype=memory_type(dtype))


class _Tiles(_Turned):
    """A nest whose body reads what is turned, among other things, from squares in memory."""

    def __init__(self, statements: Statements, nest: Nest) -> None:
        super().__init__(statements, nest)
        for square in nest.squares:
            _, dtype = self.elements.buffers[str(square.load.source)]
            memory = self.scopes.allocate(memory_type(dtype), TILE * TILE, LINE)
            self.elements.buffers[square.name] = (memory, dtype)

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
            memory, _ = self.elements.buffers[square.name]
            self.turn(square.load, memory, I64(TILE), height, width)
        rows, columns = inner(self.nest.rows), inner(self.nest.columns)
        lanes = self.statements.lanes
        with self.scopes.loop(rows, I64(0), height):
            self.scopes.each_window(
                columns, I64(0), width, lanes, lambda: self.statements.emit(self.nest.body)
            )
