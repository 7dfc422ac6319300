"""Error and gamma functions."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from graphc.ir import scalar
from graphc.ir.dtypes import FLOATS
from graphc.ir.node import Node
from graphc.ir.opdef import Array
from graphc.ir.scalar import Expr
from graphc.ops.algebra import mul, neg, square, sub
from graphc.ops.approximations import horner, in_float64, number
from graphc.ops.declaring import elementwise, formula_element, ops
from graphc.ops.polygamma import polygamma

_TWO_OVER_ROOT_PI = 2.0 / math.sqrt(math.pi)


def by_element(function: Callable[[float], float]) -> Callable[[Array], Array]:
    """A NumPy function from one on Python floats; the oracle may be slow."""

    def reference(x: Array) -> Array:
        values = [function(float(value)) for value in x.ravel()]
        return np.asarray(values, np.float64).reshape(x.shape).astype(x.dtype)

    return reference


def _gaussian(g: Node, x: Node) -> Node:
    return mul(mul(g, _TWO_OVER_ROOT_PI), ops.exp(neg(square(x))))


#: From here on the asymptotic series of erfcx is exact, and below no erfc is subnormal.
_ASYMPTOTIC = 25.0
#: Its coefficients in -1/(2*x*x), the last first: the products of odd numbers (DLMF 7.12.1).
_ODD_PRODUCTS = (135135.0, 10395.0, 945.0, 105.0, 15.0, 3.0, 1.0, 1.0)


@in_float64
def _erfcx_formula(x: Expr) -> Expr:
    """exp(x*x)*erfc(x), with what x*x loses by rounding put back."""
    near = scalar.same("maximum", scalar.same("minimum", x, number(_ASYMPTOTIC)), number(-30.0))
    power = scalar.same("mul", near, near)
    lost = scalar.same("fma", near, near, scalar.same("neg", power))
    grown = scalar.same("mul", scalar.same("exp", power), scalar.same("erfc", near))
    grown = scalar.select(
        scalar.compare("lt", grown, number(math.inf)), scalar.same("fma", grown, lost, grown), grown
    )
    ratio = scalar.same("div", number(-0.5), scalar.same("mul", x, x))
    series = horner(_ODD_PRODUCTS, ratio)
    far = scalar.same("div", series, scalar.same("mul", x, number(math.sqrt(math.pi))))
    return scalar.select(scalar.compare("gt", x, number(_ASYMPTOTIC)), far, grown)


def erfcx_element(x: float) -> float:
    """Up to 2 from the parts of x*x, beyond by a continued fraction (DLMF 7.9.2)."""
    if math.isnan(x):
        return x
    if x < -26.7:
        return math.inf
    if x <= 2:
        head = float(np.float32(x))
        return math.exp(head * head) * math.exp((x - head) * (x + head)) * math.erfc(x)
    fraction = 0.0
    for k in range(200, 0, -1):
        fraction = k / 2 / (x + fraction)
    return 1 / (math.sqrt(math.pi) * (x + fraction))


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
    dtypes=FLOATS, reference=by_element(math.erf),
    derivative=(lambda g, r, x: _gaussian(g, x),), cost=25,
)  # fmt: skip
elementwise(
    "erfc", "1 - erf(x), exact for large x.", dtypes=FLOATS, reference=by_element(math.erfc),
    derivative=(lambda g, r, x: neg(_gaussian(g, x)),), cost=35,
)  # fmt: skip
elementwise(
    "erfcx", "exp(x*x)*erfc(x), which is neither 0 for large x nor infinite.", dtypes=FLOATS,
    reference=by_element(erfcx_element), lowering=formula_element(_erfcx_formula),
    derivative=(lambda g, r, x: mul(g, sub(mul(mul(x, 2.0), r), _TWO_OVER_ROOT_PI)),), cost=80,
)  # fmt: skip
elementwise(
    "lgamma", "Logarithm of the absolute value of the gamma function.", dtypes=FLOATS,
    reference=by_element(_lgamma),
    derivative=(lambda g, r, x: mul(g, ops.digamma(x)),), low=0.3, high=6.0, cost=60,
)  # fmt: skip
elementwise(
    "digamma", "Derivative of lgamma.", dtypes=FLOATS, reference=by_element(_digamma),
    derivative=(lambda g, r, x: mul(g, polygamma(1, x)),), low=0.3, high=6.0, cost=60,
)  # fmt: skip
