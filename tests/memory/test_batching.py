"""Which launches may run at the same time."""

from __future__ import annotations

import numpy as np
import pytest

import graphc as gc
from graphc.compiler import Compilation, compile_graph
from graphc.ir.dtypes import float32, int32
from graphc.ir.graph import extract
from graphc.ir.node import Node
from graphc.memory.batching import MOST_LAUNCHES
from graphc.memory.overlap import overlaps
from graphc.ops import ops
from tests.memory.variables import check_memory, extracted


def x(size: int, name: str = "x") -> Node:
    return ops.placeholder(shape=(size,), dtype=float32, name=f"{name}{size}")


def lengths(outputs: list[Node]) -> list[int]:
    made = compile_graph(extract("batches", outputs), stop="memory")
    assert made.schedule is not None
    check_memory(made, {})
    return [len(batch) for batch in made.schedule.batches()]


def gathered(size: int) -> Node:
    index = ops.placeholder(shape=(size,), dtype=int32, name=f"i{size}")
    return ops.gather(x(9), index, axes=(0,), position=0)


# outputs, and the batches' lengths
CASES: list[tuple[str, list[Node], list[int]]] = [
    ("nothing", [], []),
    ("one", [ops.exp(x(3))], [1]),
    ("three that read nothing of each other", [ops.exp(x(k)) for k in (3, 4, 5)], [3]),
    ("one after the other", [ops.cumsum(ops.cumsum(x(3), axis=0), axis=0)], [1, 1]),
    ("two levels", [ops.cumsum(ops.cumsum(x(k), axis=0), axis=0) for k in (3, 4)], [2, 2]),
    ("maps, a sort and a scan", [ops.exp(x(3)), ops.sort(x(4), axis=0), ops.cumsum(x(5), axis=0)],
     [3]),
    ("checks run alone", [gathered(3), gathered(4)], [1, 1]),
    ("no more than so many", [ops.exp(x(k)) for k in range(2, 2 + MOST_LAUNCHES + 3)],
     [MOST_LAUNCHES, 3]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("outputs", "found"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_batches(outputs: list[Node], found: list[int]) -> None:
    assert lengths(outputs) == found


def test_a_value_lives_as_long_as_what_runs_beside_its_readers() -> None:
    outputs = [ops.max(ops.cumsum(x(k), axis=0), axes=(0,)) for k in (30, 40)]
    made = compile_graph(extract("live", outputs), stop="memory")
    assert made.plan is not None and made.schedule is not None
    assert [len(batch) for batch in made.schedule.batches()] == [2, 2]
    assert {(live.first, live.last) for live in made.plan.ranges} == {(0, 3)}
    assert overlaps(made.plan.ranges, made.plan.layout({})) == []


def adam(shapes: list[tuple[int, ...]]) -> Compilation:
    """Steps of Adam with gradients that are fed."""
    graph = gc.Graph()
    with graph:
        total = gc.constant(np.float32(0))
        for k, shape in enumerate(shapes):
            w = gc.variable(np.zeros(shape, np.float32), name=f"w{k}")
            g = gc.placeholder(gc.float32, shape, name=f"g{k}")
            total = total + gc.sum(w * g)
        step = gc.optim.Adam().minimize(total)
    return compile_graph(extracted(graph, step), stop="memory")


@pytest.mark.parametrize("count", [1, 20])
def test_adam_over_all_parameters_is_one_pass(count: int) -> None:
    """What is common to all, then all parameters together, by one kernel; nothing is read twice."""
    shapes = [(10 + 3 * k,) if k % 2 else (8, 10 + 2 * k) for k in range(count)]
    made = adam(shapes)
    assert made.schedule is not None and made.sharing is not None and made.plan is not None
    assert [len(batch) for batch in made.schedule.batches()] == [1, count]
    assert len(made.schedule.distinct()) == 2
    assert all(made.sharing.in_place)
    assert made.plan.layout({}).total == 128  # the two numbers common to all
    read = [
        buffer
        for launch in made.schedule.launches
        for argument, buffer in zip(launch.kernel.arguments, launch.operands, strict=True)
        if not argument.written and isinstance(buffer, Node) and buffer.shape
    ]
    assert len(read) == len(set(read)) == 4 * count
