"""pow, cbrt and rsqrt."""

from __future__ import annotations

import math
from collections.abc import Callable

from llvmlite import ir

from graphc.codegen.vecmath.arith import Lanes
from graphc.codegen.vecmath.exponential import exp2_of_sum
from graphc.codegen.vecmath.logarithm import Split, bit_pattern, split, split_normal

# log2(1 + f) / f on [sqrt(1/2) - 1, sqrt(2) - 1], minimax (Remez exchange) for relative errors, the
# constant term first: degree 13, 2**-37.9. For the float32 pow, in double arithmetic.
_LOG2_FOR_FLOAT = (
    1.4426950408865744,
    -0.7213475203275602,
    0.4808983488029912,
    -0.36067379313699566,
    0.28853879571863295,
    -0.24044643351806982,
    0.20610712311952842,
    -0.18043675330945136,
    0.1602166738114174,
    -0.14249860557584593,
    0.13027548347122128,
    -0.13462934563068343,
    0.13251274036329147,
    -0.0697399064191773,
)

# (2**r - 1) / r on [-1/2, 1/2], minimax for errors relative to 2**r: degree 7, 2**-40.1.
_EXP2_FOR_FLOAT = (
    0.6931471805482127,
    0.2402265069811061,
    0.05550410935265394,
    0.00961812861611814,
    0.0013333454861173175,
    0.00015403825465325012,
    1.5309156050000235e-05,
    1.3178933224965987e-06,
)

# (atanh(s) / s - 1 - z / 3 - z**2 / 5) / z**3 with z = s**2, for |s| <= (sqrt(2) - 1) / (sqrt(2) +
# 1), minimax for errors relative to atanh(s) / s: degree 6, 2**-72.2.
_ATANH_TAIL = (
    0.14285714285716578,
    0.1111111111000735,
    0.09090909302536375,
    0.07692286464400881,
    0.0666788091252109,
    0.058425351960533244,
    0.059553597227667406,
)

# Sums of two numbers, to 106 bits.
_ONE_THIRD = (0.3333333333333333, 1.850371707708594e-17)
_ONE_FIFTH = (0.2, -1.1102230246251566e-17)
_TWO_OVER_LN2 = (2.8853900817779268, 4.0710547481862066e-17)

# m**(-1/3) on [1, 2], minimax for relative errors: degree 2, 2**-9.1; degree 4, 2**-14.7.
_RECIPROCAL_CBRT = {
    32: (1.3881570100784302, -0.4833225905895233, 0.09339794516563416),
    64: (
        1.6700067268161987,
        -1.1728800784526245,
        0.695482391008504,
        -0.2212377000659338,
        0.02859099308545052,
    ),
}
_CBRT_1_2 = 0.7937005259840998
_CBRT_1_4 = 0.6299605249474366

Pair = tuple[ir.Value, ir.Value]
"""A number as the unevaluated sum of a value and a correction below its ulp."""


def rsqrt(m: Lanes, x: ir.Value) -> ir.Value:
    """1 / sqrt(x): -inf at -0, NaN below."""
    return m.div(1.0, m.sqrt(x))


def cbrt(m: Lanes, x: ir.Value) -> ir.Value:
    """The cube root: |x| = t * 8**k with t in [1, 8), and c = t * r**2 for an r near t**(-1/3).

    r takes one step of Halley's method, c one of Newton's with an exactly computed residual.
    """
    magnitude = m.abs(x)
    t, k = _cube_free_part(m, magnitude)
    r = _reciprocal_cbrt(m, t)
    c = m.mul(m.mul(t, r), r)
    square, square_low = m.two_prod(c, c)
    residual = m.fma(m.neg(square_low), c, m.fma(m.neg(square), c, t))
    root = m.fma(residual, m.mul(m.mul(r, r), 1.0 / 3.0), c)
    finite = m.and_(m.gt(magnitude, 0.0), m.lt(magnitude, math.inf))
    return m.select(finite, m.copysign(m.mul(root, m.power_of_two(k)), x), x)


def _cube_free_part(m: Lanes, x: ir.Value) -> tuple[ir.Value, ir.Value]:
    """For x > 0, t in [1, 8) and the integer k with x = t * 8**k."""
    shift = {32: 24, 64: 54}[m.bits]
    tiny = m.lt(x, 2.0 ** (1 - m.bias))
    bits = m.bitcast_to_int(m.select(tiny, m.mul(x, 2.0**shift), x))
    exponent = m.int_sub(m.lshr(bits, m.mantissa_bits), m.bias)
    third, k = m.round_to_int(m.fma(m.int_to_float(exponent), 1.0 / 3.0, -1.0 / 3.0))
    remainder = m.sub(m.int_to_float(exponent), m.mul(third, 3.0))
    fraction = m.and_(bits, (1 << m.mantissa_bits) - 1)
    power = m.shl(m.int_add(m.float_to_int(remainder), m.bias), m.mantissa_bits)
    t = m.bitcast_to_float(m.or_(fraction, power))
    return t, m.int_sub(k, m.int_select(tiny, shift // 3, 0))


def _reciprocal_cbrt(m: Lanes, t: ir.Value) -> ir.Value:
    """t**(-1/3) for t in [1, 8), to 2**-25 (float) or 2**-41 (double)."""
    fraction = m.and_(m.bitcast_to_int(t), (1 << m.mantissa_bits) - 1)
    mantissa = m.bitcast_to_float(m.or_(fraction, bit_pattern(m, 1.0)))
    factor = m.select(m.lt(t, 2.0), 1.0, m.select(m.lt(t, 4.0), _CBRT_1_2, _CBRT_1_4))
    start = m.mul(m.horner(mantissa, _RECIPROCAL_CBRT[m.bits]), factor)
    error = m.fma(m.mul(m.neg(t), start), m.mul(start, start), 1.0)
    return m.fma(m.mul(start, error), m.fma(error, 2.0 / 9.0, 1.0 / 3.0), start)


def pow_(m: Lanes, x: ir.Value, y: ir.Value) -> ir.Value:
    """x**y with the special cases of C99, annex F.9.4.4."""
    magnitude = _power_of_magnitude(m, m.abs(x), y)
    return _with_sign_and_domain(m, x, y, magnitude)


def _with_sign_and_domain(m: Lanes, x: ir.Value, y: ir.Value, magnitude: ir.Value) -> ir.Value:
    """x**y from |x|**y: a sign where y is odd, NaN where x < 0 and y is no integer; 1 at y = 0."""
    whole = m.eq(m.trunc(y), y)
    half = m.mul(y, 0.5)
    odd = m.and_(whole, m.ne(m.trunc(half), half))
    sign = m.and_(m.bitcast_to_int(x), m.int_select(odd, 1 << (m.bits - 1), 0))
    signed = m.bitcast_to_float(m.or_(m.bitcast_to_int(magnitude), sign))
    negative = m.and_(m.lt(x, 0.0), m.gt(x, -math.inf))
    undefined = m.and_(negative, m.not_(m.or_(whole, m.unordered(y))))
    return m.select(m.or_(m.eq(x, 1.0), m.eq(y, 0.0)), 1.0, m.select(undefined, math.nan, signed))


def _power_of_magnitude(m: Lanes, x: ir.Value, y: ir.Value) -> ir.Value:
    """x**y for x >= 0 or NaN; where y = 0, anything."""
    if m.bits == 32:
        power = _power_through_double(m, x, y)
    else:
        power = exp2_of_sum(m, *_product(m, y, _log2(m, x)))
    # With an infinite y, y * log2(1) is NaN.
    return m.select(m.eq(x, 1.0), m.select(m.unordered(y), y, 1.0), power)


def _power_through_double(m: Lanes, x: ir.Value, y: ir.Value) -> ir.Value:
    """2**(y * log2(x)) in double arithmetic, for float values."""
    d = m.widen()
    base = m.to_double(x)
    exponent, f = split_normal(d, base)
    log = d.fma(f, d.horner(f, _LOG2_FOR_FLOAT), d.int_to_float(exponent))
    log = _log_at_ends(d, base, log)
    product = d.mul(m.to_double(y), log)
    clamped = d.at_most(d.at_least(product, -160.0), 140.0)
    k, n = d.round_to_int(clamped)
    rest = d.sub(clamped, k)
    mantissa = d.fma(rest, d.horner(rest, _EXP2_FOR_FLOAT), 1.0)
    return m.from_double(d.mul(mantissa, d.power_of_two(n)))


def _log_at_ends(m: Lanes, x: ir.Value, log: ir.Value) -> ir.Value:
    """`log` for positive x; -inf at 0, inf at inf, NaN at NaN."""
    return m.select(m.eq(x, 0.0), -math.inf, m.select(m.lt(x, math.inf), log, x))


def _log2(m: Lanes, x: ir.Value) -> Pair:
    """log2(x) with about 68 bits, from atanh(s) for s = f / (2 + f); infinite at 0 and inf."""
    parts: Split = split(m, x)
    series = _atanh(m, _ratio(m, parts.f))
    high, low = _pair_product(m, series, (m.const(_TWO_OVER_LN2[0]), m.const(_TWO_OVER_LN2[1])))
    total, lost = m.quick_two_sum(parts.e, high)
    return _log_at_ends(m, x, total), m.add(lost, low)


def _ratio(m: Lanes, f: ir.Value) -> Pair:
    """The quotient f / (2 + f)."""
    denominator = m.add(f, 2.0)
    denominator_low = m.sub(f, m.sub(denominator, 2.0))
    reciprocal = m.div(1.0, denominator)
    s = m.mul(f, reciprocal)
    remainder = m.fma(m.neg(s), denominator_low, m.fma(m.neg(s), denominator, f))
    return s, m.mul(remainder, reciprocal)


def _atanh(m: Lanes, s: Pair) -> Pair:
    """s + s * (z / 3 + z**2 / 5 + z**3 * tail(z)) with z = s**2, its first terms as pairs."""
    square, square_low = m.two_prod(s[0], s[0])
    z = square, m.fma(m.add(s[0], s[0]), s[1], square_low)
    tail = m.mul(square, m.horner(square, _ATANH_TAIL))
    fifth = _add_to_constant(m, _ONE_FIFTH, (tail, m.const(0.0)))
    third = _add_to_constant(m, _ONE_THIRD, _pair_product(m, z, fifth))
    beyond = _pair_product(m, s, _pair_product(m, z, third))
    total, lost = m.quick_two_sum(s[0], beyond[0])
    return total, m.add(lost, m.add(s[1], beyond[1]))


def _add_to_constant(m: Lanes, constant: tuple[float, float], smaller: Pair) -> Pair:
    """The sum, where `smaller` is below the constant."""
    total, lost = m.quick_two_sum(constant[0], smaller[0])
    return total, m.add(lost, m.add(smaller[1], constant[1]))


def _pair_product(m: Lanes, a: Pair, b: Pair) -> Pair:
    """The product a * b without the product of the corrections."""
    product, low = m.two_prod(a[0], b[0])
    return product, m.fma(a[0], b[1], m.fma(a[1], b[0], low))


def _product(m: Lanes, y: ir.Value, log: Pair) -> Pair:
    """y * log; where that is far out of the range of exponents, the correction is 0."""
    product, low = m.two_prod(y, log[0])
    low = m.fma(y, log[1], low)
    return product, m.select(m.lt(m.abs(product), 2.0 * m.bias), low, 0.0)


FUNCTIONS: dict[str, Callable[..., ir.Value]] = {
    "pow": pow_,
    "cbrt": cbrt,
    "rsqrt": rsqrt,
}
