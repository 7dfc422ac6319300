"""Squared deviations in one pass: as exact as two passes, at every size, NaN and infinity kept."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from graphc.ir.dims import Size, symbol
from graphc.ir.dtypes import DType, float32, float64
from graphc.ir.node import Node
from graphc.ops import ops
from graphc.ops.reductions import squares_of_centred
from graphc.schedule.blocks import BLOCK
from tests.native import Array, compile_native

n, m = symbol("n"), symbol("m")
Run = Callable[[Array], Array]

# shape and axes: over leading dims, over all, over rows and blocks, and along rows
WAYS: list[tuple[tuple[Size, ...], tuple[int, ...]]] = [
    ((n, m), (0,)), ((n, m), (0, 1)), ((n, m), (1,)), ((n, 6, m), (0, 2)), ((n, 2, m), (0, 1)),
    ((n, 2, m), (1,)), ((n, m), ()), ((n, 1), (0,)), ((130, m), (0,)), ((64, m), (0,)),
]  # fmt: skip


def placeholder(shape: tuple[Size, ...], dtype: DType) -> Node:
    return ops.placeholder(shape=shape, dtype=dtype, name="x")


def one_pass(shape: tuple[Size, ...], axes: tuple[int, ...], dtype: DType) -> Run:
    x = placeholder(shape, dtype)
    run = compile_native([ops.squared_deviations(x, axes=axes)])
    return lambda values: run({x: values})[0]


def two_passes(shape: tuple[Size, ...], axes: tuple[int, ...], dtype: DType) -> Run:
    x = placeholder(shape, dtype)
    run = compile_native([squares_of_centred(ops.squared_deviations(x, axes=axes))])
    return lambda values: run({x: values})[0]


def by_numpy(values: Array, axes: tuple[int, ...]) -> Array:
    wide = values.astype(np.float64)
    with np.errstate(all="ignore"):
        count = np.prod([values.shape[axis] for axis in axes])
        distance = wide - np.sum(wide, axes, keepdims=True) / count
        return np.asarray(np.sum(distance**2, axes))


@pytest.mark.parametrize(("shape", "axes"), WAYS, ids=str)
@pytest.mark.parametrize("dtype", [float32, float64], ids=str)
def test_values(shape: tuple[Size, ...], axes: tuple[int, ...], dtype: DType) -> None:
    run = one_pass(shape, axes, dtype)
    for sizes in ((1, 3), (63, 5), (64, 1), (65, 17), (130, 4), (200, 33), (0, 3), (5, 0)):
        known = {"n": sizes[0], "m": sizes[1]}
        given = tuple(known.get(str(size), size) for size in shape)
        values = np.random.default_rng(sum(sizes)).normal(3, 2, given).astype(dtype.numpy)
        found, expected = run(values), by_numpy(values, axes)
        np.testing.assert_allclose(found, expected, rtol=40 * np.finfo(dtype.numpy).eps, atol=1e-6)


@pytest.mark.parametrize(("shape", "axes"), WAYS[:4], ids=str)
def test_far_from_0_it_is_as_exact_as_two_passes(
    shape: tuple[Size, ...], axes: tuple[int, ...]
) -> None:
    """Numbers about 10,000 with deviation 1, against float64."""
    given = tuple({"n": 4096, "m": 40}.get(str(size), size) for size in shape)
    values = np.random.default_rng(0).normal(1e4, 1, given).astype(np.float32)
    expected = by_numpy(values, axes)
    worst = [
        np.max(np.abs(run(values) / expected - 1))
        for run in (one_pass(shape, axes, float32), two_passes(shape, axes, float32))
    ]
    assert worst[0] <= max(worst[1], 2e-6)


def test_a_first_row_far_from_the_others_costs_few_bits() -> None:
    values = np.random.default_rng(0).normal(1e4, 1, (4096, 40)).astype(np.float32)
    values[::BLOCK] = 0
    found, expected = one_pass((n, m), (0,), float32)(values), by_numpy(values, (0,))
    np.testing.assert_allclose(found, expected, rtol=8 * BLOCK * np.finfo(np.float32).eps)


@pytest.mark.parametrize(("shape", "axes"), [((n, m), (0,)), ((n, m), (0, 1))], ids=str)
@pytest.mark.parametrize("special", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_gives_nan(
    special: float, shape: tuple[Size, ...], axes: tuple[int, ...]
) -> None:
    run = one_pass(shape, axes, float32)
    for place in (0, 1, 70, 199):
        values = np.ones((200, 3), np.float32)
        values[place, 1] = special
        expected = np.array([0, np.nan, 0]) if axes == (0,) else np.array(np.nan)
        np.testing.assert_array_equal(run(values), expected)


def test_squares_that_overflow_give_infinity() -> None:
    values = np.full((200, 3), 1e30, np.float32)
    values[::7] = -1e30
    found = one_pass((n, m), (0,), float32)(values)
    np.testing.assert_array_equal(found, np.full(3, np.inf))


def test_equal_numbers_have_no_deviation() -> None:
    values = np.full((200, 3), 0.1, np.float32)
    found = one_pass((n, m), (0,), float32)(values)
    assert np.all(found >= 0) and np.all(found < 1e-9)


def test_fetching_the_mean_too_changes_no_bit() -> None:
    x = placeholder((n, m), float32)
    deviations, mean = ops.squared_deviations(x, axes=(0,)), ops.sum(x, axes=(0,))
    alone, both = compile_native([deviations]), compile_native([mean, deviations, ops.exp(x)])
    values = np.random.default_rng(0).normal(5, 1, (300, 40)).astype(np.float32)
    np.testing.assert_array_equal(alone({x: values})[0], both({x: values})[1])
