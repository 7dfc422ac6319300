"""Polygamma functions, which are written with other ops, against mpmath."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

import graphc as gc
from graphc.ops import ops
from graphc.ops.polygamma import polygamma
from tests.native import run_native

POINTS = np.array([1e-3, 0.3, 1.0, 2.5, 12.0, 100.0, 1e8, -0.1, -0.5, -2.52, -7.9, -30.25])


def native(n: int, values: np.ndarray) -> np.ndarray:
    x = ops.placeholder(shape=values.shape, dtype=gc.float64, name="x")
    return run_native([polygamma(n, x)], {x: values})[0]


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5])
def test_values(n: int) -> None:
    expected = [float(mpmath.polygamma(n, mpmath.mpf(float(x)))) for x in POINTS]
    np.testing.assert_allclose(native(n, POINTS), expected, rtol=1e-13)


def test_poles_and_infinity() -> None:
    edges = np.array([0.0, -1.0, -4.0, np.inf, np.nan])
    np.testing.assert_array_equal(native(1, edges), [np.inf, np.inf, np.inf, 0.0, np.nan])
    np.testing.assert_array_equal(native(2, edges), [-np.inf] * 3 + [0.0, np.nan])
