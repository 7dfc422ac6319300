"""Finds why a value and what reads it are computed by different kernels.

The reason follows from how the values were grouped. Where several hold, the one is told that would
be hardest to overcome.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from graphc.ir import dims
from graphc.ir.lowering import (
    BlockReduce,
    Control,
    Library,
    Part,
    Pointwise,
    Reduce,
    Scan,
    Scatter,
    Sort,
)
from graphc.ir.node import Node
from graphc.schedule.alignment import without_ones
from graphc.schedule.fusion import FEWEST_ROWS, MOST_IN_ROW, MOST_NODES, MOST_VALUES, grows_with
from graphc.schedule.groups import Fusion, Group, extended
from graphc.schedule.products.rows import rank_of_rows
from graphc.schedule.reasons import Separation, Why


def separations(fusion: Fusion) -> Iterator[Separation]:
    """A reason for every value kept for a value of another kernel, in running order.

    Readers are the values that kernels compute once, with all that is recomputed in them.
    """
    home = {node: group for group in fusion.groups for node in group.nodes}
    for group in fusion.groups:
        for reader in group.nodes:
            for producer in fusion.links[reader]:
                if producer in home and home[producer] is not group:
                    yield _Question(producer, reader, fusion, home).answer()


class _Question:
    def __init__(
        self, producer: Node, reader: Node, fusion: Fusion, home: Mapping[Node, Group]
    ) -> None:
        self.producer, self.reader = producer, reader
        self.fusion, self.home = fusion, home
        self.group = home[producer]
        self.aligned = fusion.links[reader][producer].aligned
        self.rank = self._rank()

    def _rank(self) -> int | None:
        """The dims of the producer's rows, as far as the reader could have them; None if not."""
        group, form = self.group, self.reader.op.lowering
        if not group.firm or group.by_rows or isinstance(form, Pointwise | BlockReduce):
            return group.rank
        return rank_of_rows(group.nodes[0], self.fusion.reasons)

    def answer(self) -> Separation:
        why = self._of_themselves() or self._of_rows() or self._of_room()
        if why is not None:
            return Separation(self.producer, self.reader, why, count=self.aligned)
        return self._of_others()

    def _of_themselves(self) -> Why | None:
        """What the ops do, whatever the shapes."""
        if self.producer in self.fusion.apart:
            return Why.UNPROVEN
        if self.group.band is not None:
            return Why.BAND
        if self.home[self.reader].band is not None:
            return Why.IN_BAND
        if isinstance(self.reader.op.lowering, Control):
            return Why.CONTROL
        if isinstance(self.producer.op.lowering, Control | Part):
            return Why.PART
        if isinstance(self.producer.op.lowering, BlockReduce):
            return Why.PARTS
        if isinstance(self.producer.op.lowering, Scan | Scatter | Sort | Library):
            return Why.PRODUCER_IN_ORDER
        match self.reader.op.lowering:
            case Scan() | Scatter() | Sort() | Library():
                return Why.READER_IN_ORDER
            case Reduce(combiner="dot"):
                return Why.REREAD
            case Reduce() if not _is_along_rows(self.reader):
                return Why.ACROSS
            case Pointwise():
                return None
        return Why.SINGLY if self.group.firm and not self._takes_rows() else None

    def _takes_rows(self) -> bool:
        """Whether the reader, which reduces, may do so where a product's rows come up."""
        if isinstance(self.reader.op.lowering, BlockReduce):
            return grows_with(self.reader, self.group, self.fusion.reasons)
        return self.rank is not None

    def _of_rows(self) -> Why | None:
        """How the shapes go together."""
        group, shape = self.group, extended(self.reader)
        most = group.rank if self.rank is None else self.rank
        rank = min(most, self.aligned, len(shape))
        is_number = not without_ones(self.producer.shape)
        if self._gathers():
            return Why.CHECKED
        if group.rank == 0 and shape:
            return Why.NUMBER
        if self.aligned == 0 and shape:
            return Why.NUMBER if is_number else Why.MOVED
        if shape[:rank] != group.shape[:rank]:
            return Why.OTHER_DIMS
        if self._own_rank() < rank:
            return Why.ALL_ROWS
        if rank < most:
            rows = dims.product(group.shape[:rank])
            if group.firm or rank == 0 or (isinstance(rows, int) and rows < FEWEST_ROWS):
                return Why.FEW_ROWS
        if not group.firm and self._is_cut_otherwise(rank):
            return Why.BLOCKS
        is_single = group.firm and not group.by_rows and self.rank == group.rank
        return Why.SINGLY if is_single and len(shape) > rank else None

    def _gathers(self) -> bool:
        """Whether the reader takes elements of the producer along an axis of one element."""
        if self.reader.op.name != "gather":
            return False
        data, axes = self.reader.inputs[0], self.reader.attrs["axes"]
        from_it = data is self.producer or self.producer in self.fusion.links.get(data, {})
        return from_it and any(data.shape[axis] == 1 for axis in axes)

    def _own_rank(self) -> int:
        """The dims of what it works on that the reader has rows in."""
        shape, node = extended(self.reader), self.reader
        if isinstance(node.op.lowering, Reduce):
            return min(len(shape), len(node.inputs[0].shape) - len(_axes(node)))
        return len(shape)

    def _is_cut_otherwise(self, rank: int) -> bool:
        reduces = [n for n in (*self.group.nodes, self.reader) if _is_in_blocks(n)]
        counts = {1 if n.op.name == "chunk_reduce" else n.attrs["count"] for n in reduces}
        chunks = self.group.chunked or self.reader.op.name == "chunk_reduce"
        return chunks or any(count != rank for count in counts)

    def _of_room(self) -> Why | None:
        """What fits into one kernel."""
        group = self.group
        rank = min(group.rank, self.aligned)
        if any(_row_elements(node, rank) > MOST_IN_ROW for node in (*group.nodes, self.reader)):
            return Why.LONG_ROWS
        own = self.home[self.reader]
        if len(group.nodes) >= MOST_VALUES or group.weight + own.weight > MOST_NODES:
            return Why.FULL
        return None

    def _of_others(self) -> Separation:
        """What else the reader, or what is computed with it, needs."""
        own = self.home[self.reader]
        others = [node for node in own.nodes if node is not self.reader]
        later = next(self._later(self.reader), None)
        if later is not None:
            return self._because(Why.ALSO_NEEDS, later)
        for source in self.fusion.links[self.reader]:
            if self._is_kept_from(self.reader, source):
                return self._because(Why.ALSO_READS, source)
        for node in others:
            if any(self._is_kept_from(node, source) for source in self.fusion.links[node]):
                return self._because(Why.WITH, node)
        for node in others:
            if next(self._later(node), None) is not None:
                return self._because(Why.WITH_LATER, node)
        return self._because(Why.WITH_OTHERS, others[0] if others else self.reader)

    def _later(self, node: Node) -> Iterator[Node]:
        """What the node needs of other kernels that run beside the producer's or after it."""
        own = self.home[self.reader]
        for source in self.fusion.links[node]:
            place = self.home.get(source)
            if place not in (None, own, self.group) and place.level >= self.group.level:
                yield source

    def _is_kept_from(self, node: Node, source: Node) -> bool:
        """Whether ops or shapes keep a node from what it reads in the producer's kernel."""
        if self.home.get(source) is not self.group:
            return False
        question = _Question(source, node, self.fusion, self.home)
        return (question._of_themselves() or question._of_rows()) is not None

    def _because(self, why: Why, other: Node) -> Separation:
        return Separation(self.producer, self.reader, why, other)


def _is_along_rows(node: Node) -> bool:
    """Whether a reduction runs over the last dims of what it reads."""
    rank, axes = len(node.inputs[0].shape), _axes(node)
    return axes == list(range(rank - len(axes), rank))


def _axes(node: Node) -> list[int]:
    return sorted(node.attrs["axes"]) if "axes" in node.attrs else [node.attrs["axis"]]


def _is_in_blocks(node: Node) -> bool:
    return isinstance(node.op.lowering, BlockReduce)


def _row_elements(node: Node, rank: int) -> int:
    """Elements along a row, as far as they are known."""
    found = 1
    for size in extended(node)[rank:]:
        found *= size if isinstance(size, int) else 1
    return found
