"""Wide products, and what is done with their rows until these are summed up again.

A product of few steps of depth is *wide*: its result has far more elements than what it is made of,
as the scores of attention, which pair every query with every key. *Near* are the values worked out
from it row by row, such as a softmax. Other products *use* near values: for each row a sum
along it, or sums over the rows. All of that can be done for a few rows at a time, and then no wide
value is ever in memory; `cutting.py` sees to that.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import cast

from graphc.ir import dims, scalar
from graphc.ir.dims import Size
from graphc.ir.graph import Graph, downstream
from graphc.ir.lowering import Pointwise, Reduce
from graphc.ir.node import Node
from graphc.ir.opdef import Kind
from graphc.ir.scalar import Expr, Index
from graphc.ir.types import Shape
from graphc.schedule.alignment import aligned_dims
from graphc.schedule.keeping import is_packed
from graphc.schedule.statements import Axis

#: Steps of depth of a wide product at most: more would cost more than it costs to keep the result.
MOST_STEPS = 128

#: How often the depth fits into rows and columns, in a stack of products and in a single one.
TIMES, TIMES_ALONE = 2, 8

#: Ops whose elements lie at positions that are computed, or are checked; ops that only move them.
ELSEWHERE = frozenset({"gather", "checked_index"})
_MOVES = frozenset({"permute_dims", "reshape", "identity", "stop_gradient"})


@dataclass(frozen=True, slots=True)
class Parts:
    """Into how many parts a sum over the rows is cut, and of how many rows each part is."""

    count: Size
    run: Size


@dataclass(frozen=True, slots=True)
class Use:
    """How a product uses a wide value: the parts if it sums over the rows, and what its dims are.

    For each dim of its result: the number of the wide value's dim that it goes along, if any.
    `part`: the dim of its result that counts the parts, if there are several.
    """

    parts: Parts | None
    along: tuple[int | None, ...]
    part: int | None = None


@dataclass(eq=False)
class Region:
    """Values worked out along the rows of wide products of one shape, and products that use them.

    `views` are values between a near one and a product that uses it, which only move elements.
    `folded` are products that sum over rows and stacks as well: the axis of depth that counts the
    stacks, and how many they are.
    """

    shape: Shape
    near: dict[Node, None] = field(default_factory=dict)
    uses: dict[Node, Use] = field(default_factory=dict)
    views: dict[Node, None] = field(default_factory=dict)
    folded: dict[Node, tuple[int, int]] = field(default_factory=dict)

    @property
    def members(self) -> frozenset[Node]:
        return frozenset((*self.near, *self.uses, *self.views))

    def is_wide(self, node: Node) -> bool:
        """Whether a near value, or a view of one, has elements along the row."""
        return node in self.views or (node in self.near and node.shape == self.shape)


def regions(graph: Graph) -> list[Region]:
    """What can be done for a few rows at a time, without wide values in memory."""
    search = _Search(graph)
    return [region for region in search.run() if region.uses and search.is_closed(region)]


def all_regions(graph: Graph) -> list[Region]:
    """Those as well of which something else needs wide values whole.

    That a product uses such a value depends on nothing but what it is worked out from.
    """
    return _Search(graph).run()


def is_wide_product(node: Node) -> bool:
    """Whether a product's result is far larger than its operands, as far as is known.

    Its rows depend on one operand alone, its columns on the other, and stacks on both; besides
    these, stacks of one operand may share the other.
    """
    if not is_packed(node) or len(node.shape) < 2:
        return False
    *_, rows, columns = node.shape
    assert isinstance(node.op.lowering, Reduce)
    steps = dims.product(node.op.lowering.extents(node))
    if not isinstance(steps, int) or steps > MOST_STEPS:
        return False
    fewest = steps * (TIMES_ALONE if dims.product(node.shape[:-2]) == 1 else TIMES)
    if any(isinstance(size, int) and size < fewest for size in (rows, columns)):
        return False
    return _has_rows_and_columns(node)


def _has_rows_and_columns(node: Node) -> bool:
    places = _Places(node)
    if len(places.inner) != 1 or len(places.read) != 2:
        return False
    reads = [names_in(index) for _, index, _ in places.read]
    if any(where is not None for _, _, where in places.read):
        return False
    row, column = (axis.name for axis in places.outer[-2:])
    stack = [axis.name for axis in places.stack if axis.extent != 1]
    if stack and not any(name in reads[0] and name in reads[1] for name in stack):
        return False
    return sorted((row in read, column in read) for read in reads) == [(False, True), (True, False)]


class _Places:
    """Where a product reads its operands: an index for each, in axes of the result and of depth."""

    def __init__(self, node: Node) -> None:
        rule = node.op.lowering
        assert isinstance(rule, Reduce)
        self.outer = [Axis(f"${k}", size) for k, size in enumerate(node.shape)]
        self.inner = [Axis(f"%{k}", size) for k, size in enumerate(rule.extents(node))]
        self.read: list[tuple[int, Index, Expr | None]] = []

        def read(k: int, index: Index, where: Expr | None = None) -> Expr:
            self.read.append((k, index, where))
            return scalar.load("", 0, node.inputs[k].dtype)

        at = tuple(axis.position for axis in self.outer)
        rule.operands(node, at, tuple(axis.position for axis in self.inner), read)

    @property
    def stack(self) -> list[Axis]:
        return self.outer[:-2]


def names_in(index: Index) -> frozenset[str]:
    """The axes and dims on which a place depends."""
    return frozenset().union(*(dims.symbols(size) for size in index))


class _Search:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.users = graph.users()
        self.region: dict[Node, Region] = {}
        self.views: dict[Node, None] = {}

    def run(self) -> list[Region]:
        """All regions."""
        if any(is_wide_product(node) for node in self.graph.nodes):
            for node in self.graph.nodes:
                self._look_at(node)
        return list(dict.fromkeys(self.region.values()))

    def _look_at(self, node: Node) -> None:
        reached = [k for k, operand in enumerate(node.inputs) if operand in self.region]
        through = reached or any(operand in self.views for operand in node.inputs)
        if not through:
            if is_wide_product(node):
                self.region[node] = Region(node.shape, {node: None})
        elif self._is_near(node, reached):
            self._join(node, [self.region[node.inputs[k]] for k in reached])
        elif isinstance(node.op.lowering, Reduce) and is_packed(node):
            self._use(node)
        elif node.op.name in _MOVES:
            self.views[node] = None

    def _is_near(self, node: Node, reached: list[int]) -> bool:
        """Whether rows of a node follow from the same rows of what it reads of the region."""
        if not reached or any(operand in self.views for operand in node.inputs):
            return False
        shape = self.region[node.inputs[reached[0]]].shape
        rank = len(shape) - 1
        if any(self.region[node.inputs[k]].shape != shape for k in reached):
            return False
        if any(aligned_dims(node, k) < rank for k in reached):
            return False
        match node.op.lowering:
            case Pointwise():
                fits = node.shape in (shape, shape[:rank], (*shape[:rank], 1))
                return fits and node.op.name not in ELSEWHERE
            case Reduce(combiner=combiner):
                is_wide = node.inputs[0].shape == shape
                along = is_wide and tuple(node.attrs.get("axes", ())) == (rank,)
                return along and combiner in ("sum", "prod", "max", "min", "any", "all")
            case _:
                return False

    def _join(self, node: Node, parts: list[Region]) -> None:
        first, *others = dict.fromkeys(parts)
        for other in others:
            first.near |= other.near
            first.uses |= other.uses
            first.views |= other.views
            first.folded |= other.folded
            for moved in other.near:
                self.region[moved] = first
        first.near[node] = None
        self.region[node] = first

    # Uses ------------------------------------------------------------------------------------

    def _use(self, node: Node) -> None:
        """Note a product that uses one wide value by rows."""
        places = _Places(node)
        found = [
            source
            for k, index, where in places.read
            for source in self._sources(node.inputs[k], index, where is None)
        ]
        if len(found) != 1:
            return
        ((source, at, passed),) = found
        region = self.region[source]
        use = _use(places, at) if at is not None and source.shape == region.shape else None
        if use is not None:
            region.uses[node] = use
            region.views |= dict.fromkeys(passed)
        elif at is not None and source.shape == region.shape:
            fold = _folded(places, at, region.shape[-2])
            region.folded |= {} if fold is None else {node: fold}

    def _sources(
        self, node: Node, index: Index, plain: bool
    ) -> Iterator[tuple[Node, Index | None, tuple[Node, ...]]]:
        """Near values that an operand reads, the index of each, and the views in between."""
        if node in self.region:
            yield node, index if plain else None, ()
        if node not in self.views:
            return
        inner: list[tuple[int, Index, bool]] = []

        def read(k: int, index: Index, where: Expr | None = None) -> Expr:
            inner.append((k, index, where is None))
            return scalar.load("", 0, node.inputs[k].dtype)

        assert isinstance(node.op.lowering, Pointwise)
        node.op.lowering.element(node, index, read)
        for k, at, is_plain in inner:
            for source, where, passed in self._sources(node.inputs[k], at, plain and is_plain):
                yield source, where, (node, *passed)

    def is_closed(self, region: Region) -> bool:
        """Whether sums over rows go in the same parts, and others need no wide value at once."""
        if len({use.parts for use in region.uses.values()} - {None}) > 1:
            return False
        members = region.members
        wide = [node for node in (*region.near, *region.views) if region.is_wide(node)]
        others = {user for node in wide for user in self.users[node] if user not in members}
        if any(not _is_aside(region, user) for user in others):
            return False
        if others and not members.isdisjoint(downstream(self.graph.nodes, others)):
            return False
        return not any(view in self.graph.roots for view in region.views)


def _is_aside(region: Region, user: Node) -> bool:
    """Whether wide values are stored on the way for what else needs them, at no loss.

    So they are for the gradient of a bias of scores, a sum over examples. Sums over the rows take
    longer behind a band than as part of a pass over the whole value; that is what there mostly is
    of single products.
    """
    rank = len(region.shape)
    if dims.product(region.shape[:-2]) == 1 or any(node in region.views for node in user.inputs):
        return False
    if user.op.kind is Kind.REDUCTION:
        return rank - 2 not in user.attrs.get("axes", ())
    return user.op.kind is Kind.ELEMENTWISE


def _use(places: _Places, at: Index) -> Use | None:
    """How a product uses a wide value that it reads at an index; None if in no known way.

    All of depth is the columns, the rows or the rows of a part, and the result has one more dim.
    """
    depths = [axis for axis in places.inner if axis.extent != 1]
    if len(depths) != 1:
        return None
    (depth,) = depths
    *stack, row, column = at
    part = _counted(places.outer, row - depth.position)
    if part is not None:
        row = depth.position
    if (row, column).count(depth.position) != 1:
        return None
    at = (*stack, row, column)
    outer = {
        k: axis.position for k, axis in enumerate(places.outer) if axis.extent != 1 and k != part
    }
    if any(size not in (0, depth.position, *outer.values()) for size in at):
        return None
    along = {k: at.index(position) for k, position in outer.items() if position in at}
    if len(along) != len(outer) - 1:
        return None
    count = 1 if part is None else places.outer[part].extent
    parts = Parts(count, depth.extent) if row == depth.position else None
    return Use(parts, tuple(along.get(k) for k in range(len(places.outer))), part)


def _folded(places: _Places, at: Index, rows: Size) -> tuple[int, int] | None:
    """The axis of depth that counts a dim of the stack if rows are counted too, and its size.

    Either there is an axis for each, or one counts through both.
    """
    *stack, row, _ = at
    depths = {k: axis for k, axis in enumerate(places.inner) if axis.extent != 1}
    for k, axis in depths.items():
        others = {other.position for other in depths.values()} - {axis.position}
        place, count, rest = axis.position, axis.extent, cast(Size, 0)
        if not others and row == dims.remainder(axis.position, rows):
            place, (count, rest) = dims.floordiv(place, rows), dims.divide(count, rows)
        elif others != {row}:
            continue
        if place in stack and rest == 0 and isinstance(count, int):
            return k, count
    return None


def _counted(axes: list[Axis], place: Size) -> int | None:
    """The axis that alone a place depends on, in steps of some size; None if there is none."""
    for k, axis in enumerate(axes):
        step = axis.step(place)
        if step not in (None, 0) and place == step * axis.position:
            return k
    return None
