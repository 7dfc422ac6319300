"""fma's reference against exact rational arithmetic."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from graphc.ir.dtypes import DType, float32, float64
from tests.ops.applying import apply
from tests.ops.sampling import extreme_values


@pytest.mark.parametrize("dtype", [float32, float64], ids=str)
def test_fma_rounds_once(dtype: DType) -> None:
    rng = np.random.default_rng(7)
    numbers = rng.normal(size=(3, 2000)) * np.exp2(rng.integers(-60, 60, (3, 2000)))
    numbers = numbers.astype(dtype.numpy)
    numbers[2, ::2] = -(numbers[0, ::2] * numbers[1, ::2])  # cancellation
    edges = np.array(np.meshgrid(*[extreme_values(dtype)] * 3)).reshape(3, -1)
    x, y, z = np.concatenate([numbers, edges], axis=1)
    found = apply("fma", x, y, z)
    expected = [rounded_once(*map(float, row), dtype) for row in zip(x, y, z, strict=True)]
    np.testing.assert_array_equal(found, expected)
    numeric = ~np.isnan(found)
    np.testing.assert_array_equal(np.signbit(found[numeric]), np.signbit(expected)[numeric])


def rounded_once(x: float, y: float, z: float, dtype: DType) -> float:
    if math.isfinite(x) and math.isfinite(y):
        exact = Fraction(x) * Fraction(y) + Fraction(z) if math.isfinite(z) else None
        return z if exact is None else rounded(exact, dtype) if exact else x * y + z
    return x * y + z


def rounded(exact: Fraction, dtype: DType) -> float:
    """To the nearest number of the dtype, ties to even, by the definition."""
    info = np.finfo(dtype.numpy)
    exponent = max(binary_exponent(exact), int(info.minexp))
    grid = Fraction(2) ** (exponent - int(info.nmant))
    value = round(abs(exact) / grid) * grid
    size = math.inf if value > Fraction(float(info.max)) else float(value)
    return -size if exact < 0 else size


def binary_exponent(exact: Fraction) -> int:
    """floor(log2(|exact|))."""
    size = abs(exact)
    guess = size.numerator.bit_length() - size.denominator.bit_length()
    return guess if size >= Fraction(2) ** guess else guess - 1
