"""asinh, acosh and atanh: atanh(s) + e * ln(2)/2 or twice that, with |s| at most a half.

Near 0 there is an s without cancellation: tanh of the result or of half of it. Further out, where
the result is of the size of 1, s = (w - 1) / (w + 1) with 2**e * w the argument of the logarithm.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from llvmlite import ir

from graphc.codegen.vecmath.arith import Lanes
from graphc.codegen.vecmath.logarithm import LN2, split_normal

# (atanh(s) / s - 1) / s**2 in powers of s**2 for |s| <= 1/2, minimax (Remez exchange) for errors
# relative to atanh(s), the constant term first: degree 5, 2**-27.9 (float); 13, 2**-58.8 (double).
_ATANH = {
    32: (
        0.33333298563957214,
        0.2000253051519394,
        0.14222516119480133,
        0.11825939267873764,
        0.05126949027180672,
        0.17682261765003204,
    ),
    64: (
        0.3333333333333328,
        0.2000000000001835,
        0.14285714283412626,
        0.11111111256806976,
        0.09090903633798965,
        0.07692439629755957,
        0.06664498579687769,
        0.059073120620387415,
        0.05058864666149139,
        0.059521324042736266,
        -0.005180988682603076,
        0.1745849788891603,
        -0.1956385456159305,
        0.24083911609439324,
    ),
}

# Here the results are 1, so that errors of w are less than an ulp of them.
_SINH_1 = 1.1755
_COSH_1 = 1.5435

_SQUARABLE = {32: 2.0**62, 64: 2.0**510}
"""Numbers up to here have finite squares, and 1 does not count beside their squares."""


def _cubic(m: Lanes, s: ir.Value) -> tuple[ir.Value, ir.Value]:
    """s**2, and (atanh(s) - s) / s**2."""
    square = m.mul(s, s)
    return square, m.mul(s, m.polynomial(square, _ATANH[m.bits]))


def asinh(m: Lanes, x: ir.Value) -> ir.Value:
    """The logarithm of w = |x| + sqrt(1 + x**2), or 2 atanh(s) with s = x / (1 + sqrt(1 + x**2)).

    Of the latter 2s is x - x s**2, so that errors of s do not count much.
    """
    magnitude = m.abs(x)
    root = m.sqrt(m.fma(magnitude, magnitude, 1.0))
    near = m.lt(magnitude, _SINH_1)
    e, less_one, plus_one = _log_argument(m, magnitude, root)
    e = m.select(near, 0.0, e)
    numerator = m.select(near, magnitude, less_one)
    s = m.div(numerator, m.select(near, m.add(root, 1.0), plus_one))
    square, cubic = _cubic(m, s)
    leading = m.select(near, magnitude, m.add(s, s))
    factor = m.fma(cubic, 2.0, m.select(near, m.neg(magnitude), 0.0))
    octave, octave_low = LN2[m.bits]
    rest = m.fma(square, factor, m.mul(e, octave_low))
    result = m.copysign(m.fma(e, octave, m.add(leading, rest)), x)
    return m.select(m.lt(magnitude, math.inf), result, x)


def acosh(m: Lanes, x: ir.Value) -> ir.Value:
    """The logarithm of w = x + sqrt(x**2 - 1), or 2 atanh((x - 1) / sqrt(x**2 - 1)); NaN below 1.

    The latter quotient, whose numerator is exact, is corrected.
    """
    near = m.lt(x, _COSH_1)
    t = m.sub(x, 1.0)
    root, residue = _root_of_product(m, t)
    e, less_one, plus_one = _log_argument(m, x, root)
    e = m.select(near, 0.0, e)
    numerator, divisor = m.select(near, t, less_one), m.select(near, root, plus_one)
    reciprocal = m.div(1.0, divisor)
    s = m.mul(numerator, reciprocal)
    root_low = m.select(near, m.mul(residue, m.mul(reciprocal, 0.5)), 0.0)
    remainder = m.fma(m.neg(s), divisor, numerator)
    s_low = m.mul(m.fma(m.neg(s), root_low, remainder), reciprocal)
    square, cubic = _cubic(m, s)
    s_low = m.fma(square, s_low, s_low)  # times the derivative 1 / (1 - s**2), about
    octave, octave_low = (part / 2 for part in LN2[m.bits])
    rest = m.fma(square, cubic, m.fma(e, octave_low, s_low))
    result = m.mul(m.fma(e, octave, m.add(s, rest)), 2.0)
    result = m.select(m.eq(x, 1.0), 0.0, m.select(m.lt(x, math.inf), result, x))
    return m.select(m.lt(x, 1.0), math.nan, result)


def _root_of_product(m: Lanes, t: ir.Value) -> tuple[ir.Value, ir.Value]:
    """r = sqrt(t * (t + 2)), and t * (t + 2) - r**2."""
    doubled = m.mul(t, 2.0)
    product = m.fma(t, t, doubled)
    low = m.fma(t, t, m.sub(doubled, product))
    root = m.sqrt(product)
    return root, m.add(m.fma(m.neg(root), root, product), low)


def _log_argument(m: Lanes, x: ir.Value, root: ir.Value) -> tuple[ir.Value, ir.Value, ir.Value]:
    """x + root, which is 2x for huge x, as 2**e * w: e, w - 1 and w + 1."""
    huge = m.gt(x, _SQUARABLE[m.bits])
    exponent, less_one = split_normal(m, m.select(huge, x, m.add(x, root)))
    e = m.int_to_float(exponent)
    return m.select(huge, m.add(e, 1.0), e), less_one, m.add(less_one, 2.0)


def atanh(m: Lanes, x: ir.Value) -> ir.Value:
    """Half the logarithm of (1 + |x|) / (1 - |x|), with the sign of x; NaN beyond 1.

    From 1/2 on the divisor is exact, and its exponent that of the logarithm's argument, about.
    """
    magnitude = m.abs(x)
    near = m.lt(magnitude, 0.5)
    plus, minus = m.add(magnitude, 1.0), m.sub(1.0, magnitude)
    e, scaled = _by_octaves(m, plus, minus)
    numerator = m.select(near, magnitude, m.sub(plus, scaled))
    denominator = m.select(near, 1.0, m.add(plus, scaled))
    e = m.select(near, 0.0, e)
    s = m.div(numerator, denominator)
    square, cubic = _cubic(m, s)
    octave, octave_low = (part / 2 for part in LN2[m.bits])
    half = m.fma(e, octave, m.add(s, m.fma(square, cubic, m.mul(e, octave_low))))
    beyond = m.select(m.eq(magnitude, 1.0), math.inf, math.nan)
    return m.copysign(m.select(m.lt(magnitude, 1.0), half, beyond), x)


def _by_octaves(m: Lanes, a: ir.Value, b: ir.Value) -> tuple[ir.Value, ir.Value]:
    """An integer e, and 2**e * b within a factor of 1.51 of a; of bit patterns as logarithms."""
    ratio = m.int_sub(m.bitcast_to_int(a), m.bitcast_to_int(b))
    ratio = m.int_add(ratio, 1 << (m.mantissa_bits - 1))
    exponent = m.ashr(ratio, m.mantissa_bits)
    octaves = m.shl(exponent, m.mantissa_bits)
    return m.int_to_float(exponent), m.bitcast_to_float(m.int_add(m.bitcast_to_int(b), octaves))


FUNCTIONS: dict[str, Callable[..., ir.Value]] = {"asinh": asinh, "acosh": acosh, "atanh": atanh}
