"""Error and gamma functions."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from graphc.ir.dtypes import FLOATS
from graphc.ir.node import Node
from graphc.ir.opdef import Array, NoDerivative
from graphc.ops.algebra import mul, neg, square
from graphc.ops.declaring import elementwise, ops

_TWO_OVER_ROOT_PI = 2.0 / math.sqrt(math.pi)


def _by_element(function: Callable[[float], float]) -> Callable[[Array], Array]:
    """A NumPy function from one on Python floats; the oracle may be slow."""

    def reference(x: Array) -> Array:
        values = [function(float(value)) for value in x.ravel()]
        return np.asarray(values, np.float64).reshape(x.shape).astype(x.dtype)

    return reference


def _gaussian(g: Node, x: Node) -> Node:
    return mul(mul(g, _TWO_OVER_ROOT_PI), ops.exp(neg(square(x))))


def _lgamma(x: float) -> float:
    if math.isinf(x) or (x <= 0 and x == math.floor(x)):
        return math.inf
    try:
        return math.lgamma(x)
    except OverflowError:
        return math.inf


def _digamma(x: float) -> float:
    """Reflection, recurrence up to 10, then the asymptotic series (DLMF 5.5.4, 5.5.2, 5.11.2)."""
    if math.isnan(x) or x == -math.inf:
        return math.nan
    if x == 0:
        return -math.copysign(math.inf, x)
    if x == math.inf:
        return x
    if x < 0:
        if x == math.floor(x):
            return math.nan
        return _digamma(1 - x) - math.pi / math.tan(math.pi * (x - round(x)))
    shifted = 0.0
    while x < 10:
        shifted -= 1 / x
        x += 1
    inverse = 1 / (x * x)
    series = (1 / 12, -1 / 120, 1 / 252, -1 / 240, 1 / 132, -691 / 32760, 1 / 12)
    tail = sum(term * inverse ** (k + 1) for k, term in enumerate(series))
    return shifted + math.log(x) - 0.5 / x - tail


elementwise(
    "erf", "Error function, 2/sqrt(pi) times the integral of exp(-t*t) from 0 to x.",
    dtypes=FLOATS, reference=_by_element(math.erf),
    derivative=(lambda g, r, x: _gaussian(g, x),), cost=25,
)  # fmt: skip
elementwise(
    "erfc", "1 - erf(x), exact for large x.", dtypes=FLOATS, reference=_by_element(math.erfc),
    derivative=(lambda g, r, x: neg(_gaussian(g, x)),), cost=35,
)  # fmt: skip
elementwise(
    "lgamma", "Logarithm of the absolute value of the gamma function.", dtypes=FLOATS,
    reference=_by_element(_lgamma),
    derivative=(lambda g, r, x: mul(g, ops.digamma(x)),), low=0.3, high=6.0, cost=60,
)  # fmt: skip
elementwise(
    "digamma", "Derivative of lgamma.", dtypes=FLOATS, reference=_by_element(_digamma),
    derivative=NoDerivative(
        "has a derivative, the trigamma function, that is not an op", zero=False
    ),
    low=0.3, high=6.0, cost=60,
)  # fmt: skip
