"""Names for everything that a schedule speaks of, bodies of loops and branches included."""

from __future__ import annotations

from collections.abc import Iterator

from graphc.ir.graph import PLACEHOLDER, Graph
from graphc.ir.node import Node
from graphc.ir.printer import value_names
from graphc.ops import ops
from graphc.schedule.kernel import Schedule
from graphc.schedule.regions import Repeat


def names_of(graph: Graph, schedule: Schedule) -> dict[Node, str]:
    """How views refer to every node, `%` and quotes included, in the order of the program.

    What is in a body has the name of the node that holds it, the body's and its own there:
    `%5.body%3`. A body's placeholder has the name of what it reads in memory, if that is something
    from around it. A node of which nothing is known is `%?`.
    """
    names = value_names(graph)
    for body in schedule.bodies:
        prefix = f"{names[body.holder]}.{body.key}"
        for node, name in value_names(body.graph).items():
            names[node] = prefix + name
    for node, place in schedule.buffers.items():
        if node.op.name == PLACEHOLDER or node not in names:
            names[node] = names[place]
    names.update(list(_further(schedule, names)))
    return names


def _further(schedule: Schedule, names: dict[Node, str]) -> Iterator[tuple[Node, str]]:
    """What only loops have: results that nothing reads, and what their kernels tell."""
    for region in schedule.regions:
        if not isinstance(region, Repeat) or region.holder is None:
            continue
        loop = names[region.holder]
        for node in region.used():
            if node not in names and node.op is ops.item:
                yield node, f"{loop}.{node.attrs['k']}"
        if region.count is not None and region.predicate is not None:
            yield region.predicate, f"{loop}.goes_on"
            yield region.count, f"{loop}.turns"
