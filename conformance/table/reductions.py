"""Reductions, running combinations and sorting."""

from __future__ import annotations

from typing import Any

import graphc as gc
from conformance.table.entries import axes_of, by_rows, cast, plain


def _reduced(function: Any) -> Any:
    """A reduction with PyTorch's arguments."""

    def apply(input: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
        return function(cast(input, dtype), axes_of(dim, input), keepdims=keepdim)

    return apply


def _correction(args: Any) -> float:
    if (given := args.pop("correction", None)) is not None:
        return float(given)
    return float(args.pop("unbiased", True))


def _spread(function: Any, with_mean: bool = False) -> Any:
    """Variance or deviation, which may be told its correction in three ways."""

    def apply(input: Any, *args: Any, **kwargs: Any) -> Any:
        if args and isinstance(args[0], bool):
            kwargs["unbiased"] = args[0]
        elif args:
            kwargs["dim"] = args[0]
        correction = _correction(kwargs)
        axis, keepdims = axes_of(kwargs.pop("dim", None), input), kwargs.pop("keepdim", False)
        assert not kwargs and len(args) < 2
        found = function(input, axis, correction=correction, keepdims=keepdims)
        return [found, gc.mean(input, axis, keepdims=keepdims)] if with_mean else found

    return apply


def _extreme(values: Any, places: Any) -> Any:
    """The extreme along a dim, and where it is; PyTorch's derivative goes to that element."""

    def apply(input: Any, dim: int, keepdim: bool = False) -> Any:
        place = places(input, dim, keepdims=True)
        found = gc.take_along_axis(input, place, axis=dim)
        return [found, place] if keepdim else [gc.squeeze(part, dim) for part in (found, place)]

    return by_rows(apply)


def _all_extremes(input: Any, *, dim: Any = None, keepdim: bool = False) -> Any:
    axis = axes_of(dim, input)
    return [f(input, axis, keepdims=keepdim) for f in (gc.min, gc.max)]


def _sorted(input: Any, dim: int = -1, descending: bool = False, stable: bool = False) -> Any:
    order = gc.argsort(input, axis=dim, descending=descending)
    return [gc.take_along_axis(input, order, axis=dim), order]


def _logsumexp(input: Any, dim: Any, keepdim: bool = False) -> Any:
    return gc.nn.logsumexp(input, axes_of(dim, input), keepdims=keepdim)


def _running(function: Any) -> Any:
    return by_rows(lambda input, dim, *, dtype=None: function(cast(input, dtype), axis=dim))


def _softmax_like(function: Any) -> Any:
    return by_rows(lambda input, dim, dtype=None: function(cast(input, dtype), axis=dim))


TABLE = plain({
    "amax": _reduced(gc.max),
    "amin": _reduced(gc.min),
    "aminmax": _all_extremes,
    "cumprod": _running(gc.cumulative_prod),
    "cumsum": _running(gc.cumulative_sum),
    "log_softmax log_softmax.with_dtype": _softmax_like(gc.nn.log_softmax),
    "logsumexp": _logsumexp,
    "max.reduction_no_dim": gc.max,
    "max.reduction_with_dim": _extreme(gc.max, gc.argmax),
    "mean": _reduced(gc.mean),
    "min.reduction_no_dim": gc.min,
    "min.reduction_with_dim": _extreme(gc.min, gc.argmin),
    "prod": _reduced(gc.prod),
    "softmax softmax.with_dtype": _softmax_like(gc.nn.softmax),
    "sort": by_rows(_sorted),
    "std std.unbiased": _spread(gc.std),
    "std_mean std_mean.unbiased": _spread(gc.std, with_mean=True),
    "msort": lambda input: gc.sort(input, axis=0),
    "sum": _reduced(gc.sum),
    "var var.unbiased": _spread(gc.var),
    "var_mean var_mean.unbiased": _spread(gc.var, with_mean=True),
})  # fmt: skip
