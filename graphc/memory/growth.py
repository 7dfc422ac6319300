"""Memory whose size is known only while a program runs: tapes, and what else has turns as a dim.

It is no part of the arena. A tape gets another row in every turn; when its memory is full, twice as
much is taken. Everything is given back when the run is over.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from graphc.ir import dims
from graphc.ir.dims import Size
from graphc.ir.node import Node
from graphc.schedule.kernel import Schedule
from graphc.schedule.regions import Repeat

#: Bytes that memory which grows has at first, at least.
FEWEST_BYTES = 1024


@dataclass(frozen=True, slots=True)
class Growth:
    """A buffer that grows by so many `rows` at a time, or is as large as it must be if that is 0.

    `row` are bytes of a turn, for which there is the dim `turns`.
    """

    buffer: Node
    turns: str
    row: Size
    rows: int = 0

    @property
    def first(self) -> Size:
        """Bytes that are taken when it is needed for the first time."""
        wanted = self.rows * self.row if self.rows else self.buffer.tensor.nbytes
        return dims.maximum(wanted, FEWEST_BYTES)

    def taken(self, sizes: Mapping[str, int]) -> int:
        """Bytes that are taken for it, given all dims and how many turns there were."""
        taken = dims.evaluate(self.first, sizes)
        if not self.rows:
            return taken
        turns = sizes[self.turns]
        if self.rows == 1 and not turns:
            return 0  # it is asked for when a turn begins
        times = max(1, -(-turns // self.rows))
        wanted = times * self.rows * dims.evaluate(self.row, sizes)
        while taken < wanted:
            taken *= 2
        return taken


def growths(schedule: Schedule) -> list[Growth]:
    """All memory of a program that grows."""
    found: dict[Node, Growth] = {}
    for region in schedule.regions:
        if isinstance(region, Repeat) and region.predicate is not None:
            wholes = [row.whole for row in region.rows if row.written]
            for stack in (*region.stacks, *wholes):
                found[stack] = Growth(stack, region.turns, _row(stack), region.chunk or 1)
    rows = {row for r in schedule.regions if isinstance(r, Repeat) for row in r.moving()}
    for node in schedule.moving():
        if node not in rows and node not in found:
            names = sorted(dims.symbols(node.tensor.size))
            turns = next(name for name in names if name.startswith(dims.FOUND))
            found[node] = Growth(node, turns, _row(node))
    return list(found.values())


def _row(stack: Node) -> Size:
    return dims.product(stack.shape[1:]) * stack.dtype.itemsize
