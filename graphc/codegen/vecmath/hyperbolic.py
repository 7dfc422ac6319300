"""sinh, cosh and tanh.

sinh and cosh come from x = n ln 2 + r, where |r| <= ln(2) / 2, by the addition theorems: with
2**n = e**(n ln 2), sinh(n ln 2) = (2**n - 2**-n) / 2 and cosh(n ln 2) = (2**n + 2**-n) / 2 are
nearly free.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from llvmlite import ir

from graphc.codegen.vecmath.arith import Lanes
from graphc.codegen.vecmath.exponential import (
    LOG2_E,
    expm1_of_rest,
    reduce_by_ln2,
)

# (sinh(r) - r) / r**3 in powers of r**2 for |r| <= ln(2)/2, minimax (Remez exchange) for errors
# relative to sinh(r): degree 2, 2**-30.9 (float); degree 4, 2**-60.5 (double).
_SINH = {
    32: (0.1666666716337204, 0.008333289064466953, 0.00019904872169718146),
    64: (
        0.16666666666666677,
        0.00833333333332168,
        0.00019841269885996087,
        2.7557244346219187e-06,
        2.510898762713283e-08,
    ),
}

# (cosh(r) - 1) / r**2 in powers of r**2 for |r| <= ln(2)/2, minimax for absolute errors:
# degree 2, 2**-29.8 (float); degree 5, 2**-64.6 (double).
_COSH = {
    32: (0.5, 0.041666265577077866, 0.001394621911458671),
    64: (
        0.5,
        0.04166666666666671,
        0.0013888888888863953,
        2.4801587363368496e-05,
        2.7557241847506897e-07,
        2.09244184325952e-09,
    ),
}

# Here sinh and cosh are infinite, and n no more than the bias + 2.
_SINH_LIMIT = {32: 89.5, 64: 710.6}

# (tanh(x) - x) / x**3 in powers of x**2 for |x| <= 0.5494, minimax for errors relative to tanh(x):
# degree 4, 2**-27.6 (float).
_TANH_NEAR_0 = (
    -0.33333316445350647,
    0.13332591950893402,
    -0.05385299026966095,
    0.021074684336781502,
    -0.006278765853494406,
)
_TANH_NEAR_0_END = 0.5493

# (e**(2r) - 1) / r for |r| <= ln(2)/4, minimax for errors relative to e**(2r): degree 5, 2**-25.8.
_EXP_OF_DOUBLE = (
    2.0,
    1.999999761581421,
    1.3333145380020142,
    0.6666880249977112,
    0.2679729759693146,
    0.08859936147928238,
)

# From here on tanh rounds to 1.
_TANH_LIMIT = {32: 10.0, 64: 20.0}


class Terms(NamedTuple):
    """The parts of the addition theorems at x = n ln 2 + r, where sinh(r) = high + sinh_tail."""

    high: ir.Value
    sinh_tail: ir.Value
    cosh_rest: ir.Value
    """cosh(r) - 1"""
    grow: ir.Value
    """2**n / 4: quarters, so that no sum is infinite unless the result is."""
    shrink: ir.Value
    """2**-n / 4"""


def addition_terms(m: Lanes, x: ir.Value) -> Terms:
    """The terms for |x|."""
    reduced = reduce_by_ln2(m, m.at_most(m.abs(x), _SINH_LIMIT[m.bits]))
    square = m.mul(reduced.rest, reduced.rest)
    cube = m.mul(square, reduced.rest)
    sinh_tail = m.fma(cube, m.horner(square, _SINH[m.bits]), reduced.low)
    cosh_rest = m.mul(square, m.horner(square, _COSH[m.bits]))
    # Where 2**-n / 4 is no normal number it does not count, and any tiny number will do.
    clipped = m.int_select(m.int_lt(reduced.n, m.bias - 3), reduced.n, m.bias - 3)
    grow = m.power_of_two(m.int_sub(reduced.n, 2))
    shrink = m.power_of_two(m.int_sub(-2, clipped))
    return Terms(reduced.high, sinh_tail, cosh_rest, grow, shrink)


def negligible_cube(m: Lanes) -> float:
    """Below this the cube of a number, and so all that follows it in a series, does not count."""
    return float(2.0 ** -(m.mantissa_bits // 2 + 2))


def sinh(m: Lanes, x: ir.Value) -> ir.Value:
    """The hyperbolic sine, by its addition theorem."""
    terms = addition_terms(m, x)
    outer, inner = m.sub(terms.grow, terms.shrink), m.add(terms.grow, terms.shrink)
    tail = m.fma(inner, terms.sinh_tail, m.mul(outer, terms.cosh_rest))
    half = m.add(outer, m.fma(inner, terms.high, tail))
    tiny = m.lt(m.abs(x), negligible_cube(m))
    return m.select(tiny, x, m.copysign(m.mul(half, 2.0), x))


def cosh(m: Lanes, x: ir.Value) -> ir.Value:
    """The hyperbolic cosine, by its addition theorem."""
    terms = addition_terms(m, x)
    outer, inner = m.add(terms.grow, terms.shrink), m.sub(terms.grow, terms.shrink)
    tail = m.fma(inner, terms.sinh_tail, m.fma(outer, terms.cosh_rest, terms.shrink))
    return m.mul(m.add(terms.grow, m.fma(inner, terms.high, tail)), 2.0)


def tanh(m: Lanes, x: ir.Value) -> ir.Value:
    """The hyperbolic tangent, by whichever form is cheapest within the bound on errors."""
    magnitude = m.at_most(m.abs(x), _TANH_LIMIT[m.bits])
    return m.copysign(tanh_float(m, magnitude) if m.bits == 32 else tanh_double(m, magnitude), x)


def tanh_float(m: Lanes, x: ir.Value) -> ir.Value:
    """x + x**3 P(x**2) up to ln(3)/2, where tanh is 1/2; beyond, 1 - 2 / (e**(2x) + 1)."""
    square = m.mul(x, x)
    near = m.fma(m.mul(square, x), m.horner(square, _TANH_NEAR_0), x)
    k, n = m.shifted_to_int(m.fma(x, 2 * LOG2_E, m.int_shifter))
    rest = m.fma(k, -math.log(2) / 2, x)  # k is small, and the constant's error by chance too
    power = m.power_of_two(n)
    series = m.horner(rest, _EXP_OF_DOUBLE)
    far = m.div(2.0, m.fma(m.mul(power, rest), series, m.add(power, 1.0)))
    return m.select(m.lt(x, _TANH_NEAR_0_END), near, m.sub(1.0, far))


def tanh_double(m: Lanes, x: ir.Value) -> ir.Value:
    """-p / (p + 2), where p = e**(-2x) - 1.

    The roundings of the divisor and the quotient are made good: without that, errors come so near
    to 2 ulp that the bound could not be claimed.
    """
    reduced = reduce_by_ln2(m, m.mul(x, -2.0))
    power = m.power_of_two(reduced.n)
    rest = expm1_of_rest(m, reduced)
    p = m.fma(power, rest, m.sub(power, 1.0))
    divisor = m.fma(power, rest, m.add(power, 1.0))
    divisor_low = m.fma(power, rest, m.add(m.sub(1.0, divisor), power))
    quotient = m.div(p, divisor)
    remainder = m.fma(m.neg(quotient), divisor, p)
    missing = m.fma(m.neg(quotient), divisor_low, remainder)
    # 1 / divisor is (1 - quotient) / 2.
    return m.fma(missing, m.fma(quotient, -0.5, 0.5), quotient)


FUNCTIONS: dict[str, Callable[..., ir.Value]] = {"sinh": sinh, "cosh": cosh, "tanh": tanh}
