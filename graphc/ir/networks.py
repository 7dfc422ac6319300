"""Graphs as networks of networkx, and the questions about them that it answers.

Importing networkx takes about 100 ms, so it is imported by the functions that use it.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

from graphc.errors import GraphError
from graphc.ir.graph import Graph
from graphc.ir.node import Node
from graphc.ir.printer import value_names

if TYPE_CHECKING:
    import networkx


def to_networkx(graph: Graph) -> networkx.MultiDiGraph:
    """The graph as a network from inputs to users.

    Its nodes are the graph's nodes, with `label` (as the text names it), `op`, `name`, `type`
    and `location` as texts (None when there is none). An edge stands for one operand; its key
    and its `position` tell which. Subgraphs held in attributes are networks of their own.
    """
    import networkx

    network = networkx.MultiDiGraph(name=graph.name)
    names = value_names(graph)
    for node in graph.nodes:
        network.add_node(
            node,
            label=names[node],
            op=node.op.name,
            name=node.name,
            type=str(node.type),
            location=str(node.location) if node.location else None,
        )
    for node in graph.nodes:
        for position, operand in enumerate(node.inputs):
            network.add_edge(operand, node, key=position, position=position)
    return network


def ancestors(graph: Graph, node: Node) -> list[Node]:
    """Everything that the node depends on, in the graph's order."""
    import networkx

    found = networkx.ancestors(_simple(graph, node), node)
    return [other for other in graph.nodes if other in found]


def descendants(graph: Graph, node: Node) -> list[Node]:
    """Everything that depends on the node, in the graph's order."""
    import networkx

    found = networkx.descendants(_simple(graph, node), node)
    return [other for other in graph.nodes if other in found]


def paths(graph: Graph, start: Node, end: Node, limit: int = 10) -> list[tuple[Node, ...]]:
    """At most `limit` of the ways in which `end` depends on `start`; none if it does not.

    Several operands that are one node count as one way.
    """
    import networkx

    network = _simple(graph, start, end)
    between = networkx.descendants(network, start) & networkx.ancestors(network, end)
    # without the nodes that cannot lead to the end, the search never turns back
    within = network.subgraph(between | {start, end})
    found: Iterator[list[Node]] = networkx.all_simple_paths(within, start, end)
    return [tuple(path) for path in islice(found, limit)]


def dominators(graph: Graph, *, towards_outputs: bool = False) -> dict[Node, Node | None]:
    """Every node's immediate dominator: the last node that all its inputs' values pass through.

    With `towards_outputs`, the first node through which all its effects on outputs and updates
    pass. None where there is no such node; nodes that are not reached are left out.
    """
    import networkx

    network = _simple(graph)
    sources = [node for node in graph.nodes if not node.inputs]
    if towards_outputs:
        network = network.reverse(copy=True)
        sources = list(dict.fromkeys(graph.roots))
    origin = object()
    network.add_edges_from((origin, node) for node in sources)
    found = networkx.immediate_dominators(network, origin)
    return {
        node: found[node] if found[node] is not origin else None
        for node in graph.nodes
        if node in found
    }


def layers(graph: Graph) -> list[list[Node]]:
    """The nodes by the length of the longest way to them from a node without inputs.

    Those of one layer stand in the graph's order.
    """
    import networkx

    position = {node: k for k, node in enumerate(graph.nodes)}
    found = networkx.topological_generations(_simple(graph))
    return [sorted(layer, key=position.__getitem__) for layer in found]


def _simple(graph: Graph, *members: Node) -> networkx.DiGraph:
    """The network with one edge for all operands that are the same node, and nothing else."""
    import networkx

    network = networkx.DiGraph()
    network.add_nodes_from(graph.nodes)
    for node in graph.nodes:
        network.add_edges_from((operand, node) for operand in node.inputs)
    for node in members:
        if node not in network:
            raise GraphError(f"{node!r} is not in the graph {graph.name}")
    return network
