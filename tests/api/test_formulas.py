from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import DTypeError

pytestmark = pytest.mark.usefixtures("graph")

INF, NAN = np.inf, np.nan
SPECIAL = np.array([0.0, -0.0, 1.0, -2.5, 1e30, -1e30, INF, -INF, NAN], np.float32)


@pytest.mark.parametrize("name", ["hypot", "logaddexp"])
def test_no_overflow_and_special_values(name: str, compute: Any) -> None:
    a, b = (grid.ravel() for grid in np.meshgrid(SPECIAL, SPECIAL))
    x, y = gc.placeholder(gc.float32, ("n",)), gc.placeholder(gc.float32, ("n",))
    result = compute(getattr(gc, name)(x, y), {x: a, y: b})
    with np.errstate(invalid="ignore"):
        expected = getattr(np, name)(a, b)
    np.testing.assert_allclose(result, expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "at", "slopes"),
    [
        ("logaddexp", (0.0, 0.0), (0.5, 0.5)),
        ("logaddexp", (1.0, 3.0), (1 / (1 + np.e**2), 1 / (1 + np.e**-2))),
        ("hypot", (3.0, -4.0), (0.6, -0.8)),
        ("hypot", (2.0, 2.0), (np.sqrt(0.5), np.sqrt(0.5))),
        ("hypot", (0.0, 0.0), (0.0, 0.0)),
    ],
)
def test_slopes(name: str, at: tuple[float, float], slopes: Any, compute: Any) -> None:
    x, y = gc.placeholder(gc.float64, ()), gc.placeholder(gc.float64, ())
    found = compute(gc.gradients(getattr(gc, name)(x, y), [x, y]), {x: at[0], y: at[1]})
    np.testing.assert_allclose(found, slopes, atol=1e-12)


@pytest.mark.parametrize("exponent", [-2, -1, 0, 1, 2, 3, 4, 5, 0.5, 2.0])
def test_powers(exponent: float, compute: Any) -> None:
    x = gc.placeholder(gc.float64, ("n",))
    data = np.array([0.25, 1.0, 1.5, 7.0])
    y = x**exponent
    np.testing.assert_allclose(compute(y, {x: data}), data**exponent, rtol=1e-15)
    (slope,) = gc.gradients(gc.sum(y), x)
    expected = exponent * data ** (exponent - 1)
    np.testing.assert_allclose(compute(slope, {x: data}), expected, rtol=1e-14)


@pytest.mark.parametrize("exponent", [1, 2, 3, 4])
def test_small_powers_are_products_that_integers_have_too(exponent: int, compute: Any) -> None:
    x = gc.placeholder(gc.int32, (4,))
    y = x**exponent
    assert {node.op.name for node in y.graph.extract([y]).nodes} <= {"placeholder", "mul"}
    data = np.array([-3, 0, 1, 5], np.int32)
    np.testing.assert_array_equal(compute(y, {x: data}), data**exponent)


def test_a_number_to_a_power(compute: Any) -> None:
    x = gc.placeholder(gc.float64, (3,))
    np.testing.assert_allclose(compute(2**x, {x: [0, 1, 2.5]}), 2 ** np.array([0, 1, 2.5]))


@pytest.mark.parametrize(
    ("low", "high"), [(None, None), (-1, None), (None, 1), (-1, 1), (1, -1), ([-1, 0, 1, 2], 1.5)]
)
def test_clip(low: Any, high: Any, compute: Any) -> None:
    x = gc.placeholder(gc.float32, ("n", 4))
    data = np.array([[-3, 0.5, 3, NAN], [0, -0.5, 1, -1]], np.float32)
    result = compute(gc.clip(x, low, high), {x: data})
    expected = data if low is None and high is None else np.clip(data, low, high)
    np.testing.assert_array_equal(result, expected.astype(np.float32))


def test_integers_are_finite(compute: Any) -> None:
    x = gc.placeholder(gc.int8, (2,))
    found = compute([gc.isfinite(x), gc.isinf(x), gc.isnan(x)], {x: [1, 2]})
    np.testing.assert_array_equal(found, [[True] * 2, [False] * 2, [False] * 2])


@pytest.mark.parametrize("target", [gc.bool, gc.int8, gc.uint8, gc.int32, gc.int64, gc.float64])
def test_astype(target: gc.DType, compute: Any) -> None:
    x = gc.placeholder(gc.float32, ("n",))
    data = np.array([0.0, 1.9, -1.9, 3e9, -3e9, INF, -INF, NAN], np.float32)
    result = compute(gc.astype(x, target), {x: data})
    if target.is_integer:
        info = np.iinfo(target.numpy)
        whole = np.trunc(np.nan_to_num(data.astype(np.float64), posinf=INF, neginf=-INF))
        expected = [max(info.min, min(info.max, int(min(max(v, -1e30), 1e30)))) for v in whole]
        assert [int(v) for v in result] == expected
    else:
        np.testing.assert_array_equal(result, data.astype(target.numpy))
    assert gc.astype(x, "float32") is x


def test_astype_refuses_what_is_no_dtype(fails: Callable[..., Any]) -> None:
    x = gc.placeholder(gc.float32, (3,))
    with fails(DTypeError, "'float16' is no graphc dtype", op="astype"):
        gc.astype(x, "float16")


def test_positive_refuses_bool(fails: Callable[..., Any]) -> None:
    x = gc.placeholder(gc.bool, (3,))
    with fails(DTypeError, "needs numbers", op="positive"):
        gc.positive(x)


@pytest.mark.parametrize("name", ["logaddexp2", "fmax", "fmin", "copysign"])
def test_special_values_are_those_of_numpy(name: str, compute: Any) -> None:
    a, b = (grid.ravel() for grid in np.meshgrid(SPECIAL, SPECIAL))
    x, y = gc.placeholder(gc.float32, ("n",)), gc.placeholder(gc.float32, ("n",))
    result = compute(getattr(gc, name)(x, y), {x: a, y: b})
    with np.errstate(invalid="ignore"):
        np.testing.assert_allclose(result, getattr(np, name)(a, b), rtol=1e-6)


def test_signbit_and_nan_to_num(compute: Any) -> None:
    x = gc.placeholder(gc.float32, ("n",))
    data = np.append(SPECIAL, np.float32(-NAN))
    np.testing.assert_array_equal(compute(gc.signbit(x), {x: data}), np.signbit(data))
    for settings in ({}, {"nan": 3.0, "posinf": 1.0, "neginf": -1.0}):
        found = compute(gc.nan_to_num(x, **settings), {x: data})
        np.testing.assert_array_equal(found, np.nan_to_num(data, **settings))


@pytest.mark.parametrize(
    ("name", "at", "slopes"),
    [
        ("fmax", (NAN, 2.0), (0.0, 1.0)),
        ("fmin", (3.0, NAN), (1.0, 0.0)),
        ("fmax", (3.0, 2.0), (1.0, 0.0)),
        ("fmin", (2.0, 2.0), (0.5, 0.5)),
        ("copysign", (2.0, -3.0), (-1.0, 0.0)),
        ("copysign", (-2.0, -0.0), (1.0, 0.0)),
        ("copysign", (0.0, -1.0), (0.0, 0.0)),
        ("logaddexp2", (1.0, 1.0), (0.5, 0.5)),
    ],
)
def test_slopes_where_nan_and_signs_decide(
    name: str, at: tuple[float, float], slopes: Any, compute: Any
) -> None:
    x, y = gc.placeholder(gc.float64, ()), gc.placeholder(gc.float64, ())
    found = compute(gc.gradients(getattr(gc, name)(x, y), [x, y]), {x: at[0], y: at[1]})
    np.testing.assert_allclose(found, slopes, atol=1e-12)


@pytest.mark.parametrize("name", ["logaddexp", "logaddexp2"])
def test_second_derivatives_at_a_tie(name: str, compute: Any) -> None:
    x = gc.placeholder(gc.float64, ())
    (slope,) = gc.gradients(getattr(gc, name)(x, 0.0), x)
    factor = np.log(2) if name == "logaddexp2" else 1.0
    np.testing.assert_allclose(compute(gc.gradients(slope, x), {x: 0.0}), [0.25 * factor])
