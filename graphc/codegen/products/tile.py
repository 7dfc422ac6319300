"""The register tile: a few rows by a few vectors of columns of a product, all of them in registers.

For every step of depth it loads the vectors of the right operand once and one element of the left
for each row. Each element of the result is a chain of multiply-adds in the order of depth, begun
at zero or at what earlier steps left, so its bits depend on no size of tile or block.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from llvmlite import ir

from graphc.codegen.target import Target
from graphc.codegen.values import (
    I1,
    I8,
    I32,
    I64,
    POINTER,
    VOID,
    intrinsic,
    overloaded,
    smaller,
    splat,
    suffix,
    zeros,
)
from graphc.ir.dims import Size

#: Rows of a tile of two vectors, by the number of registers.
MOST_ROWS = {32: 14, 16: 6}

#: Bytes of a cache line, on nearly every machine.
LINE = 64

#: Steps of depth before a tile's end at which it asks for the place of the next one's results:
#: they take longer to come than a tile begins, and would be gone again had they come with it.
LATE = 96


@dataclass(frozen=True, slots=True)
class TileShape:
    """Rows, vectors of columns, and lanes of a vector.

    `by_table`: where the right operand is read in each step of depth stands in a table.
    """

    rows: int
    vectors: int
    lanes: int
    by_table: bool = False

    @property
    def columns(self) -> int:
        return self.vectors * self.lanes

    @property
    def narrow(self) -> TileShape:
        """The tile for what is left of the columns, if a vector holds it."""
        return replace(self, vectors=1)

    @property
    def low(self) -> TileShape:
        """The tile for what is left of the rows, if so few are."""
        return replace(self, rows=self.rows // 2 + 1)


def tile_shape(rows: Size, columns: Size, bits: int, target: Target) -> TileShape:
    """The tile for a product of that many rows and columns, as far as they are known.

    It has as many results as registers hold beside the vectors and an element of the operands,
    and takes rows evenly: for 100 rows ten at a time, not fourteen.
    """
    lanes = target.vector_bits // bits
    vectors = 1 if isinstance(columns, int) and columns <= lanes else 2
    most = MOST_ROWS[target.vector_registers] * 2 // vectors
    return TileShape(_even(rows, most), vectors, lanes)


def _even(rows: Size, most: int) -> int:
    """The number of rows up to the most that takes the least time, a tile costing a row more."""
    if not isinstance(rows, int):
        return most
    few = min(rows, most // 2)
    return min(range(max(1, few), most + 1), key=lambda n: (-(-rows // n) * (n + 1), -n))


def fetch(builder: ir.IRBuilder, start: ir.Value, size: int, near: int = 3) -> None:
    """Bring so many bytes from an address on into the cache, if there is memory at it.

    They come into the first level's cache if `near` is 3, only into the second's if it is 2.
    """
    kinds = [ir.Constant(I32, kind) for kind in (0, near, 1)]  # to read, keep it near, data
    for k in range(0, size, LINE):
        address = builder.gep(start, [I64(k)], source_etype=I8)
        overloaded(builder, "llvm.prefetch.p0", VOID, address, *kinds)


def tile_name(element: ir.Type, shape: TileShape, left_row: int) -> str:
    """What the function of a tile is called."""
    sizes = (shape.rows, shape.vectors, shape.lanes, left_row)
    how = "table." if shape.by_table else ""
    return f"graphc_tile.{element}.{how}" + ".".join(map(str, sizes))


def declare_tile(
    module: ir.Module, element: ir.Type, shape: TileShape, left_row: int
) -> ir.Function:
    """A tile's function, to be called from the module."""
    name = tile_name(element, shape, left_row)
    known = module.globals.get(name)
    return (
        known
        if known is not None
        else ir.Function(module, _BY_TABLE if shape.by_table else _TYPE, name=name)
    )


_RESULTS = [POINTER, I64, POINTER, I64, I64, I64, POINTER, I64]
_TYPE = ir.FunctionType(VOID, [POINTER, I64, POINTER, I64, I64, I64, *_RESULTS])
_BY_TABLE = ir.FunctionType(VOID, [POINTER, I64, POINTER, POINTER, I64, I64, *_RESULTS])


def emit_tile(module: ir.Module, element: ir.Type, shape: TileShape, left_row: int) -> ir.Function:
    """One tile of results, a function of these arguments.

    `left, left_step, right, right_step, depth, ahead`: the operands, elements from one step of
    depth to the next, and how many steps. Rows of the left one are `left_row` elements apart, which
    is known, so that one pointer serves them all; columns of the right one lie side by side. By a
    table, `right_step` is its address: of numbers of elements, one for each step. What is `ahead`
    of the right one by that many elements is asked for meanwhile.

    `from, from_row, to, to_row, rows, columns`: where results begin and where they go, elements
    from row to row, and how many of either are read and written.

    `next, next_row`: the place of the next tile's results, asked for towards the end.
    """
    function = declare_tile(module, element, shape, left_row)
    function.attributes.add("nounwind")
    _Tile(function, element, shape, left_row).emit()
    return function


class _Tile:
    def __init__(
        self, function: ir.Function, element: ir.Type, shape: TileShape, left_row: int
    ) -> None:
        self.function, self.element, self.shape, self.left_row = function, element, shape, left_row
        self.vector = ir.VectorType(element, shape.lanes)
        self.size = 4 if isinstance(element, ir.FloatType) else 8
        self.cells = [(r, v) for r in range(shape.rows) for v in range(shape.vectors)]
        self.builder = ir.IRBuilder(function.append_basic_block("entry"))

    def emit(self) -> None:
        *operands, source, step, target, row, rows, columns, below, below_row = self.function.args
        whole = self.builder.and_(
            self.builder.icmp_signed(">=", rows, I64(self.shape.rows)),
            self.builder.icmp_signed(">=", columns, I64(self.shape.columns)),
        )
        begun = self._begun(source, step, whole, (rows, columns))
        totals = self._grown(operands, begun, (below, below_row))
        with self.builder.if_else(whole, likely=True) as (all_there, some_there):
            with all_there:
                self._store_all(target, row, totals, None)
            with some_there:
                self._store_all(target, row, totals, (rows, columns))
        self.builder.ret_void()

    def _begun(
        self, source: ir.Value, step: ir.Value, whole: ir.Value, here: tuple[ir.Value, ir.Value]
    ) -> list[ir.Value]:
        """What the results begin with; without masks, which take their time, if all are there."""
        found: list[tuple[ir.Block, list[ir.Value]]] = []
        with self.builder.if_else(whole, likely=True) as branches:
            for branch, is_whole in zip(branches, (True, False), strict=True):
                with branch:
                    cells = self._cells(source, step, None if is_whole else here)
                    loaded = [self._loaded(*cell) for cell in cells]
                    found.append((self.builder.block, loaded))
        begun = [self.builder.phi(self.vector) for _ in self.cells]
        for block, loaded in found:
            for phi, value in zip(begun, loaded, strict=True):
                phi.add_incoming(value, block)
        return begun

    def _loaded(self, address: ir.Value, mask: ir.Value | None) -> ir.Value:
        if mask is None:
            return self.builder.load(address, typ=self.vector, align=self.size)
        return self._load(address, mask)

    def _store_all(
        self, target: ir.Value, row: ir.Value, totals: list[ir.Value],
        here: tuple[ir.Value, ir.Value] | None,
    ) -> None:  # fmt: skip
        """The results; without masks, which keep them from being read soon, if all are there."""
        for (address, mask), total in zip(self._cells(target, row, here), totals, strict=True):
            if mask is None:
                self.builder.store(total, address, align=self.size)
            else:
                self._store(address, total, mask)

    def _fetch_next(self, place: ir.Value, row: ir.Value) -> None:
        """Ask for the lines of the next tile's results, which need not begin with one."""
        builder, before, columns = self.builder, self.builder.block, self.shape.columns
        body = self.function.append_basic_block("row.next")
        after = self.function.append_basic_block("rows.next.done")
        builder.branch(body)
        builder.position_at_end(body)
        number, here = builder.phi(I64), builder.phi(POINTER)
        fetch(builder, here, columns * self.size)
        end = builder.gep(here, [I64(columns - 1)], source_etype=self.element)
        fetch(builder, end, self.size)
        following = builder.add(number, I64(1))
        below = builder.gep(here, [row], source_etype=self.element)
        for phi, first, value in ((number, I64(0), following), (here, place, below)):
            phi.add_incoming(first, before)
            phi.add_incoming(value, body)
        again = builder.icmp_signed("<", following, I64(self.shape.rows))
        builder.cbranch(again, body, after)
        builder.position_at_end(after)

    def _number(self, r: int, v: int) -> int:
        return r * self.shape.vectors + v

    def _masks(self, rows: ir.Value, columns: ir.Value) -> list[list[ir.Value]]:
        """For each row and vector, which of its columns exist; none in rows that do not."""
        builder, lanes = self.builder, self.shape.lanes
        bits = builder.shl(I64(-1), columns)  # of as many as a tile may have, fewer than 64
        present = builder.not_(bits)
        found = []
        for r in range(self.shape.rows):
            here = builder.select(builder.icmp_signed("<", I64(r), rows), present, I64(0))
            parts = [builder.lshr(here, I64(v * lanes)) for v in range(self.shape.vectors)]
            small = [builder.trunc(part, ir.IntType(lanes)) for part in parts]
            found.append([builder.bitcast(part, ir.VectorType(I1, lanes)) for part in small])
        return found

    def _grown(
        self, operands: list[ir.Value], begun: list[ir.Value], following: tuple[ir.Value, ir.Value]
    ) -> list[ir.Value]:
        """The results after all steps of depth.

        The loop is left once before its end, for what follows, and entered again.
        """
        left, left_step, right, right_step, depth, ahead = operands
        builder, before = self.builder, self.builder.block
        names = ("step", "steps.pause", "steps.late", "steps.done")
        body, pause, late, after = (self.function.append_basic_block(name) for name in names)
        early = builder.sub(depth, I64(LATE))
        early = builder.select(builder.icmp_signed(">", early, I64(1)), early, I64(1))
        builder.cbranch(builder.icmp_signed("<", I64(0), depth), body, after)
        builder.position_at_end(body)
        steps, until, lefts, rights = (builder.phi(t) for t in (I64, I64, POINTER, POINTER))
        totals = [builder.phi(self.vector) for _ in self.cells]
        grown = self._step(lefts, self._at_step(rights, right_step, steps), ahead, totals)
        left_next = builder.gep(lefts, [left_step], source_etype=self.element)
        right_next = rights
        if not self.shape.by_table:
            right_next = builder.gep(rights, [right_step], source_etype=self.element)
        done = builder.add(steps, I64(1))
        builder.cbranch(builder.icmp_signed("<", done, until), body, pause)
        builder.position_at_end(pause)
        builder.cbranch(builder.icmp_signed("<", done, depth), late, after)
        builder.position_at_end(late)
        self._fetch_next(*following)
        late = builder.block
        builder.branch(body)
        cells = list(zip(totals, begun, grown, strict=True))
        pairs = [(steps, I64(0), done), (lefts, left, left_next), (rights, right, right_next)]
        for phi, first, value in [*pairs, *cells]:
            phi.add_incoming(first, before)
            phi.add_incoming(value, body)
            phi.add_incoming(value, late)
        for value, block in ((early, before), (until, body), (depth, late)):
            until.add_incoming(value, block)
        builder.position_at_end(after)
        ended = [builder.phi(self.vector) for _ in self.cells]
        for phi, first, last in zip(ended, begun, grown, strict=True):
            phi.add_incoming(first, before)
            phi.add_incoming(last, pause)
        return ended

    def _step(
        self, left: ir.Value, right: ir.Value, ahead: ir.Value, totals: list[ir.Value]
    ) -> list[ir.Value]:
        """The results after one more step."""
        builder, shape = self.builder, self.shape
        vectors = [
            builder.load(
                builder.gep(right, [I64(v * shape.lanes)], source_etype=self.element),
                typ=self.vector, align=self.size,
            )
            for v in range(shape.vectors)
        ]  # fmt: skip
        if not shape.by_table:
            coming = builder.gep(right, [ahead], source_etype=self.element)
            fetch(builder, coming, shape.columns * self.size, near=2)
        grown: list[ir.Value] = []
        for r in range(shape.rows):
            address = builder.gep(left, [I64(r * self.left_row)], source_etype=self.element)
            single = splat(builder, builder.load(address, typ=self.element), shape.lanes)
            for v, vector in enumerate(vectors):
                total = totals[self._number(r, v)]
                grown.append(intrinsic(builder, "llvm.fma", self.vector, single, vector, total))
        return grown

    def _at_step(self, right: ir.Value, table: ir.Value, step: ir.Value) -> ir.Value:
        """The right operand in a step of depth."""
        if not self.shape.by_table:
            return right
        place = self.builder.gep(table, [step], source_etype=I64)
        offset = self.builder.load(place, typ=I64)
        return self.builder.gep(right, [offset], source_etype=self.element)

    def _cells(
        self, base: ir.Value, row: ir.Value, here: tuple[ir.Value, ir.Value] | None
    ) -> list[tuple[ir.Value, ir.Value | None]]:
        """Where the vectors of results are, and their masks where some rows or columns are not.

        Rows that do not exist are looked for where the last one is: an address without memory
        takes a processor hundreds of cycles even if nothing is read or written there.
        """
        builder, numbers = self.builder, [I64(r) for r in range(self.shape.rows)]
        masks: list[list[ir.Value]] = []
        if here is not None:
            masks = self._masks(*here)
            last = builder.sub(here[0], I64(1))
            numbers = [smaller(builder, number, last) for number in numbers]
        found: list[tuple[ir.Value, ir.Value | None]] = []
        for r, v in self.cells:
            offset = builder.add(builder.mul(row, numbers[r]), I64(v * self.shape.lanes))
            address = builder.gep(base, [offset], source_etype=self.element)
            found.append((address, masks[r][v] if masks else None))
        return found

    def _load(self, address: ir.Value, mask: ir.Value) -> ir.Value:
        name = f"llvm.masked.load.{suffix(self.vector)}.p0"
        align = ir.Constant(I32, self.size)
        return overloaded(self.builder, name, self.vector, address, align, mask, zeros(self.vector))

    def _store(self, address: ir.Value, value: ir.Value, mask: ir.Value) -> None:
        name = f"llvm.masked.store.{suffix(self.vector)}.p0"
        overloaded(self.builder, name, VOID, value, address, ir.Constant(I32, self.size), mask)
