"""Inverses of the error function and of the normal distribution against mpmath, and their edges."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

import graphc as gc
from graphc.ir.dtypes import DType, as_dtype
from graphc.ops import ops
from tests.native import run_native

INF, NAN = np.inf, np.nan
ERRORS = [-0.999999999, -0.9, -0.2, -1e-9, 1e-300, 0.05, 0.5, 0.849, 0.851, 0.99, 1 - 2.0**-53]
PROBABILITIES = [1e-300, 1e-12, 0.001, 0.074, 0.076, 0.25, 0.4999, 0.5, 0.7, 0.925, 0.99, 1 - 2e-16]


def native(name: str, values: object, dtype: DType = gc.float64) -> np.ndarray:
    array = np.asarray(values, dtype.numpy)
    x = ops.placeholder(shape=array.shape, dtype=as_dtype(array.dtype), name="x")
    return run_native([getattr(ops, name)(x)], {x: array})[0]


def quantile(p: float) -> float:
    with mpmath.workdps(40):
        tail = min(mpmath.mpf(p), 1 - mpmath.mpf(p))
        start = -mpmath.sqrt(-2 * mpmath.log(tail)) if tail < 0.1 else mpmath.mpf(-0.5)
        found = mpmath.findroot(lambda x: mpmath.log(mpmath.ncdf(x) / tail), start)
        return float(found if p <= 0.5 else -found)


def test_erfinv() -> None:
    with mpmath.workdps(40):
        expected = [float(mpmath.erfinv(mpmath.mpf(x))) for x in ERRORS]
    np.testing.assert_allclose(native("erfinv", ERRORS), expected, rtol=2e-15)


def test_ndtri() -> None:
    expected = [quantile(p) for p in PROBABILITIES]
    np.testing.assert_allclose(native("ndtri", PROBABILITIES), expected, rtol=2e-15, atol=1e-16)


@pytest.mark.parametrize(("name", "values", "expected"), [
    ("erfinv", [0.0, -0.0, 1.0, -1.0, 1.5, -INF, NAN], [0.0, -0.0, INF, -INF, NAN, NAN, NAN]),
    ("ndtri", [0.5, 0.0, -0.0, 1.0, -0.1, 1.1, NAN], [0.0, -INF, -INF, INF, NAN, NAN, NAN]),
])  # fmt: skip
@pytest.mark.parametrize("dtype", [gc.float32, gc.float64], ids=str)
def test_edges(name: str, values: list[float], expected: list[float], dtype: DType) -> None:
    found = native(name, values, dtype)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(np.signbit(found[:2]), np.signbit(expected[:2]))
