"""Which wide values bands leave in memory for those that come after them on the way back.

To work out scores a second time costs a product of the whole depth and the exponentials; to store
what follows from them, and to read it again, costs less. So that is done where there is memory for
it: where it takes no more than what wide products are made of, which is kept for the way back too.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from graphc.ir import dims
from graphc.ir.graph import Graph
from graphc.ir.lowering import Pointwise, Reduce
from graphc.ir.node import Node
from graphc.schedule.bands.wide import Region, is_wide_product
from graphc.schedule.keeping import CHEAP


def stored(graph: Graph, found: list[Region], rounds: Mapping[Node, int]) -> frozenset[Node]:
    """The wide values that are stored."""
    users = graph.users()
    kept: set[Node] = set()
    for region in found:
        kept |= _needed_elsewhere(region, users)
        values = _needed_later(region, rounds) - kept
        if _is_small(region, len(values)):
            kept |= values
    return frozenset(kept)


def _needed_elsewhere(region: Region, users: Mapping[Node, list[Node]]) -> set[Node]:
    """Wide values that are in memory for others."""
    members = region.members
    wide = (node for node in region.near if region.is_wide(node))
    return {node for node in wide if any(user not in members for user in users[node])}


def _is_small(region: Region, count: int) -> bool:
    """Whether so many wide values have no more elements than the operands of wide products."""
    *_, rows, columns = region.shape
    if not isinstance(rows, int) or not isinstance(columns, int):
        return False
    steps = sum(_steps(node) for node in region.near if is_wide_product(node))
    return count * rows * columns <= steps * (rows + columns)


def _steps(product: Node) -> int:
    assert isinstance(product.op.lowering, Reduce)
    steps = dims.product(product.op.lowering.extents(product))
    assert isinstance(steps, int)
    return steps


def _needed_later(region: Region, rounds: Mapping[Node, int]) -> set[Node]:
    """Near values that later rounds read, but for those that follow from others at little cost."""
    later: set[Node] = set()
    for node in region.members:
        todo = [operand for operand in node.inputs if region.is_wide(operand)]
        while todo:
            operand = todo.pop()
            if rounds[operand] == rounds[node]:
                continue
            if operand in region.near:
                later.add(operand)
            else:
                todo.extend(inner for inner in operand.inputs if region.is_wide(inner))
    return {node for node in later if _cost(node, region, later - {node}) > CHEAP}


def _cost(node: Node, region: Region, given: Collection[Node]) -> int:
    """Operations an element of a value takes, given others; above CHEAP, what is as good as any."""
    if not isinstance(node.op.lowering, Pointwise):
        return CHEAP + 1
    cost = node.op.cost
    for operand in node.inputs:
        if cost <= CHEAP and region.is_wide(operand) and operand not in given:
            cost += _cost(operand, region, given)
    return cost
