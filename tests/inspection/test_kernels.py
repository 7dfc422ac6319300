from __future__ import annotations

import json
import re

import pytest

from graphc.compiler import compile_graph
from graphc.errors import AttributeValueError
from graphc.inspection.kernels import kernels_view, launches_of
from graphc.inspection.listing import graph_data
from graphc.inspection.stages import Options, view
from graphc.ir.opdef import holds_graphs
from graphc.schedule.contents import written
from graphc.schedule.keeping import is_buffer
from graphc.schedule.naming import names_of
from tests.inspection.targets import LOOPS, loops, subject


def test_every_value_in_memory_is_written_by_one_launch() -> None:
    made = compile_graph(subject("step").graph, stop="kernels")
    assert made.schedule and made.prepared
    nodes = [node for launch in made.schedule.launches for node in written(launch)]
    assert len(nodes) == len(set(nodes))
    assert set(made.prepared.roots) <= set(nodes)


def test_what_a_launch_reads_is_given_or_was_written_before() -> None:
    made = compile_graph(subject("step").graph, stop="kernels")
    assert made.schedule
    there: set[object] = set()
    for launch in made.schedule.launches:
        for node in {*launch.operands} - {*written(launch)}:
            assert node in there or is_buffer(node)  # type: ignore[arg-type]
        there.update(written(launch))


def test_every_node_is_computed_somewhere() -> None:
    graph = subject("step").graph
    made = compile_graph(graph, stop="kernels")
    assert made.prepared and made.schedule
    data = kernels_view(made.prepared, made.schedule).data
    launches = [launch for kernel in data["kernels"] for launch in kernel["launches"]]
    computed = {node["name"] for launch in launches for node in launch["nodes"]}
    listed = graph_data(made.prepared)
    inputs = {*listed["placeholders"], *listed["variables"]}
    assert computed == {node["name"] for node in listed["nodes"]} - inputs


@pytest.mark.parametrize("name", LOOPS)
def test_every_node_of_bodies_is_computed_somewhere_and_has_a_name(name: str) -> None:
    made = compile_graph(loops(name).graph, stop="kernels")
    assert made.prepared and made.schedule
    shown = kernels_view(made.prepared, made.schedule)
    assert "?" not in shown.text
    launches = [launch for kernel in shown.data["kernels"] for launch in kernel["launches"]]
    assert sorted(launch["number"] for launch in launches) == [*range(len(made.schedule.launches))]
    computed = {node["name"] for launch in launches for node in launch["nodes"]}
    names = names_of(made.prepared, made.schedule)
    bodies = [node for body in made.schedule.bodies for node in body.graph.nodes]
    wanted = {
        names[node]
        for node in (*made.prepared.nodes, *bodies)
        if node.op.name not in ("placeholder", "variable", "item", "constant")
        and not holds_graphs(node.op)
    }
    assert wanted <= computed
    given = {names[node] for node in made.prepared.nodes if node.op.name == "placeholder"}
    assert not given & computed
    assert json.loads(json.dumps(shown.data)) == shown.data


def test_launches_of_one_kernel_stand_together() -> None:
    made = compile_graph(subject("alike").graph, stop="kernels")
    assert made.schedule
    (sharing,) = launches_of(made.schedule)
    assert [each.number for each in sharing] == [0, 1]
    text = view(subject("alike").graph, "kernels").text
    assert text.startswith("kernel 0, 2 launches\n")
    assert re.search(r"^launch 1: %\w+ is ", text, re.MULTILINE)


def test_one_kernel_is_the_same_as_among_all() -> None:
    graph = subject("step").graph
    everything = view(graph, "kernels")
    one = view(graph, "kernels", Options(kernel=2))
    assert one.data["kernels"] == [everything.data["kernels"][2]]
    assert one.text in everything.text


@pytest.mark.parametrize("number", [-1, 1])
def test_a_kernel_that_is_not_there(number: int) -> None:
    message = f"^there is no kernel {number}; there are 1, from 0 to 0$"
    with pytest.raises(AttributeValueError, match=message):
        view(subject("alike").graph, "kernels", Options(kernel=number))
