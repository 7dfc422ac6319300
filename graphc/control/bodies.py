"""Graphs inside of ops: cut out of a larger graph, and put into one.

A body is closed: what it reads is its parameters, and whatever else it needs is handed to it as
further operands, its *captures*. So nothing that stays the same from turn to turn is in a body.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from graphc.ir.graph import (
    CONSTANT,
    PLACEHOLDER,
    VARIABLE,
    Graph,
    downstream,
    extract,
    topological,
    with_inputs,
)
from graphc.ir.node import Node
from graphc.ir.types import TensorType, Type
from graphc.ops import ops


@dataclass(frozen=True)
class Body:
    """A graph whose placeholders are its parameters, then one for each of the captures."""

    graph: Graph
    captures: tuple[Node, ...]


def parameter(type_: TensorType) -> Node:
    """A placeholder for a body to read."""
    return ops.placeholder(shape=type_.shape, dtype=type_.dtype)


def parameter_like(node: Node) -> Node:
    """A placeholder of the node's type."""
    return parameter(node.tensor)


def cut(name: str, parameters: Sequence[Node], outputs: Sequence[Node]) -> Body:
    """The body that computes the outputs, given the values of parameters.

    Parameters may be any nodes: they are what the body does not compute. What depends on none of
    them stays outside and is captured; numbers, and what is spread out of something smaller, are
    computed inside. A parameter that is no placeholder gets one.
    """
    return bodies([(name, outputs)], parameters)[0]


def bodies(
    wanted: Sequence[tuple[str, Sequence[Node]]],
    parameters: Sequence[Node],
    outside: Collection[Node] | None = None,
) -> list[Body]:
    """Several bodies with the same parameters and the same captures.

    With `outside`, everything else is computed inside, whether it depends on parameters or not: a
    branch that is not taken must do nothing.
    """
    ends = [node for _, outputs in wanted for node in outputs]
    if outside is None:
        order = topological(ends, frozenset(parameters))
        inside = downstream(order, parameters)
    else:
        order = topological(ends, {*parameters, *outside})
        inside = {node for node in order if not _is_fed(node)}.difference(outside)
        inside.update(parameters)
    needed = _needed(order, ends, inside, frozenset(parameters))
    captures = [
        node for node in order if node in needed and node not in inside and not is_sunk(node)
    ]
    places = {node: _own_place(node) for node in parameters}
    places |= {node: parameter_like(node) for node in captures}
    mapping = dict(places)
    for node in order:
        if node not in mapping and node in needed:
            inputs = tuple(mapping[operand] for operand in node.inputs)
            mapping[node] = with_inputs(node, inputs)
    listed = tuple(places.values())
    return [
        Body(extract(name, [mapping[node] for node in outputs], inputs=listed), tuple(captures))
        for name, outputs in wanted
    ]


def _is_fed(node: Node) -> bool:
    """Whether the value is the program's own input, which can be in no body."""
    return node.op.name == VARIABLE or (node.op.name == PLACEHOLDER and node.name is not None)


def is_sunk(node: Node) -> bool:
    """Whether a body computes the node itself, though it is the same in every turn.

    That is so for what takes no memory there: numbers, and values that are spread out.
    """
    if node.op.name == CONSTANT:
        return node.tensor.size == 1
    if not node.inputs:
        return node.op.name not in (PLACEHOLDER, VARIABLE, CONSTANT)
    return node.op.name == "broadcast_to"


def _needed(
    order: Sequence[Node], roots: Sequence[Node], inside: set[Node], parameters: frozenset[Node]
) -> set[Node]:
    """What a body computes or reads from outside; not what only its captures are made of."""
    needed = set(roots)
    for node in reversed(order):
        computed = (node in inside or is_sunk(node)) and node not in parameters
        if node in needed and computed:
            needed.update(node.inputs)
    return needed


def _own_place(node: Node) -> Node:
    is_free = node.op.name == PLACEHOLDER and node.name is None
    return node if is_free else parameter_like(node)


def applied(graph: Graph, arguments: Sequence[Node]) -> list[Node]:
    """The outputs of a body that reads the arguments: its nodes as part of the graph around."""
    mapping: dict[Node, Node] = dict(zip(graph.placeholders, arguments, strict=True))
    for node in graph.nodes:
        if node not in mapping:
            mapping[node] = with_inputs(node, tuple(mapping[operand] for operand in node.inputs))
    return [mapping[node] for node in graph.outputs]


def returning(graph: Graph, outputs: Sequence[Node]) -> Graph:
    """The graph with other outputs, computed from the same placeholders."""
    return extract(graph.name, outputs, inputs=graph.placeholders)


def results(node: Node) -> list[Node]:
    """The parts of a node with several results."""
    return [ops.item(node, k=k) for k in range(len(elements(node.type)))]


def elements(type_: Type) -> tuple[TensorType, ...]:
    """The types of the parts of a tuple."""
    assert not isinstance(type_, TensorType)
    return type_.elements
