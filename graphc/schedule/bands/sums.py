"""Sums over the rows of wide values where there are few stacks, in parts that can run at once.

Such sums, as the gradients of keys and values, grow from block to block of rows, so a band shares
out stacks. Where these are few, rows are cut into as many parts as make TASKS of all, and a second
step adds the parts up. Whether it is done follows from the shapes of what a sum is worked out from,
and so do the bits.
"""

from __future__ import annotations

from graphc.ir import dims
from graphc.ir.dims import Size
from graphc.ir.graph import Graph, rewrite, with_inputs
from graphc.ir.location import created_at
from graphc.ir.node import Node
from graphc.ir.types import Shape
from graphc.schedule.bands.wide import uses_of_wide_values
from graphc.schedule.parts import cut

#: How many stacks, or parts of them, there should be, and the rows of a part at least.
TASKS, FEWEST_ROWS = 8, 64


def sums_in_parts(graph: Graph) -> Graph:
    """The graph with sums over rows of wide values cut into parts, where that is worth it."""
    counts = {
        node: parts_of(region.shape)
        for node, (region, use) in uses_of_wide_values(graph).items()
        if use.parts is not None and use.parts.count == 1
    }
    if all(count == 1 for count in counts.values()):
        return graph

    def change(node: Node, inputs: tuple[Node, ...]) -> Node:
        made = with_inputs(node, inputs)
        count = counts.get(node, 1)
        if count == 1:
            return made
        with created_at(node.location):
            return cut(made, count, FEWEST_ROWS)

    return rewrite(graph, change)


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
