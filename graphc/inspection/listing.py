"""Graphs as views, and the parts of graphs as data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from graphc.inspection.view import Block, Code, Column, View, table
from graphc.ir.attr_text import attribute_text
from graphc.ir.graph import Graph
from graphc.ir.node import Node
from graphc.ir.opdef import AttrKind
from graphc.ir.printer import large_constants, print_graph, value_names
from graphc.passes.pipeline import PassRecord

_PASS_COLUMNS = (
    Column("pass"),
    Column("ms", right=True),
    Column("nodes before", right=True),
    Column("after", right=True),
    Column("changed"),
)


def graph_view(graph: Graph) -> View:
    """The text form of a graph, which can be read back."""
    data = {"stage": "graph", **graph_data(graph)}
    return View(data, (Code(print_graph(graph), "graph"),), large_constants(graph))


def optimized_view(graph: Graph, records: Sequence[PassRecord], after: str | None) -> View:
    """A graph after passes, and what each of these did; `after` names the last one."""
    data = {"stage": "optimized", "after": after, "passes": [pass_data(r) for r in records]}
    rows = [
        (
            r.name,
            f"{r.seconds * 1e3:.2f}",
            r.nodes_before,
            r.nodes_after,
            "yes" if r.changed else "",
        )
        for r in records
    ]
    blocks: list[Block] = [Code(print_graph(graph), "graph"), table(_PASS_COLUMNS, rows)]
    return View(data | graph_data(graph), tuple(blocks), large_constants(graph))


def pass_data(record: PassRecord) -> dict[str, Any]:
    """What a pass did."""
    return {
        "name": record.name,
        "seconds": record.seconds,
        "nodes_before": record.nodes_before,
        "nodes_after": record.nodes_after,
        "changed": record.changed,
    }


def graph_data(graph: Graph) -> dict[str, Any]:
    """A graph with its nodes in order, and its text."""
    names = value_names(graph)
    return {
        "name": graph.name,
        "placeholders": [names[node] for node in graph.placeholders],
        "variables": [names[node] for node in graph.variables],
        "nodes": [node_data(node, names) for node in graph.nodes],
        "outputs": [names[node] for node in graph.outputs],
        "updates": {names[variable]: names[value] for variable, value in graph.updates},
        "guards": [str(guard) for guard in graph.guards],
        "text": print_graph(graph),
    }


def node_data(node: Node, names: Mapping[Node, str]) -> dict[str, Any]:
    """A node; attributes are texts as in the text form, but graphs are data."""
    return {
        "name": names[node],
        "op": node.op.name,
        "inputs": [names[operand] for operand in node.inputs],
        "attributes": {
            key: graph_data(node.attrs[key])
            if kind is AttrKind.GRAPH
            else attribute_text(kind, node.attrs[key], node.type)
            for key, kind in node.op.attrs.items()
        },
        "type": str(node.type),
        "location": node.location.full() if node.location else None,
        "derived": is_derived(node),
    }


def is_derived(node: Node) -> bool:
    """Whether differentiation made the node."""
    return node.location is not None and node.location.derived
