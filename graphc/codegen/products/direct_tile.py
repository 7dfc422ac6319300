"""The tile of a product that is not packed.

What is known of the operands, such as the distance between their rows, is part of its code, so a
tile of a small product is little more than its multiply-adds; it is a function of the kernel's own.
Where there are many steps of depth that makes no difference: such a tile is told the distances,
and is an object that programs share. The chain of every result is that of any other tile.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import reduce

from llvmlite import ir

from graphc.codegen.products.tile import TileShape, fetch
from graphc.codegen.values import (
    I1,
    I32,
    I64,
    POINTER,
    VOID,
    intrinsic,
    lane_numbers,
    lanes_constant,
    overloaded,
    splat,
    suffix,
    zeros,
)

#: A number of elements, if it is known when compiled.
Known = int | None

#: What names of functions that are shared begin with.
SHARED = "graphc_shared_"


@dataclass(frozen=True, slots=True)
class DirectTile:
    """What is known of a tile and its operands; what is not, is an argument in each call.

    Of its columns the first `columns` exist. `left_row`, `left_step`, `right_step` and
    `target_row` are distances in elements, `depth` a number of steps. If it is `begun`, sums go on
    from what an earlier panel of depth left. If it is `cut`, it is told how many rows there are,
    from one to more than it has, if it is `open`, how many columns; it reads no others. Columns
    that are `ahead` by so many are asked for. It is a function of the kernel's own unless it is
    `shared`.
    """

    shape: TileShape
    columns: int
    left_row: Known
    left_step: Known
    right_step: Known
    depth: Known
    target_row: Known
    begun: bool = False
    cut: bool = False
    ahead: int = 0
    shared: bool = False
    open: bool = False

    @property
    def for_all(self) -> DirectTile:
        """The tile that is told the distances, but for those of neighbours."""
        row, step = (1 if n == 1 else None for n in (self.left_row, self.left_step))
        return replace(
            self, left_row=row, left_step=step, right_step=None, depth=None, target_row=None,
            shared=True,
        )  # fmt: skip

    @property
    def name(self) -> str:
        """What its function is called, all that is known of it."""
        shape, known = self.shape, (self.left_row, self.left_step, self.right_step, self.depth)
        sizes = (shape.rows, shape.vectors, self.columns, *known, self.target_row, self.ahead)
        text = ".".join("x" if size is None else str(size) for size in sizes)
        return f"tile.{text}" + ".begun" * self.begun + ".cut" * self.cut + ".open" * self.open

    def function_name(self, element: ir.Type) -> str:
        """The name of its function for elements of a type."""
        return f"{SHARED if self.shared else 'graphc_direct_'}{self.name}.{element}"

    def parameters(self) -> tuple[str, ...]:
        """The names of its function's arguments."""
        distances = ("left_row", "left_step", "right_step", "depth", "target_row")
        unknown = [name for name in distances if getattr(self, name) is None]
        begun = ("source", "source_row") if self.begun else ()
        here = ("rows",) * self.cut + ("columns",) * self.open
        return ("left", "right", "target", *unknown, *begun, *here)


_POINTERS = frozenset({"left", "right", "target", "source"})


def declare(module: ir.Module, element: ir.Type, tile: DirectTile) -> ir.Function:
    """The tile's function in a module, emitted when it is first asked for unless it is shared."""
    known = module.globals.get(tile.function_name(element))
    if known is not None:
        return known
    kinds = [POINTER if name in _POINTERS else I64 for name in tile.parameters()]
    kind = ir.FunctionType(VOID, kinds)
    function = ir.Function(module, kind, name=tile.function_name(element))
    if not tile.shared:
        function.linkage = "internal"
        emit(function, element, tile)
    return function


def emit(function: ir.Function, element: ir.Type, tile: DirectTile) -> None:
    """What a tile's function does."""
    function.attributes.add("nounwind")
    _Emission(function, element, tile).emit()


class _Emission:
    def __init__(self, function: ir.Function, element: ir.Type, tile: DirectTile) -> None:
        self.function, self.element, self.tile = function, element, tile
        self.given = dict(zip(tile.parameters(), function.args, strict=True))
        self.vector = ir.VectorType(element, tile.shape.lanes)
        self.size = 4 if isinstance(element, ir.FloatType) else 8
        self.rows, self.vectors = range(tile.shape.rows), range(tile.shape.vectors)
        self.builder = ir.IRBuilder(function.append_basic_block("entry"))

    def emit(self) -> None:
        """All that a tile does; where some of it may not exist, also without a thought of that."""
        sizes = {"rows": self.tile.shape.rows, "columns": self.tile.shape.columns}
        asked = [(self.given[name], size) for name, size in sizes.items() if name in self.given]
        self.is_part = False
        if asked:
            builder = self.builder
            whole, part = (self.function.append_basic_block(name) for name in ("whole", "part"))
            holds = [builder.icmp_signed(">=", given, I64(size)) for given, size in asked]
            builder.cbranch(reduce(builder.and_, holds), whole, part)
            builder.position_at_end(part)
            self.is_part = True
            self._path()
            builder.position_at_end(whole)
            self.is_part = False
        self._path()

    def _path(self) -> None:
        self.masks = [self._mask(v) for v in self.vectors]
        self.offsets = self._offsets("left_row")
        self._store(self._grown(self._begun()))

    def _number(self, name: str) -> ir.Value:
        """A distance or a number of steps."""
        known = self.given.get(name)
        return I64(getattr(self.tile, name)) if known is None else known

    def _at(self, base: ir.Value, offset: ir.Value | int) -> ir.Value:
        place = I64(offset) if isinstance(offset, int) else offset
        return self.builder.gep(base, [place], source_etype=self.element)

    def _offsets(self, name: str) -> list[ir.Value | int]:
        """Where rows begin; those that do not exist are the last that does."""
        builder, distance = self.builder, self._number(name)
        if not self._may_lack_rows and isinstance(distance, ir.Constant):
            return [r * distance.constant for r in self.rows]
        if not self._may_lack_rows:
            return [builder.mul(distance, I64(r)) for r in self.rows]
        last = builder.sub(self.given["rows"], I64(1))
        found: list[ir.Value | int] = [0]
        for r in self.rows[1:]:
            row = builder.select(builder.icmp_signed("<", I64(r), last), I64(r), last)
            found.append(builder.mul(row, distance))
        return found

    @property
    def _may_lack_rows(self) -> bool:
        return self.is_part and self.tile.cut

    # Steps of depth --------------------------------------------------------------------------

    def _begun(self) -> list[ir.Value]:
        """What sums begin with."""
        if not self.tile.begun:
            return [zeros(self.vector) for _ in self.rows for _ in self.vectors]
        offsets = self._offsets("source_row")
        source = self.given["source"]
        return [
            self._vector(self._at(source, offset), v) for offset in offsets for v in self.vectors
        ]

    def _grown(self, begun: list[ir.Value]) -> list[ir.Value]:
        """The sums after all steps of depth."""
        builder, before, depth = self.builder, self.builder.block, self._number("depth")
        body, after = (self.function.append_basic_block(n) for n in ("step", "steps.done"))
        builder.cbranch(builder.icmp_signed("<", I64(0), depth), body, after)
        builder.position_at_end(body)
        step, left, right = (builder.phi(kind) for kind in (I64, POINTER, POINTER))
        totals = [builder.phi(self.vector) for _ in begun]
        grown = self._step(left, right, totals)
        following = builder.add(step, I64(1))
        nexts = [
            following,
            self._at(left, self._number("left_step")),
            self._at(right, self._number("right_step")),
            *grown,
        ]
        builder.cbranch(builder.icmp_signed("<", following, depth), body, after)
        firsts = [I64(0), self.given["left"], self.given["right"], *begun]
        for phi, first, next_ in zip([step, left, right, *totals], firsts, nexts, strict=True):
            phi.add_incoming(first, before)
            phi.add_incoming(next_, body)
        builder.position_at_end(after)
        ended = [builder.phi(self.vector) for _ in begun]
        for phi, first, last in zip(ended, begun, grown, strict=True):
            phi.add_incoming(first, before)
            phi.add_incoming(last, body)
        return ended

    def _step(self, left: ir.Value, right: ir.Value, totals: list[ir.Value]) -> list[ir.Value]:
        """The sums after one more step."""
        builder = self.builder
        if self.tile.ahead:
            fetch(builder, self._at(right, self.tile.ahead), self.tile.shape.columns * self.size)
        columns = [self._vector(right, v) for v in self.vectors]
        grown: list[ir.Value] = []
        for offset in self.offsets:
            number = builder.load(self._at(left, offset), typ=self.element, align=self.size)
            single = splat(builder, number, self.tile.shape.lanes)
            for vector in columns:
                total = totals[len(grown)]
                grown.append(intrinsic(builder, "llvm.fma", self.vector, single, vector, total))
        return grown

    # Memory ----------------------------------------------------------------------------------

    def _mask(self, v: int) -> ir.Value | None:
        """Which columns of a vector exist; None if all do."""
        lanes = self.tile.shape.lanes
        if self.is_part and self.tile.open:
            left = self.builder.sub(self.given["columns"], I64(v * lanes))
            left = splat(self.builder, left, lanes)
            return self.builder.icmp_signed("<", lane_numbers(lanes), left)
        left_ = self.tile.columns - v * lanes
        if left_ >= lanes:
            return None
        return lanes_constant([int(k < left_) for k in range(lanes)], I1)

    def _vector(self, row: ir.Value, v: int) -> ir.Value:
        address, mask = self._at(row, v * self.tile.shape.lanes), self.masks[v]
        if mask is None:
            return self.builder.load(address, typ=self.vector, align=self.size)
        name, align = f"llvm.masked.load.{suffix(self.vector)}.p0", ir.Constant(I32, self.size)
        return overloaded(self.builder, name, self.vector, address, align, mask, zeros(self.vector))

    def _store(self, totals: list[ir.Value]) -> None:
        """The sums of the rows that exist."""
        builder, width = self.builder, len(self.vectors)
        done = self.function.append_basic_block("done")
        distance = self._number("target_row")
        for r in self.rows:
            if self._may_lack_rows and r > 0:
                more = self.function.append_basic_block("row")
                builder.cbranch(builder.icmp_signed("<", I64(r), self.given["rows"]), more, done)
                builder.position_at_end(more)
            known = isinstance(distance, ir.Constant)
            offset = distance.constant * r if known else builder.mul(distance, I64(r))
            row = self._at(self.given["target"], offset)
            for v in self.vectors:
                self._store_vector(row, v, totals[r * width + v])
        builder.branch(done)
        builder.position_at_end(done)
        builder.ret_void()

    def _store_vector(self, row: ir.Value, v: int, value: ir.Value) -> None:
        address, mask = self._at(row, v * self.tile.shape.lanes), self.masks[v]
        if mask is None:
            self.builder.store(value, address, align=self.size)
            return
        name, align = f"llvm.masked.store.{suffix(self.vector)}.p0", ir.Constant(I32, self.size)
        overloaded(self.builder, name, VOID, value, address, align, mask)
