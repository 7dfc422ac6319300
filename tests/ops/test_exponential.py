"""pow at its edges: base 0, exponent 0, integers."""

from __future__ import annotations

import numpy as np
import pytest

from graphc.ir.dtypes import int8
from graphc.ops import ops
from graphc.ops.declaring import scalar_like
from tests.ops.applying import apply, gradient, second_derivatives

INF, NAN = np.inf, np.nan
LOG2 = float(np.log(2))


@pytest.mark.parametrize("base, exponent, by_base, by_exponent", [
    (0.0, 0.0, 0, 0), (0.0, 1.0, 1, 0), (0.0, 2.0, 0, 0), (0.0, 0.5, INF, 0), (-0.0, 3.0, 0, 0),
    (2.0, 0.0, 0, LOG2), (-2.0, 0.0, 0, NAN), (-2.0, 3.0, 12, NAN), (2.0, -1.0, -0.25, LOG2 / 2),
    (1e-320, 0.0, 0, np.log(1e-320)), (INF, 0.0, 0, INF),
])  # fmt: skip
def test_derivatives_of_pow(
    base: float, exponent: float, by_base: float, by_exponent: float
) -> None:
    np.testing.assert_allclose(gradient(ops.pow, base, exponent), [by_base, by_exponent])


@pytest.mark.parametrize("base, exponent, expected", [
    (0.0, 0.0, 0), (0.0, 1.0, 0), (0.0, 2.0, 2), (0.0, 3.0, 0), (3.0, 0.0, 0), (-3.0, 3.0, -18),
])  # fmt: skip
def test_second_derivatives_of_powers(base: float, exponent: float, expected: float) -> None:
    found = second_derivatives(lambda x: ops.pow(x, scalar_like(x, exponent)), base)
    assert found == [[expected]]


def test_mixed_derivatives_of_pow_at_exponent_0() -> None:
    """d2/dxdy x**y = x**(y-1) * (1 + y*log(x)), although the derivative by x vanishes there."""
    found = second_derivatives(ops.pow, 2.0, 0.0)
    np.testing.assert_allclose(found, [[0, 0.5], [0.5, LOG2**2]])


def test_powers_of_integers() -> None:
    base, exponent = [2, 2, 0, 0, 1, -1, -1, 5, 3], [6, 7, 0, -1, -9, -9, -8, -1, 5]
    expected = [64, -128, 1, 0, 1, -1, 1, 0, -13]
    np.testing.assert_array_equal(apply("pow", base, exponent, of=int8), expected)
