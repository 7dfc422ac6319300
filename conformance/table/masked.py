"""Operators with a mask of the elements that count: others are replaced by what changes nothing."""

from __future__ import annotations

import math
from typing import Any

import graphc as gc
from conformance.case import Translation
from conformance.table.entries import axes_of, by_rows, cast


def _inside(input: Any, mask: Any, filler: float) -> Any:
    return input if mask is None else gc.where(mask, input, filler)


def _reduced(function: Any, filler: float) -> Any:
    def apply(
        input: Any, dim: Any = None, *, keepdim: bool = False, dtype: Any = None, mask: Any = None
    ) -> Any:
        inner = _inside(cast(input, dtype), mask, filler)
        return function(inner, axes_of(dim, input), keepdims=keepdim)

    return apply


def _count(input: Any, mask: Any, axis: Any, keepdims: bool) -> Any:
    if mask is None:
        mask = gc.ones_like(input, dtype=gc.bool_)
    wide = gc.broadcast_to(mask, input.shape)
    return gc.astype(gc.count_nonzero(wide, axis, keepdims=keepdims), input.dtype)


def _mean(
    input: Any, dim: Any = None, *, keepdim: bool = False, dtype: Any = None, mask: Any = None
) -> Any:
    axis = axes_of(dim, input)
    total = gc.sum(_inside(input, mask, 0.0), axis, keepdims=keepdim)
    return total / _count(input, mask, axis, keepdim)


def _running(function: Any, filler: float) -> Any:
    return by_rows(
        lambda input, dim, *, dtype=None, mask=None: function(
            _inside(cast(input, dtype), mask, filler), axis=dim
        )
    )


def _normalized(function: Any, filler: float, sign: int = 1) -> Any:
    return by_rows(
        lambda input, dim, *, dtype=None, mask=None: function(
            _inside(sign * cast(input, dtype), mask, filler), dim
        )
    )


def _spread(function: Any) -> Any:
    """Variance of the elements that count, divided by their number less 1 if it is unbiased."""

    def apply(
        input: Any, dim: Any = None, unbiased: Any = None, *, correction: Any = None,
        keepdim: bool = False, dtype: Any = None, mask: Any = None,
    ) -> Any:  # fmt: skip
        axis = axes_of(dim, input)
        less = correction if correction is not None else 1 if unbiased in (None, True) else 0
        count = _count(input, mask, axis, True)
        mean = gc.sum(_inside(input, mask, 0.0), axis, keepdims=True) / count
        squares = _inside(gc.square(input - mean), mask, 0.0)
        total = gc.sum(squares, axis, keepdims=keepdim)
        divisor = gc.maximum(_count(input, mask, axis, keepdim) - less, 0)
        return function(total / divisor)

    return apply


def _norm(
    input: Any, ord: float, dim: Any = None, *, keepdim: bool = False, dtype: Any = None,
    mask: Any = None,
) -> Any:  # fmt: skip
    inner = _inside(cast(input, dtype), mask, 0.0 if ord >= 0 else math.inf)
    return gc.linalg.vector_norm(inner, axis=axes_of(dim, input), keepdims=keepdim, ord=ord)


def _logsumexp(
    input: Any, dim: Any = None, *, keepdim: bool = False, dtype: Any = None, mask: Any = None
) -> Any:
    inner = _inside(input, mask, -math.inf)
    return gc.nn.logsumexp(inner, axes_of(dim, input), keepdims=keepdim)


def _added(input: Any, other: Any, *, input_mask: Any = None, other_mask: Any = None) -> Any:
    left, right = _inside(input, input_mask, -math.inf), _inside(other, other_mask, -math.inf)
    return gc.logaddexp(left, right)


def _to_unit(
    input: Any, ord: float, dim: int, *, eps: float = 1e-12, dtype: Any = None, mask: Any = None
) -> Any:
    if input.ndim == 0:
        return gc.reshape(_to_unit(gc.reshape(input, (1,)), ord, dim, eps=eps, mask=mask), ())
    return gc.nn.normalize(_inside(input, mask, 0.0), axis=dim, ord=ord, epsilon=eps)


_ENTRIES: dict[str, Any] = {
    "amax": _reduced(gc.max, -math.inf),
    "amin": _reduced(gc.min, math.inf),
    "cumprod": _running(gc.cumulative_prod, 1.0),
    "cumsum": _running(gc.cumulative_sum, 0.0),
    "log_softmax": _normalized(gc.nn.log_softmax, -math.inf),
    "logaddexp": _added,
    "logsumexp": _logsumexp,
    "mean": _mean,
    "norm": _norm,
    "normalize": _to_unit,
    "prod": _reduced(gc.prod, 1.0),
    "softmax": _normalized(gc.nn.softmax, -math.inf),
    "softmin": _normalized(gc.nn.softmax, -math.inf, -1),
    "std": _spread(gc.sqrt),
    "sum": _reduced(gc.sum, 0.0),
    "var": _spread(lambda x: x),
}


TABLE = {f"masked.{name}": Translation(apply) for name, apply in _ENTRIES.items()}
