"""Which values are computed once, and which of those are computed in one kernel.

Every other value is recomputed where it is read. A value is computed once when the program needs
it in memory, when it combines many elements, or when recomputing it would cost more than keeping
it; the reason is recorded and can be asked for. Values computed once form *groups*: all values
of a group share their leading dims, the group's *domain*, and a row of one needs no more than the
same row of the others. A group becomes one kernel, which reads each row once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from graphc.ir import dims
from graphc.ir.dims import Size
from graphc.ir.graph import Graph
from graphc.ir.lowering import BlockReduce, Control, Part, Pointwise, Reduce
from graphc.ir.node import Node
from graphc.ir.types import Shape
from graphc.schedule.alignment import without_ones
from graphc.schedule.bands.cutting import Band
from graphc.schedule.blocks import FIRST, block_reduce
from graphc.schedule.groups import Fusion, Group, extended
from graphc.schedule.keeping import LAID_OUT, is_packed, once_computed
from graphc.schedule.links import Links, all_links
from graphc.schedule.products.pieces import falls_apart
from graphc.schedule.products.roles import roles_of
from graphc.schedule.products.rows import rank_of_rows

#: Values computed by one kernel, and nodes in all its expressions.
MOST_VALUES, MOST_NODES = 64, 400
#: Elements of a row, if known: what is kept of it must stay in the cache.
MOST_IN_ROW = 1 << 15
#: Rows below which a kernel is not cut by rows: there would be nothing to share out.
FEWEST_ROWS = 8


def fuse(
    graph: Graph, bands: tuple[Band, ...] = (), apart: frozenset[Node] = frozenset()
) -> Fusion:
    """Cut a graph into kernels, of which some are given as bands. Linear in its size.

    Values of `apart` have kernels of their own, and no bands are made of them.
    """
    bands = tuple(band for band in bands if apart.isdisjoint(band.nodes))
    inline = frozenset(node for band in bands for node in band.inline)
    held = frozenset(node for band in bands for node in band.held)
    reasons, weights = once_computed(graph, inline, held)
    links = all_links(graph, reasons)
    grouping = _Grouping(links, weights, reasons, apart)
    groups = grouping.run([node for node in graph.nodes if node in reasons], bands)
    home = {node: group for group in groups for node in group.nodes}
    kept = set(graph.roots)
    for node, group in home.items():
        kept.update(s for s in links[node] if s in home and home[s] is not group)
        kept.update([node] if isinstance(node.op.lowering, BlockReduce) else [])
    return Fusion(reasons, groups, kept, links, apart)


@dataclass(frozen=True, slots=True)
class _Wish:
    """How a node can be computed: the shape that leads to its domain, and the most dims of it."""

    shape: Shape
    rank: int
    firm: bool = False
    exact: bool = False  # the domain must have just `rank` dims
    chunked: bool = False
    alone: bool = False


def _wish(node: Node) -> _Wish:
    form = node.op.lowering
    if isinstance(form, Control | Part):
        return _Wish((), 0, firm=True, alone=True)
    if isinstance(form, Pointwise):
        return _Wish(extended(node), len(extended(node)))
    if isinstance(form, BlockReduce):
        source = node.inputs[0].shape
        if node.op.name == "chunk_reduce":
            return _Wish(source, 1, exact=True, chunked=True)
        return _Wish(source, node.attrs["count"], exact=True)
    if isinstance(form, Reduce) and form.combiner != "dot":
        source, axes = node.inputs[0].shape, _axes(node)
        if axes == tuple(range(len(source) - len(axes), len(source))):
            return _Wish(source, len(source) - len(axes))
    if isinstance(form, Reduce):
        shape = without_ones(node.shape)
        return _Wish(shape, len(shape), firm=True)
    return _Wish(node.shape, len(node.shape), firm=True, alone=True)


def _axes(node: Node) -> tuple[int, ...]:
    attrs = node.attrs
    return tuple(sorted(attrs["axes"])) if "axes" in attrs else (attrs["axis"],)


class _Grouping:
    """Puts values into groups, each into one that it can join if there is any."""

    def __init__(
        self,
        links: dict[Node, Links],
        weights: dict[Node, int],
        reasons: dict[Node, str],
        apart: frozenset[Node],
    ) -> None:
        self.links, self.weights, self.reasons, self.apart = links, weights, reasons, apart
        self.home: dict[Node, Group] = {}
        self.groups: list[Group] = []
        self.by_shape: dict[tuple[Shape, int], Group] = {}
        self.by_source: dict[tuple[Node, int], Group] = {}
        self.by_points: dict[tuple[Shape, int], Group] = {}
        self.needed: set[Group] = set()

    def run(self, nodes: list[Node], bands: tuple[Band, ...]) -> list[Group]:
        """The groups in running order."""
        bands_of = {node: band for band in bands for node in band.nodes}
        once = frozenset(nodes)
        for node in nodes:
            if node in self.home:
                continue
            if node in bands_of:
                band = bands_of[node]
                self._put_band(band, [one for one in band.nodes if one in once])
                continue
            wish = _wish(node)
            if self.reasons[node].startswith(LAID_OUT):
                wish = replace(wish, firm=True, alone=True)
            elif node in self.apart:
                wish = replace(wish, alone=True)
            group = self._find(node, wish) or self._start(node, wish)
            self._put(node, group)
            self._register(node, group)
        made = [group for group in self.groups if group.nodes]
        return sorted(made, key=lambda group: group.level)

    def _start(self, node: Node, wish: _Wish) -> Group:
        level = 1 + self._level(node)
        group = Group(wish.shape, wish.rank, level, firm=wish.firm, chunked=wish.chunked)
        group.open = not wish.alone
        self.groups.append(group)
        return group

    def _put_band(self, band: Band, nodes: list[Node]) -> None:
        """A group of a band's values. All that they need has been put before the first of them."""
        level = 1 + max(map(self._level, nodes))
        group = Group(band.shape, len(band.shape) - 1, level, firm=True, open=False, band=band)
        self.groups.append(group)
        for node in nodes:
            self._put(node, group)

    def _put(self, node: Node, group: Group) -> None:
        group.nodes.append(node)
        group.weight += self.weights[node]
        self.home[node] = group
        sources = (self.home[source] for source in self.links[node] if source in self.home)
        self.needed.update(source for source in sources if source is not group)

    def _register(self, node: Node, group: Group) -> None:
        """Make the group known by what the node looks like and reads; the first known stays."""
        if not group.open:
            return
        shape = (extended(node), group.level)
        form = node.op.lowering
        if group.firm and not group.by_rows and isinstance(form, Reduce) and form.combiner != "dot":
            self.by_points.setdefault((group.shape, group.level), group)
        if not group.firm and not _is_open(self.by_shape.get(shape)):
            self.by_shape[shape] = group
        for source in self.links[node]:
            if not _is_open(self.by_source.get((source, group.level))):
                self.by_source[source, group.level] = group

    def _level(self, node: Node) -> int:
        return max((self.home[s].level for s in self.links[node] if s in self.home), default=0)

    def _find(self, node: Node, wish: _Wish) -> Group | None:
        """A group to join: of a value that is read, else one that reads the same, else alike."""
        if wish.alone:
            return None
        level = self._level(node)
        if wish.firm:
            return self._find_alike(node, wish, level + 1)
        sources = [s for s in self.links[node] if s in self.home]
        near = dict.fromkeys(self.home[s] for s in sources if self.home[s].level == level)
        for group in near:
            if self._join(node, wish, group):
                return group
        if len(near) > 1:
            return self._lift(list(near), node, wish) or self._merge(list(near), node, wish)
        beside = [self.by_source.get((s, level + 1)) for s in self.links[node]]
        beside.append(self.by_shape.get((wish.shape, level + 1)))
        for other in dict.fromkeys(beside):
            if other is not None and not other.firm and self._join(node, wish, other):
                return other
        return None

    def _find_alike(self, node: Node, wish: _Wish, level: int) -> Group | None:
        """For a reduction that takes points singly, a group of others over the same points."""
        group = self.by_points.get((wish.shape, level))
        form = node.op.lowering
        is_product = isinstance(form, Reduce) and form.combiner == "dot"
        if group is None or is_product or not self._has_room(node, group):
            return None
        return group

    def _lift(self, groups: list[Group], node: Node, wish: _Wish) -> Group | None:
        """A group put behind the others, where those hold single elements, for the node to join.

        So an optimiser's step is one kernel, though its rate is computed first for all parameters.
        """
        level = groups[0].level
        for group in groups:
            alone = all(other.rank == 0 for other in groups if other is not group)
            if group.rank == 0 or not alone or group in self.needed:
                continue
            group.level = level + 1
            if self._join(node, wish, group):
                for inner in group.nodes:
                    self._register(inner, group)
                return group
            group.level = level
        return None

    def _merge(self, groups: list[Group], node: Node, wish: _Wish) -> Group | None:
        """One group made of several on one level, for a node that reads them all to join.

        Groups on one level need nothing of each other. None if they do not fit together.
        """
        first, *others = sorted(groups, key=lambda group: len(group.nodes), reverse=True)
        if any(group.firm or not group.open for group in groups):
            return None
        before = first.rank, first.chunked, first.weight, len(first.nodes)
        moved = [(other, inner) for other in others for inner in other.nodes]
        if self._take_all(moved, first) and self._join(node, wish, first):
            for other, inner in moved:
                other.open, other.nodes = False, []
                self._register(inner, first)
            if not self.needed.isdisjoint(others):
                self.needed.add(first)
            return first
        for other, inner in moved:
            self.home[inner] = other
        first.rank, first.chunked, first.weight, count = before
        del first.nodes[count:]
        return None

    def _take_all(self, moved: list[tuple[Group, Node]], group: Group) -> bool:
        """Put the nodes into the group one by one, as long as they fit."""
        for _, node in moved:
            if not self._join(node, _wish(node), group):
                return False
            self._put(node, group)
        return True

    def _join(self, node: Node, wish: _Wish, group: Group) -> bool:
        """Whether the node can be computed in the group, whose domain may lose inner dims."""
        if not self._has_room(node, group):
            return False
        most = self._most_rank(node, wish, group)
        if most is None:
            return False
        if group.firm and not group.by_rows and isinstance(node.op.lowering, BlockReduce):
            wish = replace(wish, rank=group.rank, exact=False)
        rank = min(most, wish.rank)
        for source, link in self.links[node].items():
            if self.home.get(source) is group:
                if isinstance(source.op.lowering, BlockReduce) and not _is_first_row(source):
                    return False
                rank = min(rank, link.aligned)
                if len(without_ones(source.shape)) <= rank and self._gathers(node, source):
                    return False  # one element, at a position that is checked when it runs
            elif source in self.home and self.home[source].level >= group.level:
                return False
        if most < group.rank:
            if rank != most or not self._fits_rows(node, wish, group, rank):
                return False
            group.by_rows = True
        elif not self._fits(node, wish, group, rank):
            return False
        group.rank = rank
        group.chunked = group.chunked or wish.chunked
        return True

    def _most_rank(self, node: Node, wish: _Wish, group: Group) -> int | None:
        """The leading dims that a node and a group share at most; None if it cannot join.

        A firm group takes its points singly, and a row keeps partial results by position. But the
        rows of a product may be had whole.
        """
        form = node.op.lowering
        if not group.firm or isinstance(form, Pointwise):
            return group.rank
        if isinstance(form, BlockReduce):
            return group.rank if grows_with(node, group, self.reasons) else None
        if group.by_rows:
            return group.rank
        is_along = isinstance(form, Reduce) and not wish.firm
        return rank_of_rows(group.nodes[0], self.reasons) if is_along else None

    def _fits_rows(self, node: Node, wish: _Wish, group: Group, rank: int) -> bool:
        """Whether a product's group can do with whole rows from now on."""
        if wish.shape[:rank] != group.shape[:rank]:
            return False
        if any(_wish(other).exact and _wish(other).rank != rank for other in group.nodes):
            return False
        return all(_row_size(n, rank) <= MOST_IN_ROW for n in (*group.nodes, node))

    def _has_room(self, node: Node, group: Group) -> bool:
        is_short = group.weight + self.weights[node] <= MOST_NODES
        return group.open and is_short and len(group.nodes) < MOST_VALUES

    def _gathers(self, node: Node, source: Node) -> bool:
        """Whether the node reads the source at positions computed along an axis of one element."""
        if node.op.name != "gather":
            return False
        data = node.inputs[0]
        if all(data.shape[axis] != 1 for axis in node.attrs["axes"]):
            return False
        return data is source or source in self.links.get(data, {})

    def _fits(self, node: Node, wish: _Wish, group: Group, rank: int) -> bool:
        if wish.shape[:rank] != group.shape[:rank] or (wish.exact and rank != wish.rank):
            return False
        if rank < group.rank and (group.firm or not _worth_cutting(group, rank)):
            return False
        if rank < group.rank and any(_wish(other).exact for other in group.nodes):
            return False
        if wish.chunked or group.chunked:
            vector = wish.shape[:1]
            return rank == 1 and all(extended(n) == vector for n in (*group.nodes, node))
        if group.firm and not group.by_rows and wish.rank > rank:
            return False
        if rank == 0 < wish.rank and not isinstance(dims.product(wish.shape), int):
            return False  # what may be long would no longer be shared out
        return all(_row_size(n, rank) <= MOST_IN_ROW for n in (*group.nodes, node))


def grows_with(node: Node, group: Group, reasons: dict[Node, str]) -> bool:
    """Whether a node reduces blocks of rows of a product's results, which come up in that order.

    The dims that it reduces must be rows of the product, and its only ones.
    """
    product = group.nodes[0]
    if node.op is not block_reduce or not is_packed(product):
        return False
    source, is_first = node.inputs[0], node.attrs["combiner"] == FIRST
    if not group.by_rows and (is_first or without_ones(source.shape) != group.shape):
        return False
    if falls_apart(product):
        return False
    roles = roles_of(product, Fusion(reasons, [], set(), {}))
    first = tuple(k for k in range(node.attrs["count"]) if product.shape[k] != 1)
    return roles is not None and len(first) > 0 and roles.rows == first


def _is_first_row(node: Node) -> bool:
    """Whether it is known as soon as its block begins, unlike other results of blocks."""
    return node.op is block_reduce and node.attrs["combiner"] == FIRST


def _is_open(group: Group | None) -> bool:
    return group is not None and group.open


def _worth_cutting(group: Group, rank: int) -> bool:
    """Whether the leading dims leave enough rows to share out, as far as is known."""
    rows = dims.product(group.shape[:rank])
    return rank > 0 and (not isinstance(rows, int) or rows >= FEWEST_ROWS)


def _row_size(node: Node, rank: int) -> int:
    """Elements along a row, as far as they are known."""
    known: Size = 1
    for size in extended(node)[rank:]:
        known = known * size if isinstance(size, int) else known
    assert isinstance(known, int)
    return known
