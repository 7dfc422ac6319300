"""Values beside wide ones: masks, biases and random numbers that follow from positions.

Such a value has an element for every row and column, and nothing that is read for it need have. To
keep it would take as much memory as the wide values of a band do that are not kept. So each band
works it out again, where it reads it.
"""

from __future__ import annotations

from dataclasses import dataclass

from graphc.ir import scalar
from graphc.ir.graph import Graph
from graphc.ir.lowering import Pointwise, Reduce
from graphc.ir.node import Node
from graphc.ir.scalar import Expr, Index
from graphc.schedule.bands.wide import ELSEWHERE, Region, names_in
from graphc.schedule.keeping import is_buffer, is_literal
from graphc.schedule.statements import Axis

#: Machine operations an element may cost and still be worked out for each band, and how many may
#: wait for one another.
MOST_COST, MOST_DEPTH = 200, 100

#: Ops whose results lie elsewhere, or must be in memory.
_LEAVES = ELSEWHERE | {"after"}


@dataclass(frozen=True)
class Beside:
    """Values that a region's bands work out: those that near ones read, and what leads there."""

    read: frozenset[Node] = frozenset()
    inner: frozenset[Node] = frozenset()


def beside(graph: Graph, regions: list[Region]) -> dict[Region, Beside]:
    """What each region's bands work out for themselves. Nothing else may need it in memory."""
    members = frozenset(node for region in regions for node in region.members)
    reached = {region: _reached(region, members) for region in regions}
    free = _needed_by_bands(graph, regions, {node for found in reached.values() for node in found})
    return {
        region: _chosen(region, [node for node in graph.nodes if node in found & free])
        for region, found in reached.items()
    }


def _reached(region: Region, members: frozenset[Node]) -> set[Node]:
    """What near values read element by element, along rows and columns."""
    axes = [Axis(f"${k}", size) for k, size in enumerate(region.shape)]
    both = {axis.name for axis in axes[-2:]}
    found: set[Node] = set()
    todo = [(operand, tuple(axis.position for axis in axes)) for operand in _operands(region)]
    while todo:
        node, index = todo.pop()
        if node in found or node in members or not _is_worked_out(node):
            continue
        if both <= names_in(index):
            found.add(node)
            todo.extend(_reads(node, index))
    return found


def _is_worked_out(node: Node) -> bool:
    if is_buffer(node) or is_literal(node) or node.op.name in _LEAVES:
        return False
    return isinstance(node.op.lowering, Pointwise)


def _reads(node: Node, index: Index) -> list[tuple[Node, Index]]:
    """What the element at an index is made of, and where that is."""
    rule = node.op.lowering
    assert isinstance(rule, Pointwise)
    found: list[tuple[Node, Index]] = []

    def read(k: int, index: Index, where: Expr | None = None) -> Expr:
        found.append((node.inputs[k], index))
        return scalar.load("", 0, node.inputs[k].dtype)

    rule.element(node, index, read)
    return found


def _operands(region: Region) -> list[Node]:
    """What near values read at their own positions."""
    operands = (operand for node in region.near for operand in node.inputs)
    return [operand for operand in operands if operand.shape == region.shape]


def _needed_by_bands(graph: Graph, regions: list[Region], nodes: set[Node]) -> set[Node]:
    """Those of the nodes that only near values read, one another, and reductions.

    A reduction goes through the elements once, and so works them out but once more.
    """
    near = {node for region in regions for node in region.near}
    users, roots = graph.users(), frozenset(graph.roots)
    found: set[Node] = set()
    for node in reversed(graph.nodes):
        if node not in nodes or node in roots:
            continue
        if all(user in near or user in found or _is_reduction(user) for user in users[node]):
            found.add(node)
    return found


def _is_reduction(node: Node) -> bool:
    rule = node.op.lowering
    return isinstance(rule, Reduce) and rule.combiner != "dot"


def _chosen(region: Region, nodes: list[Node]) -> Beside:
    """The nodes, in order, if they cost no more than may be done again."""
    depth: dict[Node, int] = {}
    for node in nodes:
        depth[node] = 1 + max((depth.get(operand, 0) for operand in node.inputs), default=0)
    deepest = max(depth.values(), default=0)
    if sum(node.op.cost for node in nodes) > MOST_COST or deepest > MOST_DEPTH:
        return Beside()
    made = {node for node in nodes if node.op.name != "broadcast_to"}
    read = frozenset(_operands(region)).intersection(made)
    return Beside(read, frozenset(nodes) - read)
