"""Regions: launches of a schedule that run several times, or only if something holds.

A schedule is a list of launches in running order; a region is a range of it, and regions nest.
What goes from turn to turn lies in buffers of which the addresses are exchanged when a turn ends;
rows of sequences and of stacks are buffers whose address moves on from turn to turn.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from graphc.ir.dims import Size
from graphc.ir.node import Node
from graphc.ir.scalar import Site
from graphc.schedule.reasons import Looseness


@dataclass(frozen=True, slots=True)
class State:
    """A buffer that a turn reads, and the one from which the next turn reads it."""

    held: Node
    following: Node


@dataclass(frozen=True, slots=True)
class Row:
    """A buffer that is, in every turn, the row of another one."""

    row: Node
    whole: Node
    written: bool


@dataclass(frozen=True, slots=True)
class Branch:
    """Launches `first` to `middle` run if a bool in memory holds, those up to `end` if not.

    The `holder` is the node that has the branches.
    """

    first: int
    middle: int
    end: int
    predicate: Node
    holder: Node | None = None

    @property
    def bounds(self) -> tuple[int, ...]:
        """Where something begins that may run without what is before it."""
        return self.first, self.middle, self.end

    def used(self) -> Iterator[Node]:
        """Buffers that it uses itself, all the time that it runs."""
        yield self.predicate

    def renamed(self, names: Mapping[Node, Node]) -> Branch:
        """The region with other buffers in the place of some."""
        return replace(self, predicate=names.get(self.predicate, self.predicate))


@dataclass(frozen=True, slots=True)
class Repeat:
    """Launches `first` to `end`, turn after turn: `length` times, or while a bool holds.

    With a `predicate`, launches up to `middle` find it, before every turn; `turns` is then the name
    of a dim for how many there were, and written rows make stacks that grow. No more than `most`
    turns are taken, if that is not 0; the `site` is what an error then speaks of.

    Where one kernel takes `chunk` turns each time, what it leaves row by row are `stacks`, which
    get `total` rows if that is known; the kernel counts the turns that it took, into `count`. The
    dim `turn` is how often it was launched before.

    The `holder` is the node that has the loop's body; `loose` is why no kernel takes several turns.
    Where one does, `branches` are those that were in the loop before.
    """

    first: int
    middle: int
    end: int
    states: tuple[State, ...]
    rows: tuple[Row, ...]
    length: Size = 0
    reverse: bool = False
    predicate: Node | None = None
    turns: str = ""
    most: int = 0
    site: Site | None = None
    turn: str = ""
    chunk: int = 0
    stacks: tuple[Node, ...] = ()
    total: Size = 0
    count: Node | None = None
    holder: Node | None = None
    loose: Looseness | None = None
    branches: tuple[Branch, ...] = ()

    @property
    def bounds(self) -> tuple[int, ...]:
        """Where something begins that may run without what is before it."""
        return self.first, self.middle, self.end

    def used(self) -> Iterator[Node]:
        """Buffers that it uses itself, all the time that it runs."""
        for state in self.states:
            yield from (state.held, state.following)
        yield from (row.whole for row in self.rows)
        yield from self.stacks
        if self.predicate is not None:
            yield self.predicate
        if self.count is not None:
            yield self.count

    def renamed(self, names: Mapping[Node, Node]) -> Repeat:
        """The region with other buffers in the place of some."""
        of = {node: names.get(node, node) for node in (*self.used(), *self.moving())}
        states = tuple(State(of[state.held], of[state.following]) for state in self.states)
        rows = tuple(Row(of[row.row], of[row.whole], row.written) for row in self.rows)
        predicate = None if self.predicate is None else of[self.predicate]
        return replace(self, states=states, rows=rows, predicate=predicate)

    def moving(self) -> Iterator[Node]:
        """Buffers whose address changes from turn to turn, without memory of their own."""
        return (row.row for row in self.rows)

    @property
    def grows(self) -> bool:
        """Whether what it stacks has a length that is known when it is over."""
        return self.predicate is not None and any(row.written for row in self.rows)


Region = Branch | Repeat


def inside_of(region: Region, regions: Sequence[Region]) -> list[Region]:
    """The regions of a schedule that are inside of one of them."""
    place = next(k for k, other in enumerate(regions) if other is region)
    later = regions[place + 1 :]  # of two with the same launches, the outer one is the first
    return [other for other in later if other.first >= region.first and other.end <= region.end]
