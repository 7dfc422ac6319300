"""Groups: the values that are computed by one kernel, and what is known of all of them."""

from __future__ import annotations

from dataclasses import dataclass, field

from graphc.ir.lowering import BlockReduce
from graphc.ir.node import Node
from graphc.ir.opdef import Kind
from graphc.ir.types import Shape
from graphc.schedule.alignment import without_ones
from graphc.schedule.bands.cutting import Band
from graphc.schedule.links import Links


@dataclass(eq=False)
class Group:
    """Values computed by one kernel over a common domain, the leading `rank` dims.

    `firm`: the domain must stay as it is. `chunked`: a long vector is reduced in chunks. `band`: it
    has wide values of few rows at a time. `by_rows`: a product, and what follows from rows of it
    that have all its columns.
    """

    shape: Shape
    rank: int
    level: int
    firm: bool = False
    chunked: bool = False
    open: bool = True
    band: Band | None = None
    by_rows: bool = False
    nodes: list[Node] = field(default_factory=list)
    weight: int = 0

    @property
    def domain(self) -> Shape:
        return self.shape[: self.rank]

    @property
    def has_rows(self) -> bool:
        """Whether there is something along a row, or rows are reduced in blocks."""
        return any(
            isinstance(node.op.lowering, BlockReduce) or len(extended(node)) > self.rank
            for node in self.nodes
        )


@dataclass(frozen=True)
class Fusion:
    """Why values are computed once, the groups in running order, and what goes to memory.

    `kept` are the values that another kernel or the user reads; `links` says how every computed
    value reads the ones computed once. Those `apart` could not be proven to be at hand where others
    of their group would have read them.
    """

    reasons: dict[Node, str]
    groups: list[Group]
    kept: set[Node]
    links: dict[Node, Links]
    apart: frozenset[Node] = frozenset()


def extended(node: Node) -> Shape:
    """The dims over which a value is worked out: a reduction's are those of what it reduces.

    Dims of size 1 at the end count for nothing.
    """
    if node.op.kind is Kind.REDUCTION:
        return without_ones(node.inputs[0].shape)
    return without_ones(node.shape)
