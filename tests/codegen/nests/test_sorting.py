"""Sorting in machine code: stable, NaN last, at every length, beside fences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from graphc.ir.dims import symbol
from graphc.ir.dtypes import ALL, FLOATS, INTEGERS, DType, float32, int64
from graphc.ir.node import Node
from graphc.ops import ops
from tests.codegen.running import Program
from tests.codegen.targets import chosen

Array = np.ndarray[Any, Any]

n = symbol("n")
LENGTHS = (*range(34), 63, 64, 65, 100, 127, 128, 129, 1000)
TARGET = chosen()["host"]


def placeholder(*shape: Any, dtype: DType = float32) -> Node:
    return ops.placeholder(shape=shape, dtype=dtype, name="x")


def random(rng: np.random.Generator, length: int, dtype: DType) -> Array:
    """Over the whole range; about a tenth of floats NaN, infinite or a signed zero."""
    if not dtype.is_float:
        low, high = (0, 1) if dtype.is_bool else (int(dtype.lowest), int(dtype.highest))
        return rng.integers(low, high, length, np.int64 if dtype.is_bool else dtype.numpy, True)
    odd = rng.choice(np.array([np.nan, np.inf, -np.inf, 0.0, -0.0]), length)
    return np.where(rng.integers(0, 10, length) == 0, odd, rng.normal(size=length))


def tied(rng: np.random.Generator, length: int, dtype: DType) -> Array:
    """Three values only; zeros of both signs are equal."""
    choices = [0.0, -0.0, 1.0] if dtype.is_float else [0, 1, 1]
    return rng.choice(np.array(choices), length)


def ordered(rng: np.random.Generator, length: int, dtype: DType) -> Array:
    return np.arange(length) % 100


def backwards(rng: np.random.Generator, length: int, dtype: DType) -> Array:
    return np.arange(length)[::-1] % 100


def alike(rng: np.random.Generator, length: int, dtype: DType) -> Array:
    return np.full(length, np.nan if dtype.is_float else 1)


DRAWS = (random, tied, ordered, backwards, alike)
Draw = Callable[[np.random.Generator, int, DType], Array]


@pytest.mark.parametrize("dtype", ALL, ids=str)
def test_positions(dtype: DType) -> None:
    x = placeholder(n, dtype=dtype)
    run = Program([x], [ops.argsort(x, axis=0)], TARGET)
    for length in LENGTHS:
        for draw in DRAWS:
            values = draw(np.random.default_rng(length), length, dtype).astype(dtype.numpy)
            np.testing.assert_array_equal(run(values)[0], np.argsort(values, kind="stable"))


@pytest.mark.parametrize("dtype", FLOATS + INTEGERS, ids=str)
def test_values(dtype: DType) -> None:
    """To the bit: zeros of either sign stay in their order."""
    x = placeholder(n, dtype=dtype)
    run = Program([x], [ops.sort(x, axis=0)], TARGET)
    for length in LENGTHS:
        for draw in DRAWS:
            values = draw(np.random.default_rng(length), length, dtype).astype(dtype.numpy)
            expected = values[np.argsort(values, kind="stable")]
            assert run(values)[0].tobytes() == expected.tobytes()


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_along_each_axis(axis: int) -> None:
    """Every row of the others is sorted in the same workspace, one after another."""
    x = placeholder(n, 3, n)
    run = Program([x], [ops.sort(x, axis=axis), ops.argsort(x, axis=axis)], TARGET)
    for length in (0, 1, 2, 5, 16, 17):
        values = np.random.default_rng(length).integers(0, 9, (length, 3, length))
        single = values.astype(np.float32)
        by_value, by_place = run(single)
        np.testing.assert_array_equal(by_value, np.sort(single, axis))
        np.testing.assert_array_equal(by_place, np.argsort(single, axis, kind="stable"))


def test_keys_that_are_computed() -> None:
    """What is sorted need not be in memory; what is made of it is another kernel."""
    x = placeholder(n, dtype=int64)
    keys = ops.remainder(x, ops.broadcast_to(ops.constant(value=np.asarray(7)), shape=(n,)))
    run = Program([x], [ops.neg(ops.sort(ops.flip(keys, axes=(0,)), axis=0))], TARGET)
    for length in LENGTHS:
        values = np.random.default_rng(length).integers(-50, 50, length)
        np.testing.assert_array_equal(run(values)[0], -np.sort(values[::-1] % 7))


def test_many_elements() -> None:
    x = placeholder(n)
    run = Program([x], [ops.sort(x, axis=0), ops.argsort(x, axis=0)], TARGET)
    values = np.random.default_rng(0).normal(size=100_003).astype(np.float32)
    by_value, by_place = run(values)
    np.testing.assert_array_equal(by_value, np.sort(values))
    np.testing.assert_array_equal(by_place, np.argsort(values, kind="stable"))
