"""Derivatives of the digamma function, written with other ops."""

from __future__ import annotations

import math
from fractions import Fraction

from graphc.ir.node import Node
from graphc.ops.algebra import add, div, less, mul, sub, where
from graphc.ops.declaring import ops, sum_of

#: From here on the asymptotic series, with as many terms as there are Bernoulli numbers, is exact.
_SHIFT = 12
_BERNOULLI = tuple(
    Fraction(*pair)
    for pair in (
        (1, 6), (-1, 30), (1, 42), (-1, 30), (5, 66), (-691, 2730), (7, 6), (-3617, 510),
        (43867, 798), (-174611, 330),
    )
)  # fmt: skip


def polygamma(n: int, x: Node) -> Node:
    """The n-th derivative (n >= 1) of the digamma function; infinite at 0, -1, -2, ...

    (-1)**(n+1) * n! times the Hurwitz zeta function of n + 1 (DLMF 25.11.12), which the
    Euler-Maclaurin formula sums (DLMF 25.11.28); of negative numbers by reflection (DLMF 5.15.6).
    """
    is_negative = less(x, 0.0)
    mirrored = where(is_negative, sub(1.0, x), x)
    factor = float((-1) ** (n + 1) * math.factorial(n))
    value = mul(_zeta(n + 1, mirrored), factor)
    # The cotangent needs the distance from the pole alone, which is exact.
    distance = where(is_negative, sub(x, ops.round(x)), 0.25)
    reflected = sub(
        mul(value, float((-1) ** n)), mul(_cotangent_slope(n, distance), math.pi ** (n + 1))
    )
    return where(is_negative, reflected, value)


def _zeta(s: int, q: Node) -> Node:
    """The sum over k >= 0 of 1/(q + k)**s, of q >= 0."""
    terms = [_inverse_power(add(q, float(k)) if k else q, s) for k in range(_SHIFT)]
    last = add(q, float(_SHIFT))
    inverse = div(1.0, last)
    power = _inverse_power(last, s)
    tail = [mul(_inverse_power(last, s - 1), 1 / (s - 1)), mul(power, 0.5)]
    step, rising = mul(inverse, inverse), Fraction(s)
    power = mul(power, inverse)
    for j, number in enumerate(_BERNOULLI, start=1):
        tail.append(mul(power, float(number * rising / math.factorial(2 * j))))
        rising *= (s + 2 * j - 1) * (s + 2 * j)
        power = mul(power, step)
    return sum_of([*reversed(tail), *reversed(terms)])


def _inverse_power(x: Node, s: int) -> Node:
    inverse = div(1.0, x)
    power = inverse
    for _ in range(s - 1):
        power = mul(power, inverse)
    return power


def _cotangent_slope(n: int, x: Node) -> Node:
    """The n-th derivative of cot, at pi*x: a polynomial of cot itself, as cot' is -1 - cot**2."""
    coefficients = [0, 1]
    for _ in range(n):
        slopes = [k * c for k, c in enumerate(coefficients)][1:]
        grown = [0] * (len(slopes) + 2)
        for k, slope in enumerate(slopes):
            grown[k] -= slope
            grown[k + 2] -= slope
        coefficients = grown
    cotangent = div(1.0, ops.tan(mul(x, math.pi)))
    total = mul(cotangent, float(coefficients[-1]))
    for coefficient in reversed(coefficients[1:-1]):
        total = mul(add(total, float(coefficient)), cotangent)
    return add(total, float(coefficients[0])) if coefficients[0] else total
