"""The passes together: what they keep, what they record, how they fail, how long they take."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from graphc.errors import CompileError, ShapeError, VerificationError
from graphc.ir.dtypes import float32
from graphc.ir.graph import Graph, extract
from graphc.ir.location import Location, created_at
from graphc.ir.node import Node
from graphc.ir.opdef import node_key
from graphc.ir.printer import print_graph
from graphc.ops import ops
from graphc.passes.pipeline import PASSES, Pass, PassRecord, count_nodes, run_passes
from tests.ir.sample_ops import call, sample_ops
from tests.passes.random_graphs import random_graph, random_nodes
from tests.passes.values import assert_graphs_agree, graph_of, placeholder

__all__ = ["sample_ops"]

EXACT = tuple(step for step in PASSES if step.name != "fma")
SEEDS = range(50)


@pytest.mark.parametrize("seed", SEEDS)
def test_passes_keep_every_bit(seed: int) -> None:
    graph = random_graph(seed)
    after, _ = run_passes(graph, EXACT, verify=True)
    assert_graphs_agree(graph, after)
    assert count_nodes(after) <= count_nodes(graph)


@pytest.mark.parametrize("seed", SEEDS)
def test_each_pass_alone(seed: int) -> None:
    """It verifies, has nothing left to do, and keeps every bit."""
    graph = random_graph(seed)
    for step in PASSES:
        after, (record,) = run_passes(graph, [step], verify=True)
        assert record.changed is (after is not graph)
        assert step.run(after) is after
        if step.name != "fma":
            assert_graphs_agree(graph, after)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_second_run_changes_nothing(seed: int) -> None:
    once, _ = run_passes(random_graph(seed))
    again, records = run_passes(once)
    assert again is once
    assert not any(record.changed for record in records)


@pytest.mark.parametrize("seed", SEEDS[:10])
def test_passes_are_deterministic(seed: int) -> None:
    texts = {print_graph(run_passes(random_graph(seed))[0]) for _ in range(2)}
    assert len(texts) == 1


@pytest.mark.parametrize("seed", SEEDS)
def test_fetching_more_changes_nothing(seed: int) -> None:
    """Up to contraction a node becomes the same whatever else is fetched; its bits stay so."""
    inputs, nodes = random_nodes(seed, 40)
    alone = extract("test", nodes[-1:], inputs=inputs)
    among = extract("test", [nodes[-1], *nodes[::3]], inputs=inputs)
    until_fma = PASSES[: [step.name for step in PASSES].index("fma") + 1]
    first, _ = run_passes(alone, until_fma)
    second, _ = run_passes(among, until_fma)
    numbers: dict[object, int] = {}
    assert structure(first, numbers) == structure(second, numbers)
    full, _ = run_passes(alone)
    more, _ = run_passes(among)
    assert_graphs_agree(full, replace(more, outputs=more.outputs[:1]))


def structure(graph: Graph, numbers: dict[object, int]) -> int:
    """A number for what the first output computes, equal for equal expressions."""
    known: dict[Node, int] = {}
    for node in graph.nodes:
        op, _, attrs, type_ = node_key(node, ())
        operands = [known[operand] for operand in node.inputs]
        if node.op.commutative:
            operands.sort()
        name = node.name if node.op is ops.placeholder else None
        key = (op, tuple(operands), attrs, type_, name)
        known[node] = numbers.setdefault(key, len(numbers))
    return known[graph.outputs[0]]


def test_records_and_snapshots() -> None:
    x = placeholder("x", float32, (3,))
    graph = graph_of(ops.neg(ops.neg(ops.exp(x))))
    seen: list[tuple[PassRecord, Graph]] = []
    after, records = run_passes(
        graph, snapshots=True, observer=lambda record, graph: seen.append((record, graph))
    )
    assert [record.name for record in records] == [step.name for step in PASSES]
    assert [record for record, _ in seen] == records
    assert [graph for _, graph in seen] == [record.graph for record in records]
    changed = [record for record in records if record.changed]
    assert [(r.name, r.nodes_before, r.nodes_after) for r in changed] == [("canonicalize", 4, 2)]
    assert changed[0].graph is after
    assert all(record.seconds > 0 for record in records)
    assert run_passes(graph)[1][0].graph is None


def fail(error: Exception) -> Pass:
    def run(graph: Graph) -> Graph:
        raise error

    return Pass("broken", run, "fails")


LINE = Location("model.py", 3)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (KeyError("x"), "pass broken failed after [inline, dce]: KeyError: 'x'"),
        (
            ShapeError("no such axis", op="sum", location=LINE),
            "sum: pass broken failed after [inline, dce]: no such axis\n  created at model.py:3",
        ),
    ],
    ids=["bug", "typed"],
)
def test_a_pass_that_fails(error: Exception, message: str) -> None:
    graph = graph_of(placeholder("x", float32, ()))
    with pytest.raises(CompileError) as raised:
        run_passes(
            graph, [*(step for step in PASSES if step.name in ("inline", "dce")), fail(error)]
        )
    assert str(raised.value) == message
    assert raised.value.__cause__ is error


def test_a_pass_that_breaks_the_graph() -> None:
    graph = graph_of(ops.exp(placeholder("x", float32, ())))
    broken = Pass("broken", lambda graph: replace(graph, nodes=graph.nodes[1:]), "loses a node")
    with pytest.raises(VerificationError, match=r"pass broken failed after \[inline\]: "):
        run_passes(graph, [PASSES[0], broken], verify=True)


def test_subgraphs_are_rewritten_too(sample_ops: None) -> None:
    x, y = (placeholder(name, float32, (2,)) for name in "xy")
    wasteful = ops.add(ops.mul(y, y), ops.neg(ops.neg(ops.exp(y))))
    body = extract("body", [wasteful, ops.log(y)], inputs=[y])
    body = replace(body, outputs=body.outputs[:1])  # the logarithm is dead
    graph = graph_of(call(ops.neg(ops.neg(x)), body=body))
    assert count_nodes(graph) == 4 + 7
    after, records = run_passes(graph, verify=True)
    inner = after.outputs[0].attrs["body"]
    assert [node.op.name for node in inner.nodes] == ["placeholder", "exp", "fma"]
    assert [node.op.name for node in after.nodes] == ["placeholder", "call"]
    names = [record.name for record in records]
    dropped = records[: names.index("dce") + 1]
    assert sum(record.nodes_before - record.nodes_after for record in dropped) == 1
    assert run_passes(after)[0] is after


def test_setting_turns_contraction_off(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y, z = (placeholder(name, float32, (2,)) for name in "xyz")
    graph = graph_of(ops.add(ops.mul(x, y), z))
    monkeypatch.setenv("GRAPHC_FMA", "0")
    after, records = run_passes(graph)
    assert after is graph
    assert "fma" not in [record.name for record in records]
    monkeypatch.setenv("GRAPHC_FMA", "1")
    assert run_passes(graph)[0].outputs[0].op is ops.fma


def test_locations_are_those_of_what_is_replaced() -> None:
    with created_at(LINE):
        x, y = (placeholder(name, float32, (2,)) for name in "xy")
        total = ops.add(ops.mul(x, ops.neg(y)), ops.neg(x))
    graph = graph_of(total)
    after, _ = run_passes(graph)
    assert {node.location for node in after.nodes} == {LINE}
    lost = replace(total, location=None)
    after, _ = run_passes(graph_of(lost))
    assert after.outputs[0].location is None


def random_program() -> Graph:
    inputs, nodes = random_nodes(7, 7_000)  # and the constants and products that they bring
    return extract("random", nodes, inputs=inputs)


def deep_chain() -> Graph:
    x = y = placeholder("x", float32, (8,))
    for k in range(2_500):
        y = ops.add(ops.mul(y, x), ops.neg(ops.neg(x if k % 2 else y)))
    return graph_of(y)


def equal_nodes() -> Graph:
    x = placeholder("x", float32, (8,))
    return graph_of(*(ops.neg(x) for _ in range(10_000)))


@pytest.mark.parametrize("build", [random_program, deep_chain, equal_nodes])
def test_ten_thousand_nodes_take_seconds(build: Callable[[], Graph]) -> None:
    graph = build()
    assert len(graph.nodes) > 10_000
    gc.collect()  # what other tests have left
    start = time.process_time()
    after, _ = run_passes(graph)
    assert len(after.nodes) < len(graph.nodes)
    assert time.process_time() - start < 6  # about 1 s; machines differ, and share their cores
