"""Gamma functions and erfcx against mpmath and at their edges."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

from tests.ops.applying import apply
from tests.ops.test_quantiles import native

INF, NAN = np.inf, np.nan
POINTS = (
    0.1, 0.5, 1.0, 1.46163, 2.5, 9.99, 10.0, 171.6, 1e10, -0.5, -3.7, -99.99, -1e-9, 1e-9
)  # fmt: skip


@pytest.mark.parametrize("x", POINTS)
def test_gamma_functions(x: float) -> None:
    log_gamma = float(mpmath.log(abs(mpmath.gamma(x))))
    np.testing.assert_allclose(apply("lgamma", x), log_gamma, rtol=1e-13, atol=1e-14)
    derivative = float(mpmath.digamma(x))
    np.testing.assert_allclose(apply("digamma", x), derivative, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("x, log_gamma, derivative", [
    (0.0, INF, -INF), (-0.0, INF, INF), (-2.0, INF, NAN), (INF, INF, INF), (-INF, INF, NAN),
    (NAN, NAN, NAN), (1e308, INF, np.log(1e308)), (-1e-320, -np.log(1e-320), INF),
])  # fmt: skip
def test_gamma_functions_at_their_edges(x: float, log_gamma: float, derivative: float) -> None:
    np.testing.assert_allclose(apply("lgamma", x), log_gamma)
    np.testing.assert_allclose(apply("digamma", x), derivative)


@pytest.mark.parametrize("x", [-26.0, -3.0, -0.1, 0.0, 0.7, 2.5, 9.0, 24.9, 25.1, 1e3, 1e160])
def test_erfcx(x: float) -> None:
    with mpmath.workdps(60):
        y = mpmath.mpf(x)
        exact = mpmath.exp(y * y) * mpmath.erfc(y) if x < 1e3 else 1 / (mpmath.sqrt(mpmath.pi) * y)
    rtol = 1e-6 if x == 1e3 else 2e-15  # where the first term stands for all
    np.testing.assert_allclose(apply("erfcx", x), float(exact), rtol=rtol)
    np.testing.assert_allclose(native("erfcx", [x]), [float(exact)], rtol=rtol)


def test_erfcx_at_its_edges() -> None:
    edges = [INF, -INF, NAN, -27.0]
    for found in (apply("erfcx", np.array(edges)), native("erfcx", edges)):
        np.testing.assert_array_equal(found, [0.0, INF, NAN, INF])
