"""Functions of elements that are written with several ops."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from graphc.api import elementwise as el
from graphc.api.blame import fail_dtype
from graphc.api.operands import TensorLike, graph_of, to_node
from graphc.api.shapes import to_dtype
from graphc.ir.node import Node
from graphc.ops import ops

if TYPE_CHECKING:
    from graphc.api.tensor import Tensor

_MOST_MULTIPLIED = 4


def positive(x: TensorLike, /) -> Tensor:
    """The number itself."""
    graph, node = graph_of("positive", x), to_node("positive", x)
    if node.dtype.is_bool:
        fail_dtype("positive", "needs numbers, not bool")
    return graph.tensor(node)


def square(x: TensorLike, /) -> Tensor:
    """x*x."""
    return el.multiply(x, x)


def reciprocal(x: TensorLike, /) -> Tensor:
    """1/x, of floating-point numbers."""
    return el.divide(1, x)


def pow(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """x1 to the power x2.

    A Python integer from 1 to 4 as the exponent is taken by multiplication. For the others, see
    the op: the derivative by x2 is 0 at base 0, and the one by x1 is 0 where x2 is 0.
    """
    if isinstance(x2, int) and not isinstance(x2, bool) and 1 <= x2 <= _MOST_MULTIPLIED:
        graph, node = graph_of("pow", x1), to_node("pow", x1)
        if not node.dtype.is_bool:
            return graph.tensor(_power(node, x2))
    return el.power(x1, x2)


def _power(node: Node, exponent: int) -> Node:
    if exponent == 1:
        return node
    half = _power(node, exponent // 2)
    squared = ops.mul(half, half)
    return ops.mul(squared, node) if exponent % 2 else squared


def hypot(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """sqrt(x1*x1 + x2*x2) without overflow on the way; infinite if either is."""
    first, second = el.abs(x1), el.abs(x2)
    longer, shorter = el.maximum(first, second), el.minimum(first, second)
    plain = el.logical_and(longer > 0, el.logical_and(isfinite(longer), isfinite(shorter)))
    ratio = el.where(plain, shorter, 0) / el.where(plain, longer, 1)
    length = longer * el.sqrt(1 + ratio * ratio)
    return el.where(el.logical_or(isinf(first), isinf(second)), float("inf"), length)


def logaddexp(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """log(exp(x1) + exp(x2)) without overflow on the way."""
    larger, gap = _larger(x1, x2)
    return larger + el.log1p(el.exp(gap))


def _larger(x1: TensorLike, x2: TensorLike) -> tuple[Tensor, Tensor]:
    """The larger number, and minus the distance of the two; 0 for equal infinities.

    By a choice, not by `maximum` and `abs`, whose higher derivatives at a tie are those of a kink.
    """
    endless = el.logical_and(el.equal(x1, x2), isinf(x1))
    gap = el.where(endless, 0, el.subtract(x1, x2))
    above = gap > 0
    return el.where(above, x1, x2), el.where(above, -gap, gap)


def clip(x: TensorLike, /, min: TensorLike | None = None, max: TensorLike | None = None) -> Tensor:
    """x, but at least min and at most max (max wins where they cross); NaN stays NaN.

    Bounds promote and broadcast with x. Where x equals a bound, it gets half the derivative.
    """
    graph = graph_of("clip", x, min, max)
    raised = graph.tensor(to_node("clip", x)) if min is None else el.maximum(x, min)
    return raised if max is None else el.minimum(raised, max)


def logaddexp2(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """log2(2**x1 + 2**x2) without overflow on the way."""
    larger, gap = _larger(x1, x2)
    return larger + el.log1p(el.exp2(gap)) / math.log(2)


def signbit(x: TensorLike, /) -> Tensor:
    """Whether the sign of a floating-point number is minus, that of zeros and NaN too."""
    return el.less(el.copysign(1.0, x), 0)


def fmax(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """The larger, or the other one where one is NaN; at a tie each gets half the derivative."""
    first, second = _without_nan(x1, x2)
    return el.maximum(first, second)


def fmin(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """The smaller, or the other one where one is NaN; at a tie each gets half the derivative."""
    first, second = _without_nan(x1, x2)
    return el.minimum(first, second)


def _without_nan(x1: TensorLike, x2: TensorLike) -> tuple[Tensor, Tensor]:
    """Both, each where it is NaN replaced by the other, which then gets all of the derivative."""
    first, second = el.where(isnan(x1), x2, x1), el.where(isnan(x2), x1, x2)
    return first, second


def nan_to_num(
    x: TensorLike, /, *, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None
) -> Tensor:
    """x with NaN and infinities replaced: by default by 0 and the dtype's largest numbers.

    The derivative there is 0.
    """
    node = to_node("nan_to_num", x)
    if not node.dtype.is_float:
        return positive(x)
    largest = float(np.finfo(node.dtype.numpy).max)
    high, low = (largest if posinf is None else posinf), (-largest if neginf is None else neginf)
    finite = el.where(el.equal(x, math.inf), high, el.where(el.equal(x, -math.inf), low, x))
    return el.where(isnan(x), nan, finite)


def isfinite(x: TensorLike, /) -> Tensor:
    """Whether neither infinite nor NaN; true for integers."""
    return _classified("isfinite", x, of_integers=True)


def isinf(x: TensorLike, /) -> Tensor:
    """Whether infinite; false for integers."""
    return _classified("isinf", x, of_integers=False)


def isnan(x: TensorLike, /) -> Tensor:
    """Whether not a number; false for integers."""
    return _classified("isnan", x, of_integers=False)


def astype(x: TensorLike, dtype: object, /) -> Tensor:
    """The numbers in another dtype.

    Floats are cut towards zero for integers; those out of range give the nearest end of it, and
    NaN gives 0. To bool, everything but 0 is true.
    """
    graph, node, wanted = graph_of("astype", x), to_node("astype", x), to_dtype("astype", dtype)
    return graph.tensor(node if node.dtype is wanted else ops.astype(node, dtype=wanted))


def _classified(name: str, x: TensorLike, of_integers: bool) -> Tensor:
    graph, node = graph_of(name, x), to_node(name, x)
    if node.dtype.is_integer:
        return graph.tensor(ops.eq(node, node) if of_integers else ops.ne(node, node))
    return graph.tensor(getattr(ops, name)(node))
