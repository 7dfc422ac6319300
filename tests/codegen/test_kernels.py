"""How many positions kernels work on together."""

from __future__ import annotations

import numpy as np
import pytest

from graphc.codegen.kernels import MOST_BYTES, MOST_LANES, lanes_for
from graphc.codegen.target import Target
from graphc.ir.dims import symbol
from graphc.ir.dtypes import DType, float32, int8, int32
from graphc.ir.graph import extract
from graphc.ir.node import Node
from graphc.ops import ops
from tests.native import compile_native
from tests.schedule.programs import scheduled

n = symbol("n")
#: Only the width counts here.
WIDE, NARROW = Target("", "", "", 512), Target("", "", "", 128)


def lanes(result: Node, target: Target) -> int:
    return lanes_for(scheduled(extract("g", [result])).launches[0].kernel, target)


def matrix(width: int, dtype: DType) -> Node:
    return ops.placeholder(shape=(n, width), dtype=dtype, name="x")


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (ops.neg(matrix(100, int8)), MOST_BYTES),
        (ops.max(matrix(100, int8), axes=(1,)), MOST_BYTES),
        (ops.max(matrix(7, int8), axes=(1,)), MOST_LANES),
        (ops.flip(matrix(100, int8), axes=(1,)), MOST_LANES),
        (ops.permute_dims(matrix(100, int8), axes=(1, 0)), MOST_LANES),
        (ops.astype(matrix(100, int8), dtype=int32), MOST_LANES),
        (ops.neg(matrix(100, float32)), MOST_LANES),
    ],
    ids=["bytes", "reduced", "short rows", "backwards", "across", "wider results", "floats"],
)  # fmt: skip
def test_lanes(result: Node, expected: int) -> None:
    assert lanes(result, WIDE) == expected
    assert lanes(result, NARROW) <= 128 // 8


@pytest.mark.parametrize("width", [64, 65, 127, 200])
def test_bytes_at_full_width(width: int) -> None:
    x = matrix(width, int8)
    y = ops.add(x, ops.maximum(x, ops.neg(x)))
    run = compile_native([y, ops.max(x, axes=(1,)), ops.sum(x, axes=(1,)), ops.min(x, axes=(0,))])
    for rows in (1, 5, 70):
        values = np.random.default_rng(rows).integers(-128, 128, (rows, width), np.int8)
        with np.errstate(over="ignore"):
            same = values + np.maximum(values, -values)
        expected = [same, values.max(1), values.sum(1, dtype=np.int8), values.min(0)]
        for got, want in zip(run({x: values}), expected, strict=True):
            np.testing.assert_array_equal(got, want)
