"""Gradients of functions of tensors, to second order, against central differences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import graphc as gc

Array = np.ndarray[Any, Any]
Compute = Callable[..., Any]

_STEP = 1e-5


def check_gradients(
    compute: Compute, function: Callable[..., gc.Tensor], arrays: Sequence[Array]
) -> None:
    """First and second derivatives of a function at a point where it is smooth."""
    rng = np.random.default_rng(7)
    xs = [gc.placeholder(gc.float64, array.shape) for array in arrays]
    y = function(*xs)
    total = gc.sum(y * rng.normal(size=y.shape))
    first = gc.gradients(total, xs)
    slope = sum(
        (gc.sum(g * rng.normal(size=g.shape)) for g in first), gc.zeros((), dtype=gc.float64)
    )
    _check(compute, total, first, xs, arrays, rng)
    _check(compute, slope, gc.gradients(slope, xs), xs, arrays, rng)


def _check(
    compute: Compute, y: gc.Tensor, found: Sequence[gc.Tensor], xs: Sequence[gc.Tensor],
    arrays: Sequence[Array], rng: np.random.Generator,
) -> None:  # fmt: skip
    ways = [rng.normal(size=array.shape) for array in arrays]
    ends = [
        compute(y, {x: a + by * way for x, a, way in zip(xs, arrays, ways, strict=True)})
        for by in (_STEP, -_STEP)
    ]
    values = compute(list(found), dict(zip(xs, arrays, strict=True)))
    expected = sum(np.sum(value * way) for value, way in zip(values, ways, strict=True))
    np.testing.assert_allclose((ends[0] - ends[1]) / (2 * _STEP), expected, rtol=1e-6, atol=1e-6)
