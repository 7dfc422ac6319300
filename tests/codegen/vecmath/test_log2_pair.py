"""The logarithm with more bits than its type, against mpmath."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

from graphc.codegen.vecmath import log2_pair, registry
from graphc.codegen.vecmath.arith import Lanes, round_to_float32
from tests.codegen.vecmath.vecmath_jit import DTYPES, compiled

PRECISION = 200


@pytest.mark.parametrize("bits", [32, 64])
def test_the_table_has_the_logarithms_in_two_numbers(bits: int) -> None:
    high, low = log2_pair.logarithms(bits)
    fraction_bits = {32: 16, 64: 42}[bits]
    with mpmath.workprec(PRECISION):
        for r, leading, rest in zip(log2_pair._RECIPROCALS, high, low, strict=True):
            error = abs(mpmath.mpf(leading) + mpmath.mpf(rest) + mpmath.log(r) / mpmath.ln2)
            assert error < 2.0 ** -(fraction_bits + {32: 25, 64: 54}[bits])
            assert leading * 2.0**fraction_bits == round(leading * 2.0**fraction_bits)
            assert bits == 64 or rest == round_to_float32(rest)


@pytest.mark.parametrize(("bits", "error"), [(32, 2.0**-33), (64, 2.0**-62)])
def test_errors_are_relative_and_far_below_an_ulp(
    bits: int, error: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    def part(index: int) -> str:
        def formula(m: Lanes, x: object) -> object:
            return log2_pair.log2_of_normal(m, x)[index]

        name = f"log2.part{index}.{bits}"
        monkeypatch.setitem(registry.FUNCTIONS, name, formula)
        return name

    rng = np.random.default_rng(3)
    points = [rng.uniform(0.69, 1.42, 3000), rng.uniform(0.97, 1.04, 3000)]
    x = np.concatenate([*points, np.exp(rng.uniform(-80, 80, 1000))]).astype(DTYPES[bits])
    high, low = (compiled(part(i), bits, 16)(x).astype(np.float64) for i in (0, 1))
    with mpmath.workprec(PRECISION):
        for number, leading, rest in zip(x.tolist(), high.tolist(), low.tolist(), strict=True):
            exact = mpmath.log(number) / mpmath.ln2
            assert abs(mpmath.mpf(leading) + mpmath.mpf(rest) - exact) <= error * abs(exact)
    assert np.all(np.abs(low) <= 2.0**-11 * np.abs(high))
