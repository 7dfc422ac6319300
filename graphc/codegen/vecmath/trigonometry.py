"""sin, cos and tan of angles in radians.

The argument is reduced to r in [-pi/4, pi/4] with an error term, where minimax polynomials (Remez
exchange, made for this file) give sin r, cos r and tan r. Huge arguments take a slow path, out of
line: a vector pays for it only if one of its lanes needs it.
"""

from __future__ import annotations

from collections.abc import Callable

from llvmlite import ir

from graphc.codegen.vecmath.angle_reduction import (
    MODERATE_BOUND,
    Reduced,
    reduce_huge,
    reduce_moderate,
)
from graphc.codegen.vecmath.arith import Lanes
from graphc.codegen.vecmath.rare_path import replace_where

# (sin(r) / r - 1) / r**2 in powers of r**2, on |r| <= 0.793, for errors relative to sin(r):
# degree 2, 2**-27.8 (float); degree 5, 2**-57.7 (double).
_SIN = {
    32: (-0.16666653752326965, 0.008332106284797192, -0.00019507882825564593),
    64: (
        -0.16666666666666627,
        0.008333333333321043,
        -0.00019841269828666045,
        2.755731328491414e-06,
        -2.5050693060811978e-08,
        1.5892961465588894e-10,
    ),
}

# (cos(r) - 1 + r**2/2) / r**4 in powers of r**2, on |r| <= 0.793, for errors relative to cos(r):
# degree 2, 2**-32.7 (float); degree 5, 2**-63.7 (double).
_COS = {
    32: (0.04166664555668831, -0.0013887296663597226, 2.442986260575708e-05),
    64: (
        0.04166666666666658,
        -0.001388888888887097,
        2.480158728752797e-05,
        -2.755731379157528e-07,
        2.087564749250091e-09,
        -1.1355744191647994e-11,
    ),
}


# (tan(r) / r - 1) / r**2 in powers of r**2, for errors relative to tan(r): degree 6, 2**-29.3 on
# |r| <= 0.793 (float); degree 14, 2**-60.0 on |r| <= 0.7854 (double).
_TAN = {
    32: (
        0.3333335220813751,
        0.13332568109035492,
        0.05407148599624634,
        0.021219464018940926,
        0.011004616506397724,
        -0.0001310996012762189,
        0.004487953148782253,
    ),
    64: (
        0.33333333333333376,
        0.1333333333332608,
        0.05396825397253633,
        0.02186948840881255,
        0.008863237774289207,
        0.0035921023893489886,
        0.001456035020525785,
        0.0005889163951813652,
        0.00024356848790632794,
        8.402165533997498e-05,
        6.63854780396157e-05,
        -2.4581931102968958e-05,
        4.776178237019082e-05,
        -2.3842465053930945e-05,
        9.703290788963064e-06,
    ),
}


def _sign_bit_from(m: Lanes, n: ir.Value) -> ir.Value:
    """The sign bit set where bit 1 of the integer n is: the sign flips every two quarter turns."""
    return m.and_(m.shl(n, m.bits - 2), 1 << (m.bits - 1))


def _flip_sign(m: Lanes, value: ir.Value, sign_bits: ir.Value) -> ir.Value:
    return m.bitcast_to_float(m.xor(m.bitcast_to_int(value), sign_bits))


def _is_odd(m: Lanes, n: ir.Value) -> ir.Value:
    return m.not_(m.int_eq(m.and_(n, 1), 0))


def _sin_of(m: Lanes, angle: Reduced) -> ir.Value:
    """The sine: of sin r, cos r, -sin r, -cos r the one that n says."""
    r, low = angle.high, angle.low
    z = m.mul(r, r)
    sine_rest = m.fma(m.mul(r, z), m.estrin(z, _SIN[m.bits]), low)  # sin r = r + sine_rest
    quadratic = m.fma(z, m.estrin(z, _COS[m.bits]), -0.5)
    cosine_rest = m.fma(z, quadratic, m.mul(m.neg(r), low))  # cos r = 1 + cosine_rest
    odd = _is_odd(m, angle.n)
    value = m.add(m.select(odd, 1.0, r), m.select(odd, cosine_rest, sine_rest))
    return _flip_sign(m, value, _sign_bit_from(m, angle.n))


def _cos_of(m: Lanes, angle: Reduced) -> ir.Value:
    """The cosine: the sine a quarter turn later."""
    return _sin_of(m, angle._replace(n=m.int_add(angle.n, 1)))


def _tan_of(m: Lanes, angle: Reduced) -> ir.Value:
    """The tangent: tan r = r + rest, or -1 / tan r for odd n."""
    r, low = angle.high, angle.low
    z = m.mul(r, r)
    cubic = m.mul(m.mul(r, z), m.estrin(z, _TAN[m.bits]))
    tangent = m.add(r, cubic)
    slope_less_one = m.mul(tangent, tangent)
    rest = m.add(cubic, m.fma(slope_less_one, low, low))
    high, low = m.quick_two_sum(r, rest)
    return m.select(_is_odd(m, angle.n), _negative_reciprocal(m, high, low), high)


def _negative_reciprocal(m: Lanes, high: ir.Value, low: ir.Value) -> ir.Value:
    """-1 / (high + low): a first guess, corrected by its residual."""
    guess = m.div(-1.0, high)
    residual = m.fma(guess, low, m.fma(guess, high, 1.0))
    return m.fma(guess, residual, guess)


def _of_huge(of_angle: Callable[[Lanes, Reduced], ir.Value]) -> Callable[..., ir.Value]:
    """The slow path of a function of an angle: in double arithmetic for float too."""

    def formula(m: Lanes, magnitude: ir.Value) -> ir.Value:
        wide = m.widen()
        return m.from_double(of_angle(wide, reduce_huge(wide, m.to_double(magnitude))))

    return formula


def _everywhere(
    m: Lanes, magnitude: ir.Value, name: str, of_angle: Callable[[Lanes, Reduced], ir.Value]
) -> ir.Value:
    """The function of any angle >= 0."""
    usual = of_angle(m, reduce_moderate(m, magnitude))
    huge = m.gt(magnitude, MODERATE_BOUND[m.bits])
    return replace_where(m, huge, usual, f"{name}.huge", _of_huge(of_angle), magnitude)


def _odd_function(
    m: Lanes, x: ir.Value, name: str, of_angle: Callable[[Lanes, Reduced], ir.Value]
) -> ir.Value:
    """The odd function of any angle, from its values at angles >= 0; keeps -0."""
    magnitude = m.abs(x)
    value = _everywhere(m, magnitude, name, of_angle)
    sign_bits = m.and_(m.bitcast_to_int(x), 1 << (m.bits - 1))
    return _flip_sign(m, value, sign_bits)


def sin(m: Lanes, x: ir.Value) -> ir.Value:
    """The sine; NaN at infinities. Float: float32-only arithmetic up to 2**16."""
    return _odd_function(m, x, "sin", _sin_of)


def cos(m: Lanes, x: ir.Value) -> ir.Value:
    """The cosine; NaN at infinities. Float: float32-only arithmetic up to 2**16."""
    return _everywhere(m, m.abs(x), "cos", _cos_of)


def tan(m: Lanes, x: ir.Value) -> ir.Value:
    """The tangent; NaN at infinities. Float: float32-only arithmetic up to 2**16."""
    return _odd_function(m, x, "tan", _tan_of)


FUNCTIONS: dict[str, Callable[..., ir.Value]] = {"sin": sin, "cos": cos, "tan": tan}
