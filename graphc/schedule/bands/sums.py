"""Into how many parts sums of products with wide values are cut.

Sums over the rows, as the gradients of keys and values, grow from block to block of rows, so a band
shares out stacks. Where these are few, rows are cut into as many parts as make TASKS of all, and a
second step adds the parts up. Sums that go over stacks too, as where heads of queries share those
of keys, have a part for each of them. Sums along the rows are not cut where there are rows enough
to be shared out. What is done follows from the shapes of what a sum is worked out from, and so do
the bits, whether or not there comes to be a band.
"""

from __future__ import annotations

from dataclasses import dataclass

from graphc.ir import dims
from graphc.ir.dims import Size
from graphc.ir.graph import Graph
from graphc.ir.node import Node
from graphc.ir.types import Shape
from graphc.schedule.bands.wide import all_regions
from graphc.schedule.products.parts import cut

#: How many stacks, or parts of them, there should be, and the rows of a part at least.
TASKS, FEWEST_ROWS = 8, 64


@dataclass(frozen=True, slots=True)
class Cut:
    """Into how many parts a sum is cut, and along which axis of its depth."""

    count: int
    axis: int = 0

    def made(self, node: Node) -> Node:
        """The node so cut; parts of unknown length have rows enough."""
        return cut(node, self.count, FEWEST_ROWS, self.axis)


def cuts_of_uses(graph: Graph) -> dict[Node, Cut]:
    """How each sum is cut that is part of attention, or may be."""
    found: dict[Node, Cut] = {}
    for region in all_regions(graph):
        for node, (axis, count) in region.folded.items():
            found[node] = Cut(count, axis)
        for node, use in region.uses.items():
            if use.parts is not None:
                found[node] = Cut(parts_of(region.shape))
            elif _has_rows_enough(region.shape):
                found[node] = Cut(1)
    return found


def parts_of(shape: Shape) -> int:
    """Into how many parts sums over the rows of wide values of a shape are cut."""
    *stack, rows, _ = shape
    stacks: Size = dims.product(stack)
    if not isinstance(stacks, int) or stacks == 0:
        return 1
    count = 1
    while count * stacks < TASKS and _has_rows(rows, 2 * count):
        count *= 2
    return count


def _has_rows(rows: Size, count: int) -> bool:
    return not isinstance(rows, int) or rows >= FEWEST_ROWS * count


def _has_rows_enough(shape: Shape) -> bool:
    """Whether blocks of all rows are as many as there should be, as far as is known."""
    rows = dims.product(shape[:-1])
    stacks = dims.product(shape[:-2])
    is_many = isinstance(stacks, int) and stacks >= TASKS
    return is_many or not isinstance(rows, int) or rows >= FEWEST_ROWS * TASKS
