"""Dims made equal by guards, beyond what the text cases show."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from graphc.ir.dims import Guard, Size, symbol
from graphc.ir.dtypes import float32
from graphc.ir.graph import extract
from graphc.ir.verifier import verify
from graphc.ops import ops
from graphc.passes.unify_dims import unify_dims
from tests.ir.sample_ops import call, sample_ops
from tests.passes.values import assert_graphs_agree, graph_of, placeholder

__all__ = ["sample_ops"]

N, M, K = symbol("n"), symbol("m"), symbol("k")


def test_signature_keeps_its_order_and_names() -> None:
    x, y, z = (placeholder(*p) for p in (("x", float32, (M,)), ("y", float32, (3,)),
                                         ("z", float32, (N, M))))  # fmt: skip
    w = ops.variable(shape=(3,), dtype=float32, trainable=True, name="w")
    total = ops.add(ops.sum(z, axes=(1,)), x)
    graph = extract("g", [total], [(w, ops.mul(w, y))], inputs=[z, y, x, w])
    after = unify_dims(graph)
    verify(after)
    assert [node.name for node in after.placeholders] == ["z", "y", "x"]
    assert after.placeholders[1] is y and after.variables == (w,)
    assert [node.shape for node in after.placeholders] == [(N, N), (3,), (N,)]
    assert after.guards == graph.guards
    assert after.updates[0] == graph.updates[0]
    assert all(not node.guards for node in after.nodes)
    assert unify_dims(after) is after
    assert_graphs_agree(graph, after)


@pytest.mark.parametrize("sizes", [(3, 4), (4, 3)])
def test_guards_that_never_hold_are_left_alone(sizes: tuple[int, int]) -> None:
    x = placeholder("x", float32, (N,))
    others = [placeholder(f"y{size}", float32, (size,)) for size in sizes]
    graph = graph_of(*(ops.add(x, other) for other in others))
    assert len(graph.guards) == 2
    assert unify_dims(graph) is graph


def test_guards_that_divide_by_zero_are_left_alone() -> None:
    x, empty = placeholder("x", float32, (N,)), placeholder("e", float32, (0,))
    rows: Size = (6 * M) // N
    graph = graph_of(ops.add(x, empty), placeholder("y", float32, (rows,)))
    assert [str(guard) for guard in graph.guards] == ["n == 0"]
    assert unify_dims(graph) is graph


def test_a_graph_without_guards_is_itself() -> None:
    graph = graph_of(ops.exp(placeholder("x", float32, (N, M))))
    assert unify_dims(graph) is graph


def test_guards_that_determine_no_symbol_stay_on_their_nodes() -> None:
    x = placeholder("x", float32, (N, M))
    y = placeholder("y", float32, (K,))
    flat = ops.reshape(x, shape=(2, 3))
    graph = graph_of(flat, ops.add(ops.sum(x, axes=(0,)), y))
    after = unify_dims(graph)
    verify(after)
    assert after.outputs[0].guards == (Guard(N * M, 6),)
    assert after.placeholders[1].shape == (M,)


def test_subgraphs_know_the_guards_around_them(sample_ops: None) -> None:
    x, y = placeholder("x", float32, (N,)), placeholder("y", float32, (M,))
    inner = placeholder("inner", float32, (M,))
    body = extract("body", [ops.broadcast_to(ops.exp(inner), shape=(2, M))])
    graph = graph_of(call(ops.add(x, y), body=body))
    verify(graph)
    after = unify_dims(graph)
    verify(after)
    (held,) = (node.attrs["body"] for node in after.outputs)
    assert held.placeholders[0].shape == (N,)
    assert held.outputs[0].attrs["shape"] == (2, N)
    assert after.outputs[0].shape == (2, N)


def test_constants_and_values_are_the_same_objects() -> None:
    table = ops.constant(value=np.arange(4, dtype=np.float32))
    x, y = placeholder("x", float32, (N,)), placeholder("y", float32, (M,))
    graph = graph_of(table, ops.add(x, y))
    after = unify_dims(graph)
    assert after.outputs[0] is table
    assert after is not graph
    assert replace(after) is not after
