"""Values worked out row by row, in loops along the row.

Along a row there are *stages*, each a loop over the same inner dims. A value goes into the first
stage in which what it reads is known, so values over the same dims share a loop. What a later stage
reads of an earlier one is held in scratch.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from graphc.ir import dims, lowering
from graphc.ir.indexing import linearize
from graphc.ir.node import Node
from graphc.ir.scalar import Expr, Index
from graphc.ir.types import Shape
from graphc.schedule.alignment import without_ones
from graphc.schedule.groups import Fusion, extended
from graphc.schedule.kernel import Scratch
from graphc.schedule.points import checked_result, nest
from graphc.schedule.reading import Builder, Held
from graphc.schedule.statements import (
    Axis,
    Combine,
    Fold,
    Reduction,
    Statement,
    Store,
)

#: Bytes that a kernel may keep of one row. Well inside a second-level cache.
SCRATCH_BYTES = 1 << 18


@dataclass(eq=False)
class Stage:
    """A loop along the row over some inner dims; none for what there is once a row.

    `last` is what every position ends with. `nested`: each has a loop of its own inside.
    """

    axes: tuple[Axis, ...]
    index: Index
    shape: Shape
    body: list[Statement] = field(default_factory=list)
    reductions: list[Reduction] = field(default_factory=list)
    last: list[Statement] = field(default_factory=list)
    nested: bool = False

    def statements(self) -> tuple[Statement, ...]:
        body = (*self.body, *self.last)
        loops = nest(self.axes, body, vector=not self.nested) if body else ()
        if self.reductions:
            return (Fold(tuple(self.reductions), loops),)
        return loops


class Stages:
    """The loops along a row that stands at `domain`, the positions in the leading `rank` dims."""

    def __init__(self, fusion: Fusion, builder: Builder, domain: Index = (), rank: int = 0) -> None:
        self.fusion, self.builder = fusion, builder
        self.domain, self.rank = domain, rank
        self.stages: list[Stage] = []
        self.place: dict[Node, int] = {}
        self.used = 0

    def statements(self) -> tuple[Statement, ...]:
        """All stages, in their order."""
        return tuple(statement for stage in self.stages for statement in stage.statements())

    def add(self, node: Node) -> None:
        """Place a value; those that it reads have been before."""
        match node.op.lowering:
            case lowering.Pointwise():
                self._add_pointwise(node)
            case lowering.Reduce() as rule:
                if self._kept_inner(node):
                    self._add_nested_reduction(node, rule)
                else:
                    self._add_row_reduction(node, rule)

    def _inner(self, node: Node) -> Shape:
        """The dims along the row over which a node is worked out."""
        return extended(node)[self.rank :]

    def _extents(self, node: Node, rule: lowering.Reduce) -> Shape:
        """The dims over which a reduction along the row runs."""
        return tuple(rule.extents(node))

    def _loops(self, shape: Shape) -> tuple[tuple[Axis, ...], Index]:
        """Loops over dims along the row, and the positions inside them."""
        axes = tuple(self.builder.axis(size) for size in shape)
        return axes, tuple(axis.position for axis in axes)

    def _stage(self, shape: Shape, earliest: int) -> int:
        """The first stage from `earliest` on that loops over the shape; a new one if none does."""
        for k in range(earliest, len(self.stages)):
            if self.stages[k].shape == shape and not self.stages[k].nested:
                return k
        axes, index = self._loops(shape)
        self.stages.append(Stage(axes, index, shape))
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
        return without_ones(node.shape[self.rank :])

    def _ends_with_stage(self, source: Node) -> bool:
        return isinstance(source.op.lowering, lowering.Reduce)

    def _index(self, node: Node, stage: Stage) -> Index:
        inner = stage.index
        missing = len(node.shape) - len(self.domain) - len(inner)
        return self.domain + inner + (0,) * missing

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
        stage.body.extend(self._stores(node, index, value))

    def _stores(self, node: Node, index: Index, value: Expr) -> list[Statement]:
        """Puts a value where others find it who are not in this row's stages."""
        if node not in self.fusion.kept:
            return []
        target = self.builder.argument(node, written=True)
        return [Store(target, linearize(index, node.shape), value)]

    def _hold(self, node: Node) -> None:
        """Keep a value that runs along the row for later stages, in scratch or in memory."""
        builder = self.builder
        if node in builder.held or node in self.fusion.kept:
            return
        inner = node.shape[self.rank :]
        size = dims.product(inner)
        index, value = builder.computed[node]
        stage = self.stages[self.place[node]]
        if not isinstance(size, int) or not self._has_room(size * node.dtype.itemsize):
            target = builder.argument(node, written=True)
            stage.body.append(Store(target, linearize(index, node.shape), value))
            return
        self.used += size * node.dtype.itemsize
        name = f"s{len(builder.scratch)}"
        builder.scratch.append(Scratch(name, node.dtype, size))
        builder.held[node] = held = Held(name, self.rank)
        stage.body.append(Store(name, held.offset(node, index), value))

    def _has_room(self, size: int) -> bool:
        return self.used + size <= SCRATCH_BYTES

    # Reductions ------------------------------------------------------------------------------

    def _add_row_reduction(self, node: Node, rule: lowering.Reduce) -> None:
        """A reduction over all of the row: one value a row, known after the stage."""
        shape = self._extents(node, rule)
        k = self._settled(node, shape, nested=False)
        stage = self.stages[k]
        outer = self.domain[: len(node.shape)]
        outer = outer + (0,) * (len(node.shape) - len(outer))
        operands = rule.operands(node, outer, stage.index, self.builder.reader(node))
        name = self._reduction(stage, node, rule.combiner, operands, lanes=rule.inner_last(node))
        value = checked_result(node, rule, name)
        self.place[node] = k
        self.builder.computed[node] = (outer, value)
        stores = self._stores(node, outer, value)
        if stores:
            self.stages[self._stage((), k + 1)].body.extend(stores)

    def _reduction(
        self, stage: Stage, node: Node, combiner: str, operands: tuple[Expr, ...], lanes: bool
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
        stage = Stage(outer, position, self._kept_inner(node), nested=True)
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
