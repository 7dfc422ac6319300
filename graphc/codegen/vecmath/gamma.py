"""lgamma and digamma.

Near the zeros of lgamma (1 and 2) and the positive zero of digamma a polynomial times the distance
from the zero; further right, Stirling's series as a minimax polynomial in 1/x**2; further left, the
recurrence, which adds a logarithm or a reciprocal. All of it as unevaluated sums of two doubles:
results of both signs and of any size cancel. Negative arguments take the reflection formula, out of
line. Float goes through double arithmetic with shorter polynomials.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from llvmlite import ir

from graphc.codegen.vecmath.arith import Lanes
from graphc.codegen.vecmath.gamma_tables import (
    COTANGENT_SLOPE,
    LOG_PI,
    ONE_LESS_EULER,
    PI,
    ROOT,
    SLOPE,
    STIRLING_CONSTANT,
    TABLES,
    Coefficients,
    DoubleDouble,
    Tables,
)
from graphc.codegen.vecmath.logarithm import LN2, split
from graphc.codegen.vecmath.rare_path import replace_where

_LGAMMA_FAR_FROM = 2.5
_DIGAMMA_FAR_FROM = 2.0


class Pair(NamedTuple):
    """A number as `leading` + `rest`, where |rest| is a small part of it."""

    leading: ir.Value
    rest: ir.Value


def _sum(m: Lanes, a: Pair, b: Pair) -> Pair:
    leading, lost = m.two_sum(a.leading, b.leading)
    return Pair(leading, m.add(lost, m.add(a.rest, b.rest)))


def _negative(m: Lanes, a: Pair) -> Pair:
    return Pair(m.neg(a.leading), m.neg(a.rest))


def _select(m: Lanes, condition: ir.Value, a: Pair, b: Pair) -> Pair:
    return Pair(m.select(condition, a.leading, b.leading), m.select(condition, a.rest, b.rest))


def _times(m: Lanes, a: Pair, x: ir.Value) -> Pair:
    product, low = m.two_prod(a.leading, x)
    return Pair(product, m.fma(a.rest, x, low))


def _plus_smaller(m: Lanes, a: DoubleDouble, b: Pair) -> Pair:
    """a + b where |b| <= |a|."""
    leading, lost = m.quick_two_sum(a[0], b.leading)
    return Pair(leading, m.add(lost, m.add(b.rest, a[1])))


def _polynomial(m: Lanes, x: ir.Value, constant: DoubleDouble, coefficients: Coefficients) -> Pair:
    """constant + x * polynomial(x), where the constant dominates."""
    leading, lost = m.quick_two_sum(constant[0], m.mul(x, m.estrin(x, coefficients)))
    return Pair(leading, m.add(lost, constant[1]) if constant[1] else lost)


def _curve(m: Lanes, x: ir.Value, constant: DoubleDouble, coefficients: Coefficients) -> Pair:
    """constant + x * polynomial(x) as `_polynomial`, with the linear term in full precision too."""
    slope = _polynomial(m, x, (coefficients[0], 0.0), coefficients[1:])
    return _plus_smaller(m, constant, _times(m, slope, x))


def _log(m: Lanes, x: ir.Value, coefficients: Coefficients) -> Pair:
    """log(x) for finite x > 0, to 2**-57 of itself; of other x some number.

    `coefficients` are those of (log(1 + f) - f + f**2/2) / f**3.
    """
    parts = split(m, x)
    octave_high, octave_low = LN2[64]
    square, square_low = m.two_prod(parts.f, parts.f)
    high, lost = m.quick_two_sum(parts.f, m.mul(square, -0.5))
    cubic = m.mul(m.mul(parts.f, square), m.estrin(parts.f, coefficients))
    low = m.add(m.fma(square_low, -0.5, lost), m.fma(parts.e, octave_low, cubic))
    leading, lost = m.quick_two_sum(m.mul(parts.e, octave_high), high)
    return Pair(leading, m.add(lost, low))


# ---- lgamma ------------------------------------------------------------------------------------


def _lgamma_of_positive(m: Lanes, x: ir.Value, tables: Tables) -> Pair:
    """lgamma for x > 0. At inf and beyond the range `leading` is infinite and `rest` NaN."""
    below_half = m.lt(x, 0.5)
    product = m.fma(x, x, x)
    product_low = m.fma(x, x, m.sub(x, product))
    reciprocal = m.div(1.0, m.select(below_half, product, x))
    log = _log(m, m.select(below_half, product, x), tables.log_tail)
    # 1 / x may overflow, but then there is nothing to correct.
    correction = m.mul(product_low, m.at_most(reciprocal, 2.0**1000))
    log = log._replace(rest=m.add(log.rest, m.select(below_half, correction, 0.0)))
    near = _lgamma_near(m, x, below_half, log, tables)
    far = _stirling(m, x, reciprocal, log, tables)
    return _select(m, m.ge(x, _LGAMMA_FAR_FROM), far, near)


def _lgamma_near(m: Lanes, x: ir.Value, below_half: ir.Value, log: Pair, tables: Tables) -> Pair:
    """lgamma below 5/2: from lgamma(x + 2) - log(x (x + 1)), lgamma(x + 1) - log(x) or itself."""
    below_three_halves = m.lt(x, 1.5)
    to_two = m.select(below_half, 0.0, m.select(below_three_halves, -1.0, -2.0))
    distance = m.add(x, to_two)
    result = _times(m, _curve(m, distance, ONE_LESS_EULER, tables.lgamma_near), distance)
    factor = m.select(below_three_halves, -1.0, 0.0)
    return _sum(m, Pair(m.mul(factor, log.leading), m.mul(factor, log.rest)), result)


def _stirling(m: Lanes, x: ir.Value, reciprocal: ir.Value, log: Pair, tables: Tables) -> Pair:
    """(x - 1/2) (log(x) - 1) + log(2 pi)/2 - 1/2 + p(1/x**2) / x."""
    series = m.mul(reciprocal, m.estrin(m.mul(reciprocal, reciprocal), tables.lgamma_far))
    log_less_one, lost = m.quick_two_sum(log.leading, -1.0)
    product = _times(m, Pair(log_less_one, m.add(lost, log.rest)), m.sub(x, 0.5))
    constant, constant_low = STIRLING_CONSTANT
    return _sum(m, product, Pair(m.const(constant), m.add(series, constant_low)))


def _lgamma_of_negative(m: Lanes, x: ir.Value) -> ir.Value:
    """lgamma for x < 0: log(pi / (|x| |sin(pi x)|)) - lgamma(|x|); inf at integers and -inf."""
    d, tables = m.widen(), TABLES[64]  # for float too: terms cancel near the zeros
    magnitude = d.abs(m.to_double(x))
    mirrored = _lgamma_of_positive(d, magnitude, tables)
    distance = d.abs(d.sub(magnitude, d.rint(magnitude)))
    sine = _times(d, _polynomial(d, d.mul(distance, distance), PI, tables.sine), distance)
    product = _times(d, sine, magnitude)
    log = _log(d, product.leading, tables.log_tail)
    log = log._replace(rest=d.add(log.rest, d.div(product.rest, product.leading)))
    log_pi = Pair(d.const(LOG_PI[0]), d.const(LOG_PI[1]))
    result = _sum(d, log_pi, _negative(d, _sum(d, log, mirrored)))
    # Where the product would underflow, lgamma(x) and lgamma(-x) are the same.
    result = _select(d, d.lt(magnitude, 2.0**-100), mirrored, result)
    total = d.add(result.leading, result.rest)
    return m.from_double(d.select(d.gt(distance, 0.0), total, math.inf))


def lgamma(m: Lanes, x: ir.Value) -> ir.Value:
    """log|gamma(x)|; inf at 0, negative integers and both infinities.

    For x < 0 in float64, errors are in ulps of max(|result|, 1): relative accuracy near the zeros
    between the negative integers is not attempted. Elsewhere they are in ulps of the result, also
    near the zeros 1 and 2.
    """
    d = m.widen()
    wide = m.to_double(x)
    result = _lgamma_of_positive(d, wide, TABLES[m.bits])
    infinite = d.or_(d.eq(wide, 0.0), d.eq(result.leading, math.inf))
    total = d.select(infinite, math.inf, d.add(result.leading, result.rest))
    negative = m.lt(x, 0.0)
    usual = m.from_double(total)
    return replace_where(m, negative, usual, "lgamma.negative", _lgamma_of_negative, x)


# ---- digamma -----------------------------------------------------------------------------------


def _reciprocal(m: Lanes, x: ir.Value) -> Pair:
    """1 / x; where the reciprocal is infinite, `rest` is NaN."""
    reciprocal = m.div(1.0, x)
    return Pair(reciprocal, m.mul(reciprocal, m.fma(m.neg(reciprocal), x, 1.0)))


def _digamma_of_positive(
    m: Lanes, x: ir.Value, reciprocal: Pair, reciprocals_added: float, tables: Tables
) -> Pair:
    """digamma(x) + reciprocals_added / x, for x > 0."""
    below_one, far = m.lt(x, 1.0), m.ge(x, _DIGAMMA_FAR_FROM)
    base = _select(m, far, _digamma_series(m, x, reciprocal, tables), _digamma_near(m, x, tables))
    factor = m.select(far, -0.5, m.select(below_one, -1.0, 0.0))
    factor = m.add(factor, reciprocals_added)
    return _sum(m, base, Pair(*(m.mul(factor, part) for part in reciprocal)))


def _digamma_near(m: Lanes, x: ir.Value, tables: Tables) -> Pair:
    """digamma(x) for 1 <= x < 2, and digamma(x + 1) for 0 < x < 1."""
    distance = m.sub(x, m.select(m.lt(x, 1.0), ROOT[0] - 1.0, ROOT[0]))
    result = _times(m, _curve(m, distance, SLOPE, tables.digamma_near), distance)
    slope = m.fma(distance, 2.0 * tables.digamma_near[0], SLOPE[0])
    return result._replace(rest=m.fma(slope, -ROOT[1], result.rest))


def _digamma_series(m: Lanes, x: ir.Value, reciprocal: Pair, tables: Tables) -> Pair:
    """digamma(x) + 1 / (2 x) for x >= 2: log(x) - p(1/x**2) / x**2."""
    log = _log(m, x, tables.log_tail)
    w = m.mul(reciprocal.leading, reciprocal.leading)
    series = m.mul(w, m.estrin(w, tables.digamma_far))
    return log._replace(rest=m.sub(log.rest, series))


def _digamma_of_negative(m: Lanes, x: ir.Value) -> ir.Value:
    """digamma for x < 0: with a = -x, digamma(a) + 1/a + pi cot(pi a); NaN at integers and -inf."""
    d, tables = m.widen(), TABLES[64]  # for float too: terms cancel near the zeros
    magnitude = d.abs(m.to_double(x))
    mirrored = _digamma_of_positive(d, magnitude, _reciprocal(d, magnitude), 1.0, tables)
    distance = d.sub(magnitude, d.rint(magnitude))
    pole = _reciprocal(d, distance)
    squared = d.mul(distance, distance)
    smooth = _times(d, _curve(d, squared, COTANGENT_SLOPE, tables.cotangent), distance)
    result = _sum(d, _sum(d, pole, mirrored), smooth)
    total = d.add(result.leading, result.rest)
    total = d.select(d.eq(d.abs(pole.leading), math.inf), pole.leading, total)
    return m.from_double(d.select(d.eq(distance, 0.0), math.nan, total))


def digamma(m: Lanes, x: ir.Value) -> ir.Value:
    """The derivative of lgamma; -inf at 0, inf at -0 and inf, NaN at negative integers and -inf.

    For x < 0 in float64, errors are in ulps of max(|result|, 1): relative accuracy near the zeros
    between the negative integers is not attempted. Elsewhere they are in ulps of the result, also
    near the zero at 1.4616.
    """
    d = m.widen()
    wide = m.to_double(x)
    reciprocal = _reciprocal(d, wide)
    result = _digamma_of_positive(d, wide, reciprocal, 0.0, TABLES[m.bits])
    total = d.add(result.leading, result.rest)
    total = d.select(d.lt(wide, math.inf), total, wide)
    at_zero = d.eq(d.abs(reciprocal.leading), math.inf)
    usual = m.from_double(d.select(at_zero, d.neg(reciprocal.leading), total))
    negative = m.lt(x, 0.0)
    return replace_where(m, negative, usual, "digamma.negative", _digamma_of_negative, x)


FUNCTIONS: dict[str, Callable[..., ir.Value]] = {"lgamma": lgamma, "digamma": digamma}
