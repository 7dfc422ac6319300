"""Polynomials as scalar expressions, for lowerings of functions that are not in vector math.

They are evaluated in float64, whatever the dtype of the function, so that float32 results need no
coefficients of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from graphc.ir import scalar
from graphc.ir.dtypes import float64
from graphc.ir.scalar import Expr


def number(value: float) -> Expr:
    """A literal."""
    return scalar.const(value, float64)


def in_float64(formula: Callable[[Expr], Expr]) -> Callable[[Expr], Expr]:
    """The formula on a float64, rounded once to the argument's dtype."""

    def apply(x: Expr) -> Expr:
        return scalar.cast(formula(scalar.cast(x, float64)), x.dtype)

    return apply


def horner(coefficients: Sequence[float], x: Expr) -> Expr:
    """The polynomial with these coefficients, that of the highest power first."""
    total = number(coefficients[0])
    for coefficient in coefficients[1:]:
        total = scalar.same("fma", total, x, number(coefficient))
    return total


def chebyshev(coefficients: Sequence[float], x: Expr) -> Expr:
    """The sum of coefficients times Chebyshev polynomials of x, that of degree 0 first.

    Source: Clenshaw, "A note on the summation of Chebyshev series", 1955.
    """
    twice = scalar.same("add", x, x)
    last, total = number(0.0), number(0.0)
    for coefficient in reversed(coefficients[1:]):
        less = scalar.same("sub", number(coefficient), last)
        last, total = total, scalar.same("fma", twice, total, less)
    return scalar.same("fma", x, total, scalar.same("sub", number(coefficients[0]), last))
