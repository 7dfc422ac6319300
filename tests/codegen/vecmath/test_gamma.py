"""lgamma and digamma of negative arguments, in float64 in ulps of max(|result|, 1)."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import pytest

from graphc.codegen.vecmath import gamma_tables
from tests.codegen.vecmath.vecmath_jit import DTYPES, Array, compiled
from tests.codegen.vecmath.vecmath_row import Row, exact_values
from tests.codegen.vecmath.vecmath_table_trig import TRIG_ROWS

ROWS = [row for row in TRIG_ROWS if row.name in ("lgamma", "digamma")]


def negative_points(row: Row, dtype: Any, seed: int = 7) -> Array:
    """Between poles and next to them, near zeros, and large."""
    rng = np.random.default_rng(seed)
    distances = np.exp(rng.uniform(np.log(np.finfo(dtype).eps), np.log(0.5), 500))
    beside_poles = -rng.integers(0, 170, 500) + distances * rng.choice([-1.0, 1.0], 500)
    zeros = np.array([float(zero) for zero in zeros_of(row)])
    beside_zeros = (zeros[:, None] * (1 + 1e-7 * rng.uniform(-1, 1, (zeros.size, 20)))).ravel()
    spread = [-rng.uniform(0, 4, 1000), -rng.uniform(0, 200, 500), -np.exp(rng.uniform(5, 30, 300))]
    points = np.concatenate([beside_poles, zeros, beside_zeros, *spread]).astype(dtype)
    return points[points < 0]


def zeros_of(row: Row) -> list[Any]:
    """The zeros of the row's oracle between -3 and -2, and between -10 and -9."""
    starts = {"lgamma": (-2.457, -2.747, -9.0000028), "digamma": (-0.504, -2.61, -9.70267)}
    return [mpmath.findroot(row.oracle, start) for start in starts[row.name]]


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_errors_on_the_negative_axis(row: Row, bits: int) -> None:
    dtype = DTYPES[bits]
    points = negative_points(row, dtype)
    exact = exact_values(row, (points,))
    computed = compiled(row.name, bits, 16)(points)
    finite = np.isfinite(exact.high)
    np.testing.assert_array_equal(np.isfinite(computed), finite)
    least = 1 if bits == 64 else 0
    size = np.maximum(np.abs(exact.high[finite]), least)
    unit = np.spacing(size.astype(dtype)).astype(np.float64)
    errors = np.abs((computed[finite] - exact.high[finite]) - exact.low[finite]) / unit
    assert errors.max() <= row.bound(bits), f"{errors.max()} at {points[finite][errors.argmax()]}"


CONSTANTS = {
    "ONE_LESS_EULER": lambda: 1 - mpmath.euler,
    "STIRLING_CONSTANT": lambda: (mpmath.log(2 * mpmath.pi) - 1) / 2,
    "PI": lambda: +mpmath.pi,
    "LOG_PI": lambda: mpmath.log(mpmath.pi),
    "COTANGENT_SLOPE": lambda: -(mpmath.pi**2) / 3,
    "ROOT": lambda: mpmath.findroot(mpmath.digamma, 1.46),
    "SLOPE": lambda: mpmath.polygamma(1, mpmath.findroot(mpmath.digamma, 1.46)),
}


@pytest.mark.parametrize("name", CONSTANTS)
def test_constants_are_the_two_nearest_float64(name: str) -> None:
    with mpmath.workprec(250):
        exact = CONSTANTS[name]()
        high = float(exact)
        assert getattr(gamma_tables, name) == (high, float(exact - high))
