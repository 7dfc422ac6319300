"""Functions that are ops for the sake of their derivatives, written out where they stand."""

from __future__ import annotations

from graphc.control import checkpoints, custom
from graphc.ir.graph import Graph, map_subgraphs, rewrite, with_inputs
from graphc.ir.location import created_at
from graphc.ir.node import Node
from graphc.ir.opdef import holds_graphs
from graphc.ops.structure import item

_FUNCTIONS = {
    custom.custom_gradient: custom.written_out,
    checkpoints.checkpoint: checkpoints.written_out,
}


def write_out_functions(graph: Graph) -> Graph:
    """The graph without ops that hold a function which runs just once; those inside it too."""
    if not any(holds_graphs(node.op) for node in graph.nodes):
        return graph
    made: dict[Node, list[Node]] = {}

    def change(node: Node, inputs: tuple[Node, ...]) -> Node:
        if node.op is item and inputs[0] in made:
            k: int = node.attrs["k"]
            return made[inputs[0]][k]
        node = with_inputs(node, inputs)
        if holds_graphs(node.op):
            node = map_subgraphs(node, write_out_functions)
        if node.op in _FUNCTIONS:
            with created_at(node.location):
                made[node] = _FUNCTIONS[node.op](node)
        return node

    return rewrite(graph, change)
