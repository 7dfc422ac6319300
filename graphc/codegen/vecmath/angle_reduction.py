"""Angles modulo a quarter turn: x = n * pi/2 + r with |r| <= pi/4, and r to more than its ulp.

Arguments up to `moderate_bound` use Cody and Waite's reduction: pi/2 as a sum of three numbers,
subtracted with FMAs. Larger ones use Payne and Hanek's: x times the bits of 2/pi that matter.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from llvmlite import ir

from graphc.codegen.vecmath.arith import Lanes
from graphc.codegen.vecmath.lookup import gather

# pi/2 as a sum, each term rounded to the type: the sum is off by 2**-76 (float), 2**-163 (double).
HALF_PI = {
    32: (1.5707963705062866, -4.371138828673793e-08, -1.7151245100058819e-15),
    64: (1.5707963267948966, 6.123233995736766e-17, -1.4973849048591698e-33),
}

MODERATE_BOUND = {32: 2.0**16, 64: 2.0**30}
"""Up to here `reduce_moderate` is accurate, and |r| exceeds pi/4 by less than 0.007."""

_ROW_BITS = 32
_ROWS = 1024 // _ROW_BITS
_ROW_TERMS = 4


class Reduced(NamedTuple):
    """x = n * pi/2 + high + low, n modulo 4, and `low` below the ulp of pi/4."""

    n: ir.Value
    high: ir.Value
    low: ir.Value


def reduce_moderate(m: Lanes, x: ir.Value) -> Reduced:
    """Reduces 0 <= x <= MODERATE_BOUND; infinities and NaN give NaN."""
    first, second, third = HALF_PI[m.bits]
    k, n = m.round_to_int(m.mul(x, 2 / math.pi))
    minus_k = m.neg(k)
    rough = m.fma(minus_k, first, x)  # exact: a multiple of the last bit of `first`, and below 1
    # The product is rounded before it is subtracted, so that rough - high is exact.
    high = m.sub(rough, m.mul(k, second))
    low = m.fma(minus_k, second, m.sub(rough, high))
    return Reduced(n, high, m.fma(minus_k, third, low))


def reduce_huge(m: Lanes, x: ir.Value) -> Reduced:
    """Reduces x >= 1, to 2**-66 of the result; infinities give NaN, others no error. Double only.

    With x = 2**(32 j) * y, the bits of 2**(32 j) * 2/pi above 2**54 contribute multiples of four
    quarter turns, as y is a multiple of 2**-52. Row j of the table has the bits below.
    """
    biased = m.lshr(m.bitcast_to_int(x), m.mantissa_bits)
    row = m.and_(m.lshr(m.int_sub(biased, m.bias), 5), _ROWS - 1)
    y = m.mul(x, m.power_of_two(m.int_sub(0, m.shl(row, 5))))
    factors = _table_row(m, row)
    quarter_turns, terms = _product_modulo_four(m, y, factors)
    high, low = _sum(m, terms)
    first, second, _ = HALF_PI[64]
    angle, angle_error = m.two_prod(high, first)
    correction = m.fma(high, second, m.fma(low, first, angle_error))
    return Reduced(m.float_to_int(quarter_turns), *m.quick_two_sum(angle, correction))


def _product_modulo_four(
    m: Lanes, y: ir.Value, factors: Sequence[ir.Value]
) -> tuple[ir.Value, list[ir.Value]]:
    """y * sum(factors) modulo 4 as an integer n, |n| <= 6, and terms with a sum in [-1/2, 1/2].

    The exact products are at most 2**86, 2**33; 2**33, 2**-20; 2**-20, 2**-73; and 2**-73.
    """
    product0, error0 = m.two_prod(y, factors[0])
    product1, error1 = m.two_prod(y, factors[1])
    product2, error2 = m.two_prod(y, factors[2])
    last = m.fma(y, factors[3], error2)
    total, lost0 = m.two_sum(_modulo_four(m, product0), _modulo_four(m, error0))
    total, lost1 = m.two_sum(total, _modulo_four(m, product1))
    n = m.rint(total)
    return n, [m.sub(total, n), error1, product2, lost0, lost1, last]


def _modulo_four(m: Lanes, a: ir.Value) -> ir.Value:
    """The value a less the nearest multiple of four, exactly."""
    return m.fma(m.rint(m.mul(a, 0.25)), -4.0, a)


def _sum(m: Lanes, terms: Sequence[ir.Value]) -> tuple[ir.Value, ir.Value]:
    """The sum as a number and its error, also when the leading terms cancel (Ogita and Rump)."""
    current = list(terms)
    for _ in range(2):
        for i in range(len(current) - 2, -1, -1):
            current[i], current[i + 1] = m.two_sum(current[i], current[i + 1])
    low = current[-1]
    for term in reversed(current[1:-1]):
        low = m.add(low, term)
    return m.quick_two_sum(current[0], low)


def _table_row(m: Lanes, row: ir.Value) -> list[ir.Value]:
    """The terms of each lane's row."""
    table = _table_global(m.builder.module)
    start = m.shl(row, 5)
    return [gather(m, table, m.int_add(start, 8 * i)) for i in range(_ROW_TERMS)]


def _table_global(module: ir.Module) -> ir.GlobalVariable:
    name = "gc.two_over_pi"
    existing = module.globals.get(name)
    if existing is not None:
        return existing
    row_type = ir.ArrayType(ir.DoubleType(), _ROW_TERMS)
    table = ir.GlobalVariable(module, ir.ArrayType(row_type, _ROWS), name=name)
    table.linkage = "internal"
    table.global_constant = True
    rows = [ir.Constant(row_type, list(terms)) for terms in two_over_pi_rows()]
    table.initializer = ir.Constant(table.value_type, rows)
    return table


@functools.cache
def two_over_pi_rows() -> tuple[tuple[float, ...], ...]:
    """Row j is (2**(32 j) * 2/pi) modulo 2**54, as a sum of four doubles, to 2**-155."""
    fraction_bits = _ROW_BITS * _ROWS + 192
    two_over_pi = (1 << (2 * fraction_bits + 1)) // _fixed_point_pi(fraction_bits)
    modulus = 1 << (fraction_bits + 54)
    rows = ((two_over_pi << (_ROW_BITS * j)) % modulus for j in range(_ROWS))
    return tuple(_as_doubles(Fraction(row, 1 << fraction_bits)) for row in rows)


def _as_doubles(value: Fraction) -> tuple[float, ...]:
    terms: list[float] = []
    for _ in range(_ROW_TERMS):
        terms.append(float(value))
        value -= Fraction(terms[-1])
    return tuple(terms)


def _fixed_point_pi(bits: int) -> int:
    """pi * 2**bits, off by one at most: Machin's 16 atan(1/5) - 4 atan(1/239), with guard bits."""
    guard = 32
    one = 1 << (bits + guard)
    return (
        16 * _arctangent_of_reciprocal(5, one) - 4 * _arctangent_of_reciprocal(239, one)
    ) >> guard


def _arctangent_of_reciprocal(n: int, one: int) -> int:
    """one * atan(1/n), by its Taylor series."""
    power, total, k = one // n, 0, 0
    while power:
        total += (-power if k % 2 else power) // (2 * k + 1)
        power //= n * n
        k += 1
    return total
