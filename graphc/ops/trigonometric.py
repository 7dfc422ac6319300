"""Circular and hyperbolic functions and their inverses; angles are in radians."""

from __future__ import annotations

import numpy as np

from graphc.ir.dtypes import FLOATS
from graphc.ops.algebra import add, div, mul, neg, square, sub
from graphc.ops.declaring import Factor, elementwise, ops

_FUNCTIONS: tuple[tuple[str, np.ufunc, Factor, float, float, int, str], ...] = (
    ("sin", np.sin, lambda g, r, x: mul(g, ops.cos(x)), -4, 4, 20, "Sine."),
    ("cos", np.cos, lambda g, r, x: neg(mul(g, ops.sin(x))), -4, 4, 20, "Cosine."),
    ("tan", np.tan, lambda g, r, x: mul(g, add(square(r), 1.0)), -1, 1, 30, "Tangent."),
    (
        "asin", np.arcsin, lambda g, r, x: div(g, ops.sqrt(sub(1.0, square(x)))),
        -0.8, 0.8, 25, "Inverse sine, in -pi/2..pi/2; NaN outside -1..1.",
    ),
    (
        "acos", np.arccos, lambda g, r, x: neg(div(g, ops.sqrt(sub(1.0, square(x))))),
        -0.8, 0.8, 25, "Inverse cosine, in 0..pi; NaN outside -1..1.",
    ),
    (
        "atan", np.arctan, lambda g, r, x: div(g, add(square(x), 1.0)),
        -3, 3, 25, "Inverse tangent, in -pi/2..pi/2.",
    ),
    ("sinh", np.sinh, lambda g, r, x: mul(g, ops.cosh(x)), -2, 2, 25, "Hyperbolic sine."),
    ("cosh", np.cosh, lambda g, r, x: mul(g, ops.sinh(x)), -2, 2, 25, "Hyperbolic cosine."),
    (
        "tanh", np.tanh, lambda g, r, x: mul(g, sub(1.0, square(r))),
        -2, 2, 20, "Hyperbolic tangent.",
    ),
    (
        "asinh", np.arcsinh, lambda g, r, x: div(g, ops.sqrt(add(square(x), 1.0))),
        -3, 3, 30, "Inverse hyperbolic sine.",
    ),
    (
        "acosh", np.arccosh, lambda g, r, x: div(g, ops.sqrt(sub(square(x), 1.0))),
        1.5, 4, 30, "Inverse hyperbolic cosine; NaN below 1.",
    ),
    (
        "atanh", np.arctanh, lambda g, r, x: div(g, sub(1.0, square(x))),
        -0.7, 0.7, 30, "Inverse hyperbolic tangent; NaN outside -1..1.",
    ),
)  # fmt: skip

for _name, _reference, _factor, _low, _high, _cost, _doc in _FUNCTIONS:
    elementwise(
        _name, _doc, dtypes=FLOATS, reference=_reference, derivative=(_factor,),
        low=_low, high=_high, cost=_cost,
    )  # fmt: skip

elementwise(
    "atan2", "The angle of the point (y, x), in -pi..pi, by the quadrant of its signs.",
    arity=2, dtypes=FLOATS, reference=np.arctan2,
    derivative=(
        lambda g, r, y, x: div(mul(g, x), add(square(x), square(y))),
        lambda g, r, y, x: neg(div(mul(g, y), add(square(x), square(y)))),
    ),
    low=0.3, cost=35,
)  # fmt: skip
