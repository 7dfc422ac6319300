"""log2 as an unevaluated sum of two numbers, for exponents in powers.

x = 2**e * c, with c in 16 cells of [45/64, 45/32), each with a number r near 1/c. These have so
few bits that f = c * r - 1 is exact, and |f| < 0.0342. So log2(x) = e - log2(r) + log2(1 + f),
where the cell around 1 has r = 1, and nothing cancels.
"""

from __future__ import annotations

import functools
import math
from decimal import Decimal, localcontext

from llvmlite import ir

from graphc.codegen.vecmath.arith import Lanes, round_to_float32
from graphc.codegen.vecmath.logarithm import LOG2_E, bit_pattern
from graphc.codegen.vecmath.lookup import lookup

Pair = tuple[ir.Value, ir.Value]
"""A number as the unevaluated sum of a value and one that is smaller."""

_START = 45 / 64
"""The least number of the first cell. Cells are 2**(mantissa_bits - 4) bit patterns long."""

# Of each cell's r with the fewest bits, those with the smallest largest |f| that is still exact.
_RECIPROCALS = tuple(
    n / 64 for n in (88, 86, 82, 78, 76, 74, 70, 68, 66, 64, 60, 57, 54, 51, 49, 46)
)

# (log(1 + f) - f + f**2/2) / f**3 for |f| <= 0.0342, minimax (Remez exchange) for errors relative
# to log(1 + f), the constant term first: degree 3, 2**-36.2 (float); degree 8, 2**-64.7 (double).
_TAIL = {
    32: (0.33333325386047363, -0.24999991059303284, 0.20023231208324432, -0.16689103841781616),
    64: (
        0.3333333333333333,
        -0.2499999999999832,
        0.19999999999996357,
        -0.16666666678329445,
        0.1428571430222015,
        -0.12499973134266992,
        0.11111080254431115,
        -0.10025235743346465,
        0.09116382126770751,
    ),
}

_WHOLE_BITS = 24 - 8, 53 - 11
"""Fraction bits of the leading part of log2(r), so that its sum with any exponent is exact."""


def log2_of_normal(m: Lanes, x: ir.Value) -> Pair:
    """log2(x) for positive normal x, to 2**-33 (float) or 2**-63 (double) of itself.

    The second number is below 2**-11 of the first.
    """
    offset = m.int_sub(m.bitcast_to_int(x), bit_pattern(m, _START) - (m.bias << m.mantissa_bits))
    exponent = m.int_sub(m.lshr(offset, m.mantissa_bits), m.bias)
    fraction = m.and_(offset, (1 << m.mantissa_bits) - 1)
    reduced = m.bitcast_to_float(m.int_add(fraction, bit_pattern(m, _START)))
    cell = m.lshr(offset, m.mantissa_bits - 4)
    high, low = logarithms(m.bits)
    f = m.fma(reduced, lookup(m, "log2.reciprocal", _RECIPROCALS, cell), -1.0)
    leading = m.add(m.int_to_float(exponent), lookup(m, "log2.high", high, cell))
    log = _to_base_2(m, *_log_of_one_plus(m, f))
    total, lost = m.quick_two_sum(leading, log[0])
    return total, m.add(lost, m.add(log[1], lookup(m, "log2.low", low, cell)))


def _log_of_one_plus(m: Lanes, f: ir.Value) -> Pair:
    """f - f**2 / 2 exactly, and the rest of the series."""
    square, square_low = m.two_prod(f, f)
    high = m.fma(square, -0.5, f)
    low = m.fma(square, -0.5, m.sub(f, high))
    beyond = m.mul(f, m.polynomial(f, _TAIL[m.bits]))
    low = m.fma(square, beyond, low)
    return high, m.fma(square_low, m.sub(beyond, 0.5), low)


def _to_base_2(m: Lanes, high: ir.Value, low: ir.Value) -> Pair:
    unit, unit_low = LOG2_E[m.bits]
    product, product_low = m.two_prod(high, unit)
    return product, m.fma(low, unit, m.fma(high, unit_low, product_low))


@functools.cache
def logarithms(bits: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """-log2(r) of each cell as two numbers of the type, the first a short one."""
    scale = 2.0 ** _WHOLE_BITS[bits == 64]
    with localcontext() as context:
        context.prec = 60
        exact = [-Decimal(r).ln() / Decimal(2).ln() for r in _RECIPROCALS]
        high = tuple(float(round(value * Decimal(scale))) / scale for value in exact)
        low = tuple(float(value - Decimal(h)) for value, h in zip(exact, high, strict=True))
    if bits == 32:
        low = tuple(map(round_to_float32, low))
    return high, tuple(math.copysign(value, 1) if value == 0 else value for value in low)
