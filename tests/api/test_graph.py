from __future__ import annotations

import networkx
import numpy as np
import pytest

import graphc as gc
from graphc.errors import AssignmentError, FetchError, GraphError


def test_there_is_one_tensor_for_each_node(graph: gc.Graph) -> None:
    x = gc.placeholder(gc.float32, (3,), name="x")
    assert graph.tensor(x.node) is x
    assert graph.find("x") is x
    assert graph.tensors == (x,)


def test_find_names_what_is_close(graph: gc.Graph) -> None:
    gc.placeholder(gc.float32, (3,), name="images")
    with pytest.raises(FetchError, match="did you mean 'images'"):
        graph.find("image")
    with pytest.raises(FetchError, match="there are 'images'"):
        graph.find("qqq")


@pytest.mark.parametrize(
    "second",
    [
        lambda x: gc.placeholder(gc.float32, (), name="x"),
        lambda x: gc.variable(1.0, name="x"),
        lambda x: gc.identity(x, name="x"),
    ],
)
def test_a_name_is_given_once(graph: gc.Graph, second: object) -> None:
    x = gc.placeholder(gc.float32, (3,), name="x")
    with pytest.raises(GraphError, match=r"'x' is taken by <gc.Tensor %x f32\[3\] placeholder>"):
        second(x)  # type: ignore[operator]


def test_one_name_in_two_graphs_is_two_tensors() -> None:
    found = []
    for graph in (gc.Graph(), gc.Graph()):
        with graph:
            found.append(gc.placeholder(gc.float32, (), name="x"))
    assert found[0] is not found[1]


@pytest.mark.parametrize("name", ["", "1st", "a b", "a/", "%x", "a//b", 3])
def test_a_name_is_made_of_letters_digits_and_separators(graph: gc.Graph, name: object) -> None:
    with pytest.raises(GraphError, match="is no name"):
        gc.placeholder(gc.float32, (), name=name)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["x", "layer_1/w", "a.b", "_hidden", "x-y"])
def test_names_that_are_allowed(graph: gc.Graph, name: str) -> None:
    assert gc.placeholder(gc.float32, (), name=name).name == name


def test_a_failed_declaration_leaves_its_name_free(graph: gc.Graph) -> None:
    with pytest.raises(gc.errors.ShapeError):
        gc.placeholder(gc.float32, (-1,), name="x")
    gc.placeholder(gc.float32, (1,), name="x")


def test_extract_takes_only_what_is_reached_in_the_order_of_declaration(graph: gc.Graph) -> None:
    x = gc.placeholder(gc.float32, (3,), name="x")
    gc.placeholder(gc.float32, (3,), name="unused")
    y = gc.placeholder(gc.float32, (3,), name="y")
    w = gc.variable(np.zeros(3, np.float32), name="w")
    total = y * w + x
    gc.exp(total)
    program = graph.extract([total], [gc.assign(w, y)])
    assert program.placeholders == (x.node, y.node)
    assert program.variables == (w.node,)
    assert program.outputs == (total.node,)
    assert program.updates == ((w.node, y.node),)
    assert program.name == graph.name
    assert graph.extract([total], name="step").name == "step"
    assert {node.op.name for node in program.nodes} == {"placeholder", "variable", "mul", "add"}


def test_extract_takes_the_placeholder_that_tells_a_size(graph: gc.Graph) -> None:
    x = gc.placeholder(gc.float32, ("batch", 3), name="x")
    program = graph.extract([gc.zeros_like(x)])
    assert program.placeholders == (x.node,)


def test_extract_refuses_tensors_of_another_graph(graph: gc.Graph) -> None:
    with gc.Graph("other"):
        foreign = gc.ones(3)
    with pytest.raises(FetchError, match="but of <gc.Graph other"):
        graph.extract([foreign])


def test_extract_refuses_two_assignments_to_one_variable(graph: gc.Graph) -> None:
    w = gc.variable(0.0, name="w")
    first = gc.assign(w, 1.0)
    second = gc.assign(w, 2.0)
    assert len(graph.extract([], [first, first]).updates) == 1
    with pytest.raises(AssignmentError, match=r"%w .* is assigned twice in one run") as caught:
        graph.extract([], [first, second])
    assert f"at {first.location} and at {second.location}" in caught.value.message
    assert caught.value.location == second.location


def test_leaves_are_what_nothing_uses(graph: gc.Graph) -> None:
    x = gc.placeholder(gc.float32, (3,), name="x")
    w = gc.variable(np.zeros(3, np.float32), name="w")
    y = x * w
    end, update = gc.exp(y), gc.assign(w, y + 1)
    assert graph.leaves() == ([end], [update])


def test_networkx_holds_the_whole_graph(graph: gc.Graph) -> None:
    x = gc.placeholder(gc.float32, (3,), name="x")
    w = gc.variable(np.zeros(3, np.float32), name="w")
    y = gc.exp(x * w)
    gc.assign(w, w + 1)
    gc.assign(w, w + 2)
    network = graph.to_networkx()
    assert networkx.ancestors(network, y.node) >= {x.node, w.node}
    assert {assignment.value.node for assignment in graph.assignments} <= set(network)


def test_ten_thousand_operations_build_in_seconds(graph: gc.Graph) -> None:
    x = gc.placeholder(gc.float32, ("batch", 8), name="x")
    y = x
    for _ in range(10_000):
        y = y * 1.5
    assert len(graph.extract([y]).nodes) == 30_001
