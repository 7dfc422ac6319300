"""Exponentials of a row that are brought to sum 1, and their logarithms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphc.api import elementwise as el
from graphc.api import formulas, reductions
from graphc.api.manipulation import squeeze, stop_gradient
from graphc.api.operands import TensorLike
from graphc.api.shapes import AxesLike, as_axes

if TYPE_CHECKING:
    from graphc.api.tensor import Tensor


def softmax(x: TensorLike, /, axis: AxesLike = -1) -> Tensor:
    """exp(x) divided by its sum along an axis (or axes), without overflow on the way."""
    grown = el.exp(_below_maximum(x, axis))
    return grown / reductions.sum(grown, axis, keepdims=True)


def log_softmax(x: TensorLike, /, axis: AxesLike = -1) -> Tensor:
    """The logarithm of `softmax`, without overflow or loss of small ones on the way."""
    lowered = _below_maximum(x, axis)
    return lowered - el.log(reductions.sum(el.exp(lowered), axis, keepdims=True))


def logsumexp(x: TensorLike, /, axis: AxesLike = None, *, keepdims: bool = False) -> Tensor:
    """log(sum(exp(x))) over axes (all unless told otherwise), without overflow on the way.

    -inf over nothing and where all elements are -inf.
    """
    highest = stop_gradient(reductions.max(x, axis, keepdims=True))
    centre = el.where(formulas.isfinite(highest), highest, 0)
    total = reductions.sum(el.exp(el.subtract(x, centre)), axis, keepdims=True)
    result = el.log(total) + centre
    return result if keepdims else squeeze(result, as_axes("logsumexp", axis, result.ndim))


def _below_maximum(x: TensorLike, axis: AxesLike) -> Tensor:
    """x less its maximum, which softmax does not change with and so needs no derivative."""
    return el.subtract(x, stop_gradient(reductions.max(x, axis, keepdims=True)))
