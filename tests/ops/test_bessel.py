"""Modified Bessel functions against mpmath, and at their edges."""

from __future__ import annotations

from collections.abc import Callable

import mpmath
import numpy as np
import pytest

import graphc as gc
from graphc.ir.dtypes import DType
from tests.ops.test_quantiles import native

INF, NAN = np.inf, np.nan
POINTS = [-700.0, -30.0, -8.0, -0.3, 1e-8, 0.5, 2.0, 7.9, 8.1, 12.0, 31.0, 500.0]

FUNCTIONS: dict[str, Callable[[mpmath.mpf], mpmath.mpf]] = {
    "i0": lambda x: mpmath.besseli(0, x),
    "i1": lambda x: mpmath.besseli(1, x),
    "i0e": lambda x: mpmath.besseli(0, x) * mpmath.exp(-abs(x)),
    "i1e": lambda x: mpmath.besseli(1, x) * mpmath.exp(-abs(x)),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_values(name: str) -> None:
    with mpmath.workdps(40):
        expected = [float(FUNCTIONS[name](mpmath.mpf(x))) for x in POINTS]
    np.testing.assert_allclose(native(name, POINTS), expected, rtol=2e-15)


@pytest.mark.parametrize(("name", "expected"), [
    ("i0", [1.0, INF, INF, INF, NAN]),
    ("i1", [0.0, INF, -INF, INF, NAN]),
    ("i0e", [1.0, 0.0, 0.0, 0.012616, NAN]),
    ("i1e", [0.0, 0.0, -0.0, 0.012610, NAN]),
])  # fmt: skip
@pytest.mark.parametrize("dtype", [gc.float32, gc.float64], ids=str)
def test_edges(name: str, expected: list[float], dtype: DType) -> None:
    found = native(name, [0.0, INF, -INF, 1000.0, NAN], dtype)
    np.testing.assert_allclose(found, expected, rtol=1e-4)
