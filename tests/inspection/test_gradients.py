from __future__ import annotations

import re

import numpy as np
import pytest

from graphc.errors import GradientError
from graphc.inspection.gradients import gradients_view
from graphc.inspection.running import run
from graphc.inspection.target import Fetch, Subject
from graphc.ir.graph import Graph
from graphc.ir.parser import parse_graph
from graphc.ir.printer import print_graph
from tests.inspection.targets import FEEDS, subject

_SQUARE = """\
graph @square(%x: f64[], %k: i32[]) -> (i32[], f64[]) {
  %0: f64[] = mul(%x, %x)
  return %k, %0
}
"""


def made_by(graph: Graph) -> list[str]:
    return [node["op"] for node in gradients_view(graph).data["nodes"] if node["derived"]]


def test_a_program_with_gradients_shows_the_nodes_they_are_made_of() -> None:
    shown = gradients_view(subject("step").graph)
    count = sum(node["derived"] for node in shown.data["nodes"])
    assert shown.text.startswith(f"the {count} nodes of @step that differentiation made\n")
    assert len(shown.code.splitlines()) == count
    assert shown.data["added"] == {}


def test_nodes_bear_the_names_that_they_have_in_the_whole_graph() -> None:
    graph = subject("step").graph
    lines = {line.strip() for line in print_graph(graph).splitlines()}
    for line in gradients_view(graph).code.splitlines():
        assert re.sub(r"\s*//.*", "", line) in {re.sub(r"\s*//.*", "", each) for each in lines}


def test_the_seed_belongs_to_the_gradients_and_the_learning_rate_does_not() -> None:
    code = gradients_view(subject("step").graph).code
    assert "constant(value=1.0)" in code
    assert "constant(value=0.1)" not in code


def test_a_program_without_gradients_is_differentiated() -> None:
    shown = gradients_view(subject("loss").graph)
    assert list(shown.data["added"]) == ["%w1", "%b1", "%w2"]
    assert shown.text.startswith("the gradient of %")


def test_the_gradients_added_are_those_that_a_program_would_ask_for() -> None:
    asked, plain = subject("step"), subject("loss")
    shown = gradients_view(plain.graph)
    whole = parse_graph(shown.data["text"])
    named = dict(zip(plain.graph.variables, whole.variables, strict=True))
    added = Subject(
        name="added",
        title="added",
        fetches=tuple(Fetch(f"{k}", node) for k, node in enumerate(whole.outputs[1:])),
        inputs=(*whole.placeholders, *whole.variables),
        tensors={},
        initial={named[node]: plain.initial[node] for node in plain.graph.variables},
    )
    gradients = run(added, FEEDS).results
    outcome = run(asked, FEEDS)
    for gradient, (variable, _) in zip(gradients.values(), asked.graph.updates, strict=True):
        new = outcome.updates[str(variable.name)]
        expected = asked.initial[variable] - np.float32(0.1) * gradient
        np.testing.assert_allclose(new, expected, rtol=1e-5, atol=1e-7)


def test_placeholders_stand_in_where_there_is_no_variable() -> None:
    shown = gradients_view(parse_graph(_SQUARE))
    assert list(shown.data["added"]) == ["%x"]
    assert made_by(parse_graph(_SQUARE)) == ["constant", "mul", "mul", "add"]


def test_without_a_location_a_node_gets_none_when_differentiated() -> None:
    nodes = gradients_view(parse_graph(_SQUARE)).data["nodes"]
    assert {node["location"] for node in nodes} == {None}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "graph @g(%x: f32[2]) -> f32[2] {\n  return %x\n}",
            "the program contains no gradient, and has no output that is a single floating-point "
            "number to differentiate; its outputs are f32[2]",
        ),
        (
            "graph @g() -> f32[] {\n  %0: f32[] = constant(value=1.0)\n  return %0\n}",
            "the program has no floating-point input to differentiate by",
        ),
    ],
)
def test_nothing_to_differentiate(text: str, message: str) -> None:
    with pytest.raises(GradientError, match=f"^{re.escape(message)}$"):
        gradients_view(parse_graph(text))
