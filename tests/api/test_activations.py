from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import AttributeValueError, ShapeError
from tests.api.differences import check_gradients

pytestmark = pytest.mark.usefixtures("graph")

X = np.array([-90.0, -7.0, -3.0, -0.6, -0.25, 0.0, 0.3, 0.8, 3.5, 6.5, 90.0])


def _clipped(x: Any) -> Any:
    return np.clip(x + 3, 0, 6) / 6


#: The function and NumPy's twin.
ACTIVATIONS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "celu": (
        lambda x: gc.nn.celu(x, 2.0),
        lambda x: np.where(x > 0, x, 2 * np.expm1(np.minimum(x, 0) / 2)),
    ),
    "selu": (
        gc.nn.selu,
        lambda x: 1.0507009873554805
        * np.where(x > 0, x, 1.6732632423543772 * np.expm1(np.minimum(x, 0))),
    ),
    "hardshrink": (
        lambda x: gc.nn.hardshrink(x, 0.7), lambda x: np.where(np.abs(x) > 0.7, x, 0)
    ),
    "softshrink": (
        lambda x: gc.nn.softshrink(x, 0.7), lambda x: np.sign(x) * np.maximum(np.abs(x) - 0.7, 0)
    ),
    "hardsigmoid": (gc.nn.hardsigmoid, _clipped),
    "hardswish": (gc.nn.hardswish, lambda x: x * _clipped(x)),
    "hardtanh": (lambda x: gc.nn.hardtanh(x, -2, 0.5), lambda x: np.clip(x, -2, 0.5)),
    "relu6": (gc.nn.relu6, lambda x: np.clip(x, 0, 6)),
    "log_sigmoid": (gc.nn.log_sigmoid, lambda x: -np.logaddexp(0, -x)),
    "mish": (gc.nn.mish, lambda x: x * np.tanh(np.logaddexp(x, 0))),
    "softplus": (lambda x: gc.nn.softplus(x, 3.0), lambda x: np.logaddexp(3 * x, 0) / 3),
    "softsign": (gc.nn.softsign, lambda x: x / (1 + np.abs(x))),
    "tanhshrink": (gc.nn.tanhshrink, lambda x: x - np.tanh(x)),
    "threshold": (lambda x: gc.nn.threshold(x, 0.5, -4.0), lambda x: np.where(x > 0.5, x, -4.0)),
}  # fmt: skip


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_values_and_nan(name: str, compute: Any) -> None:
    function, twin = ACTIVATIONS[name]
    x = gc.placeholder(gc.float64, ("n",))
    y = function(x)
    np.testing.assert_allclose(compute(y, {x: X}), twin(X), rtol=1e-14, atol=1e-15)
    assert np.isnan(compute(y, {x: [np.nan]}))
    (slope,) = gc.gradients(gc.sum(y), x)
    assert np.isfinite(compute(slope, {x: X})).all()


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_slopes(name: str, compute: Any) -> None:
    kinks = (X == 0) | (X == -3)
    check_gradients(compute, ACTIVATIONS[name][0], [X[(np.abs(X) < 50) & ~kinks]])


@pytest.mark.parametrize("function", [gc.nn.softplus, lambda x: -gc.nn.log_sigmoid(-x)])
def test_second_derivative_where_two_forms_meet(
    function: Callable[[Any], gc.Tensor], compute: Any
) -> None:
    x = gc.placeholder(gc.float64, ())
    slope = gc.gradients(function(x), x)[0]
    assert compute([slope, *gc.gradients(slope, x)], {x: 0.0}) == [0.5, 0.25]


def test_glu(compute: Any) -> None:
    data = np.random.default_rng(0).normal(size=(3, 4, 2))
    x = gc.placeholder(gc.float64, (3, 4, 2))
    found = compute(gc.nn.glu(x, 1), {x: data})
    np.testing.assert_allclose(found, data[:, :2] / (1 + np.exp(-data[:, 2:])))
    check_gradients(compute, lambda x: gc.nn.glu(x, 1), [data])


def test_prelu_learns_its_slopes(compute: Any) -> None:
    data, slopes = np.array([[-1.0, 2.0], [3.0, -4.0]]), np.array([0.5, 0.25])
    x, slope = gc.placeholder(gc.float64, (2, 2)), gc.placeholder(gc.float64, (2,))
    y = gc.nn.prelu(x, slope)
    found = compute([y, *gc.gradients(gc.sum(y), [x, slope])], {x: data, slope: slopes})
    np.testing.assert_array_equal(found[0], [[-0.5, 2.0], [3.0, -1.0]])
    np.testing.assert_array_equal(found[1], [[0.5, 1.0], [1.0, 0.25]])
    np.testing.assert_array_equal(found[2], [-1.0, -4.0])


def test_settings_that_do_not_fit(fails: Callable[..., Any]) -> None:
    x = gc.placeholder(gc.float32, (3,))
    with fails(AttributeValueError, "low 1.0 must not be above", op="hardtanh"):
        gc.nn.hardtanh(x, 1.0, 0.0)
    with fails(ShapeError, "does not divide into halves", op="glu"):
        gc.nn.glu(x)
