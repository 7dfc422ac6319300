"""Modified Bessel functions of the first kind, of orders 0 and 1."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal, localcontext

from graphc.ir import scalar
from graphc.ir.dtypes import FLOATS
from graphc.ir.node import Node
from graphc.ir.scalar import Expr
from graphc.ops.algebra import div, equal, mul, sub, where
from graphc.ops.approximations import chebyshev, horner, in_float64, number
from graphc.ops.declaring import elementwise, formula_element, ops
from graphc.ops.special import by_element

# Beyond 8: Chebyshev series in 16/x - 1 of sqrt(x)*exp(-x)*I(x), from values computed with mpmath.
_FAR_0 = (
    0.4022452055070544, 0.0033691164782556943, 6.889758346916825e-05, 2.8913705208347567e-06,
    2.0489185894690638e-07, 2.266668990498178e-08, 3.3962320257083865e-09, 4.94060238822497e-10,
    1.1889147107846439e-11, -3.1499165279632416e-11, -1.3215811840447713e-11,
    -1.7941785315068062e-12, 7.180124451383666e-13, 3.8527783827421426e-13, 1.54008621752141e-14,
    -4.150569347287222e-14, -9.554846698828307e-15, 3.8116806693526224e-15,
    1.7725601330565263e-15, -3.425485619677219e-16, -2.8276239805165836e-16,
    3.461222867697461e-17, 4.46562142029676e-17, -4.830504485944182e-18, -7.233180487874754e-18,
    9.921475412173699e-19, 1.193650890845982e-18,
)  # fmt: skip
_FAR_1 = (
    0.38928811750914005, -0.009761097491361469, -0.00011058893876262371, -3.882564808877691e-06,
    -2.512236237870209e-07, -2.6314688468895196e-08, -3.835380385964237e-09,
    -5.589743462196584e-10, -1.8974958123505413e-11, 3.2526035830154884e-11,
    1.4125807436613782e-11, 2.0356285441470896e-12, -7.198551776245908e-13,
    -4.0835511110921974e-13, -2.1015418427726643e-14, 4.272440016711951e-14,
    1.0420276984128802e-14, -3.8144030724370075e-15, -1.8803547755107825e-15,
    3.3082023109209285e-16, 2.96262899764595e-16, -3.209525921993424e-17,
    -4.6503053684893586e-17, 4.414348323071708e-18, 7.517296310842105e-18,
    -9.314178867326884e-19, -1.242193275194891e-18,
)  # fmt: skip
_SPLIT = 8.0


def _near(order: int, size: Expr) -> Expr:
    """I(x) up to 8 by the power series (DLMF 10.25.2), whose terms are all positive."""
    terms = [1 / (math.factorial(k) * math.factorial(k + order)) for k in reversed(range(26))]
    half = scalar.same("mul", size, number(0.5))
    found = horner(terms, scalar.same("mul", half, half))
    return scalar.same("mul", found, half) if order else found


def _far(order: int, size: Expr) -> Expr:
    """exp(-x)*I(x) from 8 on."""
    inverse = scalar.same("div", number(2 * _SPLIT), size)
    series = chebyshev((_FAR_0, _FAR_1)[order], scalar.same("sub", inverse, number(1.0)))
    return scalar.same("div", series, scalar.same("sqrt", size))


def _scaled(order: int, size: Expr) -> Expr:
    """exp(-x)*I(x) of a number that is not negative."""
    inner = scalar.same("minimum", size, number(_SPLIT))
    near = scalar.same("mul", _near(order, inner), _exp(scalar.same("neg", inner)))
    far = _far(order, scalar.same("maximum", size, number(_SPLIT)))
    return scalar.select(scalar.compare("le", size, number(_SPLIT)), near, far)


def _plain(order: int, size: Expr) -> Expr:
    """I(x) of a number that is not negative."""
    near = _near(order, scalar.same("minimum", size, number(_SPLIT)))
    outer = scalar.same("maximum", size, number(_SPLIT))
    # In two halves, since exp may overflow where the product does not.
    half = _exp(scalar.same("mul", outer, number(0.5)))
    far = scalar.same("mul", scalar.same("mul", _far(order, outer), half), half)
    far = scalar.select(scalar.compare("eq", size, number(math.inf)), size, far)
    return scalar.select(scalar.compare("le", size, number(_SPLIT)), near, far)


def _exp(x: Expr) -> Expr:
    return scalar.same("exp", x)


def _formula(order: int, is_scaled: bool) -> Callable[[Expr], Expr]:
    @in_float64
    def formula(x: Expr) -> Expr:
        found = (_scaled if is_scaled else _plain)(order, scalar.same("abs", x))
        return scalar.same("copysign", found, x) if order else found

    return formula


def _series(order: int, size: Decimal) -> Decimal:
    """I(x) by the power series (DLMF 10.25.2)."""
    quarter = size * size / 4
    term = total = (size / 2) ** order if order else Decimal(1)
    k = 0
    while term > total * Decimal("1e-30"):
        k += 1
        term *= quarter / (k * (k + order))
        total += term
    return total


def _asymptotic(order: int, size: Decimal) -> Decimal:
    """exp(-x)*I(x) of large x (DLMF 10.40.1)."""
    term = total = Decimal(1)
    for k in range(1, 25):
        term *= -Decimal(4 * order - (2 * k - 1) ** 2) / (k * 8 * size)
        total += term
    return total / (2 * Decimal(math.pi) * size).sqrt()


def _element(order: int, is_scaled: bool) -> Callable[[float], float]:
    """Computed with 40 digits, since the functions' condition grows with their argument."""

    def element(x: float) -> float:
        if math.isnan(x):
            return x
        size = Decimal(abs(x))
        with localcontext(Context(prec=40, Emax=MAX_EMAX, Emin=MIN_EMIN)):
            if math.isinf(x) or (size > 750 and not is_scaled):
                value = 0.0 if is_scaled else math.inf
            elif size <= 200:
                value = float(_series(order, size) * ((-size).exp() if is_scaled else 1))
            else:
                value = float(_asymptotic(order, size) * (1 if is_scaled else size.exp()))
        return math.copysign(value, x) if order else value

    return element


def _over(value: Node, x: Node) -> Node:
    """I1(x)/x, which at 0 is 1/2 for either scale."""
    is_zero = equal(x, 0.0)
    return where(is_zero, 0.5, div(value, where(is_zero, 1.0, x)))


def _i0_slope(r: Node, x: Node) -> Node:
    return ops.i1(x)


def _i1_slope(r: Node, x: Node) -> Node:
    return sub(ops.i0(x), _over(r, x))


def _i0e_slope(r: Node, x: Node) -> Node:
    return sub(ops.i1e(x), mul(ops.sign(x), r))


def _i1e_slope(r: Node, x: Node) -> Node:
    return sub(sub(ops.i0e(x), mul(ops.sign(x), r)), _over(r, x))


for _name, _doc, _order, _is_scaled, _slope in (
    ("i0", "Modified Bessel function of the first kind, of order 0.", 0, False, _i0_slope),
    ("i1", "Modified Bessel function of the first kind, of order 1.", 1, False, _i1_slope),
    ("i0e", "exp(-abs(x)) times the modified Bessel function of order 0.", 0, True, _i0e_slope),
    ("i1e", "exp(-abs(x)) times the modified Bessel function of order 1.", 1, True, _i1e_slope),
):
    elementwise(
        _name, _doc, dtypes=FLOATS, reference=by_element(_element(_order, _is_scaled)),
        derivative=(lambda g, r, x, slope=_slope: mul(g, slope(r, x)),),
        lowering=formula_element(_formula(_order, _is_scaled)), low=-3.0, high=12.0, cost=150,
    )  # fmt: skip
