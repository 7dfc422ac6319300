"""The walk: sharing, bounds, guards, names."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from graphc.errors import CompileError
from graphc.ir.dims import symbol
from graphc.ir.dtypes import float32
from graphc.ir.node import Node
from graphc.ir.verifier import verify
from graphc.ops import ops
from graphc.passes.canonicalize import CANONICAL, canonicalize
from graphc.passes.cse import share
from graphc.passes.rewriting import MOST_COMPARED_BYTES, NodeRule, Rewrites, rewrite_graph
from graphc.passes.rules import Rule
from tests.passes.values import assert_graphs_agree, graph_of, placeholder

N, M, K = symbol("n"), symbol("m"), symbol("k")


def test_rules_that_undo_each_other_are_found_out() -> None:
    rules = Rewrites([Rule("sub(x, y)", "add(x, neg(y))"), Rule("add(x, neg(y))", "sub(x, y)")])
    x, y = (placeholder(name, float32, ()) for name in "xy")
    with pytest.raises(CompileError, match="rewrite rules undo each other"):
        rewrite_graph(graph_of(ops.sub(x, y)), rules)


def test_a_rule_that_changes_the_type_is_refused() -> None:
    def wider(node: Node) -> Node:
        return ops.broadcast_to(node.inputs[0], shape=(2, 3))

    graph = graph_of(ops.exp(placeholder("x", float32, (3,))))
    assert rewrite_graph(graph, Rewrites([NodeRule(("exp",), wider)])) is graph


def test_replacements_rely_on_no_guard_of_others() -> None:
    """n == m comes from elsewhere in the graph: it does not make the reshape an identity yet."""
    x, y = placeholder("x", float32, (N, M)), placeholder("y", float32, (M, N))
    turned = ops.reshape(x, shape=(M, N))
    graph = graph_of(turned, ops.add(x, y))
    assert [str(guard) for guard in graph.guards] == ["n == m", "m == n"]
    assert canonicalize(graph) is graph


def test_replacements_may_rely_on_guards_of_what_they_replace() -> None:
    x, y = placeholder("x", float32, (N,)), placeholder("y", float32, (M,))
    graph = graph_of(ops.add(ops.neg(x), y))
    after = canonicalize(graph)
    verify(after)
    (difference,) = after.outputs
    assert difference.op is ops.sub
    assert difference.shape == (N,)
    assert_graphs_agree(graph, after)


def test_reshapes_meet_under_their_guards() -> None:
    x = placeholder("x", float32, (N, M))
    graph = graph_of(ops.reshape(ops.reshape(x, shape=(K,)), shape=(2, 3)))
    after = canonicalize(graph)
    verify(after)
    assert [node.op.name for node in after.nodes] == ["placeholder", "reshape"]
    assert after.guards == graph.guards


@pytest.mark.parametrize(
    ("count", "shared"), [(MOST_COMPARED_BYTES // 8, True), (MOST_COMPARED_BYTES // 8 + 1, False)]
)
def test_equal_constants_are_shared_if_they_are_small(count: int, shared: bool) -> None:
    first, second = (ops.constant(value=np.arange(count)) for _ in range(2))
    again = ops.constant(value=first.attrs["value"])
    graph = share(graph_of(first, second, again))
    assert graph.outputs[0] is graph.outputs[2]
    assert (graph.outputs[0] is graph.outputs[1]) is shared


@pytest.mark.parametrize(
    ("make", "equal"),
    [
        (lambda x, y: (ops.add(x, y), ops.add(y, x)), True),
        (lambda x, y: (ops.eq(x, y), ops.eq(y, x)), True),
        (lambda x, y: (ops.sub(x, y), ops.sub(y, x)), False),
        (lambda x, y: (ops.exp(x), ops.exp(y)), False),
        (lambda x, y: (ops.sum(x, axes=(0,)), ops.max(x, axes=(0,))), False),
        (lambda x, y: (ops.concat(x, y, axis=0), ops.concat(x, y, axis=0)), True),
        (lambda x, y: (ops.concat(x, y, axis=0), ops.concat(y, x, axis=0)), False),
        (lambda x, y: (ops.pad(x, low=(1,), high=(0,), value=0.0),
                       ops.pad(x, low=(1,), high=(0,), value=-0.0)), False),
    ],
)  # fmt: skip
def test_sharing(make: Any, equal: bool) -> None:
    x, y = placeholder("x", float32, (N,)), placeholder("y", float32, (N,))
    before = graph_of(*make(x, y))
    after = share(before)
    assert (after.outputs[0] is after.outputs[1]) is equal
    assert (after is before) is not equal
    assert after.outputs[0] is before.outputs[0]


def test_rewrites_have_distinct_names() -> None:
    names = [rewrite.name for rewrite in CANONICAL]
    kinds = {(rewrite.name, getattr(rewrite, "ops", None)) for rewrite in CANONICAL}
    assert len(kinds) == len(names)
