"""Pictures made smaller and larger: pooling, back from it, and resizing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

import graphc as gc
from conformance.case import Array, Case, Translation
from conformance.table.entries import as_list, pairs, plain, refuse

# Pooling -------------------------------------------------------------------------------------


def _max_pooled(rank: int, maxima: Any, places: Any) -> Any:
    def apply(
        input: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
        ceil_mode: bool = False, return_indices: bool = False,
    ) -> Any:  # fmt: skip
        settings = [pairs(x) for x in (kernel_size, stride or None, padding, dilation)]
        if not return_indices:
            return maxima(input, *settings, ceil_mode=ceil_mode)
        found = places(input, *settings, ceil_mode=ceil_mode)
        return [gc.nn.take_pooled(input, found, rank=rank), found]

    return apply


def _max_slopes(
    input: Any, *, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
    ceil_mode: bool = False, return_indices: bool = False,
) -> Any:  # fmt: skip
    """The derivative of the sum of all maxima."""
    settings = [pairs(x) for x in (kernel_size, stride or None, padding, dilation)]
    maxima = gc.nn.max_pool2d(input, *settings, ceil_mode=ceil_mode)
    return gc.gradients(gc.sum(maxima), input)[0]


def _avg_pooled(function: Any) -> Any:
    def apply(
        input: Any, kernel_size: Any, stride: Any = None, padding: Any = 0,
        ceil_mode: bool = False, count_include_pad: bool = True, divisor_override: Any = None,
    ) -> Any:  # fmt: skip
        refuse(divisor_override is not None, "a divisor that is no number of elements")
        return function(
            input, _one_or_each(kernel_size), _one_or_each(stride) or None, _one_or_each(padding),
            ceil_mode=ceil_mode, count_include_pad=count_include_pad,
        )  # fmt: skip

    return apply


def _one_or_each(value: Any) -> Any:
    """A list of one number stands for all dims."""
    return value[0] if isinstance(value, list | tuple) and len(value) == 1 else pairs(value)


def _adaptive(function: Any) -> Any:
    def apply(input: Any, output_size: Any, return_indices: bool = False) -> Any:
        refuse(return_indices, "the places of maxima in windows of several sizes")
        return function(input, _one_or_each(output_size))

    return apply


def _unpooled(rank: int) -> Any:
    def apply(
        input: Any, indices: Any, kernel_size: Any, stride: Any = None, padding: Any = 0,
        output_size: Any = None,
    ) -> Any:  # fmt: skip
        refuse(output_size is None, "sizes that follow from those of the windows")
        return gc.nn.max_unpool(input, indices, tuple(output_size[-rank:]))

    return apply


# Resizing ------------------------------------------------------------------------------------


def _resized(mode: Any) -> Any:
    """A scale that does not divide sizes evenly counts in PyTorch as it is, unless recomputed."""

    def apply(
        input: Any, size: Any = None, scale_factor: Any = None, mode: Any = None,
        align_corners: Any = None, recompute_scale_factor: Any = None, antialias: bool = False,
    ) -> Any:  # fmt: skip
        old = input.shape[2:]
        if size is None:
            scales = as_list(scale_factor) * (len(old) if not isinstance(scale_factor, list) else 1)
            size = [math.floor(n * scale) for n, scale in zip(old, scales, strict=True)]
            exact = all(n * scale == new for n, scale, new in zip(old, scales, size, strict=True))
            refuse(not (exact or recompute_scale_factor or align_corners), _UNEVEN)
        sizes = tuple(size) if isinstance(size, list | tuple) else (size,) * len(old)
        return _to_sizes(input, sizes, bool(align_corners))

    def _to_sizes(input: Any, sizes: Any, align_corners: bool) -> Any:
        if mode == "area":
            return _AREAS[len(sizes)](input, sizes)
        if mode == "first":
            even = all(n % old == 0 for n, old in zip(sizes, input.shape[2:], strict=True))
            refuse(not even, "the element at the start of a cell, not in its middle")
            return gc.nn.resize(input, sizes)
        return gc.nn.resize(input, sizes, mode=mode, align_corners=align_corners)

    return apply


_UNEVEN = "a scale that is not the ratio of the sizes"
_AREAS: dict[int, Any] = {
    1: gc.nn.adaptive_avg_pool1d, 2: gc.nn.adaptive_avg_pool2d, 3: gc.nn.adaptive_avg_pool3d,
}  # fmt: skip


def _last_at_places(case: Case, vjps: Sequence[Array]) -> Sequence[Array]:
    """Derivatives by the elements that stay, as no later one is put in the same place."""
    (places,) = (array for array in case.arrays if array.dtype.kind == "i")
    rank = len(case.kwargs["output_size"]) - 2
    rows = places.reshape(-1, int(np.prod(places.shape[-rank:])))
    stays = [[place not in row[k + 1 :] for k, place in enumerate(row)] for row in rows.tolist()]
    return [vjps[0] * np.reshape(stays, places.shape)]


OVERWRITTEN = (
    "where windows overlap, the last element at a place stays, and PyTorch's derivatives by the "
    "others are left out"
)

_nn = gc.nn
TABLE = {
    **{
        f"nn.functional.max_unpool{rank}d": Translation(
            _unpooled(rank), comparable=_last_at_places, remark=OVERWRITTEN
        )
        for rank in (1, 2, 3)
    },
    **plain({
    "max_pool2d_with_indices_backward": _max_slopes,
    **{f"nn.functional.{names}": function for names, function in {
        "adaptive_avg_pool1d": _adaptive(_nn.adaptive_avg_pool1d),
        "adaptive_avg_pool2d": _adaptive(_nn.adaptive_avg_pool2d),
        "adaptive_avg_pool3d": _adaptive(_nn.adaptive_avg_pool3d),
        "adaptive_max_pool1d": _adaptive(_nn.adaptive_max_pool1d),
        "adaptive_max_pool2d": _adaptive(_nn.adaptive_max_pool2d),
        "adaptive_max_pool3d": _adaptive(_nn.adaptive_max_pool3d),
        "avg_pool1d": _avg_pooled(_nn.avg_pool1d),
        "avg_pool2d": _avg_pooled(_nn.avg_pool2d),
        "avg_pool3d": _avg_pooled(_nn.avg_pool3d),
        "interpolate.area": _resized("area"),
        "interpolate.bilinear": _resized("bilinear"),
        "interpolate.linear": _resized("linear"),
        "interpolate.nearest": _resized("first"),
        "interpolate.nearest-exact": _resized("nearest"),
        "interpolate.trilinear": _resized("trilinear"),
        "max_pool1d": _max_pooled(1, _nn.max_pool1d, _nn.argmax_pool1d),
        "max_pool2d": _max_pooled(2, _nn.max_pool2d, _nn.argmax_pool2d),
        "max_pool3d": _max_pooled(3, _nn.max_pool3d, _nn.argmax_pool3d),
        "max_unpool1d.grad": _unpooled(1),
        "max_unpool2d.grad": _unpooled(2),
        "max_unpool3d.grad": _unpooled(3),
        "upsample_bilinear":
            lambda input, size=None, scale_factor=None:
                _resized("bilinear")(input, size, scale_factor, align_corners=True),
        "upsample_nearest": _resized("first"),
    }.items()},
    }),
}  # fmt: skip
