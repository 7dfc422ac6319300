"""asin, acos, atan and atan2, in radians.

The arctangent has a minimax polynomial (Remez exchange, made for this file) for ratios a/b with
0 <= a <= b; in double these are first taken to [0, tan(pi/8)], where it is shorter. Arcsine and
arccosine take half angles. Float is float32-only arithmetic.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from llvmlite import ir

from graphc.codegen.vecmath.angle_reduction import HALF_PI
from graphc.codegen.vecmath.arith import Lanes

_TAN_EIGHTH_PI = math.sqrt(2) - 1
"""tan(pi/8)"""

# (atan(t) / t - 1) / t**2 in powers of t**2, on |t| <= tan(pi/8), for errors relative to atan(t):
# degree 4, 2**-30.4 (float); degree 10, 2**-59.4 (double).
_ATAN = {
    32: (
        -0.33333316445350647,
        0.19998528063297272,
        -0.14244388043880463,
        0.10599119961261749,
        -0.06089863181114197,
    ),
    64: (
        -0.333333333333332,
        0.19999999999953622,
        -0.14285714280191494,
        0.11111110782992173,
        -0.09090897741011643,
        0.07692059886471064,
        -0.06663100128903332,
        0.05847860098659418,
        -0.05039171890916197,
        0.03806118626449342,
        -0.017903536201552328,
    ),
}

# The same on |t| <= 1, for float: degree 8, 2**-27.1.
_ATAN_TO_ONE = (
    -0.33333298563957214,
    0.19998547434806824,
    -0.14264239370822906,
    0.1095217615365982,
    -0.08403424918651581,
    0.05795719847083092,
    -0.031177477911114693,
    0.01091441884636879,
    -0.0017935815267264843,
)

# (asin(t) / t - 1) / t**2 in powers of t**2, on |t| <= 1/2, for errors relative to asin(t):
# degree 4, 2**-27.6 (float); degree 12, 2**-59.9 (double).
_ASIN = {
    32: (
        0.16666752099990845,
        0.074953094124794,
        0.04546915367245674,
        0.024184733629226685,
        0.04215842857956886,
    ),
    64: (
        0.1666666666666676,
        0.07499999999970865,
        0.04464285717456301,
        0.030381942709745938,
        0.02237221493960348,
        0.017351612783010287,
        0.013980812173179855,
        0.01139897527651998,
        0.010779924256764467,
        0.0037075718574821124,
        0.021704776211084617,
        -0.020995474294936364,
        0.032626482795296716,
    ),
}


class Half(NamedTuple):
    """|x| folded at 1/2: t = |x|, or sqrt((1 - |x|) / 2) where |x| > 1/2, and asin(t) - t."""

    folded: ir.Value
    t: ir.Value
    rest: ir.Value


def _asin_of_half(m: Lanes, magnitude: ir.Value) -> Half:
    """asin(t) as t + rest; NaN where |x| > 1."""
    folded = m.gt(magnitude, 0.5)
    complement = m.fma(magnitude, -0.5, 0.5)
    z = m.select(folded, complement, m.mul(magnitude, magnitude))
    t = m.select(folded, m.sqrt(complement), magnitude)
    return Half(folded, t, m.mul(m.mul(t, z), m.estrin(z, _ASIN[m.bits])))


def asin(m: Lanes, x: ir.Value) -> ir.Value:
    """Arcsine; NaN outside [-1, 1]; keeps -0. Where folded, pi/2 less twice that of t."""
    half = _asin_of_half(m, m.abs(x))
    first, second, _ = HALF_PI[m.bits]
    high, low = m.quick_two_sum(first, m.mul(half.t, -2.0))
    unfolded = m.add(high, m.fma(half.rest, -2.0, m.add(low, second)))
    return m.copysign(m.select(half.folded, unfolded, m.add(half.t, half.rest)), x)


def acos(m: Lanes, x: ir.Value) -> ir.Value:
    """The arccosine; NaN outside [-1, 1].

    It is pi/2 -+ asin(t), or where folded 2 asin(t), or pi - 2 asin(t) for x < 0.
    """
    half = _asin_of_half(m, m.abs(x))
    first, second, _ = HALF_PI[m.bits]
    negative = m.lt(x, 0.0)
    # turns * pi/2 + factor * asin(t)
    turns = m.select(half.folded, m.select(negative, 2.0, 0.0), 1.0)
    factor = m.select(half.folded, 2.0, 1.0)
    factor = m.select(m.xor(negative, half.folded), factor, m.neg(factor))
    high, low = m.quick_two_sum(m.mul(turns, first), m.mul(factor, half.t))
    return m.add(high, m.fma(turns, second, m.fma(factor, half.rest, low)))


def _float_angle(
    m: Lanes, a: ir.Value, b: ir.Value, swapped: ir.Value, obtuse: ir.Value | None
) -> ir.Value:
    """atan(a/b) for 0 <= a <= b, where `swapped` pi/2 less it, and where `obtuse` pi less that."""
    t = m.div(a, b)
    z = m.mul(t, t)
    half_pi, low, _ = HALF_PI[32]
    quarters, negated = m.select(swapped, 1.0, 0.0), swapped
    correction = m.select(swapped, -low, 0.0)
    if obtuse is not None:
        quarters = m.select(swapped, 1.0, m.select(obtuse, 2.0, 0.0))
        correction = m.select(obtuse, m.select(swapped, low, -2.0 * low), correction)
        negated = m.xor(swapped, obtuse)
        lost = m.div(m.fma(m.neg(t), b, a), b)
        # The derivative 1 / (1 + z) is about 1 - z/2.
        correction = m.fma(lost, m.fma(z, -0.5, 1.0), correction)
    angle = m.add(t, m.fma(m.mul(t, z), m.estrin(z, _ATAN_TO_ONE), correction))
    return m.fma(quarters, half_pi, m.select(negated, m.neg(angle), angle))


class Ratio(NamedTuple):
    """A quotient of parts: (a + a_low) / (b + b_low), where the lows are corrections."""

    a: ir.Value
    a_low: ir.Value
    b: ir.Value
    b_low: ir.Value


def _double_angle(
    m: Lanes, a: ir.Value, b: ir.Value, swapped: ir.Value, obtuse: ir.Value | None
) -> ir.Value:
    """The same in double.

    Every such angle is k * pi/4 +- atan(t), with t = a/b or (a - b) / (a + b) below tan(pi/8).
    """
    steep = m.gt(a, m.mul(b, _TAN_EIGHTH_PI))
    ratio = _beyond_eighth_turn(m, a, b, steep)
    k = m.select(steep, 1.0, 0.0)
    k = m.select(swapped, m.sub(2.0, k), k)
    negated = swapped
    if obtuse is not None:
        k = m.select(obtuse, m.sub(4.0, k), k)
        negated = m.xor(swapped, obtuse)
    t, low = _divide(m, ratio, negated)
    z = m.mul(t, t)
    slope_less_one = m.neg(z)
    rest = m.fma(m.mul(t, z), m.estrin(z, _ATAN[m.bits]), m.fma(slope_less_one, low, low))
    first, second, _ = (part / 2 for part in HALF_PI[m.bits])
    base, base_low = m.two_prod(k, first)
    high, lost = m.quick_two_sum(base, t)
    return m.add(high, m.add(m.add(lost, m.fma(k, second, base_low)), rest))


def _beyond_eighth_turn(m: Lanes, a: ir.Value, b: ir.Value, steep: ir.Value) -> Ratio:
    """a/b, or (a - b) / (a + b) where `steep`: the tangent of an angle less pi/4."""
    difference, difference_low = m.quick_two_sum(m.neg(b), a)
    total, total_low = m.quick_two_sum(b, a)
    return Ratio(
        m.select(steep, difference, a),
        m.select(steep, difference_low, 0.0),
        m.select(steep, total, b),
        m.select(steep, total_low, 0.0),
    )


def _divide(m: Lanes, ratio: Ratio, negated: ir.Value) -> tuple[ir.Value, ir.Value]:
    """The ratio, with its sign changed where `negated`, as a number and a correction."""
    reciprocal = m.div(m.select(negated, -1.0, 1.0), ratio.b)
    quotient = m.mul(ratio.a, reciprocal)
    signed = m.select(negated, m.neg(quotient), quotient)
    residual = m.fma(m.neg(signed), ratio.b, ratio.a)
    residual = m.fma(m.neg(signed), ratio.b_low, m.add(residual, ratio.a_low))
    return quotient, m.mul(residual, reciprocal)


def atan(m: Lanes, x: ir.Value) -> ir.Value:
    """The arctangent; +-pi/2 at infinities; keeps -0."""
    # Beyond the bound the arctangent rounds to pi/2, and 1 / |x| could be subnormal.
    magnitude = m.at_most(m.abs(x), 2.0**64)
    swapped = m.gt(magnitude, 1.0)
    a = m.select(swapped, 1.0, magnitude)
    b = m.select(swapped, magnitude, 1.0)
    angle = _float_angle if m.bits == 32 else _double_angle
    return m.copysign(angle(m, a, b, swapped, None), x)


def atan2(m: Lanes, y: ir.Value, x: ir.Value) -> ir.Value:
    """The angle in (-pi, pi] of the point (x, y).

    The special cases of C99 Annex F: signed zeros pick the side of the cut, the point (0, 0) lies
    on the half axis that the sign of x says, and infinities count as equal.
    """
    absolute_y, absolute_x = m.abs(y), m.abs(x)
    swapped = m.gt(absolute_y, absolute_x)
    a = m.select(swapped, absolute_x, absolute_y)
    b = m.select(swapped, absolute_y, absolute_x)
    a, b = _to_defined_ratio(m, a, b)
    obtuse = m.int_lt(m.bitcast_to_int(x), 0)
    if m.bits == 32:
        # So that no number in the correction of the quotient is subnormal, where it matters.
        scale = m.select(m.lt(b, 2.0**-80), 2.0**80, 1.0)
        angle = _float_angle(m, m.mul(a, scale), m.mul(b, scale), swapped, obtuse)
        return m.copysign(angle, y)
    return m.copysign(_double_angle(m, *_to_safe_range(m, a, b), swapped, obtuse), y)


def _to_defined_ratio(m: Lanes, a: ir.Value, b: ir.Value) -> tuple[ir.Value, ir.Value]:
    """a and b but for b = 0 and b = inf: 1, and a becomes 0, or 1 where it is infinite too."""
    degenerate = m.or_(m.eq(b, 0.0), m.eq(b, math.inf))
    zero_or_one = m.select(m.eq(a, math.inf), 1.0, m.mul(a, 0.0))
    return m.select(degenerate, zero_or_one, a), m.select(degenerate, 1.0, b)


def _to_safe_range(m: Lanes, a: ir.Value, b: ir.Value) -> tuple[ir.Value, ir.Value]:
    """Two numbers of the ratio a/b <= 1 whose sum and reciprocals are normal numbers."""
    step = 2.0 ** (m.mantissa_bits + 8)
    large, small = 2.0 ** (m.bias - 7) / step, 2.0**-m.bias * step
    scale = m.select(m.gt(b, large), 1 / step, m.select(m.lt(a, small), step, 1.0))
    return m.mul(a, scale), m.mul(b, scale)


FUNCTIONS: dict[str, Callable[..., ir.Value]] = {
    "asin": asin,
    "acos": acos,
    "atan": atan,
    "atan2": atan2,
}
