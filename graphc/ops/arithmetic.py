"""Sums, products, quotients, signs and the choice of the smaller or larger."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.ir import scalar
from graphc.ir.dtypes import FLOATS, INTEGERS
from graphc.ir.node import Node
from graphc.ir.opdef import Array
from graphc.ir.scalar import Expr
from graphc.ops.algebra import div, equal, less, mul, neg, where
from graphc.ops.declaring import STEP, elementwise, formula_element, ops, scalar_like

NUMBERS = FLOATS + INTEGERS
SIGNED = tuple(dtype for dtype in NUMBERS if dtype.kind != "u")


def _same(g: Node, result: Node, *inputs: Node) -> Node:
    return g


def _negated(g: Node, result: Node, *inputs: Node) -> Node:
    return neg(g)


elementwise(
    "add", "Sum; integers wrap around.", arity=2, dtypes=NUMBERS, reference=np.add,
    derivative=(_same, _same), exact=True, commutative=True,
)  # fmt: skip
elementwise(
    "sub", "Difference; integers wrap around.", arity=2, dtypes=NUMBERS, reference=np.subtract,
    derivative=(_same, _negated), exact=True,
)  # fmt: skip
elementwise(
    "mul", "Product; integers wrap around.", arity=2, dtypes=NUMBERS, reference=np.multiply,
    derivative=(lambda g, r, x, y: mul(g, y), lambda g, r, x, y: mul(g, x)),
    exact=True, commutative=True,
)  # fmt: skip
elementwise(
    "div", "Quotient of floating-point numbers.", arity=2, dtypes=FLOATS, reference=np.divide,
    derivative=(lambda g, r, x, y: div(g, y), lambda g, r, x, y: neg(div(mul(g, r), y))),
    low=0.5, exact=True, cost=4,
)  # fmt: skip
elementwise(
    "neg", "The number with its sign changed.", dtypes=SIGNED, reference=np.negative,
    derivative=(_negated,), exact=True,
)  # fmt: skip
elementwise(
    "abs", "Absolute value; its derivative at 0 is 0.", dtypes=NUMBERS, reference=np.abs,
    derivative=(lambda g, r, x: mul(g, ops.sign(x)),), avoid=(0.0,), exact=True,
)  # fmt: skip


def _sign(x: Expr) -> Expr:
    zero, one = scalar.const(0, x.dtype), scalar.const(1, x.dtype)
    positive = scalar.select(scalar.compare("gt", x, zero), one, zero)
    if x.dtype.kind == "u":
        return positive
    minus = scalar.const(-1, x.dtype)
    signed = scalar.select(scalar.compare("lt", x, zero), minus, positive)
    if x.dtype.is_integer:
        return signed
    return scalar.select(scalar.compare("ne", x, x), x, signed)


elementwise(
    "sign", "-1, 0 or 1; NaN stays NaN and -0.0 gives 0.0.", dtypes=NUMBERS, reference=np.sign,
    derivative=STEP, lowering=formula_element(_sign), avoid=(0.0,), exact=True,
)  # fmt: skip


def _floor_divide(x: Array, y: Array) -> Array:
    return np.asarray(np.floor_divide(x, y))


elementwise(
    "floor_divide",
    "Quotient rounded down; an integer divided by 0 gives 0.",
    arity=2, dtypes=NUMBERS, reference=_floor_divide, derivative=STEP, low=1, high=9, cost=20,
)  # fmt: skip
elementwise(
    "remainder",
    "What floor_divide leaves, with the divisor's sign; an integer modulo 0 is 0.",
    arity=2, dtypes=NUMBERS, reference=np.remainder,
    derivative=(_same, lambda g, r, x, y: neg(mul(g, ops.floor_divide(x, y)))),
    low=1, high=9, cost=20,
)  # fmt: skip


elementwise(
    "copysign", "The magnitude of the first with the sign of the second, that of zeros too.",
    arity=2, dtypes=FLOATS, reference=np.copysign,
    derivative=(
        lambda g, r, x, y: where(equal(x, 0.0), 0.0, div(mul(g, r), where(equal(x, 0.0), 1.0, x))),
        lambda g, r, x, y: scalar_like(g, 0.0),
    ),
    avoid=(0.0,), exact=True,
)  # fmt: skip


def _choice(take_first: Any) -> tuple[Any, Any]:
    """Factors of maximum and minimum: at a tie each input gets half."""

    def share(g: Node, mine: Node, other: Node) -> Node:
        half = mul(g, 0.5)
        picked = where(take_first(mine, other), g, scalar_like(g, 0))
        return where(equal(mine, other), half, picked)

    return (lambda g, r, x, y: share(g, x, y), lambda g, r, x, y: share(g, y, x))


def _maximum(x: Array, y: Array) -> Array:
    """IEEE 754-2019 maximum; NumPy leaves open which of 0.0 and -0.0 it takes."""
    if x.dtype.kind != "f":
        return np.asarray(np.maximum(x, y))
    return np.where((x == 0) & (y == 0), x + y, np.maximum(x, y))


def _minimum(x: Array, y: Array) -> Array:
    """IEEE 754-2019 minimum."""
    if x.dtype.kind != "f":
        return np.asarray(np.minimum(x, y))
    return np.where((x == 0) & (y == 0), -(-x - y), np.minimum(x, y))


elementwise(
    "maximum",
    "The larger, 0.0 being above -0.0; NaN if either is. At a tie each input gets half the "
    "derivative.",
    arity=2, dtypes=NUMBERS, reference=_maximum,
    derivative=_choice(lambda mine, other: less(other, mine)), exact=True, commutative=True,
)  # fmt: skip
elementwise(
    "minimum",
    "The smaller, -0.0 being below 0.0; NaN if either is. At a tie each input gets half the "
    "derivative.",
    arity=2, dtypes=NUMBERS, reference=_minimum,
    derivative=_choice(lambda mine, other: less(mine, other)), exact=True, commutative=True,
)  # fmt: skip
