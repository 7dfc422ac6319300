"""A register tile whose rows lie in an image: read by a table of steps, results by columns or rows.

Like the tile of plain products it has a few rows by a few vectors of columns, and each result is a
chain of multiply-adds in the order of depth. But its rows are at known distances in an image, of
which a table says where each step of depth begins; so all places of a window read the same memory.
Neighbours in the result are rows here. So results are turned in registers, and stored by columns.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from llvmlite import ir

from graphc.codegen.expressions.strides import exchanged
from graphc.codegen.values import I64, POINTER, VOID, intrinsic, splat

_TYPE = ir.FunctionType(VOID, [POINTER, POINTER, POINTER, I64, I64, POINTER, I64, POINTER, I64])


@dataclass(frozen=True, slots=True)
class WindowTile:
    """Where rows lie in the image, vectors of columns, lanes; `turned`: stored by columns."""

    offsets: tuple[int, ...]
    vectors: int
    lanes: int
    turned: bool = True

    @property
    def rows(self) -> int:
        return len(self.offsets)

    @property
    def columns(self) -> int:
        return self.vectors * self.lanes

    @property
    def narrow(self) -> WindowTile:
        """The tile for what is left of the columns, if a vector holds it."""
        return replace(self, vectors=1)

    @property
    def by_rows(self) -> WindowTile:
        """The tile that stores its results by rows."""
        return replace(self, turned=False)

    def name(self, element: ir.Type) -> str:
        """What its function is called."""
        how = "columns" if self.turned else "rows"
        rows = ".".join(map(str, self.offsets))
        return f"graphc_window_tile.{element}.{how}.{self.vectors}.{self.lanes}.{rows}"


def declare_window_tile(module: ir.Module, element: ir.Type, tile: WindowTile) -> ir.Function:
    """A tile's function, to be called from the module."""
    name = tile.name(element)
    known = module.globals.get(name)
    return known if known is not None else ir.Function(module, _TYPE, name=name)


def emit_window_tile(module: ir.Module, element: ir.Type, tile: WindowTile) -> ir.Function:
    """One tile of results, a function of these arguments.

    `left, table`: the image at the first row, and how many elements on each step of depth is.
    `right, right_step, depth`: vectors of columns, elements from step to step, and steps.
    `from, from_row, to, to_step`: where sums begin and where they go, and elements from row to
    row, or from column to column if they are turned. All of a tile is read and written, with
    columns of whole vectors; what does not exist is for the caller to make room for.
    """
    function = declare_window_tile(module, element, tile)
    function.attributes.add("nounwind")
    _Tile(function, element, tile).emit()
    return function


class _Tile:
    def __init__(self, function: ir.Function, element: ir.Type, tile: WindowTile) -> None:
        self.function, self.element, self.tile = function, element, tile
        self.vector = ir.VectorType(element, tile.lanes)
        self.align = 4 if isinstance(element, ir.FloatType) else 8
        self.cells = [(r, v) for r in range(tile.rows) for v in range(tile.vectors)]
        self.builder = ir.IRBuilder(function.append_basic_block("entry"))

    def emit(self) -> None:
        *operands, source, from_row, target, step = self.function.args
        begun = [self._load(self._at(source, from_row, r, v)) for r, v in self.cells]
        totals = self._grown(operands, begun)
        if self.tile.turned:
            self._store_turned(target, step, totals)
        else:
            for (r, v), total in zip(self.cells, totals, strict=True):
                self.builder.store(total, self._at(target, step, r, v), align=self.align)
        self.builder.ret_void()

    def _grown(self, operands: list[ir.Value], begun: list[ir.Value]) -> list[ir.Value]:
        """The sums after all steps of depth."""
        left, table, right, right_step, depth = operands
        builder, before = self.builder, self.builder.block
        body, after = (self.function.append_basic_block(n) for n in ("step", "steps.done"))
        builder.cbranch(builder.icmp_signed("<", I64(0), depth), body, after)
        builder.position_at_end(body)
        step, here = builder.phi(I64), builder.phi(POINTER)
        totals = [builder.phi(self.vector) for _ in self.cells]
        grown = self._step(self._in_image(left, table, step), here, totals)
        following = builder.add(step, I64(1))
        here_next = builder.gep(here, [right_step], source_etype=self.element)
        builder.cbranch(builder.icmp_signed("<", following, depth), body, after)
        pairs = [(step, I64(0), following), (here, right, here_next)]
        for phi, first, next_ in [*pairs, *zip(totals, begun, grown, strict=True)]:
            phi.add_incoming(first, before)
            phi.add_incoming(next_, body)
        builder.position_at_end(after)
        ended = [builder.phi(self.vector) for _ in self.cells]
        for phi, first, last in zip(ended, begun, grown, strict=True):
            phi.add_incoming(first, before)
            phi.add_incoming(last, body)
        return ended

    def _step(self, left: ir.Value, right: ir.Value, totals: list[ir.Value]) -> list[ir.Value]:
        """The sums with one step of depth taken in."""
        builder = self.builder
        vectors = [self._load(self._at(right, I64(0), 0, v)) for v in range(self.tile.vectors)]
        grown = []
        for r, offset in enumerate(self.tile.offsets):
            address = builder.gep(left, [I64(offset)], source_etype=self.element)
            single = splat(builder, builder.load(address, typ=self.element), self.tile.lanes)
            for v, vector in enumerate(vectors):
                total = totals[r * self.tile.vectors + v]
                grown.append(intrinsic(builder, "llvm.fma", self.vector, single, vector, total))
        return grown

    def _in_image(self, left: ir.Value, table: ir.Value, step: ir.Value) -> ir.Value:
        """The first row in a step of depth."""
        entry = self.builder.gep(table, [step], source_etype=I64)
        place = self.builder.load(entry, typ=I64)
        return self.builder.gep(left, [place], source_etype=self.element)

    def _store_turned(self, target: ir.Value, step: ir.Value, totals: list[ir.Value]) -> None:
        """Columns, a vector of rows at a time; what is behind the last row is of no use."""
        lanes, rows = self.tile.lanes, self.tile.rows
        nothing = ir.Constant(self.vector, ir.Undefined)
        for v in range(self.tile.vectors):
            for first in range(0, rows, lanes):
                some = [totals[r * self.tile.vectors + v] for r in range(first, rows)[:lanes]]
                whole = some + [nothing] * (lanes - len(some))
                for k, column in enumerate(exchanged(self.builder, whole)):
                    start = self.builder.mul(step, I64(v * lanes + k))
                    place = self.builder.add(start, I64(first))
                    address = self.builder.gep(target, [place], source_etype=self.element)
                    self.builder.store(column, address, align=self.align)

    def _at(self, base: ir.Value, row: ir.Value, r: int, v: int) -> ir.Value:
        offset = self.builder.add(self.builder.mul(row, I64(r)), I64(v * self.tile.lanes))
        return self.builder.gep(base, [offset], source_etype=self.element)

    def _load(self, address: ir.Value) -> ir.Value:
        return self.builder.load(address, typ=self.vector, align=self.align)
