"""The constants of the angle reductions against mpmath."""

from __future__ import annotations

import mpmath
import pytest

from graphc.codegen.vecmath.angle_reduction import HALF_PI, two_over_pi_rows

PRECISION = 1400


@pytest.mark.parametrize("row", range(32))
def test_a_row_has_the_bits_of_two_over_pi_below_its_modulus(row: int) -> None:
    with mpmath.workprec(PRECISION):
        exact = (mpmath.ldexp(2 / mpmath.pi, 32 * row)) % mpmath.ldexp(1, 54)
        total = sum(mpmath.mpf(term) for term in two_over_pi_rows()[row])
        assert abs(total - exact) < mpmath.ldexp(1, -150)


@pytest.mark.parametrize(("bits", "error"), [(32, 2.0**-76), (64, 2.0**-163)])
def test_the_parts_of_half_pi_add_up(bits: int, error: float) -> None:
    with mpmath.workprec(PRECISION):
        total = sum(mpmath.mpf(part) for part in HALF_PI[bits])
        assert abs(total - mpmath.pi / 2) < error
