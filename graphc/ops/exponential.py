"""Exponentials, logarithms, powers and roots."""

from __future__ import annotations

import math

import numpy as np

from graphc.ir import scalar
from graphc.ir.dtypes import FLOATS, INTEGERS
from graphc.ir.node import Node
from graphc.ir.opdef import Array
from graphc.ir.scalar import Expr
from graphc.ops.algebra import add, div, equal, less, mul, square, sub, where
from graphc.ops.declaring import elementwise, formula_element, ops, scalar_like

_LN2 = math.log(2.0)
_LN10 = math.log(10.0)

elementwise(
    "exp", "e to the power x.", dtypes=FLOATS, reference=np.exp,
    derivative=(lambda g, r, x: mul(g, r),), cost=15,
)  # fmt: skip
elementwise(
    "exp2", "2 to the power x.", dtypes=FLOATS, reference=np.exp2,
    derivative=(lambda g, r, x: mul(mul(g, r), _LN2),), cost=15,
)  # fmt: skip
elementwise(
    "expm1", "exp(x) - 1, exact near 0.", dtypes=FLOATS, reference=np.expm1,
    derivative=(lambda g, r, x: mul(g, add(r, 1.0)),), cost=20,
)  # fmt: skip
elementwise(
    "log", "Natural logarithm; -inf at 0, NaN below.", dtypes=FLOATS, reference=np.log,
    derivative=(lambda g, r, x: div(g, x),), low=0.2, high=5.0, cost=15,
)  # fmt: skip
elementwise(
    "log2", "Logarithm to base 2.", dtypes=FLOATS, reference=np.log2,
    derivative=(lambda g, r, x: div(g, mul(x, _LN2)),), low=0.2, high=5.0, cost=15,
)  # fmt: skip
elementwise(
    "log10", "Logarithm to base 10.", dtypes=FLOATS, reference=np.log10,
    derivative=(lambda g, r, x: div(g, mul(x, _LN10)),), low=0.2, high=5.0, cost=15,
)  # fmt: skip
elementwise(
    "log1p", "log(1 + x), exact near 0.", dtypes=FLOATS, reference=np.log1p,
    derivative=(lambda g, r, x: div(g, add(x, 1.0)),), low=-0.7, cost=20,
)  # fmt: skip
elementwise(
    "sqrt", "Square root; NaN below 0.", dtypes=FLOATS, reference=np.sqrt,
    derivative=(lambda g, r, x: div(mul(g, 0.5), r),), low=0.2, high=5.0, exact=True, cost=6,
)  # fmt: skip


def _rsqrt_reference(x: Array) -> Array:
    return np.asarray(1 / np.sqrt(x), x.dtype)


def _rsqrt(x: Expr) -> Expr:
    return scalar.same("div", scalar.const(1.0, x.dtype), scalar.same("sqrt", x))


elementwise(
    "rsqrt", "1 / sqrt(x).", dtypes=FLOATS, reference=_rsqrt_reference,
    derivative=(lambda g, r, x: mul(mul(g, -0.5), div(r, x)),),
    lowering=formula_element(_rsqrt), low=0.2, high=5.0, exact=True, cost=10,
)  # fmt: skip
elementwise(
    "cbrt", "Cube root, of negative numbers too.", dtypes=FLOATS, reference=np.cbrt,
    derivative=(lambda g, r, x: div(mul(g, 1.0 / 3.0), square(r)),), low=0.2, high=5.0, cost=20,
)  # fmt: skip


def _sigmoid_reference(x: Array) -> Array:
    grown = np.exp(-np.abs(x))
    return np.asarray(np.where(x >= 0, 1 / (1 + grown), grown / (1 + grown)), x.dtype)


elementwise(
    "sigmoid", "1 / (1 + exp(-x)).", dtypes=FLOATS, reference=_sigmoid_reference,
    derivative=(lambda g, r, x: mul(g, mul(r, sub(1.0, r))),), cost=18,
)  # fmt: skip


def _pow_reference(x: Array, y: Array) -> Array:
    if x.dtype.kind == "f":
        return np.asarray(np.power(x, y))
    reciprocal = np.where(x == 1, 1, np.where(x == -1, np.where(y % 2 == 0, 1, -1), 0))
    positive = np.power(x, np.where(y < 0, np.zeros_like(y), y))
    return np.where(y < 0, reciprocal, positive).astype(x.dtype)


def _pow_base_factor(g: Node, r: Node, x: Node, y: Node) -> Node:
    """g * y * x**(y-1), which is 0 where y is 0, at x = 0 too.

    There 1/x is infinite, and 0 * inf would be NaN here and in every further derivative: another
    base stands in. Where 1/x is finite nothing is replaced, so d2/dxdy is 1/x at y = 0.
    """
    smallest = float(np.finfo(x.dtype.numpy).tiny)
    singular = ops.logical_and(equal(y, 0.0), less(ops.abs(x), smallest))
    base = where(singular, 1.0, x)
    return mul(mul(g, y), ops.pow(base, sub(y, 1.0)))


def _pow_exponent_factor(g: Node, r: Node, x: Node, y: Node) -> Node:
    """g * x**y * log(x), which is taken as 0 at base 0; NaN for a negative base."""
    at_zero = equal(x, 0.0)
    safe = where(at_zero, scalar_like(x, 1.0), x)
    return where(at_zero, scalar_like(g, 0.0), mul(mul(g, r), ops.log(safe)))


elementwise(
    "pow",
    "x to the power y. The derivative by y is 0 at base 0; by x it is 0 where y is 0. "
    "An integer to a negative power is rounded towards 0 (0 to a negative power is 0).",
    arity=2, dtypes=FLOATS + INTEGERS, reference=_pow_reference,
    derivative=(_pow_base_factor, _pow_exponent_factor), low=0.5, high=3.0, cost=60,
)  # fmt: skip
