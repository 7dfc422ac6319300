"""The gradient subgraph of a program: what reverse accumulation has added to it, or would."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np

from graphc.autodiff.reverse import cotangents
from graphc.errors import GradientError
from graphc.inspection.listing import graph_data, is_derived
from graphc.inspection.view import Block, Code, Column, Note, View, table
from graphc.ir.graph import Graph, topological
from graphc.ir.location import created_at, derived_from
from graphc.ir.node import Node
from graphc.ir.printer import statement, value_names
from graphc.ops.declaring import ops, zeros_like


@dataclass(frozen=True)
class Gradients:
    """A graph and the nodes of it that differentiation made.

    `added` pairs inputs with their gradients, if these were added to the graph to be shown.
    """

    graph: Graph
    made: Collection[Node]
    title: str
    added: tuple[tuple[Node, Node], ...] = ()


def gradients_view(graph: Graph) -> View:
    """The nodes that differentiation made, named as in the whole graph.

    A program without any is differentiated first: the first of its outputs that is a single
    floating-point number, by every trainable variable or, if there is none, by every
    floating-point placeholder. GradientError if there is nothing to differentiate.
    """
    made = _made_by_gradients(graph)
    title = f"the {len(made)} nodes of @{graph.name} that differentiation made"
    return _view(Gradients(graph, made, title) if made else _differentiated(graph))


def _view(found: Gradients) -> View:
    graph, names = found.graph, value_names(found.graph)
    data = graph_data(graph)
    for node, entry in zip(graph.nodes, data["nodes"], strict=True):
        entry["derived"] = node in found.made
    lines = [statement(node, names) for node in graph.nodes if node in found.made]
    blocks: list[Block] = [Note(found.title, strong=True), Code("\n".join(lines), "graph")]
    pairs = [(names[x], names[gradient]) for x, gradient in found.added]
    if pairs:
        blocks.append(table((Column("by"), Column("gradient")), pairs))
    heading = {"stage": "gradients", "title": found.title, "added": dict(pairs)}
    return View(heading | data, tuple(blocks))


def _made_by_gradients(graph: Graph) -> set[Node]:
    """The nodes marked as derived, and the constants that only these read, such as a seed of 1."""
    made = {node for node in graph.nodes if is_derived(node)}
    users, constants = graph.users(), _constants(graph)
    for node in reversed(graph.nodes):
        if node in constants and users[node] and made.issuperset(users[node]):
            made.add(node)
    return made


def _constants(graph: Graph) -> set[Node]:
    """The nodes that depend on constants alone."""
    found: set[Node] = set()
    for node in graph.nodes:
        if node.op.name == "constant" or (node.inputs and found.issuperset(node.inputs)):
            found.add(node)
    return found


def _differentiated(graph: Graph) -> Gradients:
    """The graph with gradients as further outputs."""
    y, xs = _scalar_output(graph), _inputs(graph)
    with created_at(derived_from(y.location)):
        seed = ops.constant(value=np.ones((), y.dtype.numpy))
        found = cotangents([y], xs, [seed])
        grads = [zeros_like(x) if g is None else g for x, g in zip(xs, found, strict=True)]
    nodes = topological([*graph.nodes, *grads])
    made = dict.fromkeys(nodes[len(graph.nodes) :])
    guards = dict.fromkeys([*graph.guards, *(guard for node in made for guard in node.guards)])
    outputs = (*graph.outputs, *grads)
    whole = replace(graph, nodes=tuple(nodes), outputs=outputs, guards=tuple(guards))
    title = f"the gradient of {value_names(graph)[y]}, added to @{graph.name}, which marks none"
    return Gradients(whole, made, title, tuple(zip(xs, grads, strict=True)))


def _scalar_output(graph: Graph) -> Node:
    for node in graph.outputs:
        if node.shape == () and node.dtype.is_float:
            return node
    types = ", ".join(str(node.type) for node in graph.outputs) or "none"
    raise GradientError(
        "the program contains no gradient, and has no output that is a single floating-point "
        f"number to differentiate; its outputs are {types}"
    )


def _inputs(graph: Graph) -> list[Node]:
    trainable = [node for node in graph.variables if node.attrs["trainable"]]
    found = [node for node in trainable or graph.placeholders if node.dtype.is_float]
    if not found:
        raise GradientError("the program has no floating-point input to differentiate by")
    return found
