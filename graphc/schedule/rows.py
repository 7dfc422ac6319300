"""Kernels that work row by row: one pass over memory for all that concerns a row.

The domain's dims make one axis of rows, and what is done along a row is a matter of stages.
Reductions over the rows themselves grow block by block, in memory of their own.
"""

from __future__ import annotations

from graphc.ir import dims, lowering, scalar
from graphc.ir.combiners import identity
from graphc.ir.dims import Size
from graphc.ir.dtypes import int64
from graphc.ir.indexing import delinearize, linearize
from graphc.ir.node import Node
from graphc.ir.scalar import Expr, Index
from graphc.ir.types import Shape
from graphc.schedule.blocks import BLOCK, CHUNK, FIRST, blocks_of
from graphc.schedule.groups import Fusion, Group
from graphc.schedule.jamming import loops_over
from graphc.schedule.kernel import Kernel
from graphc.schedule.points import nest
from graphc.schedule.reading import Buffer, Builder
from graphc.schedule.stages import Stage, Stages
from graphc.schedule.statements import (
    Axis,
    Loop,
    Statement,
    Store,
    Update,
)


def row_kernel(group: Group, fusion: Fusion) -> tuple[Kernel, tuple[Buffer, ...]]:
    """The kernel of a group whose values have rows."""
    return Rows(group, fusion).build()


class Rows(Stages):
    """The kernel of a group whose values have rows, under construction."""

    def __init__(self, group: Group, fusion: Fusion) -> None:
        super().__init__(fusion, Builder(fusion), rank=0 if group.chunked else group.rank)
        self.group = group
        self.blocked: list[tuple[Node, str, Shape]] = []
        self.firsts: dict[str, Expr] = {}
        self._open_domain()

    def _open_domain(self) -> None:
        """The loop over rows, inside one over blocks where rows are reduced."""
        group, builder = self.group, self.builder
        reduces = [n for n in group.nodes if isinstance(n.op.lowering, lowering.BlockReduce)]
        self.block: Axis | None = None
        self.row: Axis | None = None
        if group.chunked:
            (size,) = group.domain
            self.block = builder.axis(blocks_of(size, CHUNK))
            self.start: Size = CHUNK * self.block.position
            self.left = dims.minimum(CHUNK, size - self.start)
            return
        rows = dims.product(group.domain)
        if reduces:
            self.block = builder.axis(blocks_of(rows, BLOCK))
            start = BLOCK * self.block.position
            self.row = builder.axis(dims.minimum(BLOCK, rows - start))
            position: Size = start + self.row.position
        else:
            self.row = builder.axis(rows) if rows != 1 else None
            position = self.row.position if self.row else 0
        self.domain = delinearize(position, group.domain)

    def build(self) -> tuple[Kernel, tuple[Buffer, ...]]:
        """The kernel, and the buffers behind its arguments."""
        body = self.loops(self.group.nodes)
        return self.builder.kernel(body, parallel=self.row is not None or self.block is not None)

    def loops(self, nodes: list[Node]) -> tuple[Statement, ...]:
        """Place every value, then put the stages together in loops over rows and blocks."""
        for node in nodes:
            self.add(node)
        body = self.statements()
        if self.row is not None and self.block is not None:
            body = loops_over(self.builder, self.row, body, self.firsts)
        elif self.row is not None:
            body = (Loop(self.row, body),)
        if self.block is not None:
            body = (Loop(self.block, (*self._cleared(), *body)),)
        return body

    @property
    def _number(self) -> Size:
        """The number of the block."""
        assert self.block is not None
        return self.block.position

    def add(self, node: Node) -> None:
        """Place a value; those that it reads have been before."""
        if isinstance(node.op.lowering, lowering.BlockReduce):
            self._add_block_reduction(node)
        else:
            super().add(node)

    # Chunks of a vector ----------------------------------------------------------------------

    def _extents(self, node: Node, rule: lowering.Reduce) -> Shape:
        return self._inner(node) if self.group.chunked else super()._extents(node, rule)

    def _loops(self, shape: Shape) -> tuple[tuple[Axis, ...], Index]:
        if not self.group.chunked or not shape:
            return super()._loops(shape)
        axis = self.builder.axis(self.left)
        return (axis,), (self.start + axis.position,)

    def _has_room(self, size: int) -> bool:
        return not self.group.chunked and super()._has_room(size)

    # Blocks ----------------------------------------------------------------------------------

    def _add_block_reduction(self, node: Node) -> None:
        """A reduction over rows (or along a chunk): one result for each block."""
        source, combiner = node.inputs[0], node.attrs["combiner"]
        shape = self._inner(node)
        k = self._settled(node, shape, nested=False)
        stage = self.stages[k]
        index = self.domain + stage.index
        index = index + (0,) * (len(source.shape) - len(index))
        operand = self.builder.value(source, index)
        target = self.builder.argument(node, written=True)
        if self.group.chunked:
            name = self._reduction(stage, node, combiner, (operand,), lanes=True)
            after = self._stage((), k + 1)
            store = Store(target, self._number, scalar.local(name, node.dtype))
            self.stages[after].body.append(store)
        elif combiner == FIRST:
            self._add_first(node, stage, operand, (self._number, *index[self.rank :]))
        else:
            offset = linearize((self._number, *index[self.rank :]), node.shape)
            stage.body.append(Update(target, offset, combiner, operand))
            self.blocked.append((node, target, node.shape[1:]))
        self.place[node] = k

    def _add_first(self, node: Node, stage: Stage, operand: Expr, index: Index) -> None:
        """The block's first row, at hand for every row of the block."""
        assert self.row is not None
        target, offset = self.builder.argument(node, written=True), linearize(index, node.shape)
        is_first = scalar.compare("eq", scalar.index(self.row.position), scalar.const(0, int64))
        earlier = scalar.load(target, offset, node.dtype)
        value = scalar.select(is_first, operand, earlier)
        stage.body.append(Store(target, offset, value))
        self.firsts[target] = value
        self.builder.computed[node] = (index, value)

    def _cleared(self) -> tuple[Statement, ...]:
        """Every block's results begin with what changes nothing."""
        found: list[Statement] = []
        for node, target, shape in self.blocked:
            axes = tuple(self.builder.axis(size) for size in shape)
            index = (self._number, *(axis.position for axis in axes))
            start = scalar.const(identity(node.attrs["combiner"], node.dtype), node.dtype)
            store = Store(target, linearize(index, node.shape), start)
            found.extend(nest(axes, (store,)))
        return tuple(found)
