"""Tests of graphc/control/bodies.py: what is inside of a body, and what it captures."""

from __future__ import annotations

import numpy as np

from graphc.control.bodies import applied, bodies, cut, parameter_like, returning
from graphc.ir.dtypes import float64
from graphc.ir.graph import Graph, extract
from graphc.ir.node import Node
from graphc.ir.printer import print_graph
from graphc.ir.verifier import verify
from graphc.ops import ops


def _float(name: str | None = None, *shape: int) -> Node:
    return ops.placeholder(shape=shape, dtype=float64, name=name)


def _ops(graph: Graph) -> list[str]:
    return [node.op.name for node in graph.nodes]


def test_what_depends_on_no_parameter_is_captured() -> None:
    x, w = _float("x", 3), _float("w", 3)
    place = parameter_like(x)
    fixed = ops.exp(w)
    body = cut("body", [place], [ops.mul(ops.add(place, fixed), fixed)])
    verify(body.graph)
    assert body.captures == (fixed,)
    assert _ops(body.graph) == ["placeholder", "placeholder", "add", "mul"]


def test_numbers_and_what_is_spread_out_are_computed_inside() -> None:
    place, w = _float(None, 2, 3), _float("w")
    half = ops.constant(value=np.array(0.5))
    spread = ops.broadcast_to(half, shape=(2, 3))
    wide = ops.broadcast_to(w, shape=(2, 3))
    body = cut("body", [place], [ops.mul(ops.mul(place, spread), wide)])
    assert body.captures == (w,)


def test_what_only_captures_are_made_of_is_in_no_body() -> None:
    """Also if it is spread out of something that the body does not know."""
    place, w = _float(None, 2, 3), _float("w", 2)
    spread = ops.broadcast_to(ops.reshape(w, shape=(2, 1)), shape=(2, 3))
    fixed = ops.exp(spread)
    body = cut("body", [place], [ops.mul(place, fixed)])
    verify(body.graph)
    assert (body.captures, _ops(body.graph)) == ((fixed,), ["placeholder", "placeholder", "mul"])


def test_large_constants_are_captured() -> None:
    place = _float(None, 3)
    table = ops.constant(value=np.arange(3.0))
    assert cut("body", [place], [ops.mul(place, table)]).captures == (table,)


def test_a_parameter_may_be_any_node() -> None:
    x = _float("x", 3)
    inner = ops.exp(ops.sin(x))
    body = cut("body", [inner], [ops.mul(inner, inner)])
    assert (body.captures, _ops(body.graph)) == ((), ["placeholder", "mul"])


def test_several_bodies_have_the_same_captures() -> None:
    place, v, w = _float(), _float("v"), _float("w")
    wanted = [("one", [ops.add(place, v)]), ("other", [ops.mul(place, w)])]
    one, other = bodies(wanted, [place])
    assert one.captures == other.captures == (v, w)
    assert len(one.graph.placeholders) == len(other.graph.placeholders) == 3


def test_with_what_is_outside_everything_else_is_inside() -> None:
    x = _float("x")
    known = ops.exp(x)
    own = ops.sin(known)
    (body,) = bodies([("then", [own])], [], {x: None, known: None}.keys())
    assert (body.captures, _ops(body.graph)) == ((known,), ["placeholder", "sin"])


def test_a_body_applied_is_part_of_the_graph_around() -> None:
    x, y = _float("x"), _float("y")
    place = parameter_like(x)
    body = cut("body", [place], [ops.mul(place, y), place])
    product, same = applied(body.graph, [x, *body.captures])
    assert same is x
    assert print_graph(extract("g", [product]), locations=False) == (
        "graph @g(%x: f64[], %y: f64[]) -> f64[] {\n  %0: f64[] = mul(%x, %y)\n  return %0\n}"
    )


def test_other_results_keep_the_signature() -> None:
    place, other = _float(), _float("w")
    body = cut("body", [place], [ops.mul(place, other)])
    graph = returning(body.graph, [body.graph.placeholders[0]])
    assert graph.placeholders == body.graph.placeholders
