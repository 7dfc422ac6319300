"""Dead code: nodes on which no output and no update depends."""

from __future__ import annotations

from dataclasses import replace

from graphc.ir.graph import Graph, map_subgraphs, rewrite, topological, with_inputs
from graphc.ir.node import Node
from graphc.ir.opdef import holds_graphs


def drop_dead_code(graph: Graph) -> Graph:
    """The graph with the nodes it needs, in their order; its signature and guards stay."""
    if any(holds_graphs(node.op) for node in graph.nodes):
        graph = rewrite(graph, _with_live_subgraphs)
    needed = set(topological((*graph.placeholders, *graph.variables, *graph.roots)))
    if len(needed) == len(graph.nodes):
        return graph
    return replace(graph, nodes=tuple(node for node in graph.nodes if node in needed))


def _with_live_subgraphs(node: Node, inputs: tuple[Node, ...]) -> Node:
    return map_subgraphs(with_inputs(node, inputs), drop_dead_code)
