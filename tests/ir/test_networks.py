"""Graphs as networks, against sets computed by hand or by brute force."""

from __future__ import annotations

import random
import subprocess
import sys
from itertools import pairwise

import networkx
import pytest

from graphc.errors import GraphError
from graphc.ir.dtypes import float32
from graphc.ir.graph import Graph
from graphc.ir.networks import (
    ancestors,
    descendants,
    dominators,
    layers,
    paths,
    to_networkx,
)
from graphc.ir.node import Node
from graphc.ir.parser import parse_graph
from graphc.ops import ops

DIAMOND = """
graph @diamond(%x: f32[n], variable %w: f32[n]) -> f32[n] {
  %a: f32[n] = neg(%x)         // model.py:1
  %b: f32[n] = mul(%a, %a)
  %c: f32[n] = mul(%a, %w)
  %d: f32[n] = sub(%b, %c)
  %0: f32[n] = abs(%d)
  %dead: f32[n] = neg(%b)
  update %w = %c
  return %0
}
"""


@pytest.fixture
def graph() -> Graph:
    return parse_graph(DIAMOND)


def named(graph: Graph, name: str) -> Node:
    return next(node for node in graph.nodes if (node.name or "0") == name)


def names(nodes: list[Node] | tuple[Node, ...]) -> str:
    return " ".join(node.name or "0" for node in nodes)


def test_attributes_of_the_network(graph: Graph) -> None:
    network = to_networkx(graph)
    assert isinstance(network, networkx.MultiDiGraph)
    assert network.name == "diamond"
    assert list(network.nodes) == list(graph.nodes)
    assert network.nodes[named(graph, "a")] == {
        "label": "%a",
        "op": "neg",
        "name": "a",
        "type": "f32[n]",
        "location": "model.py:1",
    }
    assert network.nodes[named(graph, "0")] == {
        "label": "%0",
        "op": "abs",
        "name": None,
        "type": "f32[n]",
        "location": None,
    }


def test_an_edge_for_every_operand(graph: Graph) -> None:
    network = to_networkx(graph)
    a, b, c, d = (named(graph, name) for name in "abcd")
    assert list(network.in_edges(b, keys=True, data="position")) == [(a, b, 0, 0), (a, b, 1, 1)]
    assert list(network.in_edges(d, keys=True)) == [(b, d, 0), (c, d, 1)]
    assert network.number_of_edges() == sum(len(node.inputs) for node in graph.nodes)
    networkx.relabel_nodes(network, dict(network.nodes(data="label")))  # texts alone can be saved


def test_ancestors_and_descendants(graph: Graph) -> None:
    assert names(ancestors(graph, named(graph, "c"))) == "x w a"
    assert names(ancestors(graph, named(graph, "x"))) == ""
    assert names(descendants(graph, named(graph, "b"))) == "d 0 dead"
    assert names(descendants(graph, named(graph, "0"))) == ""


def test_paths(graph: Graph) -> None:
    found = paths(graph, named(graph, "x"), named(graph, "0"))
    assert sorted(map(names, found)) == ["x a b d 0", "x a c d 0"]
    assert len(paths(graph, named(graph, "x"), named(graph, "0"), limit=1)) == 1
    assert paths(graph, named(graph, "0"), named(graph, "x")) == []
    assert paths(graph, named(graph, "dead"), named(graph, "d")) == []


def test_paths_among_exponentially_many() -> None:
    """Dead ends are cut off first: here all but one of 2**60 ways lead nowhere."""
    x = ops.placeholder(shape=(2,), dtype=float32, name="x")
    nodes = [x]
    for _ in range(60):
        left, right = ops.neg(nodes[-1]), ops.abs(nodes[-1])
        nodes += [left, right, ops.add(left, right)]
    target = ops.neg(x)
    whole = Graph("wide", (x,), (), (*nodes, target), (target,))
    assert paths(whole, x, target) == [(x, target)]
    assert paths(whole, nodes[1], target) == []
    many = paths(whole, x, nodes[-1], limit=5)
    assert len(set(many)) == 5
    for path in many:
        assert all(before in after.inputs for before, after in pairwise(path))


def test_dominators_from_the_inputs(graph: Graph) -> None:
    found = dominators(graph)
    text = {names([node]): names([by]) if by else None for node, by in found.items()}
    assert text == {
        "x": None,
        "w": None,
        "a": "x",
        "b": "a",
        "c": None,
        "d": None,
        "0": "d",
        "dead": "b",
    }


def test_dominators_towards_outputs_and_updates(graph: Graph) -> None:
    found = dominators(graph, towards_outputs=True)
    text = {names([node]): names([by]) if by else None for node, by in found.items()}
    assert text == {"x": "a", "w": "c", "a": None, "b": "d", "c": None, "d": "0", "0": None}


def _random_graph(seed: int) -> Graph:
    choose = random.Random(seed)
    nodes = [ops.placeholder(shape=(2,), dtype=float32, name=f"x{k}") for k in range(2)]
    inputs = tuple(nodes)
    for _ in range(12):
        nodes.append(ops.add(choose.choice(nodes), choose.choice(nodes)))
    return Graph("random", inputs, (), tuple(nodes), tuple(choose.sample(nodes, 2)))


def _reaches(node: Node, without: Node | None, origins: set[Node]) -> bool:
    """Whether the node depends on one of the origins by a way that avoids a node."""
    pending, seen = [node], set()
    while pending:
        step = pending.pop()
        if step is without or step in seen:
            continue
        if step in origins:
            return True
        seen.add(step)
        pending.extend(step.inputs)
    return False


@pytest.mark.parametrize("seed", range(20))
def test_dominators_against_their_definition(seed: int) -> None:
    graph = _random_graph(seed)
    origins = set(graph.placeholders)
    found = dominators(graph)
    for node in graph.nodes:
        strict = {
            other
            for other in graph.nodes
            if other is not node and not _reaches(node, other, origins)
        }
        chain = set()
        step = found[node]
        while step is not None:
            chain.add(step)
            step = found[step]
        assert chain == strict


def test_layers(graph: Graph) -> None:
    assert [names(layer) for layer in layers(graph)] == ["x w", "a", "b c", "d dead", "0"]


def test_a_node_of_another_graph_is_refused(graph: Graph) -> None:
    stranger = ops.placeholder(shape=(2,), dtype=float32, name="z")
    for ask in (ancestors, descendants):
        with pytest.raises(GraphError) as caught:
            ask(graph, stranger)
        assert str(caught.value) == "<Node %z placeholder: f32[2]> is not in the graph diamond"


def test_networkx_is_imported_only_when_used() -> None:
    code = "import sys, graphc.ir.networks; sys.exit('networkx' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
