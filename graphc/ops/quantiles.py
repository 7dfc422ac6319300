"""Where the error function and the normal distribution take a value: their inverses."""

from __future__ import annotations

import math
from collections.abc import Callable

from graphc.ir import scalar
from graphc.ir.dtypes import FLOATS
from graphc.ir.node import Node
from graphc.ir.opdef import Array
from graphc.ir.scalar import Expr
from graphc.ops.algebra import mul, square
from graphc.ops.approximations import horner, in_float64, number
from graphc.ops.declaring import elementwise, formula_element, ops
from graphc.ops.special import by_element, erfcx_element

# Rational approximations, with relative errors below 1e-16, of the quantile of a normal
# distribution. Source: Wichura, "Algorithm AS 241: The Percentage Points of the Normal
# Distribution", 1988. For probabilities near 1/2, in 0.180625 - q*q with q the distance from 1/2;
# beyond, in the root of -log of the tail's probability, less 1.6 and, from 5 on, less 5.
_CENTRAL_NUMERATOR = (
    2509.0809287301227, 33430.57558358813, 67265.7709270087, 45921.95393154987,
    13731.69376550946, 1971.5909503065513, 133.14166789178438, 3.3871328727963665,
)  # fmt: skip
_CENTRAL_DENOMINATOR = (
    5226.495278852854, 28729.085735721943, 39307.89580009271, 21213.794301586597,
    5394.196021424751, 687.1870074920579, 42.31333070160091, 1.0,
)  # fmt: skip
_TAIL_NUMERATOR = (
    0.0007745450142783414, 0.022723844989269184, 0.2417807251774506, 1.2704582524523684,
    3.6478483247632045, 5.769497221460691, 4.630337846156546, 1.4234371107496835,
)  # fmt: skip
_TAIL_DENOMINATOR = (
    1.0507500716444169e-09, 0.0005475938084995345, 0.015198666563616457, 0.14810397642748008,
    0.6897673349851, 1.6763848301838038, 2.053191626637759, 1.0,
)  # fmt: skip
_FAR_NUMERATOR = (
    2.0103343992922881e-07, 2.7115555687434876e-05, 0.0012426609473880784, 0.026532189526576124,
    0.29656057182850487, 1.7848265399172913, 5.463784911164114, 6.657904643501103,
)  # fmt: skip
_FAR_DENOMINATOR = (
    2.0442631033899397e-15, 1.421511758316446e-07, 1.8463183175100548e-05, 0.0007868691311456133,
    0.014875361290850615, 0.1369298809227358, 0.599832206555888, 1.0,
)  # fmt: skip
_NEAR, _SPLIT = 0.425, 5.0


def _rational(numerator: tuple[float, ...], denominator: tuple[float, ...], x: Expr) -> Expr:
    return scalar.same("div", horner(numerator, x), horner(denominator, x))


def _quantile(distance: Expr, tail: Expr) -> Expr:
    """The quantile from a probability's distance from 1/2, and that of the tail beyond.

    Both are exact: that is what a distance taken from the probability could not be in the tails.
    """
    central = scalar.same("sub", number(0.180625), scalar.same("mul", distance, distance))
    near = scalar.same(
        "mul", distance, _rational(_CENTRAL_NUMERATOR, _CENTRAL_DENOMINATOR, central)
    )
    root = scalar.same("sqrt", scalar.same("neg", scalar.same("log", tail)))
    beyond = _rational(_TAIL_NUMERATOR, _TAIL_DENOMINATOR, scalar.same("sub", root, number(1.6)))
    further = _rational(_FAR_NUMERATOR, _FAR_DENOMINATOR, scalar.same("sub", root, number(_SPLIT)))
    far = scalar.select(scalar.compare("le", root, number(_SPLIT)), beyond, further)
    far = scalar.select(scalar.compare("eq", tail, number(0.0)), number(math.inf), far)
    size = scalar.same("abs", distance)
    return scalar.select(
        scalar.compare("le", size, number(_NEAR)), near, scalar.same("copysign", far, distance)
    )


@in_float64
def _erfinv(x: Expr) -> Expr:
    half = number(0.5)
    outside = scalar.same("sub", number(1.0), scalar.same("abs", x))
    found = _quantile(scalar.same("mul", x, half), scalar.same("mul", outside, half))
    return scalar.same("mul", found, number(math.sqrt(0.5)))


@in_float64
def _ndtri(p: Expr) -> Expr:
    distance = scalar.same("sub", p, number(0.5))
    above = scalar.same("sub", number(1.0), p)
    tail = scalar.select(scalar.compare("lt", distance, number(0.0)), p, above)
    return _quantile(distance, tail)


def _erfc_inverse(tail: float) -> float:
    """The number with erfc(x) = tail <= 1, by bisection; of logarithms where both are small."""
    is_small = tail < 1e-3
    wanted = math.log(tail) if is_small else tail

    def value(x: float) -> float:
        return math.log(erfcx_element(x)) - x * x if is_small else math.erfc(x)

    low, high = 0.0, 40.0
    while low < (middle := (low + high) / 2) < high:
        low, high = (middle, high) if value(middle) > wanted else (low, middle)
    return high


def _erf_inverse(value: float) -> float:
    """The number with erf(x) = value from 0 to 1/2, by Newton's method."""
    x = value * math.sqrt(math.pi) / 2
    for _ in range(6):
        x -= (math.erf(x) - value) * math.sqrt(math.pi) / 2 * math.exp(x * x)
    return x


def _erfinv_element(x: float) -> float:
    if math.isnan(x) or abs(x) > 1:
        return math.nan
    if abs(x) == 1:
        return math.copysign(math.inf, x)
    size = _erf_inverse(abs(x)) if abs(x) <= 0.5 else _erfc_inverse(1 - abs(x))
    return math.copysign(size, x)


def _ndtri_element(p: float) -> float:
    if math.isnan(p) or not 0 <= p <= 1:
        return math.nan
    if p in (0, 1):
        return math.inf if p else -math.inf
    if 0.25 <= p <= 0.75:
        return math.sqrt(2) * math.copysign(_erf_inverse(abs(2 * p - 1)), p - 0.5)
    return math.copysign(math.sqrt(2) * _erfc_inverse(2 * min(p, 1 - p)), p - 0.5)


def _declare(
    name: str,
    doc: str,
    element: Callable[[float], float],
    formula: Callable[[Expr], Expr],
    slope: Callable[[Node, Node], Node],
    low: float,
    high: float,
) -> None:
    reference: Callable[[Array], Array] = by_element(element)
    elementwise(
        name, doc, dtypes=FLOATS, reference=reference,
        derivative=(lambda g, r, x: mul(g, slope(r, x)),), lowering=formula_element(formula),
        low=low, high=high, cost=90,
    )  # fmt: skip


_declare(
    "erfinv", "The number whose error function is x, of -1 to 1; NaN outside.",
    _erfinv_element, _erfinv,
    lambda r, x: mul(ops.exp(square(r)), math.sqrt(math.pi) / 2), -0.9, 0.9,
)  # fmt: skip
_declare(
    "ndtri", "The quantile of the standard normal distribution for a probability; NaN for none.",
    _ndtri_element, _ndtri,
    lambda r, x: mul(ops.exp(mul(square(r), 0.5)), math.sqrt(2 * math.pi)), 0.05, 0.95,
)  # fmt: skip
