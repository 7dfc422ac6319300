"""Special functions, under the names that scipy.special has for them.

>>> import graphc as gc
>>> with gc.Graph():
...     x = gc.placeholder(gc.float64, ("n",))
...     y = gc.special.erfinv(x) + gc.special.polygamma(1, x)
>>> y.shape
(n,)
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from graphc.api import elementwise as el
from graphc.api.blame import blamed, fail_attribute
from graphc.api.elementwise import (
    digamma,
    erf,
    erfc,
    erfcx,
    erfinv,
    i0,
    i0e,
    i1,
    i1e,
    lgamma,
    ndtri,
)
from graphc.api.formulas import clip, isnan
from graphc.api.matrices import check_float
from graphc.api.operands import TensorLike, graph_of, to_node
from graphc.api.shapes import as_int
from graphc.ops.polygamma import polygamma as polygamma_of

if TYPE_CHECKING:
    from graphc.api.tensor import Tensor

__all__ = [
    "digamma",
    "entr",
    "erf",
    "erfc",
    "erfcx",
    "erfinv",
    "i0",
    "i0e",
    "i1",
    "i1e",
    "lgamma",
    "log_ndtr",
    "logit",
    "multigammaln",
    "ndtr",
    "ndtri",
    "polygamma",
    "sinc",
    "xlog1py",
    "xlogy",
]

#: Below this, sin(y)/y is its series to within rounding, and so are its derivatives.
_SMALL_ANGLE = 0.03


def polygamma(n: int, x: TensorLike, /) -> Tensor:
    """The n-th derivative of the digamma function, of floats; infinite at 0, -1, -2, ...

    n is known, from 0 on. See `graphc/ops/polygamma.py` for the formulas.
    """
    op = "polygamma"
    order = as_int(op, n, "n")
    if order < 0:
        fail_attribute(op, f"n must be at least 0, not {order}")
    if order == 0:
        return digamma(x)
    graph, node = graph_of(op, x), to_node(op, x)
    check_float(op, node)
    with blamed(op):
        return graph.tensor(polygamma_of(order, node))


def multigammaln(x: TensorLike, d: int, /) -> Tensor:
    """The logarithm of the multivariate gamma function of dimension d; NaN up to (d - 1)/2.

    Source: DLMF 35.3.5.
    """
    count = as_int("multigammaln", d, "d")
    if count < 1:
        fail_attribute("multigammaln", f"d must be at least 1, not {count}")
    total = lgamma(x)
    for k in range(1, count):
        total = total + lgamma(el.subtract(x, k / 2))
    defined = el.greater(x, (count - 1) / 2)
    shifted = total + count * (count - 1) / 4 * math.log(math.pi)
    return el.where(defined, shifted, math.nan)


def ndtr(x: TensorLike, /) -> Tensor:
    """The probability that a standard normal variable is less than x."""
    return 0.5 * erfc(el.multiply(x, -math.sqrt(0.5)))


def log_ndtr(x: TensorLike, /) -> Tensor:
    """The logarithm of `ndtr`, exact in both tails."""
    low = el.less(x, -1)
    below, above = el.where(low, x, -1), el.where(low, -1, x)
    tail = el.log(0.5 * erfcx(below * -math.sqrt(0.5))) - 0.5 * below * below
    return el.where(low, tail, el.log1p(-0.5 * erfc(above * math.sqrt(0.5))))


def xlogy(x: TensorLike, y: TensorLike, /) -> Tensor:
    """x*log(y), which is 0 where x is 0, unless y is NaN."""
    return _times_log(x, y, 0, el.log)


def xlog1py(x: TensorLike, y: TensorLike, /) -> Tensor:
    """x*log1p(y), which is 0 where x is 0, unless y is NaN."""
    return _times_log(x, y, -1, el.log1p)


def _times_log(x: TensorLike, y: TensorLike, pole: int, log: object) -> Tensor:
    """x times a logarithm, of another number where x is 0 and that of y is not finite."""
    unbounded = el.logical_or(el.less_equal(y, pole), el.equal(y, math.inf))
    safe = el.where(el.logical_and(el.equal(x, 0), unbounded), pole + 1, y)
    return el.multiply(x, log(safe))  # type: ignore[operator]


def entr(x: TensorLike, /) -> Tensor:
    """-x*log(x), 0 at 0 and -inf below: a part of an entropy."""
    positive = el.greater(x, 0)
    inside = el.where(positive, x, 1)
    outside = el.where(el.equal(x, 0), 0, -math.inf)
    found = el.where(positive, -inside * el.log(inside), outside)
    return el.where(isnan(x), x, found)


def logit(x: TensorLike, /, epsilon: float | None = None) -> Tensor:
    """log(x/(1 - x)), the inverse of `sigmoid`; NaN outside of 0 to 1.

    With epsilon, x is taken from there to 1 - epsilon.
    """
    inner = x if epsilon is None else clip(x, epsilon, 1 - epsilon)
    return el.log(el.divide(inner, el.subtract(1, inner)))


def sinc(x: TensorLike, /) -> Tensor:
    """sin(pi*x)/(pi*x), which is 1 at 0."""
    angle = el.multiply(x, math.pi)
    small = el.less(el.abs(angle), _SMALL_ANGLE)
    near, far = el.where(small, angle, 0), el.where(small, 1, angle)
    square = near * near
    series = 1.0
    for k in (10, 8, 6, 4, 2):
        series = 1 - square * series / (k * (k + 1))  # type: ignore[assignment]
    return el.where(small, series, el.sin(far) / far)
