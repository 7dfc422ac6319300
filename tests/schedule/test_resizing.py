"""Kernels that differ in size alone become one, and compute the same."""

from __future__ import annotations

import numpy as np
import pytest

from graphc import compiler
from graphc.compiler import compile_graph
from graphc.ir.dims import Size, symbol
from graphc.ir.dtypes import float32
from graphc.ir.graph import Graph, extract
from graphc.ir.node import Node
from graphc.ops import ops
from graphc.schedule.kernel import Schedule
from tests.native import run_native
from tests.properties.running import same_bits

n, m = symbol("n"), symbol("m")


def x(size: Size, name: str) -> Node:
    return ops.placeholder(shape=(size,), dtype=float32, name=name)


def rows(size: Size, name: str) -> Node:
    return ops.placeholder(shape=(7, size), dtype=float32, name=name)


def mapped(size: Size, name: str) -> Node:
    return ops.exp(ops.neg(x(size, name)))


def flipped(size: Size, name: str) -> Node:
    return ops.flip(x(size, name), axes=(0,))


def summed(size: Size, name: str) -> Node:
    """Down the rows: elements lie the size apart."""
    return ops.sum(rows(size, name), axes=(0,))


def counted(size: Size, name: str) -> Node:
    return ops.add(ops.iota(shape=(size,), dtype=float32, axis=0), x(size, name))


def blown_up(size: Size, name: str) -> Node:
    return ops.reshape(ops.broadcast_to(ops.reshape(x(size, name), shape=(size, 1)),
                                        shape=(size, 4)), shape=(4 * size,))  # fmt: skip


# what is computed of several sizes, and how many kernels that takes
CASES = [
    (mapped, (5, 70), 1),
    (mapped, (5, 70, 300, 64), 1),
    (mapped, (5, n), 1),
    (mapped, (n, m), 1),
    (mapped, (5,), 1),
    (mapped, (1, 5, 70), 2),  # one element takes no loop
    (mapped, (0, 5, 70), 2),
    (counted, (5, 70), 1),
    (summed, (5, 70), 1),
    (summed, (7, 70), 1),  # the size being that of the other dim too
    (flipped, (5, 70), 2),  # the last one first: from the size down
    (blown_up, (5, 70), 2),
]


def built(build: object, sizes: tuple[Size, ...]) -> tuple[list[Node], list[Node]]:
    assert callable(build)
    outputs = [build(size, f"x{k}") for k, size in enumerate(sizes)]
    return outputs, [node for node in extract("g", outputs).placeholders]


def scheduled(graph: Graph) -> Schedule:
    made = compile_graph(graph, stop="kernels").schedule
    assert made is not None
    return made


@pytest.mark.parametrize(("build", "sizes", "count"), CASES)
def test_kernels(build: object, sizes: tuple[Size, ...], count: int) -> None:
    outputs, _ = built(build, sizes)
    schedule = scheduled(extract("sizes", outputs))
    assert len(schedule.launches) == len(sizes)
    assert len(schedule.distinct()) == count


@pytest.mark.parametrize(("build", "sizes", "count"), CASES)
def test_results(
    build: object, sizes: tuple[Size, ...], count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    outputs, inputs = built(build, sizes)
    rng = np.random.default_rng(0)
    known = {"n": 40, "m": 3}
    feeds = {
        node: rng.standard_normal([known.get(str(d), d) for d in node.shape]).astype(np.float32)
        for node in inputs
    }
    common = run_native(outputs, feeds)
    monkeypatch.setattr(compiler, "with_common_kernels", lambda schedule: schedule)
    assert all(same_bits(common, run_native(outputs, feeds)))


def test_a_launch_tells_its_size() -> None:
    outputs, _ = built(mapped, (5, 4 * n))
    first, second = scheduled(extract("sizes", outputs)).launches
    assert str(first.kernel) == str(second.kernel)
    assert "for $0 < $n" in str(first.kernel)
    size = symbol("$n")
    assert {str(launch.sized(3 * size + 1)) for launch in (first, second)} == {"16", "12*n + 1"}


def test_a_kernel_of_one_size_keeps_it() -> None:
    outputs, _ = built(mapped, (5,))
    assert "for $0 < 5" in str(scheduled(extract("size", outputs)).launches[0].kernel)
