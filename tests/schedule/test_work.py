"""The estimate of a kernel's work grows with what there is to do, and with nothing else."""

from __future__ import annotations

import pytest

from graphc.ir import dims
from graphc.ir.dims import Size, symbol
from graphc.ir.dtypes import float32, float64
from graphc.ir.graph import extract
from graphc.ir.node import Node
from graphc.ops import ops
from graphc.schedule.lowering import own_results, schedule
from graphc.schedule.splitting import split_reductions
from graphc.schedule.work import work
from tests.properties.random_graphs import Twins, script_of

n, m = symbol("n"), symbol("m")
x = ops.placeholder(shape=(n, m), dtype=float32, name="x")
wide = ops.placeholder(shape=(n, m), dtype=float64, name="wide")


def total(*outputs: Node) -> Size:
    graph = own_results(split_reductions(extract("test", outputs)))
    return sum(work(launch.kernel) for launch in schedule(graph).launches)


def units(node: Node, rows: int = 1000, columns: int = 1000) -> int:
    return dims.evaluate(total(node), {"n": rows, "m": columns})


def test_a_simple_kernel() -> None:
    """Reading 4 bytes, adding, writing 4 bytes at twice the price."""
    assert total(ops.add(x, x)) == (4 + 1 + 8) * n * m


@pytest.mark.parametrize(
    ("less", "more"),
    [
        (ops.add(x, x), ops.exp(x)),
        (ops.add(x, x), ops.add(wide, wide)),
        (ops.sum(x, axes=(1,)), ops.cumsum(x, axis=1)),
        (ops.cumsum(x, axis=1), ops.sort(x, axis=1)),
        (ops.exp(ops.sum(x, axes=(1,))), ops.sum(ops.exp(x), axes=(1,))),
    ],
)
def test_what_takes_longer_counts_for_more(less: Node, more: Node) -> None:
    assert units(less) < units(more)


def test_what_does_not_change_in_a_loop_counts_once() -> None:
    rows = ops.placeholder(shape=(n, 1), dtype=float32, name="rows")
    scaled = ops.mul(x, ops.broadcast_to(ops.exp(rows), shape=(n, m)))
    assert units(scaled) < units(ops.mul(x, ops.exp(x)))


@pytest.mark.parametrize("seed", range(30))
def test_every_kernel_has_an_estimate(seed: int) -> None:
    """In the dims of the program alone, and no less for a larger batch."""
    graph = own_results(split_reductions(Twins(script_of(seed)).graph()))
    given = {name for node in graph.placeholders for d in node.shape for name in dims.symbols(d)}
    for launch in schedule(graph).launches:
        estimate = work(launch.kernel)
        assert dims.symbols(estimate) <= given
        small, large = (dims.evaluate(estimate, dict.fromkeys(given, k)) for k in (2, 9))
        assert 0 <= small <= large
