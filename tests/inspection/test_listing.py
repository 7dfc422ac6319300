from __future__ import annotations

import pytest

from graphc.inspection.listing import graph_view
from graphc.inspection.stages import Options, view
from graphc.ir.parser import parse_graph
from graphc.ir.printer import print_graph
from graphc.passes.pipeline import PASSES
from tests.inspection.targets import AFFINE, PERCEPTRON, line_of, subject


def test_the_graphs_text_can_be_read_back() -> None:
    text = graph_view(subject("step").graph).text
    assert print_graph(parse_graph(text)) == text


def test_every_node_is_in_the_data() -> None:
    graph = subject("step").graph
    data = graph_view(graph).data
    assert len(data["nodes"]) == len(graph.nodes)
    assert data["placeholders"] == ["%x", "%y"]
    known = {node["name"] for node in data["nodes"]}
    assert all(known.issuperset(node["inputs"]) for node in data["nodes"])
    assert known.issuperset([*data["updates"], *data["updates"].values(), *data["outputs"]])


def test_a_node_as_data() -> None:
    text = AFFINE.read_text(encoding="utf-8")
    data = graph_view(parse_graph(text)).data
    assert data["nodes"][4] == {
        "name": "%loss",
        "op": "sum",
        "inputs": ["%0"],
        "attributes": {"axes": "[0, 1]"},
        "type": "f32[]",
        "location": "affine.py:5",
        "derived": False,
    }


def test_nodes_of_gradients_are_marked() -> None:
    line = line_of(PERCEPTRON, "the gradients' line")
    nodes = graph_view(subject("step").graph).data["nodes"]
    derived = [node for node in nodes if node["derived"]]
    assert 0 < len(derived) < len(nodes)
    assert all(int(node["location"].rpartition(":")[2]) < line for node in derived)


def test_the_passes_are_told_and_what_they_left() -> None:
    graph = subject("step").graph
    shown = view(graph, "optimized")
    assert [entry["name"] for entry in shown.data["passes"]] == [each.name for each in PASSES]
    assert shown.data["passes"][0]["nodes_before"] == len(graph.nodes)
    assert parse_graph(shown.code)


def test_the_graph_after_one_pass() -> None:
    graph = subject("step").graph
    shown = view(graph, "optimized", Options(after="cse"))
    passes = shown.data["passes"]
    names = [each.name for each in PASSES]
    assert [entry["name"] for entry in passes] == names[: names.index("cse") + 1]
    assert len(shown.data["nodes"]) == passes[-1]["nodes_after"]
    assert "fma(" not in shown.code
    assert "fma(" in view(graph, "optimized").code


@pytest.mark.parametrize("function", ["step", "whole", "alike", "picked", "counting"])
def test_every_node_that_passes_make_stands_at_a_line_of_the_program(function: str) -> None:
    nodes = view(subject(function).graph, "optimized").data["nodes"]
    assert {node["location"].rpartition(":")[0] for node in nodes} == {str(PERCEPTRON)}
