"""Sums over very short rows, of several blocks at a time: with the bits of one at a time."""

from __future__ import annotations

import numpy as np
import pytest

from graphc.codegen.nests import loops
from graphc.codegen.nests.short_blocks import MOST_BYTES, TOGETHER, blocks_of
from graphc.ir.dims import Size, symbol
from graphc.ir.dtypes import DType, float32, float64, int8
from graphc.ir.graph import extract
from graphc.ir.node import Node
from graphc.ir.opdef import REGISTRY
from graphc.ops import ops
from graphc.schedule.statements import Loop
from tests.codegen.combining import BLOCK, COMBINE
from tests.native import compile_native
from tests.schedule.programs import scheduled

n = symbol("n")

#: Rows of no block, less than a block, a few blocks, and of several times as many as go together.
ROWS = (0, 1, BLOCK, BLOCK * TOGETHER - 1, BLOCK * TOGETHER, BLOCK * TOGETHER + 1, 9 * BLOCK + 5)


def matrix(width: int, dtype: DType = float32) -> Node:
    return ops.placeholder(shape=(n, width), dtype=dtype, name="x")


@pytest.mark.parametrize("dtype", [float32, float64, int8], ids=str)
@pytest.mark.parametrize("width", [2, 3, 4, 8])
def test_the_bits_are_those_of_one_block_at_a_time(
    width: int, dtype: DType, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = matrix(width, dtype)
    names = [name for name in COMBINE if dtype in REGISTRY[name].dtypes]
    results = [REGISTRY[name](x, axes=(0,)) for name in names]
    together = compile_native(results)
    monkeypatch.setattr(loops, "blocks_of", lambda loop: None)
    alone = compile_native(results)
    for rows in ROWS:
        values = np.random.default_rng(rows).uniform(-3, 3, (rows, width)).astype(dtype.numpy)
        if dtype.is_float and rows > 1:
            values[rows // 2, 0] = np.nan
            values[:, -1] = np.where(np.arange(rows) % 2, 0.0, -0.0)
        for one, other in zip(together({x: values}), alone({x: values}), strict=True):
            assert one.tobytes() == other.tobytes()


def first_loop(result: Node) -> Loop:
    (loop,) = scheduled(extract("g", [result])).launches[0].kernel.body
    assert isinstance(loop, Loop)
    return loop


def test_which_rows_are_taken_so() -> None:
    widest = MOST_BYTES // float32.itemsize
    assert blocks_of(first_loop(ops.sum(matrix(widest), axes=(0,)))) is not None
    for result in (
        ops.sum(matrix(widest + 1), axes=(0,)),
        ops.sum(matrix(widest), axes=(1,)),
        ops.neg(matrix(widest)),
    ):
        assert blocks_of(first_loop(result)) is None


@pytest.mark.parametrize("shape", [(128, 1, 3), (33, 4, 1, 3), (n, 1, 3), (n, 4, 1, 1, 5)], ids=str)
def test_rows_that_go_together_are_not_blocks(shape: tuple[Size, ...]) -> None:
    """A dim of size 1 is a loop too, around a row that all of them change."""
    x = ops.placeholder(shape=shape, dtype=float32, name="x")
    ones = next(place for place, size in enumerate(shape) if size == 1)
    run = compile_native([ops.sum(x, axes=tuple(range(ones)))])
    for rows in (33, 70, 300) if n in shape else (33,):
        known = [rows if size == n else size for size in shape]
        values = np.random.default_rng(rows).integers(-9, 9, known).astype(np.float32)
        (got,) = run({x: values})
        np.testing.assert_array_equal(got, values.sum(axis=tuple(range(ones))))
