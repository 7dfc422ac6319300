"""pow, as 2**(y * log2(x)) with a logarithm of more than the type's precision.

What is usual, a normal base above 0 and a normal result, takes the short way. The signs of powers
of negative bases come after a branch, and all other cases out of line.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from llvmlite import ir

from graphc.codegen.vecmath.arith import Lanes
from graphc.codegen.vecmath.exponential import EXP2_RANGE, exp2_in_parts, exp2_of_sum
from graphc.codegen.vecmath.log2_pair import Pair, log2_of_normal
from graphc.codegen.vecmath.logarithm import smallest_normal
from graphc.codegen.vecmath.rare_path import replace_inline_where, replace_where


def pow_(m: Lanes, x: ir.Value, y: ir.Value) -> ir.Value:
    """x**y with the special cases of C99, annex F.9.4.4."""
    magnitude = m.abs(x)
    product, low = _product(m, y, log2_of_normal(m, magnitude))
    mantissa, n = exp2_in_parts(m, product, low)
    power = m.mul(mantissa, m.power_of_two(n))
    signed = replace_inline_where(m, m.lt(x, 0.0), power, _with_sign_and_domain, x, y, power)
    normal = m.and_(m.ge(magnitude, smallest_normal(m)), m.lt(magnitude, math.inf))
    usual = m.and_(normal, m.lt(m.abs(product), m.bias - 2.0))  # so y is finite too
    return replace_where(m, m.not_(usual), signed, "pow.any", _any_power, x, y)


def _product(m: Lanes, y: ir.Value, log: Pair) -> Pair:
    """y * log, where log[1] is below 2**-11 of log[0]."""
    product, low = m.two_prod(y, log[0])
    return product, m.fma(y, log[1], low)


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


def _any_power(m: Lanes, x: ir.Value, y: ir.Value) -> ir.Value:
    """x**y for all arguments."""
    magnitude = m.abs(x)
    product, low = _product(m, y, _log2(m, magnitude))
    within = m.lt(m.abs(product), -EXP2_RANGE[m.bits][0])
    power = exp2_of_sum(m, product, m.select(within, low, 0.0))
    # With an infinite y, y * log2(1) is NaN.
    power = m.select(m.eq(magnitude, 1.0), m.select(m.unordered(y), y, 1.0), power)
    return _with_sign_and_domain(m, x, y, power)


def _log2(m: Lanes, x: ir.Value) -> Pair:
    """log2(x) for x >= 0, subnormals included; infinite at 0 and inf, NaN at NaN."""
    shift = float(m.mantissa_bits + 1)
    tiny = m.lt(x, smallest_normal(m))
    high, low = log2_of_normal(m, m.select(tiny, m.mul(x, 2.0**shift), x))
    total, lost = m.two_sum(high, m.select(tiny, -shift, 0.0))
    at_ends = m.select(m.eq(x, 0.0), -math.inf, m.select(m.lt(x, math.inf), total, x))
    return at_ends, m.add(low, lost)


FUNCTIONS: dict[str, Callable[..., ir.Value]] = {"pow": pow_}
