"""Reads at constant distances, at every length, beside fences."""

from __future__ import annotations

import numpy as np
import pytest

from graphc.ir.dtypes import DType, bool_, float32, float64, int8, int32
from graphc.ops import ops
from tests.codegen.sampling import FEW, Compile, assert_same, n, numbers, placeholder

STEPS = (2, 3, 4, 5, 7, 8, 15, 16, 17, -2, -3, -8)


@pytest.mark.parametrize("dtype", [float32, float64, int8, int32, bool_], ids=str)
def test_every_step(dtype: DType, program: Compile) -> None:
    """All from the first or the last element on: nothing beyond the last wanted one is read."""
    x = placeholder(n, dtype=dtype)
    taken = []
    for step in STEPS:
        size = (n + abs(step) - 1) // abs(step)
        start = 0 if step > 0 else n - 1
        taken.append(ops.slice(x, start=(start,), step=(step,), shape=(size,)))
    run = program([x], taken)
    for length in (*FEW, 272, 511):
        values = numbers((length,), dtype)
        for step, got in zip(STEPS, run(values), strict=True):
            assert_same(got, values[::step])


@pytest.mark.parametrize("columns", [2, 3, 5, 8, 16])
def test_columns_share_what_they_load(columns: int, program: Compile) -> None:
    x = placeholder(n, columns)
    parts = [
        ops.reshape(ops.slice(x, start=(0, k), step=(1, 1), shape=(n, 1)), shape=(n,))
        for k in range(columns)
    ]
    total = parts[0]
    for part in parts[1:]:
        total = ops.add(total, part)
    run = program([x], [total, parts[-1]])
    for length in FEW:
        values = numbers((length, columns), float32)
        expected = values[:, 0]
        for k in range(1, columns):
            expected = expected + values[:, k]
        got, last = run(values)
        assert_same(got, expected)
        assert_same(last, values[:, -1])


def test_a_step_under_a_condition_on_the_row(program: Compile) -> None:
    """Rows of another array after those of the first: where a row is absent, nothing is read."""
    x, y = placeholder(n, 40), placeholder(5, 20, name="y")
    every = ops.slice(x, start=(0, 1), step=(1, 2), shape=(n, 20))
    run = program([x, y], [ops.concat(every, y, axis=0)])
    for length in (0, 1, 3):
        values, other = numbers((length, 40), float32), numbers((5, 20), float32, 1)
        (got,) = run(values, other)
        assert_same(got, np.concatenate([values[:, 1::2], other]))
