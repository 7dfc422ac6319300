"""Reductions, running combinations and sorting."""

from __future__ import annotations

from typing import Any

import graphc as gc
from conformance.table.entries import axes_of, by_rows, cast, plain, refuse


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


def _kth(input: Any, k: int, dim: int = -1, keepdim: bool = False) -> Any:
    """The k-th smallest, counted from 1."""
    order = gc.argsort(input, axis=dim)
    place = gc.take(order, [k - 1], axis=dim)
    found = gc.take_along_axis(input, place, axis=dim)
    return [found, place] if keepdim else [gc.squeeze(part, dim) for part in (found, place)]


def _lower_median(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """Of an even number PyTorch takes the lower of the two in the middle, and says where it is."""
    if dim is None:
        line = gc.flatten(input)
        return gc.sort(line)[(line.shape[0] - 1) // 2]
    return by_rows(
        lambda x, dim: _kth(x, (x.shape[dim] + 1) // 2, dim, keepdim)
    )(input, dim)  # fmt: skip


def _top(input: Any, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Any:
    return gc.top_k(input, k, axis=dim, largest=largest)


def _quantile(
    input: Any, q: Any, dim: Any = None, keepdim: bool = False, *, interpolation: Any = "linear"
) -> Any:
    refuse(isinstance(q, gc.Tensor), "parts that are known only when it runs")
    return gc.quantile(input, q, axes_of(dim, input), method=interpolation, keepdims=keepdim)


def _nan_sum(input: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    x = cast(input, dtype)
    return gc.sum(gc.where(gc.isnan(x), 0, x), axes_of(dim, input), keepdims=keepdim)


def _nan_mean(input: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    x, axis = cast(input, dtype), axes_of(dim, input)
    counts = gc.sum(gc.astype(~gc.isnan(x), x.dtype), axis, keepdims=keepdim)
    return gc.sum(gc.where(gc.isnan(x), 0, x), axis, keepdims=keepdim) / counts


def _running_extreme(values: Any, places: Any) -> Any:
    return by_rows(lambda input, dim: [values(input, axis=dim), places(input, axis=dim)])


def _differences(
    input: Any, n: int = 1, dim: int = -1, prepend: Any = None, append: Any = None
) -> Any:
    return gc.diff(input, n=n, axis=dim, prepend=prepend, append=append)


def _area(function: Any) -> Any:
    def apply(y: Any, x: Any = None, *, dx: float = 1.0, dim: int = -1) -> Any:
        return function(y, x, dx=dx, axis=dim)

    return apply


def _cov(input: Any, *, correction: int = 1, fweights: Any = None, aweights: Any = None) -> Any:
    mixed = aweights is not None and aweights.dtype is not input.dtype
    refuse(mixed, "weights of float32, in which PyTorch adds them up, for data of float64")
    found = gc.cov(input, correction=correction, frequencies=fweights, weights=aweights)
    return gc.reshape(found, ()) if found.size == 1 else found


def _corrcoef(input: Any) -> Any:
    """Of a single row PyTorch gives a scalar."""
    found = gc.corrcoef(input)
    return gc.reshape(found, ()) if found.size == 1 else found


def _distance(input: Any, other: Any, p: float = 2) -> Any:
    return gc.linalg.vector_norm(input - other, ord=p)


def _renormed(input: Any, p: float, dim: int, maxnorm: float) -> Any:
    """Slices along a dim, each brought to a norm, and 1e-7 below it, if its own is larger."""
    others = [k for k in range(input.ndim) if k != dim % input.ndim]
    norm = gc.linalg.vector_norm(input, axis=others, keepdims=True, ord=p)
    return gc.where(norm > maxnorm, input * (maxnorm / (norm + 1e-7)), input)


TABLE = plain({
    "amax": _reduced(gc.max),
    "amin": _reduced(gc.min),
    "aminmax": _all_extremes,
    "corrcoef": _corrcoef,
    "cov": _cov,
    "cummax": _running_extreme(gc.cumulative_max, gc.cumulative_argmax),
    "cummin": _running_extreme(gc.cumulative_min, gc.cumulative_argmin),
    "cumulative_trapezoid": _area(gc.cumulative_trapezoid),
    "cumprod": _running(gc.cumulative_prod),
    "cumsum": _running(gc.cumulative_sum),
    "diff": _differences,
    "dist": _distance,
    "kthvalue": by_rows(_kth),
    "log_softmax log_softmax.with_dtype": _softmax_like(gc.nn.log_softmax),
    "logcumsumexp": by_rows(lambda input, dim: gc.cumulative_logsumexp(input, axis=dim)),
    "logsumexp": _logsumexp,
    "max.reduction_no_dim": gc.max,
    "max.reduction_with_dim": _extreme(gc.max, gc.argmax),
    "mean": _reduced(gc.mean),
    "median": _lower_median,
    "min.reduction_no_dim": gc.min,
    "min.reduction_with_dim": _extreme(gc.min, gc.argmin),
    "nanmean": _nan_mean,
    "nansum": _nan_sum,
    "prod": _reduced(gc.prod),
    "quantile": _quantile,
    "renorm": _renormed,
    "softmax softmax.with_dtype": _softmax_like(gc.nn.softmax),
    "sort": by_rows(_sorted),
    "std std.unbiased": _spread(gc.std),
    "std_mean std_mean.unbiased": _spread(gc.std, with_mean=True),
    "msort": lambda input: gc.sort(input, axis=0),
    "sum": _reduced(gc.sum),
    "topk": by_rows(_top),
    "trapezoid trapz": _area(gc.trapezoid),
    "var var.unbiased": _spread(gc.var),
    "var_mean var_mean.unbiased": _spread(gc.var, with_mean=True),
})  # fmt: skip
