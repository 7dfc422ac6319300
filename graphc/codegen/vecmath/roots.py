"""cbrt and rsqrt; the square root itself is one instruction."""

from __future__ import annotations

import math
from collections.abc import Callable

from llvmlite import ir

from graphc.codegen.vecmath.arith import Lanes
from graphc.codegen.vecmath.logarithm import smallest_normal

_GUESS_SHIFT = {32: 10, 64: 20}
"""Low bits that the first guess does without, so that the others fit a float exactly."""

_GUESS_OFFSET = -0.068
"""In units of exponents: best for the guess, which is then off by up to 3.4 %."""

# The first step's coefficients are those that leave the smallest |1 - x * r**3| after it, 2**-12.4.
_FIRST_STEP = (0.335, 0.223)
_SECOND_STEP = (1.0 / 3.0, 2.0 / 9.0)


def rsqrt(m: Lanes, x: ir.Value) -> ir.Value:
    """1 / sqrt(x): -inf at -0, NaN below."""
    return m.div(1.0, m.sqrt(x))


def cbrt(m: Lanes, x: ir.Value) -> ir.Value:
    """The cube root: c = x * r**2 for an r near x**(-1/3), and a step of Newton's method for c."""
    magnitude = m.abs(x)
    tiny = m.lt(magnitude, smallest_normal(m))
    shift = 3 * (m.mantissa_bits // 3 + 1)
    scaled = m.select(tiny, m.mul(magnitude, 2.0**shift), magnitude)
    r = _reciprocal_cbrt(m, scaled)
    square = m.mul(r, r)
    c = m.mul(scaled, square)
    residue = m.fma(m.neg(m.mul(c, c)), c, scaled)
    root = m.fma(residue, m.mul(square, 1.0 / 3.0), c)
    root = m.select(tiny, m.mul(root, 2.0 ** (-shift // 3)), root)
    return m.select(m.lt(magnitude, math.inf), m.copysign(root, x), x)


def _reciprocal_cbrt(m: Lanes, x: ir.Value) -> ir.Value:
    """x**(-1/3) for normal x > 0, to 2**-22 (float) or 2**-35 (double); at 0, some number.

    Bit patterns are nearly logarithms, so a third of one with its sign changed is a guess. Each
    step is r * (1 - e)**(-1/3) with e = 1 - x * r**3, to the second order in e.
    """
    shift = _GUESS_SHIFT[m.bits]
    offset = (m.bias * 4.0 / 3.0 + _GUESS_OFFSET) * 2.0 ** (m.mantissa_bits - shift)
    logarithm = m.int_to_float(m.lshr(m.bitcast_to_int(x), shift))
    _, pattern = m.shifted_to_int(m.fma(logarithm, -1.0 / 3.0, m.int_shifter + offset))
    r = m.bitcast_to_float(m.shl(pattern, shift))
    for linear, quadratic in (_FIRST_STEP, _SECOND_STEP):
        e = m.fma(m.neg(m.mul(x, r)), m.mul(r, r), 1.0)
        r = m.fma(m.mul(r, e), m.fma(e, quadratic, linear), r)
    return r


FUNCTIONS: dict[str, Callable[..., ir.Value]] = {"cbrt": cbrt, "rsqrt": rsqrt}
