from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import AttributeValueError, DTypeError, ShapeError
from tests.api.erring import check_error

pytestmark = pytest.mark.usefixtures("graph")

AXES = [None, 0, -1, 1, (0, 2), (-1, 0, 1), ()]
FUNCTIONS = {
    "sum": np.sum,
    "prod": np.prod,
    "max": np.max,
    "min": np.min,
    "mean": np.mean,
    "var": np.var,
    "std": np.std,
}


def _data(shape: tuple[int, ...] = (2, 3, 4), dtype: Any = np.float64) -> Any:
    return np.random.default_rng(0).uniform(-4, 4, shape).astype(dtype)


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_floats_against_numpy(name: str, axis: Any, keepdims: bool, compute: Any) -> None:
    x = gc.placeholder(gc.float64, ("n", 3, 4))
    result = getattr(gc, name)(x, axis=axis, keepdims=keepdims)
    expected = FUNCTIONS[name](_data(), axis=axis, keepdims=keepdims)
    np.testing.assert_allclose(compute(result, {x: _data()}), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("name", ["any", "all", "count_nonzero"])
def test_truth_against_numpy(name: str, axis: Any, keepdims: bool, compute: Any) -> None:
    for dtype in (gc.bool, gc.float32, gc.int8):
        x = gc.placeholder(dtype, ("n", 3, 4))
        data = (np.abs(_data()) > 1).astype(dtype.numpy)
        result = compute(getattr(gc, name)(x, axis=axis, keepdims=keepdims), {x: data})
        expected = getattr(np, name)(data, axis=axis, keepdims=keepdims)
        np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize("name", ["sum", "prod", "cumulative_sum", "cumulative_prod"])
@pytest.mark.parametrize(
    ("dtype", "result"),
    [
        (gc.bool, gc.int64),
        (gc.uint8, gc.int64),
        (gc.int8, gc.int64),
        (gc.int64, gc.int64),
        (gc.float32, gc.float32),
        (gc.float64, gc.float64),
    ],
)
def test_integers_accumulate_as_int64(name: str, dtype: gc.DType, result: gc.DType) -> None:
    x = gc.placeholder(dtype, (3,))
    assert getattr(gc, name)(x).dtype is result
    assert getattr(gc, name)(x, dtype=gc.float64).dtype is gc.float64


def test_a_sum_of_small_integers_does_not_wrap(compute: Any) -> None:
    x = gc.placeholder(gc.uint8, (300,))
    assert compute(gc.sum(x), {x: np.full(300, 255)}) == 300 * 255


@pytest.mark.parametrize("correction", [0, 1, 2.5])
def test_correction_of_the_variance(correction: float, compute: Any) -> None:
    x = gc.placeholder(gc.float64, ("n", 4))
    data = _data((5, 4))
    found = compute(
        [gc.var(x, axis=0, correction=correction), gc.std(x, axis=0, correction=correction)],
        {x: data},
    )
    np.testing.assert_allclose(found[0], np.var(data, 0, ddof=correction))
    np.testing.assert_allclose(found[1], np.std(data, 0, ddof=correction))


@pytest.mark.parametrize(("rows", "correction"), [(0, 0), (0, 1), (1, 1), (3, 3), (3, 4.5)])
def test_a_variance_without_degrees_of_freedom_is_nan(
    rows: int, correction: float, compute: Any
) -> None:
    for size in (rows, "n"):
        x = gc.placeholder(gc.float32, (size, 2))
        result = compute(gc.var(x, axis=0, correction=correction), {x: _data((rows, 2))})
        np.testing.assert_array_equal(result, [np.nan, np.nan])


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", [None, 0, 1, -1])
@pytest.mark.parametrize("name", ["argmax", "argmin"])
def test_positions(name: str, axis: Any, keepdims: bool, compute: Any) -> None:
    x = gc.placeholder(gc.float64, ("n", 3, 4))
    data = _data()
    data[0, 1, 2] = np.nan
    data[1, 1] = data[1, 0]
    result = compute(getattr(gc, name)(x, axis=axis, keepdims=keepdims), {x: data})
    np.testing.assert_array_equal(result, getattr(np, name)(data, axis=axis, keepdims=keepdims))


@pytest.mark.parametrize("initial", [False, True])
@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("name", ["cumulative_sum", "cumulative_prod"])
def test_running_totals(name: str, axis: int, initial: bool, compute: Any) -> None:
    x = gc.placeholder(gc.float64, ("n", 3, 4))
    result = compute(getattr(gc, name)(x, axis=axis, include_initial=initial), {x: _data()})
    expected = getattr(np, name)(_data(), axis=axis, include_initial=initial)
    np.testing.assert_allclose(result, expected, rtol=1e-12)


def test_empty_reductions(compute: Any) -> None:
    x = gc.placeholder(gc.float32, ("n", 2))
    found = compute(
        [f(x, axis=0) for f in (gc.sum, gc.prod, gc.max, gc.min, gc.mean)],
        {x: np.zeros((0, 2), np.float32)},
    )
    for result, value in zip(found, [0, 1, -np.inf, np.inf, np.nan], strict=True):
        np.testing.assert_array_equal(result, np.full(2, value))


def test_gradient_of_the_mean(compute: Any) -> None:
    x = gc.placeholder(gc.float64, ("n", 2))
    (slope,) = gc.gradients(gc.mean(x), x)
    np.testing.assert_allclose(compute(slope, {x: np.ones((5, 2))}), np.full((5, 2), 0.1))


@pytest.mark.parametrize(
    ("apply", "error", "message", "op"),
    [
        (lambda x: gc.sum(x, axis=3), ShapeError, "there is no axis 3 in 3 dims", "sum"),
        (lambda x: gc.max(x, axis=(0, -3)), ShapeError, "name one axis twice", "max"),
        (lambda x: gc.mean(x, axis=0.5), AttributeValueError, "must be an integer", "mean"),
        (lambda x: gc.mean(gc.astype(x, "i4")), DTypeError, "needs floating point", "mean"),
        (lambda x: gc.max(x > 0), DTypeError, "convert bool with gc.astype", "max"),
        (lambda x: gc.cumulative_sum(x), ShapeError, "needs an axis", "cumulative_sum"),
        (lambda x: gc.argmax(x[:, :0], axis=1), ShapeError, "among no elements", "argmax"),
    ],
)
def test_errors(apply: Any, error: Any, message: str, op: str, fails: Callable[..., Any]) -> None:
    x = gc.placeholder(gc.float32, ("n", 3, 4))
    check_error(apply, x, error, message, op)
