"""Kernels of bands: a block of rows of wide values, from the products that make them to their uses.

Wide values of the block lie in scratch. A product is followed by what is done to its elements
singly; what takes whole rows runs row by row, in stages; uses sum along the rows, or over them.
Sums over the rows grow from block to block of a stack, in the order of the rows, so that each is
the chain of multiply-adds that it would be in a kernel of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

from graphc.ir import lowering, scalar
from graphc.ir.dims import Size
from graphc.ir.indexing import linearize
from graphc.ir.node import Node
from graphc.ir.scalar import Expr, Index
from graphc.schedule.bands.blocks import Blocks, block_rows
from graphc.schedule.bands.cutting import Band
from graphc.schedule.bands.steps import Step, lives, steps_of
from graphc.schedule.bands.wide import Parts, Use
from graphc.schedule.groups import Fusion, Group
from graphc.schedule.kernel import Kernel, Scratch, Workspace
from graphc.schedule.products.roles import symbols_in
from graphc.schedule.reading import Buffer, Builder, Held
from graphc.schedule.stages import Stages
from graphc.schedule.statements import Axis, Loop, Product, Statement, Store

#: Bytes of scratch that a kernel may have. What needs more, or is of unknown size, has memory.
SCRATCH_BYTES = 1 << 21

#: Rows of a multiple of so many bytes would fall into the same places of a cache.
PAGE, LINE = 1024, 64


@dataclass(eq=False)
class _Room:
    """Memory of a block's for one value after another. `is_shared`: a part of it for each slot."""

    name: str
    size: Size
    holds: Node
    is_shared: bool = False


def band_kernel(group: Group, fusion: Fusion) -> tuple[Kernel, tuple[Buffer, ...]]:
    """The kernel of a group that is a band."""
    assert group.band is not None
    return _Kernel(group, group.band, fusion).build()


class _Kernel:
    def __init__(self, group: Group, band: Band, fusion: Fusion) -> None:
        self.band, self.fusion = band, fusion
        self.builder = Builder(fusion)
        self.steps = steps_of(group.nodes, band, fusion)
        self.life = lives(self.steps, fusion)
        self.rooms: list[_Room] = []
        is_known = isinstance(band.shape[-1], int)
        each = max(map(self._row_bytes, range(len(self.steps)))) if is_known else SCRATCH_BYTES
        self.rows = block_rows(band, each)
        self.has_slots = each * self.rows > SCRATCH_BYTES
        self.at = Blocks(self.builder, band, self.rows, has_slots=self.has_slots)

    def build(self) -> tuple[Kernel, tuple[Buffer, ...]]:
        """The steps of a block, inside loops over blocks."""
        body = tuple(statement for step in self.steps for statement in self._step(step))
        return self.builder.kernel(self.at.around(body), parallel=True)

    def _row_bytes(self, step: int) -> int:
        """Bytes of a row of the wide values that there are in a step, if it is known how many."""
        steps = ((self.row_step(node), node.dtype.itemsize) for node in self.life.there(step))
        return sum(step * size for step, size in steps if isinstance(step, int))

    def _is_wide(self, node: Node) -> bool:
        return node.shape == self.band.shape

    def row_step(self, node: Node) -> Size:
        """Elements from row to row of what is held of a value."""
        if not self._is_wide(node):
            return 1
        width = self.band.shape[-1]
        if not isinstance(width, int) or width * node.dtype.itemsize % PAGE:
            return width
        return width + LINE // node.dtype.itemsize

    # Steps -----------------------------------------------------------------------------------

    def _step(self, step: Step) -> tuple[Statement, ...]:
        if step.product is None:
            return self._by_rows(step)
        if step.product in self.band.uses:
            return (self._use(step.product),)
        return (self._wide(step),)

    def _by_rows(self, step: Step) -> tuple[Statement, ...]:
        row = self.builder.axis(self.at.height)
        stages = _Near(self, (*self.at.place, self.at.start + row.position))
        for node in step.nodes:
            stages.add(node)
        return (Loop(row, stages.statements()),)

    def _wide(self, step: Step) -> Statement:
        """A wide product, and values that follow for each of its elements."""
        assert step.product is not None
        builder, product, at = self.builder, step.product, self.at
        row, column = builder.axis(at.height), builder.axis(self.band.shape[-1])
        index = (*at.place, at.start + row.position, column.position)
        name = builder.result()
        body: list[Statement] = []
        for node in (product, *step.nodes):
            is_sum = node is product
            value = scalar.local(name, node.dtype) if is_sum else builder.element(node, index)
            builder.computed[node] = (index, value)
            body.extend(self.stores(node, index, value))
        return self._product(product, name, index, row, column, tuple(body))

    def _use(self, node: Node) -> Statement:
        """A product that sums over a block's rows, or along them.

        The last dim of its result is its columns, the other one that is no stack its rows.
        """
        builder, use = self.builder, self.band.uses[node]
        index, (row, column) = self._result(node, use)
        name = builder.result()
        target = builder.argument(node, written=True)
        value = scalar.local(name, node.dtype)
        store = Store(target, linearize(index, node.shape), value)
        return self._product(node, name, index, row, column, (store,), use.parts)

    def _result(self, node: Node, use: Use) -> tuple[Index, list[Axis]]:
        """An index into the result of a use, and the axes that it runs along."""
        axes: list[Axis] = []
        index: list[Size] = []
        for k, (size, along) in enumerate(zip(node.shape, use.along, strict=True)):
            if size == 1:
                index.append(0)
            elif k == use.part:
                index.append(self.at.part)
            elif along is not None and along < len(self.at.place):
                index.append(self.at.place[along])
            else:
                is_rows = along == len(self.at.place)
                axes.append(self.builder.axis(self.at.height if is_rows else size))
                index.append((self.at.start if is_rows else 0) + axes[-1].position)
        return tuple(index), axes

    def _product(
        self, node: Node, name: str, index: Index, row: Axis, column: Axis,
        body: tuple[Statement, ...], parts: Parts | None = None,
    ) -> Product:  # fmt: skip
        rule = node.op.lowering
        assert isinstance(rule, lowering.Reduce)
        depth: list[Axis] = []
        inner: list[Size] = []
        for size in rule.loops(node, index):
            is_rows = parts is not None and size != 1
            depth.append(self.builder.axis(self.at.height if is_rows else size))
            inner.append((self.at.within if is_rows else 0) + depth[-1].position)
        left, right = rule.operands(node, index, tuple(inner), self.builder.reader(node))
        if row.name in symbols_in(right):
            left, right = right, left
        turn = self.at.following
        return Product(
            name, node.dtype, row, column, (row,), (column,), tuple(depth), left, right, body,
            onto=None if parts is None or turn.extent == 1 else turn.position,
        )  # fmt: skip

    # What is kept ----------------------------------------------------------------------------

    def stores(self, node: Node, index: Index, value: Expr) -> list[Statement]:
        """Puts a value where other steps find it, and other kernels."""
        if node in self.fusion.kept:
            target = self.builder.argument(node, written=True)
            return [Store(target, linearize(index, node.shape), value)]
        if node not in self.life.ends:
            return []
        return [self.store_in(self._room(node), node, index, value)]

    def store_in(self, room: _Room, node: Node, index: Index, value: Expr) -> Store:
        """Puts a value into memory of the block's, where what comes next reads it."""
        at, base = self.at, room.size * self.at.slot if room.is_shared else 0
        held = Held(room.name, len(at.place), (at.start,), self.row_step(node), base)
        self.builder.held.pop(room.holds, None)
        self.builder.held[node], room.holds = held, node
        return Store(room.name, held.offset(node, index), value)

    def _room(self, node: Node) -> _Room:
        """Memory for a value: that of another one that nobody needs any more, if there is any."""
        size, now = self.rows * self.row_step(node), self.life.starts[node]
        for room in self.rooms:
            is_over = self.life.ends.get(room.holds, -1) < now
            if is_over and (room.size, room.holds.dtype) == (size, node.dtype):
                return room
        self.rooms.append(self.room(node, size))
        return self.rooms[-1]

    def room(self, node: Node, size: Size) -> _Room:
        """New memory of so many elements for each block."""
        if self.has_slots and self._is_wide(node):
            space = Workspace(node.dtype, self.at.slots * size)
            return _Room(self.builder.argument(space, written=True), size, node, is_shared=True)
        assert isinstance(size, int)
        name = f"s{len(self.builder.scratch)}"
        self.builder.scratch.append(Scratch(name, node.dtype, size))
        return _Room(name, size, node)


class _Near(Stages):
    """The stages of a row of a block."""

    def __init__(self, kernel: _Kernel, domain: Index) -> None:
        super().__init__(kernel.fusion, kernel.builder, domain, len(domain))
        self.kernel = kernel

    def _stores(self, node: Node, index: Index, value: Expr) -> list[Statement]:
        rooms = (room for room in self.kernel.rooms if self._is_over(room.holds, node))
        taken = next(rooms, None)
        if taken is None or node not in self.kernel.life.ends or node in self.fusion.kept:
            return self.kernel.stores(node, index, value)
        store = self.kernel.store_in(taken, node, index, value)
        self.stages[self.place[node]].last.append(store)
        return []

    def _hold(self, node: Node) -> None:
        kernel, builder = self.kernel, self.builder
        if not kernel.has_slots:
            super()._hold(node)
        elif node not in builder.held and node not in self.fusion.kept:
            index, value = builder.computed[node]
            room = kernel.room(node, kernel.rows * kernel.row_step(node))
            self.stages[self.place[node]].body.append(kernel.store_in(room, node, index, value))

    def _is_over(self, source: Node, node: Node) -> bool:
        """Whether each element of a value from an earlier step is last read for this one's."""
        life, stage = self.kernel.life, self.place[node]
        if source in self.place or (source.shape, source.dtype) != (node.shape, node.dtype):
            return False
        link = self.fusion.links[node].get(source)
        if link is None or not link.same or life.ends.get(source) != life.starts[node]:
            return False
        near = [
            reader for reader in life.readers[source] if life.starts[reader] == life.starts[node]
        ]
        return all(self.place.get(reader, stage + 1) <= stage for reader in near)
