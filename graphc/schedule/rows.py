"""Kernels that work row by row: one pass over memory for all that concerns a row.

The domain's dims make one axis of rows; along a row there are *stages*, each a loop over the
same inner dims. A value goes into the first stage in which what it reads is known, so values
over the same dims share a loop. What a later stage reads of an earlier one is held in scratch.
Reductions over the rows themselves grow block by block, in memory of their own.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from graphc.ir import dims, lowering, scalar
from graphc.ir.combiners import identity
from graphc.ir.dims import Size
from graphc.ir.dtypes import int64
from graphc.ir.indexing import delinearize, linearize
from graphc.ir.node import Node
from graphc.ir.scalar import Expr, Index
from graphc.ir.types import Shape
from graphc.schedule.alignment import without_ones
from graphc.schedule.blocks import BLOCK, CHUNK, FIRST, blocks_of
from graphc.schedule.fusion import Fusion, Group, extended
from graphc.schedule.jamming import loops_over
from graphc.schedule.kernel import Kernel, Scratch
from graphc.schedule.points import checked_result, nest
from graphc.schedule.reading import Buffer, Builder
from graphc.schedule.statements import (
    Axis,
    Combine,
    Fold,
    Loop,
    Reduction,
    Statement,
    Store,
    Update,
)

#: Bytes that a kernel may keep of one row. On the stack, and well inside a second-level cache.
SCRATCH_BYTES = 1 << 18


@dataclass(eq=False)
class _Stage:
    """A loop along the row over some inner dims; none for what there is once a row.

    `nested`: every position has a loop of its own inside.
    """

    axes: tuple[Axis, ...]
    index: Index
    shape: Shape
    body: list[Statement] = field(default_factory=list)
    reductions: list[Reduction] = field(default_factory=list)
    nested: bool = False

    def statements(self) -> tuple[Statement, ...]:
        loops = nest(self.axes, tuple(self.body), vector=not self.nested) if self.body else ()
        if self.reductions:
            return (Fold(tuple(self.reductions), loops),)
        return loops


def row_kernel(group: Group, fusion: Fusion) -> tuple[Kernel, tuple[Buffer, ...]]:
    """The kernel of a group whose values have rows."""
    return _Rows(group, fusion).build()


class _Rows:
    def __init__(self, group: Group, fusion: Fusion) -> None:
        self.group = group
        self.fusion = fusion
        self.builder = Builder(fusion)
        self.stages: list[_Stage] = []
        self.place: dict[Node, int] = {}
        self.blocked: list[tuple[Node, str, Shape]] = []
        self.firsts: dict[str, Expr] = {}
        self.used = 0
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
            self.domain: Index = ()
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
        """Place every value, then put the stages together."""
        for node in self.group.nodes:
            self._add(node)
        body = tuple(statement for stage in self.stages for statement in stage.statements())
        if self.row is not None and self.block is not None:
            body = loops_over(self.builder, self.row, body, self.firsts)
        elif self.row is not None:
            body = (Loop(self.row, body),)
        if self.block is not None:
            body = (Loop(self.block, (*self._cleared(), *body)),)
        return self.builder.kernel(body, parallel=self.row is not None or self.block is not None)

    # Stages ----------------------------------------------------------------------------------

    def _inner(self, node: Node) -> Shape:
        """The dims along the row over which a node is worked out."""
        return extended(node)[self._rank :]

    @property
    def _rank(self) -> int:
        return 0 if self.group.chunked else self.group.rank

    def _stage(self, shape: Shape, earliest: int) -> int:
        """The first stage from `earliest` on that loops over the shape; a new one if none does."""
        for k in range(earliest, len(self.stages)):
            if self.stages[k].shape == shape and not self.stages[k].nested:
                return k
        if self.group.chunked and shape:
            axes: tuple[Axis, ...] = (self.builder.axis(self.left),)
            index: Index = (self.start + axes[0].position,)
        else:
            axes = tuple(self.builder.axis(size) for size in shape)
            index = tuple(axis.position for axis in axes)
        self.stages.append(_Stage(axes, index, shape))
        return len(self.stages) - 1

    def _earliest(self, node: Node, shape: Shape, nested: bool) -> int:
        """The first stage in which all that the node reads can be had; holds what must be held."""
        earliest = 0
        for source, link in self.fusion.links[node].items():
            if source not in self.place:
                continue
            stage = self.place[source]
            is_along = bool(self._kept_inner(source))
            if not is_along:
                done = self._ends_with_stage(source)
                earliest = max(earliest, stage + 1 if done or shape else stage)
            elif link.same and not nested and self.stages[stage].shape == shape:
                earliest = max(earliest, stage)
            else:
                self._hold(source)
                earliest = max(earliest, stage + 1)
        return earliest

    def _kept_inner(self, node: Node) -> Shape:
        """The dims along the row that the node's value has."""
        if isinstance(node.op.lowering, lowering.BlockReduce):
            return without_ones(node.shape[1:])
        return without_ones(node.shape[self._rank :])

    def _ends_with_stage(self, source: Node) -> bool:
        return isinstance(source.op.lowering, lowering.Reduce)

    def _index(self, node: Node, stage: _Stage) -> Index:
        inner = stage.index
        missing = len(node.shape) - len(self.domain) - len(inner)
        return self.domain + inner + (0,) * missing

    # Values ----------------------------------------------------------------------------------

    def _add(self, node: Node) -> None:
        match node.op.lowering:
            case lowering.Pointwise():
                self._add_pointwise(node)
            case lowering.BlockReduce():
                self._add_block_reduction(node)
            case lowering.Reduce() as rule:
                if self._kept_inner(node):
                    self._add_nested_reduction(node, rule)
                else:
                    self._add_row_reduction(node, rule)

    def _add_pointwise(self, node: Node) -> None:
        shape = self._inner(node)
        k = self._settled(node, shape, nested=False)
        stage = self.stages[k]
        index = self._index(node, stage)
        self._record(node, k, index, self.builder.element(node, index))

    def _settled(self, node: Node, shape: Shape, *, nested: bool) -> int:
        """The stage for a node. A value that only a later stage finds in its own loop is held."""
        k = self._stage(shape, self._earliest(node, shape, nested))
        for source, link in self.fusion.links[node].items():
            late = source in self.place and self.place[source] < k
            if late and link.same and self._kept_inner(source):
                self._hold(source)
        return k

    def _record(self, node: Node, k: int, index: Index, value: Expr) -> None:
        stage = self.stages[k]
        self.place[node] = k
        self.builder.computed[node] = (index, value)
        if node in self.fusion.kept:
            target = self.builder.argument(node, written=True)
            stage.body.append(Store(target, linearize(index, node.shape), value))

    def _hold(self, node: Node) -> None:
        """Keep a value that runs along the row for later stages, in scratch or in memory."""
        builder = self.builder
        if node in builder.held or node in self.fusion.kept:
            return
        inner = node.shape[self._rank :]
        size = dims.product(inner)
        index, value = builder.computed[node]
        stage = self.stages[self.place[node]]
        room = size * node.dtype.itemsize if isinstance(size, int) else SCRATCH_BYTES + 1
        if self.used + room > SCRATCH_BYTES or self.group.chunked:
            target = builder.argument(node, written=True)
            stage.body.append(Store(target, linearize(index, node.shape), value))
            return
        assert isinstance(size, int)
        self.used += room
        name = f"s{len(builder.scratch)}"
        builder.scratch.append(Scratch(name, node.dtype, size))
        builder.held[node] = (name, self._rank)
        offset = linearize(index[self._rank :], inner)
        stage.body.append(Store(name, offset, value))

    # Reductions ------------------------------------------------------------------------------

    def _add_row_reduction(self, node: Node, rule: lowering.Reduce) -> None:
        """A reduction over all of the row: one value a row, known after the stage."""
        shape = tuple(rule.extents(node)) if not self.group.chunked else self._inner(node)
        k = self._settled(node, shape, nested=False)
        stage = self.stages[k]
        outer = self.domain[: len(node.shape)]
        outer = outer + (0,) * (len(node.shape) - len(outer))
        operands = rule.operands(node, outer, stage.index, self.builder.reader(node))
        name = self._reduction(stage, node, rule.combiner, operands, lanes=rule.inner_last(node))
        value = checked_result(node, rule, name)
        self.place[node] = k
        self.builder.computed[node] = (outer, value)
        if node in self.fusion.kept:
            after = self._stage((), k + 1)
            target = self.builder.argument(node, written=True)
            store = Store(target, linearize(outer, node.shape), value)
            self.stages[after].body.append(store)

    def _reduction(
        self, stage: _Stage, node: Node, combiner: str, operands: tuple[Expr, ...], lanes: bool
    ) -> str:
        name = self.builder.result()
        place = stage.axes[-1].position if combiner in ("argmax", "argmin") else None
        stage.reductions.append(
            Reduction(name, combiner, node.dtype, operands[0].dtype, lanes, place)
        )
        stage.body.append(Combine(name, operands))
        return name

    def _add_nested_reduction(self, node: Node, rule: lowering.Reduce) -> None:
        """A reduction over the inner dims of the row: a loop of its own at every position."""
        self._earliest(node, (), nested=True)  # holds all that it reads
        outer = tuple(self.builder.axis(size) for size in self._kept_inner(node))
        position = tuple(axis.position for axis in outer)
        stage = _Stage(outer, position, self._kept_inner(node), nested=True)
        self.stages.append(stage)
        index = self._index(node, stage)
        axes = tuple(self.builder.axis(size) for size in rule.extents(node))
        inner = tuple(axis.position for axis in axes)
        operands = rule.operands(node, index, inner, self.builder.reader(node))
        name = self.builder.result()
        place = axes[-1].position if rule.combiner in ("argmax", "argmin") else None
        lanes = rule.inner_last(node)
        reduction = Reduction(name, rule.combiner, node.dtype, operands[0].dtype, lanes, place)
        stage.body.append(Fold((reduction,), nest(axes, (Combine(name, operands),))))
        self._record(node, len(self.stages) - 1, index, checked_result(node, rule, name))

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
        assert self.block is not None
        if self.group.chunked:
            name = self._reduction(stage, node, combiner, (operand,), lanes=True)
            after = self._stage((), k + 1)
            store = Store(target, self.block.position, scalar.local(name, node.dtype))
            self.stages[after].body.append(store)
        elif combiner == FIRST:
            self._add_first(node, stage, operand, (self.block.position, *index[self._rank :]))
        else:
            offset = linearize((self.block.position, *index[self._rank :]), node.shape)
            stage.body.append(Update(target, offset, combiner, operand))
            self.blocked.append((node, target, node.shape[1:]))
        self.place[node] = k

    def _add_first(self, node: Node, stage: _Stage, operand: Expr, index: Index) -> None:
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
        assert self.block is not None
        for node, target, shape in self.blocked:
            axes = tuple(self.builder.axis(size) for size in shape)
            index = (self.block.position, *(axis.position for axis in axes))
            start = scalar.const(identity(node.attrs["combiner"], node.dtype), node.dtype)
            store = Store(target, linearize(index, node.shape), start)
            found.extend(nest(axes, (store,)))
        return tuple(found)
