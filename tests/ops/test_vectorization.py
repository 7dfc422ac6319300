"""Walks that add a batch axis: who gets it, who stays, tuples, subgraphs, ops without a rule."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from graphc.errors import GraphError
from graphc.ir.dims import Size, symbol
from graphc.ir.dtypes import float64
from graphc.ir.graph import Graph, extract, topological
from graphc.ir.node import Node
from graphc.ir.opdef import REGISTRY, Batched, NoBatching, OpDef
from graphc.ir.types import Shape
from graphc.ir.verifier import verify
from graphc.ops import ops
from graphc.ops.declaring import member_by_member
from graphc.ops.vectorization import batched_graph, over_batch
from graphc.runtime.reference import evaluate
from tests.ir.sample_ops import call, halves

BATCH = symbol("batch")


def vector(*shape: Size, name: str | None = None) -> Node:
    return ops.placeholder(shape=shape, dtype=float64, name=name)


def with_rule(op: OpDef, rule: object) -> OpDef:
    return replace(op, batch=rule)  # type: ignore[arg-type]


def test_what_does_not_depend_on_the_batch_is_done_once() -> None:
    x, shared = vector(3, name="x"), vector(3, name="shared")
    inner = ops.exp(shared)
    y = ops.mul(ops.sin(x), inner)
    wide = vector(BATCH, 3, name="wide")
    product, same = over_batch([y, inner], {x: wide}, BATCH)
    assert (same.node, same.has_axis) == (inner, False)
    assert product.has_axis
    assert product.node.shape == (BATCH, 3)
    nodes = topological([product.node])
    assert [node.op.name for node in nodes].count("exp") == 1
    assert inner in nodes
    assert product.node.location == y.location


def test_a_given_node_stands_for_what_is_behind_it() -> None:
    x = vector(3)
    middle = ops.sin(x)
    wide = vector(BATCH, 3)
    (found,) = over_batch([ops.add(middle, x)], {middle: wide}, BATCH)
    assert wide in topological([found.node])
    assert x in topological([found.node])


def test_an_op_without_a_rule_is_named() -> None:
    x = vector(2, name="x")
    lonely = with_rule(REGISTRY["neg"], NoBatching("asks the user"))
    y = lonely(x)
    assert over_batch([y], {}, 2)[0].node is y
    with pytest.raises(GraphError, match="^neg: cannot be done for a batch: it asks the user") as e:
        over_batch([y], {x: vector(2, 2)}, 2)
    assert e.value.location == y.location


def _halves_rule(
    node: Node, inputs: tuple[Node, ...], batched: tuple[bool, ...], size: Size
) -> tuple[Batched, ...]:
    (x,) = inputs
    turned = node.op(ops.permute_dims(x, axes=(1, 0)))
    first, second = (ops.permute_dims(ops.item(turned, k=k), axes=(1, 0)) for k in (0, 1))
    return Batched(first, True), Batched(ops.sum(second, axes=(0,)), False)


def test_results_of_a_tuple_may_differ() -> None:
    """The second result of this rule is nonsense; only what becomes of it counts."""
    x, wide = vector(4), vector(6, 4)
    both = with_rule(halves, _halves_rule)(x)
    first, second = (ops.item(both, k=k) for k in (0, 1))
    found = over_batch([first, second, ops.neg(second), ops.neg(first)], {x: wide}, 6)
    assert [value.has_axis for value in found] == [True, False, False, True]
    assert [value.node.shape for value in found] == [(6, 2), (2,), (2,), (6, 2)]
    assert found[2].node.inputs == (found[1].node,)


def test_a_tuple_that_does_not_depend_on_the_batch_stays() -> None:
    x = vector(4)
    part = ops.item(halves(x), k=1)
    (found,) = over_batch([ops.neg(part)], {vector(3): vector(2, 3)}, 2)
    assert not found.has_axis
    assert found.node.inputs == (part,)


def _call_rule(
    node: Node, inputs: tuple[Node, ...], batched: tuple[bool, ...], size: Size
) -> tuple[Batched, ...]:
    """What a rule of an op that holds a graph looks like."""
    body, has = batched_graph(node.attrs["body"], batched, size)
    made = node.op(*inputs, body=body)
    return tuple(Batched(ops.item(made, k=k), flag) for k, flag in enumerate(has))


def body_of_two() -> Graph:
    a, b = vector(3, name="a"), vector(3, name="b")
    return extract("body", [ops.mul(a, b), ops.exp(b)], inputs=[a, b])


@pytest.mark.parametrize(
    ("batched", "wanted", "has"),
    [
        ((True, False), None, (True, False)),
        ((True, False), (False, True), (True, True)),
        ((False, True), None, (True, True)),
        ((False, False), None, (False, False)),
        ((False, False), (True, False), (True, False)),
    ],
)
def test_a_closed_graph(
    batched: tuple[bool, ...], wanted: tuple[bool, ...] | None, has: tuple[bool, ...]
) -> None:
    graph = body_of_two()
    new, found = batched_graph(graph, batched, 2, wanted)
    verify(new)
    assert found == has
    assert [node.name for node in new.placeholders] == ["a", "b"]
    shapes: list[Shape] = [(2, 3) if flag else (3,) for flag in batched]
    assert [node.shape for node in new.placeholders] == shapes
    rng = np.random.default_rng(0)
    a, b = (rng.uniform(size=shape) for shape in shapes)
    outputs, _ = evaluate(new, dict(zip(new.placeholders, (a, b), strict=True)))
    expected = (a * b, np.exp(b))
    for got, value, flag in zip(outputs, expected, has, strict=True):
        np.testing.assert_allclose(got, np.broadcast_to(value, (2, 3)) if flag else value)


def test_a_rule_may_go_into_a_subgraph() -> None:
    x, y, wide = vector(3), vector(3), vector(BATCH, 3)
    results = with_rule(call, _call_rule)(x, y, body=body_of_two())
    product, unchanged = over_batch([ops.item(results, k=k) for k in (0, 1)], {x: wide}, BATCH)
    assert (product.has_axis, unchanged.has_axis) == (True, False)
    assert product.node.shape == (BATCH, 3)
    assert unchanged.node.shape == (3,)


def test_names_of_nodes_do_not_follow() -> None:
    x = vector(3)
    (found,) = over_batch([ops.identity(x, name="me")], {x: vector(2, 3)}, 2)
    assert found.node.name is None
    assert found.node.op.batch is member_by_member
