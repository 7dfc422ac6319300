"""Rows taken several at a time: the same bits as one at a time, where it is done and where not."""

from __future__ import annotations

import numpy as np
import pytest

from graphc.ir.dims import Size, symbol
from graphc.ir.dtypes import DType, float32, int32
from graphc.ir.graph import extract
from graphc.ir.node import Node
from graphc.ops import ops
from graphc.schedule import jamming
from tests.native import compile_native
from tests.schedule.programs import scheduled

n = symbol("n")


def placeholder(*shape: Size, dtype: DType = float32) -> Node:
    return ops.placeholder(shape=shape, dtype=dtype, name="x")


def statistics(x: Node) -> list[Node]:
    last = len(x.shape) - 1
    results = [ops.sum(x, axes=(0,)), ops.prod(x, axes=(0,)), ops.max(x, axes=(0,))]
    results += [ops.min(x, axes=(0,)), ops.sum(x, axes=(last,)), ops.argmax(x, axis=last)]
    if x.dtype.is_float:
        results.append(ops.squared_deviations(x, axes=(0,)))
    return [*results, ops.sum(x, axes=tuple(range(len(x.shape)))), ops.neg(x)]


@pytest.mark.parametrize("dtype", [float32, int32], ids=str)
@pytest.mark.parametrize("inner", [(1,), (5,), (16,), (3, 21), (100,)], ids=str)
def test_the_bits_are_those_of_one_row_at_a_time(
    inner: tuple[int, ...], dtype: DType, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = placeholder(n, *inner, dtype=dtype)
    jammed = compile_native(statistics(x))
    monkeypatch.setattr(jamming, "MOST_PARTS", 0)
    plain = compile_native(statistics(x))
    for rows in (0, 1, 3, 4, 5, 63, 64, 65, 67, 130):
        shape = (rows, *inner)
        values = np.random.default_rng(rows).uniform(-3, 3, shape).astype(dtype.numpy)
        for one, other in zip(jammed({x: values}), plain({x: values}), strict=True):
            assert one.tobytes() == other.tobytes()


@pytest.mark.parametrize("rows", [128, n])
def test_rows_that_read_where_a_reduction_of_theirs_says(rows: Size) -> None:
    """Every row has a place of its own."""
    x, table = placeholder(rows, 10), ops.placeholder(shape=(10,), dtype=float32, name="t")
    taken = ops.gather(table, ops.argmax(x, axis=1), axes=(0,), position=0)
    program = compile_native([taken, ops.sum(x, axes=(0,))])
    for count in (128,) if rows == 128 else (1, 5, 64, 70):
        values = np.random.default_rng(count).integers(-9, 9, (count, 10)).astype(np.float32)
        numbers = np.arange(10, dtype=np.float32)
        got, sums = program({x: values, table: numbers})
        np.testing.assert_array_equal(got, values.argmax(1))
        np.testing.assert_array_equal(sums, values.sum(0))


def jams(*results: Node) -> bool:
    launches = scheduled(extract("g", results)).launches
    return any(f"//{jamming.JAM}" in str(launch.kernel) for launch in launches)


X, WIDE = placeholder(n, 10), placeholder(n, jamming.MOST_KEPT + 1)


def softmax() -> Node:
    grown = ops.exp(X)
    total = ops.reshape(ops.sum(grown, axes=(1,)), shape=(n, 1))
    return ops.div(grown, ops.broadcast_to(total, shape=(n, 10)))


def long_formula() -> Node:
    x = X
    for _ in range(jamming.MOST_PARTS):
        x = ops.mul(x, ops.add(x, X))
    return x


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        ([ops.sum(WIDE, axes=(0,))], True),
        ([ops.sum(X, axes=(0,))], False),
        ([ops.sum(ops.exp(X), axes=(0,)), ops.max(X, axes=(1,)), ops.exp(X)], True),
        ([ops.max(X, axes=(1,)), ops.exp(X)], False),
        ([ops.sum(softmax(), axes=(0,))], False),
        ([ops.sum(long_formula(), axes=(0,))], False),
        ([ops.any(ops.lt(X, ops.neg(X)), axes=(0,))], False),
        ([ops.sum(X, axes=(0, 1))], False),
    ],
    ids=[
        "sums", "short sums", "and rows", "no sum over rows", "two loops", "long", "truth",
        "one a row",
    ],
)  # fmt: skip
def test_when_rows_are_taken_together(results: list[Node], expected: bool) -> None:
    assert jams(*results) is expected
