"""Graphs corrupted by hand, and what is said of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from graphc.errors import VerificationError
from graphc.ir.dims import Guard, symbol
from graphc.ir.dtypes import float32, float64
from graphc.ir.graph import Graph
from graphc.ir.location import Location
from graphc.ir.node import Node
from graphc.ir.parser import parse_graph
from graphc.ir.types import TensorType
from graphc.ir.verifier import verify
from graphc.ops import ops
from tests.ir.sample_ops import call, every

pytestmark = pytest.mark.usefixtures("sample_ops")

TEXT = """
graph @step(%x: f32[n, 4], %y: f32[m, 4], variable %w: f32[4], variable %v: f32[4])
    -> (f32[n, 4], f32[4]) where n == m {
  %sum: f32[n, 4] = add(%x, %y)               // model.py:3
  %double: f32[n, 4] = add(%sum, %sum)        // model.py:4
  %column: f32[4] = sum(%double, axes=[0])    // model.py:5
  %new: f32[4] = sub(%w, %column)
  %called: f32[4] = call(%new, body=graph @body(%a: f32[4]) -> f32[4] {
    %twice: f32[4] = add(%a, %a)              // body.py:1
    %back: f32[4] = neg(%twice)               // body.py:2
    return %back
  })                                          // model.py:7
  update %w = %new
  return %double, %called
}
"""


class Corrupt:
    """A sound graph, its nodes by name, and ways to break it behind its back."""

    def __init__(self) -> None:
        self.graph = parse_graph(TEXT)
        self.body: Graph = self["called"].attrs["body"]

    def __getitem__(self, name: str) -> Node:
        return next(node for node in self.graph.nodes if node.name == name)

    def inner(self, name: str) -> Node:
        return next(node for node in self.body.nodes if node.name == name)

    def change(self, target: Node | Graph | None = None, **fields: Any) -> None:
        """Overwrite fields of a frozen object, the graph itself if none is given."""
        for field, value in fields.items():
            object.__setattr__(target or self.graph, field, value)

    def nodes(self, *names: str) -> tuple[Node, ...]:
        return tuple(self[name] for name in names)


def test_the_graph_to_be_corrupted_is_sound() -> None:
    verify(Corrupt().graph)


def foreign(size: int = 4) -> Node:
    return replace(ops.placeholder(shape=(size,), dtype=float32, name="z"), location=None)


def swapped(it: Corrupt) -> None:
    it.change(nodes=it.nodes("x", "y", "w", "v", "double", "sum", "column", "new", "called"))


def removed(it: Corrupt) -> None:
    it.change(nodes=it.nodes("x", "y", "w", "v", "double", "column", "new", "called"))


def listed_twice(it: Corrupt) -> None:
    it.change(nodes=(*it.graph.nodes, it["sum"]))


def foreign_operand(it: Corrupt) -> None:
    it.change(it["new"], inputs=(it["w"], foreign()))


def cycle(it: Corrupt) -> None:
    it.change(it["sum"], inputs=(it["x"], it["double"]))


def long_cycle(it: Corrupt) -> None:
    it.change(it["double"], inputs=(it["sum"], it["called"]))


def self_loop(it: Corrupt) -> None:
    it.change(it["sum"], inputs=(it["sum"], it["sum"]))


def unlisted_placeholder(it: Corrupt) -> None:
    it.change(placeholders=it.nodes("x"))


def unlisted_variable(it: Corrupt) -> None:
    it.change(variables=it.nodes("w"))


def listed_but_absent(it: Corrupt) -> None:
    it.change(placeholders=(*it.graph.placeholders, foreign()))


def no_placeholder(it: Corrupt) -> None:
    it.change(placeholders=it.nodes("x", "y", "w"))


def placeholder_listed_twice(it: Corrupt) -> None:
    it.change(placeholders=it.nodes("x", "y", "x"))


def shared_name(it: Corrupt) -> None:
    it.change(it["w"], name="x")


def absent_output(it: Corrupt) -> None:
    it.change(outputs=(it["double"], foreign()))


def absent_update(it: Corrupt) -> None:
    it.change(updates=((it["w"], foreign()),))


def absent_variable(it: Corrupt) -> None:
    it.change(updates=((foreign(), it["new"]),))


def update_of_a_placeholder(it: Corrupt) -> None:
    it.change(updates=((it["x"], it["double"]),))


def update_of_a_computed_value(it: Corrupt) -> None:
    it.change(updates=((it["sum"], it["double"]),))


def updated_twice(it: Corrupt) -> None:
    it.change(updates=((it["w"], it["new"]), (it["v"], it["new"]), (it["w"], it["column"])))


def update_of_another_shape(it: Corrupt) -> None:
    it.change(updates=((it["w"], it["double"]),))


def update_of_another_dtype(it: Corrupt) -> None:
    cast = ops.astype(it["new"], dtype=float64)
    it.change(nodes=(*it.graph.nodes, cast), updates=((it["w"], cast),))


def missing_operand(it: Corrupt) -> None:
    it.change(it["sum"], inputs=it.nodes("x"))


def surplus_operand(it: Corrupt) -> None:
    it.change(it["sum"], inputs=it.nodes("x", "y", "x", "y", "x"))


def surplus_attribute(it: Corrupt) -> None:
    it.change(it["sum"], attrs={"fast": True})


def missing_attribute(it: Corrupt) -> None:
    it.change(it["column"], attrs={})


def attribute_of_another_kind(it: Corrupt) -> None:
    it.change(it["column"], attrs={"axes": [0]})


def attribute_out_of_range(it: Corrupt) -> None:
    it.change(it["column"], attrs={"axes": (2,)})


def wrong_dtype(it: Corrupt) -> None:
    it.change(it["sum"], type=it["sum"].tensor.with_dtype(float64))


def wrong_shape(it: Corrupt) -> None:
    it.change(it["column"], type=TensorType(float32, (symbol("n"),)))


def wrong_rank(it: Corrupt) -> None:
    it.change(it["column"], type=TensorType(float32, (4, 1)))


def operand_that_does_not_fit(it: Corrupt) -> None:
    it.change(it["new"], inputs=it.nodes("w", "double"))


def no_guards(it: Corrupt) -> None:
    it.change(guards=())


def other_guard(it: Corrupt) -> None:
    it.change(guards=(Guard(symbol("n"), symbol("k")),))


def guard_of_its_own(it: Corrupt) -> None:
    it.change(it["new"], guards=(Guard(symbol("n"), 7),))


def input_renamed_by_guards(it: Corrupt) -> None:
    it.change(it["y"], type=it["x"].type)


def inner_order(it: Corrupt) -> None:
    it.change(it.body, nodes=(it.inner("twice"), it.inner("a"), it.inner("back")))


def inner_type(it: Corrupt) -> None:
    it.change(it.inner("back"), type=TensorType(float32, (5,)))


def inner_guard(it: Corrupt) -> None:
    it.change(it.body, guards=(Guard(symbol("n"), symbol("k")),))


def inner_variable(it: Corrupt) -> None:
    w = it["w"]
    it.change(it.body, nodes=(*it.body.nodes, w), variables=(w,))


def inner_update(it: Corrupt) -> None:
    it.change(it.body, updates=((it.inner("a"), it.inner("a")),))


def body_is_no_graph(it: Corrupt) -> None:
    it.change(it["called"], attrs={"body": "body"})


MESSAGES: dict[Callable[[Corrupt], None], str] = {
    swapped: "%double = add(%sum, %sum): reads %sum, which comes after it @ model.py:4",
    removed: "%double = add(%?, %?): reads <Node %sum add: f32[n, 4]>, which is not in the graph "
    "@ model.py:4",
    listed_twice: "%sum = add(%x, %y): is listed twice in nodes @ model.py:3",
    foreign_operand: "%new = sub(%w, %?): reads <Node %z placeholder: f32[4]>, which is not in the "
    "graph",
    cycle: "%sum = add(%x, %double): is part of a cycle of reads: %sum -> %double -> %sum "
    "@ model.py:3",
    long_cycle: "%double = add(%sum, %called): is part of a cycle of reads: "
    "%double -> %called -> %new -> %column -> %double @ model.py:4",
    self_loop: "%sum = add(%sum, %sum): is part of a cycle of reads: %sum -> %sum @ model.py:3",
    unlisted_placeholder: "%y = placeholder(): is not listed among the graph's placeholders",
    unlisted_variable: "%v = variable(): is not listed among the graph's variables",
    listed_but_absent: "%? = placeholder(): is listed among the graph's placeholders, but not in "
    "nodes",
    no_placeholder: "%w = variable(): is listed among the graph's placeholders",
    placeholder_listed_twice: "graph @step: a placeholder is listed twice among its placeholders",
    shared_name: "%x_1 = variable(): the name x is taken by another input",
    absent_output: "graph @step: output 1, <Node %z placeholder: f32[4]>, is not in the graph",
    absent_update: "graph @step: an update uses <Node %z placeholder: f32[4]>, which is not in the "
    "graph",
    absent_variable: "graph @step: an update uses <Node %z placeholder: f32[4]>, which is not in "
    "the graph",
    update_of_a_placeholder: "%x = placeholder(): is updated, but it is not a variable",
    update_of_a_computed_value: "%sum = add(%x, %y): is updated, but it is not a variable "
    "@ model.py:3",
    updated_twice: "%w = variable(): is updated twice",
    update_of_another_shape: "%double = add(%sum, %sum): updates a variable of type f32[4] by "
    "f32[n, 4] @ model.py:4",
    update_of_another_dtype: "%0 = astype(%new): updates a variable of type f32[4] by f64[4] "
    "@ test_verifier.py",
    missing_operand: "%sum = add(%x): has 1 inputs, but the op takes 2 @ model.py:3",
    surplus_operand: "%sum = add(%x, %y, %x, %y, ...): has 5 inputs, but the op takes 2 "
    "@ model.py:3",
    surplus_attribute: "%sum = add(%x, %y): the op has no attribute fast @ model.py:3",
    missing_attribute: "%column = sum(%double): lacks the attribute axes @ model.py:5",
    attribute_of_another_kind: "%column = sum(%double): the attribute axes must be a tuple of "
    "ints, not [0] @ model.py:5",
    attribute_out_of_range: "%column = sum(%double): the type rule refuses it: there is no axis 2 "
    "in 2 dims (given f32[n, 4]) @ model.py:5",
    wrong_dtype: "%sum = add(%x, %y): has the type f64[n, 4], but the type rule gives f32[n, 4] "
    "@ model.py:3",
    wrong_shape: "%column = sum(%double): has the type f32[n], but the type rule gives f32[4] "
    "@ model.py:5",
    wrong_rank: "%column = sum(%double): has the type f32[4, 1], but the type rule gives f32[4] "
    "@ model.py:5",
    operand_that_does_not_fit: "%new = sub(%w, %double): the type rule refuses it: shapes must "
    "have the same number of dims (given f32[4], f32[n, 4])",
    no_guards: "%sum = add(%x, %y): relies on n == m, which the graph's guards do not imply "
    "@ model.py:3",
    other_guard: "%sum = add(%x, %y): relies on n == m, which the graph's guards do not imply "
    "@ model.py:3",
    guard_of_its_own: "%new = sub(%w, %column): relies on n == 7, which the graph's guards do not "
    "imply",
    input_renamed_by_guards: "%y = placeholder(): has the type f32[n, 4], but the type rule gives "
    "f32[m, 4]",
    inner_order: "in body of %called = call(%new): %twice = add(%a, %a): reads %a, which comes "
    "after it @ body.py:1",
    inner_type: "in body of %called = call(%new): %back = neg(%twice): has the type f32[5], but "
    "the type rule gives f32[4] @ body.py:2",
    inner_guard: "%called = call(%new): relies on n == k, which the graph's guards do not imply "
    "@ model.py:7",
    inner_variable: "in body of %called = call(%new): graph @body: a subgraph can hold neither "
    "variables nor updates",
    inner_update: "in body of %called = call(%new): graph @body: a subgraph can hold neither "
    "variables nor updates",
    body_is_no_graph: "%called = call(%new): the attribute body must be a graph, not 'body' "
    "@ model.py:7",
}


@pytest.mark.parametrize("corrupt", MESSAGES, ids=lambda corrupt: corrupt.__name__)
def test_corrupted_graphs(corrupt: Callable[[Corrupt], None]) -> None:
    it = Corrupt()
    corrupt(it)
    message, _, place = MESSAGES[corrupt].partition(" @ ")
    with pytest.raises(VerificationError) as caught:
        verify(it.graph)
    said, _, created = str(caught.value).partition("\n  created at ")
    assert said == message
    assert created.startswith(place) if place in ("", "model.py") else place in created


def test_a_mistake_two_graphs_deep_is_placed() -> None:
    it = Corrupt()
    it.change(it.inner("back"), type=TensorType(float32, (5,)), location=Location("body.py", 2))
    x = ops.placeholder(shape=(4,), dtype=float32, name="x")
    middle = Graph("middle", (x,), (), (x, held := call(x, body=it.body)), (held,))
    y = ops.placeholder(shape=(4,), dtype=float32, name="y")
    graph = Graph("top", (y,), (), (y, top := call(y, body=middle)), (top,))
    with pytest.raises(VerificationError) as caught:
        verify(graph)
    assert str(caught.value) == (
        "in body of %0 = call(%y): in body of %0 = call(%x): %back = neg(%twice): has the type "
        "f32[5], but the type rule gives f32[4]\n  created at body.py:2"
    )


KINDS: list[tuple[str, list[Any], list[Any]]] = [
    ("a_bool", [True], [1, None, np.bool_(True), "true"]),
    ("a_int", [0, -1, 2**70], [True, 1.0, np.int64(1), symbol("n")]),
    ("a_ints", [(), (1, -2)], [[1], (True,), (1.0,), 1, (symbol("n"),)]),
    ("a_float", [0.5, float("nan"), np.float64(1)], [1, np.float32(1), "1", None]),
    ("a_text", ["", "a"], [b"a", None, 1]),
    ("a_dtype", [float32], ["f32", np.dtype("float32"), None]),
    ("a_shape", [(), (1, symbol("n"))], [[1], (True,), ("n",), (None,), 3]),
    ("a_array", [np.zeros(2), np.zeros(())], [[0.0], 0.0, np.float32(0)]),
]


@pytest.mark.parametrize(("key", "right", "wrong"), KINDS)
def test_kinds_of_attributes(key: str, right: list[Any], wrong: list[Any]) -> None:
    x = ops.placeholder(shape=(2,), dtype=float32, name="x")
    usual = {name: values[0] for name, values, _ in KINDS}
    for value in right + wrong:
        node = every(x, **{**usual, key: value})
        graph = Graph("f", (x,), (), (x, node), (node,))
        if any(value is each for each in right):
            verify(graph)
        else:
            with pytest.raises(VerificationError, match=f"the attribute {key} must be"):
                verify(graph)


SOUND = {
    "nothing at all": "graph @f() -> () { return }",
    "types that agree under guards": """
        graph @f(%x: f32[n], %y: f32[m], variable %w: f32[m]) -> f32[m] where n == m {
          %0: f32[m] = add(%x, %x)
          update %w = %x
          return %0
        }""",
    "a guard implied by others": """
        graph @f(%x: f32[n], %y: f32[m]) -> f32[n] where n == k, m == k {
          %0: f32[n] = add(%x, %y)
          return %0
        }""",
    "guards that can never hold together, which is for the feed to say": """
        graph @f(%x: f32[n], %y: f32[3], %z: f32[4]) -> (f32[3], f32[4]) where n == 3, n == 4 {
          %0: f32[3] = add(%x, %y)
          %1: f32[4] = add(%x, %z)
          return %0, %1
        }""",
    "guards of the graph around": """
        graph @f(%x: f32[n], %y: f32[m]) -> f32[n] where n == m {
          %0: f32[n] = call(%x, body=graph @g(%z: f32[n]) -> f32[n] where m == n {
            %0: f32[m] = neg(%z)
            return %0
          })
          return %0
        }""",
    "dead nodes": """
        graph @f(%x: f32[n]) -> f32[n] {
          %0: f32[n] = neg(%x)
          return %x
        }""",
    "a variable that takes its own value": """
        graph @f(variable %w: f32[2]) -> f32[2] {
          update %w = %w
          return %w
        }""",
}


@pytest.mark.parametrize("name", SOUND)
def test_sound_graphs(name: str) -> None:
    verify(parse_graph(SOUND[name]))


def _seconds(length: int) -> float:
    x = ops.placeholder(shape=(symbol("n"),), dtype=float32, name="x")
    nodes = [x]
    for _ in range(length):
        nodes.append(ops.add(nodes[-1], x))
    graph = Graph("chain", (x,), (), tuple(nodes), (nodes[-1],))
    start = time.perf_counter()
    verify(graph)
    return time.perf_counter() - start


def test_time_grows_with_the_number_of_nodes_not_its_square() -> None:
    assert _seconds(20_000) < 2  # measured: 0.1; a square law would take minutes
