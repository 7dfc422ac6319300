"""Into how many parts sums of products with wide values are cut.

Sums over the rows, as the gradients of keys and values, grow from block to block of rows, so a band
shares out stacks. Where these are few, rows are cut into as many parts as make TASKS of all, and a
second step adds the parts up. Sums along the rows are not cut where there are rows enough to be
shared out. What is done follows from the shapes of what a sum is worked out from, and so do the
bits, whether or not there comes to be a band.
"""

from __future__ import annotations

from graphc.ir import dims
from graphc.ir.dims import Size
from graphc.ir.graph import Graph
from graphc.ir.node import Node
from graphc.ir.types import Shape
from graphc.schedule.bands.wide import uses_of_wide_values

#: How many stacks, or parts of them, there should be, and the rows of a part at least.
TASKS, FEWEST_ROWS = 8, 64


def parts_of_uses(graph: Graph) -> dict[Node, int]:
    """The parts of each sum that is part of attention, or may be."""
    found: dict[Node, int] = {}
    for node, (region, use) in uses_of_wide_values(graph).items():
        if use.parts is not None:
            found[node] = parts_of(region.shape)
        elif _has_rows_enough(region.shape):
            found[node] = 1
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
