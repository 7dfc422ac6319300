"""Graph: an immutable program, from placeholders and variables to outputs and updates."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from graphc.ir.dims import Guard
from graphc.ir.node import Node

PLACEHOLDER, VARIABLE, CONSTANT = "placeholder", "variable", "constant"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Graph:
    """A program as a value; every pass takes one and returns one.

    `nodes` holds placeholders, variables and everything computed, inputs before users.
    `updates` pairs a variable with its value after the run. `guards` are the equalities of dims
    that are checked when the graph is fed.
    """

    name: str
    placeholders: tuple[Node, ...]
    variables: tuple[Node, ...]
    nodes: tuple[Node, ...]
    outputs: tuple[Node, ...]
    updates: tuple[tuple[Node, Node], ...] = ()
    guards: tuple[Guard, ...] = ()

    @property
    def roots(self) -> tuple[Node, ...]:
        """What the program must compute: outputs, then new values of variables."""
        return self.outputs + tuple(value for _, value in self.updates)

    def users(self) -> dict[Node, list[Node]]:
        """The nodes that read each node, in order, once per use."""
        found: dict[Node, list[Node]] = {node: [] for node in self.nodes}
        for node in self.nodes:
            for operand in node.inputs:
                found[operand].append(node)
        return found


def topological(roots: Iterable[Node], given: Container[Node] = ()) -> list[Node]:
    """Every node that the roots depend on, inputs before users, in a fixed order. Linear.

    What stands before nodes that are given is left out.
    """
    done: dict[Node, None] = {}  # in order
    stack = list(reversed(list(roots)))
    while stack:
        node = stack[-1]
        missing = [operand for operand in node.inputs if operand not in done]
        if missing and node not in given:
            stack.extend(reversed(missing))
            continue
        stack.pop()
        done[node] = None  # or was there already: it stays in its place
    return list(done)


def downstream(order: Iterable[Node], starts: Iterable[Node]) -> set[Node]:
    """The starts, and the nodes of an order, inputs before users, that depend on one of them."""
    found = set(starts)
    for node in order:
        if any(operand in found for operand in node.inputs):
            found.add(node)
    return found


def extract(
    name: str,
    outputs: Sequence[Node],
    updates: Sequence[tuple[Node, Node]] = (),
    *,
    inputs: Sequence[Node] | None = None,
) -> Graph:
    """The graph that computes the outputs and updates, and nothing else.

    `inputs` fixes the placeholders and variables of the signature and their order; without it
    they are those that are reached (an updated variable counts as reached).
    """
    roots = [*outputs, *(value for _, value in updates)]
    sources = [*(inputs or ()), *(variable for variable, _ in updates)]
    nodes = topological([*sources, *roots])
    guards = dict.fromkeys(guard for node in nodes for guard in node.guards)
    return Graph(
        name,
        tuple(node for node in nodes if node.op.name == PLACEHOLDER),
        tuple(node for node in nodes if node.op.name == VARIABLE),
        tuple(nodes),
        tuple(outputs),
        tuple(updates),
        tuple(guards),
    )


def with_roots(graph: Graph, mapping: dict[Node, Node]) -> Graph:
    """The graph with nodes replaced; the same object when nothing was replaced.

    Signature and guards stay; nodes that are no longer needed go.
    """
    outputs = tuple(mapping.get(node, node) for node in graph.outputs)
    updates = tuple((variable, mapping.get(value, value)) for variable, value in graph.updates)
    if outputs == graph.outputs and updates == graph.updates:
        return graph
    sources = [*graph.placeholders, *graph.variables]
    nodes = topological([*sources, *outputs, *(value for _, value in updates)])
    return replace(graph, nodes=tuple(nodes), outputs=outputs, updates=updates)


def rewrite(graph: Graph, change: Callable[[Node, tuple[Node, ...]], Node]) -> Graph:
    """Apply `change(node, new inputs)` to every node in order; it may return the node itself.

    Subgraphs held in attributes are the business of `change`.
    """
    mapping: dict[Node, Node] = {}
    for node in graph.nodes:
        inputs = tuple(mapping[operand] for operand in node.inputs)
        mapping[node] = change(node, inputs)
    return with_roots(graph, mapping)


def with_inputs(node: Node, inputs: tuple[Node, ...]) -> Node:
    """The node reading other inputs of the same types; the same object when they are its own."""
    if all(new is old for new, old in zip(inputs, node.inputs, strict=True)):
        return node
    return Node(node.op, inputs, node.attrs, node.type, node.name, node.location, node.guards)


def subgraphs(node: Node) -> list[tuple[str, Graph]]:
    """The graphs a node holds in its attributes (bodies of loops, branches), with their names."""
    return [(key, value) for key, value in node.attrs.items() if isinstance(value, Graph)]


def map_subgraphs(node: Node, change: Callable[[Graph], Graph]) -> Node:
    """The node with `change` applied to every graph it holds; itself if none changed."""
    held: dict[str, Any] = {}
    for key, inner in subgraphs(node):
        new = change(inner)
        if new is not inner:
            held[key] = new
    return replace(node, attrs={**node.attrs, **held}) if held else node
