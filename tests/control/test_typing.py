"""Branches and loops corrupted by hand, and what is said of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pytest

from graphc.errors import ParseError, VerificationError
from graphc.ir.dims import Guard, symbol
from graphc.ir.dtypes import float32, float64
from graphc.ir.graph import Graph
from graphc.ir.node import Node
from graphc.ir.parser import parse_graph
from graphc.ir.printer import print_graph
from graphc.ir.verifier import verify
from graphc.ops import ops

TEXT = """
graph @all(%p: bool[], %x: f32[n], %xs: f32[m, n], variable %w: f32[n]) -> (f32[n], f32[n], f32[n]) {
  %one: (f32[n]) = cond(
    %p, %x, %w,
    then=graph @then(%a: f32[n], %b: f32[n]) -> f32[n] {
      %0: f32[n] = add(%a, %b)
      return %0
    },
    otherwise=graph @otherwise(%a: f32[n], %b: f32[n]) -> f32[n] {
      return %a
    }
  )
  %two: (f32[n], f32[_turns1, n]) = while_loop(
    %x, %w, states=1, turns="_turns1", most=0, recompute=false,
    condition=graph @condition(%a: f32[n], %b: f32[n]) -> bool[] {
      %0: f32[] = sum(%a, axes=[0])
      %1: f32[] = sum(%b, axes=[0])
      %2: bool[] = lt(%0, %1)
      return %2
    },
    body=graph @body(%a: f32[n], %b: f32[n]) -> (f32[n], f32[n]) {
      %0: f32[n] = add(%a, %b)
      return %0, %a
    }
  )
  %three: (f32[n], f32[m]) = scan(
    %x, %xs, %w, carries=1, xs=1, length=[m], reverse=false, recompute=false,
    body=graph @body(%a: f32[n], %row: f32[n], %b: f32[n]) -> (f32[n], f32[]) {
      %0: f32[n] = add(%a, %row)
      %1: f32[] = sum(%0, axes=[0])
      return %0, %1
    }
  )
  %3: f32[n] = item(%one, k=0)
  %4: f32[n] = item(%two, k=0)
  %5: f32[n] = item(%three, k=0)
  return %3, %4, %5
}
"""  # noqa: E501

n, k = symbol("n"), symbol("k")


class Corrupt:
    """A sound graph, and ways to break what its loops and branches hold behind its back."""

    def __init__(self) -> None:
        self.graph = parse_graph(TEXT)

    def __getitem__(self, name: str) -> Node:
        return next(node for node in self.graph.nodes if node.name == name)

    def attrs(self, name: str, **changed: Any) -> None:
        node = self[name]
        object.__setattr__(node, "attrs", MappingProxyType({**node.attrs, **changed}))

    def body(self, name: str, key: str, **changed: Any) -> None:
        """Other fields for a graph that a node holds."""
        self.attrs(name, **{key: replace(self[name].attrs[key], **changed)})

    def returning(self, name: str, key: str, *outputs: Node) -> None:
        graph: Graph = self[name].attrs[key]
        nodes = (*graph.nodes, *(node for node in outputs if node not in graph.nodes))
        self.body(name, key, nodes=nodes, outputs=outputs)

    def inner(self, name: str, key: str, position: int) -> Node:
        """A placeholder of a graph that a node holds."""
        found: Node = self[name].attrs[key].placeholders[position]
        return found


def _variable(c: Corrupt) -> None:
    node = ops.variable(shape=(n,), dtype=float32, trainable=True, name="v")
    body: Graph = c["two"].attrs["body"]
    c.body("two", "body", nodes=(*body.nodes, node), variables=(node,))


def _update(c: Corrupt) -> None:
    a = c.inner("three", "body", 0)
    c.body("three", "body", updates=((a, a),))


def _without_placeholder(name: str, key: str) -> Callable[[Corrupt], None]:
    """One more than there is given."""

    def corrupt(c: Corrupt) -> None:
        extra = ops.placeholder(shape=(), dtype=float32, name="extra")
        graph: Graph = c[name].attrs[key]
        places = (*graph.placeholders, extra)
        c.body(name, key, placeholders=places, nodes=(extra, *graph.nodes))

    return corrupt


def _cast(c: Corrupt) -> None:
    wide = ops.astype(c.inner("two", "body", 0), dtype=float64)
    c.returning("two", "body", wide, c.inner("two", "body", 0))


def _reshaped(c: Corrupt) -> None:
    row = ops.reshape(c.inner("three", "body", 0), shape=(n, 1))
    c.returning("three", "body", row, *c["three"].attrs["body"].outputs[1:])


def _guard(name: str, key: str) -> Callable[[Corrupt], None]:
    return lambda c: c.body(name, key, guards=(Guard(n, k),))


def _from_outside(c: Corrupt) -> None:
    inside = c.inner("one", "then", 0)
    c.returning("one", "then", ops.add(inside, c["x"]))


CORRUPTED: list[tuple[Callable[[Corrupt], None], str]] = [
    (_cast, r"^%two = while_loop\(%x, %w\): the type rule refuses it: "
            r"the state given and returned differ: number 0 is f32\[n\] and f64\[n\]"),
    (_reshaped, "^%three = .*the carry given and returned differ: number 0 is "
                r"f32\[n\] and f32\[n, 1\]"),
    (_without_placeholder("one", "otherwise"),
     r"^%one = .*what @otherwise takes and what it is given differ: there are 3 and 2"),
    (_without_placeholder("two", "condition"), "what @condition takes .*: there are 3 and 2"),
    (_without_placeholder("three", "body"), "what @body takes .*: there are 4 and 3"),
    (_variable, r"^in body of %two = .*@body: a subgraph can hold neither variables nor updates$"),
    (_update, r"^in body of %three = .*@body: a subgraph can hold neither variables nor updates$"),
    (_guard("one", "then"), "^%one = .*relies on n == k, which the graph's guards do not imply$"),
    (_guard("two", "condition"), "^%two = .*relies on n == k, which the graph's guards do not"),
    (_guard("three", "body"), "^%three = .*relies on n == k, which the graph's guards do not"),
    (_from_outside, r"^in then of %one = .*: %1 = add\(%a, %\?\): reads .*%x.*not in the graph\n"),
    (lambda c: c.returning("one", "then"), "the results of both branches differ: there are 0 and"),
    (lambda c: c.returning("two", "condition", c.inner("two", "condition", 0)),
     r"the condition must be bool\[\], not f32\[n\]"),
    (lambda c: c.returning("two", "condition"), "the condition must give one value, not 0"),
    (lambda c: c.returning("two", "body"), "the state given and returned differ: there are 1 and"),
    (lambda c: c.attrs("two", states=3), "there are 2 operands, too few for 3 states"),
    (lambda c: c.attrs("two", states=-1), "there are 2 operands, too few for -1 states"),
    (lambda c: c.attrs("two", turns="n"), "turns must be a name with _turns, not 'n'"),
    (lambda c: c.attrs("two", most=-1), "the most turns must be at least 0, not -1"),
    (lambda c: c.attrs("three", carries=3), "there are 3 operands, too few for 3 carries and 1 xs"),
    (lambda c: c.attrs("three", length=()), "the length must be one dim, not 0"),
    (lambda c: c.attrs("three", length=(n,)), "has the type .* but the type rule gives"),
    (lambda c: c.attrs("three", length=(-1,)), "the length must be at least 0, not -1"),
]  # fmt: skip


def test_the_graph_to_be_corrupted_is_sound_and_reads_back() -> None:
    graph = Corrupt().graph
    verify(graph)
    assert print_graph(parse_graph(print_graph(graph))) == print_graph(graph)


@pytest.mark.parametrize(("corrupt", "message"), CORRUPTED)
def test_corrupted_loops_and_branches(corrupt: Callable[[Corrupt], None], message: str) -> None:
    corrupted = Corrupt()
    corrupt(corrupted)
    with pytest.raises(VerificationError, match=message):
        verify(corrupted.graph)


READ = [
    ("%x, %w, states=1", "%x, %xs, states=1", "what @body takes|what @condition takes"),
    ("-> f32[n] {\n      return %a", "-> bool[] {\n      return %a", "result 0 is declared bool"),
    ("%two: (f32[n], f32[_turns1, n])", "%two: (f32[n])", r"but it is \(f32\[n\], f32\[_turns1, n"),
    ("carries=1, xs=1", "carries=1", "scan needs the attribute xs"),
    ("bool[] = lt(%0, %1)", "bool[] = lt(%0, %x)", "%x is not defined before"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "message"), READ)
def test_texts_that_are_no_loops(old: str, new: str, message: str) -> None:
    assert old in TEXT
    with pytest.raises(ParseError, match=message):
        parse_graph(TEXT.replace(old, new))
