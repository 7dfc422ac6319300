from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest

import graphc as gc
from graphc.errors import AttributeValueError, DTypeError
from tests.api.differences import check_gradients

pytestmark = pytest.mark.usefixtures("graph")

INF, NAN = np.inf, np.nan
S = gc.special

#: The function, mpmath's twin, and points.
FUNCTIONS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any], list[float]]] = {
    "ndtr": (S.ndtr, mpmath.ncdf, [-30.0, -3.0, 0.0, 1.5, 9.0]),
    "log_ndtr": (
        S.log_ndtr, lambda x: mpmath.log(mpmath.ncdf(x)), [-1e3, -5.0, -1.01, -0.99, 2.0]
    ),
    "logit": (S.logit, lambda p: mpmath.log(p / (1 - p)), [1e-9, 0.2, 0.5, 0.99]),
    "entr": (S.entr, lambda x: -x * mpmath.log(x), [1e-9, 0.3, 1.0, 4.0]),
    "sinc": (
        S.sinc, lambda x: mpmath.sin(mpmath.pi * x) / (mpmath.pi * x),
        [-2.5, -0.01, 1e-9, 0.0095, 0.0096, 0.3, 7.75],
    ),
    "multigammaln": (
        lambda x: S.multigammaln(x, 3),
        lambda x: mpmath.log(mpmath.pi) * 1.5 + sum(mpmath.loggamma(x - k / 2) for k in range(3)),
        [1.1, 2.5, 30.0],
    ),
    "polygamma 0": (lambda x: S.polygamma(0, x), mpmath.digamma, [0.3, 2.0]),
    "polygamma 2": (lambda x: S.polygamma(2, x), lambda x: mpmath.polygamma(2, x), [-0.4, 2.0]),
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_and_slopes(name: str, compute: Any) -> None:
    function, twin, points = FUNCTIONS[name]
    x = gc.placeholder(gc.float64, (len(points),))
    y = function(x)
    found, slope = compute([y, *gc.gradients(gc.sum(y), x)], {x: points})
    with mpmath.workdps(50):
        values = [float(twin(mpmath.mpf(point))) for point in points]
        slopes = [float(mpmath.diff(twin, mpmath.mpf(point))) for point in points]
    np.testing.assert_allclose(found, values, rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(slope, slopes, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_second_derivatives(name: str, compute: Any) -> None:
    function, _, points = FUNCTIONS[name]
    inner = [x for x in points if abs(x) < 8 and not 0 < x < 1e-3]
    check_gradients(compute, function, [np.array(inner)])


@pytest.mark.parametrize(("function", "expected"), [
    (S.entr, [0.0, 0.0, -INF, 0.0, NAN]),
    (S.logit, [-INF, -INF, NAN, INF, NAN]),
    (lambda x: S.logit(x, 0.25), [-np.log(3.0), -np.log(3.0), -np.log(3.0), np.log(3.0), NAN]),
    (S.sinc, [1.0, 1.0, 0.0, 0.0, NAN]),
    (lambda x: S.multigammaln(x, 2), [NAN, NAN, NAN, np.log(np.pi), NAN]),
])  # fmt: skip
def test_edges(function: Callable[[Any], gc.Tensor], expected: list[float], compute: Any) -> None:
    x = gc.placeholder(gc.float64, (5,))
    found = compute(function(x), {x: [0.0, -0.0, -1.0, 1.0, NAN]})
    np.testing.assert_allclose(found, expected, atol=1e-15)


@pytest.mark.parametrize("name", ["xlogy", "xlog1py"])
def test_products_with_logarithms(name: str, compute: Any) -> None:
    x, y = gc.placeholder(gc.float64, ("n",)), gc.placeholder(gc.float64, ("n",))
    found = getattr(S, name)(x, y)
    pole = 0.0 if name == "xlogy" else -1.0
    left, right = [0.0, 0.0, 0.0, 0.0, 2.0, 2.0, NAN], [pole, pole - 1, INF, NAN, pole, 3.0, 3.0]
    values = compute(found, {x: left, y: right})
    last = 2 * (np.log(3.0) if name == "xlogy" else np.log1p(3.0))
    np.testing.assert_allclose(values, [0.0, 0.0, 0.0, NAN, -INF, last, NAN])
    slopes = compute(gc.gradients(gc.sum(found), [x, y]), {x: [0.0, 0.0], y: [pole, 3.0]})
    np.testing.assert_allclose(slopes, [[0.0, last / 2], [0.0, 0.0]])


def test_what_is_no_order(fails: Callable[..., Any]) -> None:
    x = gc.placeholder(gc.float64, (2,))
    with fails(AttributeValueError, "n must be at least 0", op="polygamma"):
        S.polygamma(-1, x)
    with fails(AttributeValueError, "d must be at least 1", op="multigammaln"):
        S.multigammaln(x, 0)
    with fails(DTypeError, "floating point", op="polygamma"):
        S.polygamma(1, gc.placeholder(gc.int32, (2,)))
