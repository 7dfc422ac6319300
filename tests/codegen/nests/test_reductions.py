"""Reductions at every length, to the bit: the order in which they combine is promised."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from graphc.ir.dims import symbol
from graphc.ir.dtypes import ALL, FLOATS, DType, float32
from graphc.ir.opdef import REGISTRY
from graphc.ops import ops
from tests.codegen.combining import (
    BLOCK,
    CHUNK,
    COMBINE,
    by_chunks,
    by_columns,
    by_rows,
    in_lanes,
)
from tests.codegen.sampling import (
    FEW,
    LENGTHS,
    Compile,
    assert_same,
    n,
    numbers,
    placeholder,
    special,
)

Array = np.ndarray[Any, Any]


def reductions() -> Iterator[tuple[str, DType]]:
    for name in COMBINE:
        yield from ((name, dtype) for dtype in REGISTRY[name].dtypes)


REDUCTIONS = pytest.mark.parametrize(
    ("name", "dtype"), list(reductions()), ids=lambda value: str(value)
)


@REDUCTIONS
def test_reductions_along_the_last_axis(name: str, dtype: DType, program: Compile) -> None:
    """To the bit, in the order that is promised."""
    x = placeholder(2, n, dtype=dtype)
    run = program([x], [REGISTRY[name](x, axes=(1,)), REGISTRY[name](x, axes=(0, 1))])
    for length in LENGTHS:
        values = special((2, length), dtype, length)
        rows, everything = run(values)
        expected = [in_lanes(name, values[k : k + 1], dtype) for k in range(2)]
        assert_same(rows, np.asarray(expected))
        assert_same(everything, by_rows(name, values, dtype, split=False))


@REDUCTIONS
def test_reductions_along_the_first_axis(name: str, dtype: DType, program: Compile) -> None:
    """Columns, and all of the matrix: blocks of rows first."""
    x = placeholder(symbol("m"), n, dtype=dtype)
    run = program([x], [REGISTRY[name](x, axes=(0,)), REGISTRY[name](x, axes=(0, 1))])
    for rows, columns in [*((k, 3) for k in FEW), *((3, k) for k in LENGTHS), (1000, 1)]:
        values = special((rows, columns), dtype, rows + columns)
        along_columns, everything = run(values)
        assert_same(along_columns, by_columns(name, values, dtype))
        assert_same(everything, by_rows(name, values, dtype))


@pytest.mark.parametrize("rows", [64, 65, 200])
@pytest.mark.parametrize("name", ["sum", "prod"])
def test_known_numbers_of_rows(name: str, rows: int, program: Compile) -> None:
    """As many rows as a block has are combined at once."""
    x = placeholder(rows, 3)
    run = program([x], [REGISTRY[name](x, axes=(0,)), REGISTRY[name](x, axes=(0, 1))])
    values = numbers((rows, 3), float32)
    along_columns, everything = run(values)
    assert_same(along_columns, by_columns(name, values, float32, split=rows > BLOCK))
    assert_same(everything, by_rows(name, values, float32, split=rows > BLOCK))


@pytest.mark.parametrize("name", ["sum", "max"])
def test_rows_of_several_axes(name: str, program: Compile) -> None:
    """The rows of two leading axes are counted together."""
    x = placeholder(n, 5, 3)
    run = program([x], [REGISTRY[name](x, axes=(0, 1)), REGISTRY[name](x, axes=(0, 1, 2))])
    for length in (*FEW, 200):
        values = special((length, 5, 3), float32, length)
        rows = values.reshape(-1, 3)
        along_columns, everything = run(values)
        assert_same(along_columns, by_columns(name, rows, float32))
        assert_same(everything, by_rows(name, rows, float32))


#: Around one chunk and several.
LONG = (0, 1, 63, 64, 65, 1000, 4095, 4096, 4097, 8192, 12345)


@REDUCTIONS
def test_reductions_of_a_vector(name: str, dtype: DType, program: Compile) -> None:
    x = placeholder(n, dtype=dtype)
    run = program([x], [REGISTRY[name](x, axes=(0,))])
    for length in LONG:
        values = special((length,), dtype, length)
        assert_same(run(values)[0], by_chunks(name, values, dtype))


@pytest.mark.parametrize("length", [4096, 4097, 10000])
def test_vectors_of_known_lengths(length: int, program: Compile) -> None:
    """As many elements as a chunk has are combined at once."""
    x = placeholder(length)
    run = program([x], [ops.sum(x, axes=(0,))])
    values = numbers((length,), float32)
    assert_same(run(values)[0], by_chunks("sum", values, float32, split=length > CHUNK))


def test_dot_products_are_fused_in_order(program: Compile) -> None:
    """Every product is rounded once, with its addition."""
    x, y = placeholder(2, n), placeholder(n, 3, name="y")
    run = program([x, y], [ops.matmul(x, y)])
    fma = REGISTRY["fma"].reference
    for length in LENGTHS:
        a, b = numbers((2, length), float32), numbers((length, 3), float32, seed=1)
        total = np.zeros((2, 3), np.float32)
        for k in range(length):
            row, column = np.broadcast_arrays(a[:, k : k + 1], b[k : k + 1])
            total = fma({}, row, column, total)
        assert_same(run(a, b)[0], total)


POSITIONS = pytest.mark.parametrize(
    ("name", "numpy"), [("argmax", np.argmax), ("argmin", np.argmin)], ids=["argmax", "argmin"]
)


@POSITIONS
@pytest.mark.parametrize("dtype", ALL, ids=str)
def test_first_of_equal_extremes(
    name: str, numpy: Callable[..., Any], dtype: DType, program: Compile
) -> None:
    """Few different values, so that most extremes tie; the first NaN wins over all numbers."""
    x = placeholder(3, n, dtype=dtype)
    y = placeholder(n, 3, dtype=dtype, name="y")
    run = program([x, y], [REGISTRY[name](x, axis=1), REGISTRY[name](y, axis=0)])
    for length in LENGTHS[1:]:
        rng = np.random.default_rng(length)
        values = rng.integers(0, 3, (3, length)).astype(dtype.numpy)
        if dtype.is_float:
            values[1] = np.where(rng.integers(0, 9, length) == 0, np.nan, values[1])
            values[2] = np.where(rng.integers(0, 2, length) == 0, -0.0, 0.0)
        along_rows, along_columns = run(values, values.T)
        np.testing.assert_array_equal(along_rows, numpy(values, 1))
        np.testing.assert_array_equal(along_columns, numpy(values, 1))


@POSITIONS
@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_extremes_that_are_infinite(
    name: str, numpy: Callable[..., Any], dtype: DType, program: Compile
) -> None:
    """What no element can beat is not taken for no element."""
    x = placeholder(n, dtype=dtype)
    run = program([x], [REGISTRY[name](x, axis=0)])
    for length in LENGTHS[1:]:
        for value in (np.inf, -np.inf, np.nan):
            values = np.full(length, value, dtype.numpy)
            assert run(values)[0] == 0
            values[:-1] = 1
            assert run(values)[0] == numpy(values)
