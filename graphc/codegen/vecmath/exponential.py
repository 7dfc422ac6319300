"""exp, exp2, expm1 and the logistic sigmoid.

All write the argument as n * ln 2 + r with an integer n and |r| <= ln(2) / 2, evaluate a polynomial
at r and scale by 2**n. The polynomials are minimax fits (Remez exchange) of relative error, made
for this file; their coefficients stand with the constant term first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from llvmlite import ir

from graphc.codegen.vecmath.arith import Lanes
from graphc.codegen.vecmath.rare_path import replace_inline_where

LOG2_E = 1.4426950408889634

LN2_HIGH = {32: 0.693145751953125, 64: 0.693147180559663}
"""ln 2 cut to 16 (float) and 41 (double) fraction bits: its product with any n is exact."""

LN2_LOW = {32: 1.428606765330187e-06, 64: 2.8235290563031577e-13}
"""ln 2 less LN2_HIGH."""

# (e**r - 1 - r) / r**2 on [-ln(2)/2, ln(2)/2], for errors relative to e**r:
# degree 4, 2**-27.9 (float); degree 9, 2**-56.3 (double).
_EXP = {
    32: (
        0.4999999403953552,
        0.1666652113199234,
        0.04166838899254799,
        0.008368710055947304,
        0.0013814624398946762,
    ),
    64: (
        0.5000000000000011,
        0.16666666666666413,
        0.041666666666530267,
        0.008333333333494335,
        0.0013888888943597957,
        0.00019841269506776788,
        2.480149313592624e-05,
        2.7557586268204463e-06,
        2.7630234008822597e-07,
        2.5000071881863764e-08,
    ),
}

# (e**r - 1 - r) / r**2 on [-ln(2)/2, ln(2)/2], for errors relative to e**r - 1:
# degree 5, 2**-28.7 (float); degree 10, 2**-59.8 (double).
_EXPM1 = {
    32: (
        0.5,
        0.1666666567325592,
        0.041666362434625626,
        0.008333389647305012,
        0.0013940617209300399,
        0.00019845877250190824,
    ),
    64: (
        0.5,
        0.16666666666666677,
        0.04166666666666651,
        0.0083333333333217,
        0.0013888888888962247,
        0.0001984126988594058,
        2.480158717272826e-05,
        2.7557244402648514e-06,
        2.7557402522554334e-07,
        2.5108968011910573e-08,
        2.087535528826342e-09,
    ),
}

# (2**r - 1) / r on [-1/2, 1/2], for errors relative to 2**r:
# degree 5, 2**-25.9 (float); degree 10, 2**-55.0 (double).
_EXP2 = {
    32: (
        0.6931471824645996,
        0.24022647738456726,
        0.055503323674201965,
        0.00961843691766262,
        0.0013398873852565885,
        0.0001535335904918611,
    ),
    64: (
        0.6931471805599453,
        0.2402265069591013,
        0.055504108664820084,
        0.009618129107594112,
        0.00133335581467742,
        0.00015403530457120377,
        1.5252733493460955e-05,
        1.3215435278587989e-06,
        1.0178199450400413e-07,
        7.07378382872704e-09,
        4.4347878681336847e-10,
    ),
}

# Outside these the results are 0 or infinite (less than half of the smallest subnormal).
_EXP_RANGE = {32: (-104.0, 89.0), 64: (-746.0, 710.0)}
EXP2_RANGE = {32: (-151.0, 129.0), 64: (-1076.0, 1025.0)}
# Below the first e**x - 1 rounds to -1.
_EXPM1_RANGE = {32: (-18.0, 89.0), 64: (-38.0, 710.0)}
# Up to here e**-x is far from overflow, and the sigmoid from underflow; beyond, 1 + e**-x rounds.
_SIGMOID_BOUND = {32: 80.0, 64: 700.0}


class Reduced(NamedTuple):
    """x = n ln 2 + high + low: n an integer, `high` exact, and `low` a correction below an ulp."""

    n: ir.Value
    high: ir.Value
    low: ir.Value
    rest: ir.Value
    """high + low, rounded: within [-ln(2)/2, ln(2)/2]."""


def reduce_by_ln2(m: Lanes, x: ir.Value) -> Reduced:
    """Cody and Waite's reduction. |x| must be below 1100; NaN gives NaN and some n."""
    shifted = m.fma(x, LOG2_E, m.int_shifter)
    k, n = m.shifted_to_int(shifted)
    high = m.fma(k, -LN2_HIGH[m.bits], x)
    low = m.mul(k, -LN2_LOW[m.bits])
    return Reduced(n, high, low, m.fma(k, -LN2_LOW[m.bits], high))


def scale(m: Lanes, value: ir.Value, n: ir.Value, negative: ir.Value) -> ir.Value:
    """The product value * 2**n, rounded once, for value in [1/2, 2] and n that exp2 can meet.

    2**n itself may be subnormal or infinite. So multiply by 2**(n + 64), then 2**-64, where
    `negative` says that n <= 0, and by 2**(n - 1), then 2, in the other lanes.
    """
    first = m.power_of_two(m.int_add(n, m.int_select(negative, 64, -1)))
    return m.mul(m.mul(value, first), m.select(negative, 2.0**-64, 2.0))


def clamp(m: Lanes, x: ir.Value, bounds: tuple[float, float]) -> ir.Value:
    """Brings x into `bounds`; NaN stays NaN."""
    return m.at_most(m.at_least(x, bounds[0]), bounds[1])


def exp_of_rest(m: Lanes, rest: ir.Value) -> ir.Value:
    """e**rest for |rest| <= ln(2) / 2."""
    return m.fma(rest, m.fma(rest, m.polynomial(rest, _EXP[m.bits]), 1.0), 1.0)


def expm1_of_rest(m: Lanes, reduced: Reduced) -> ir.Value:
    """e**(high + low) - 1: the first term of the series is added last, without its rounding."""
    rest = reduced.rest
    tail = m.polynomial(rest, _EXPM1[m.bits])
    return m.add(reduced.high, m.fma(m.mul(rest, rest), tail, reduced.low))


def exp(m: Lanes, x: ir.Value) -> ir.Value:
    """e**x; float: float32-only arithmetic, one polynomial of degree 6."""
    clamped = clamp(m, x, _EXP_RANGE[m.bits])
    reduced = reduce_by_ln2(m, clamped)
    return scale(m, exp_of_rest(m, reduced.rest), reduced.n, m.lt(clamped, 0.0))


def exp2(m: Lanes, x: ir.Value) -> ir.Value:
    """2**x, exact for integers."""
    return exp2_of_sum(m, x, None)


def exp2_of_sum(m: Lanes, high: ir.Value, low: ir.Value | None) -> ir.Value:
    """2**(high + low), where `low` is below 1/2, and 0 where `high` is out of EXP2_RANGE."""
    clamped = clamp(m, high, EXP2_RANGE[m.bits])
    mantissa, n = exp2_in_parts(m, clamped, low)
    return scale(m, mantissa, n, m.lt(clamped, 0.0))


def exp2_in_parts(m: Lanes, high: ir.Value, low: ir.Value | None) -> tuple[ir.Value, ir.Value]:
    """2**(high + low) as a number of about 1 and an exponent of 2, for `high` in EXP2_RANGE."""
    k, n = m.round_to_int(high if low is None else m.add(high, low))
    rest = m.sub(high, k)
    rest = rest if low is None else m.add(rest, low)
    return m.fma(rest, m.polynomial(rest, _EXP2[m.bits]), 1.0), n


def expm1(m: Lanes, x: ir.Value) -> ir.Value:
    """e**x - 1: p * 2**n + (2**n - 1), where p = e**r - 1; halved, lest 2**n overflow."""
    reduced = reduce_by_ln2(m, clamp(m, x, _EXPM1_RANGE[m.bits]))
    half_power = m.power_of_two(m.int_sub(reduced.n, 1))
    half = m.fma(half_power, expm1_of_rest(m, reduced), m.sub(half_power, 0.5))
    tiny = m.lt(m.abs(x), 2.0 ** -(m.mantissa_bits + 2))
    return m.select(tiny, x, m.mul(half, 2.0))


def sigmoid(m: Lanes, x: ir.Value) -> ir.Value:
    """1 / (1 + e**-x), where e**-x = 2**n * (1 + p) goes into the sum without being rounded.

    Beyond the bound it is 1 or e**x, which may be subnormal; e**-x might overflow there.
    """
    reduced = reduce_by_ln2(m, m.neg(x))
    power, rest = m.power_of_two(reduced.n), reduced.rest
    p = m.fma(m.mul(rest, rest), m.polynomial(rest, _EXP[m.bits]), rest)
    divisor = m.fma(power, p, m.add(power, 1.0))
    quotient = m.div(1.0, divisor)
    lost = m.fma(power, p, m.add(m.sub(power, divisor), 1.0))
    usual = m.fma(quotient, m.neg(m.mul(quotient, lost)), quotient)
    far = m.gt(m.abs(x), _SIGMOID_BOUND[m.bits])
    return replace_inline_where(m, far, usual, _sigmoid_of_far, x)


def _sigmoid_of_far(m: Lanes, x: ir.Value) -> ir.Value:
    return m.select(m.gt(x, 0.0), 1.0, exp(m, x))


FUNCTIONS: dict[str, Callable[..., ir.Value]] = {
    "exp": exp,
    "exp2": exp2,
    "expm1": expm1,
    "sigmoid": sigmoid,
}
