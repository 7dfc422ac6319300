"""One row of the table of vector functions: what to compare a function with, and where."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np

from tests.codegen.vecmath.vecmath_jit import DTYPES, Array

INF = float("inf")
NAN = float("nan")
PRECISION = 160
"""Bits that the oracles compute with: float64's 53, and over 100 to lose."""

Interval = tuple[float, float]
Point = float | tuple[float, ...]


@dataclasses.dataclass(frozen=True)
class Row:
    """A vector function, its oracle and where to sample it.

    `oracle` takes and returns mpmath numbers, for finite arguments in `domain`. `intervals` are
    sampled uniformly and, where their ends have one sign, log-uniformly; for a function of two
    arguments each is a pair of intervals. The whole range of floats is sampled too, by random bit
    patterns: outside `domain` (a predicate on mpmath numbers) the result must be NaN. `special`
    lists points with their exact results, signs of zero included; a function of one argument must
    list +-0 and +-inf there. NaN gives NaN unless `special` has it. `max_ulps` are the bounds for
    float32 and float64.
    """

    name: str
    oracle: Callable[..., Any]
    intervals: tuple[Any, ...]
    special: tuple[tuple[Point, float], ...]
    domain: Callable[..., bool] = lambda *x: True
    max_ulps: tuple[float, float] = (1.5, 2.0)
    arity: int = 1
    extra: Callable[[np.random.Generator, Any], tuple[Array, ...]] | None = None
    """More points: takes a generator and a dtype, gives one array per argument."""

    def bound(self, bits: int) -> float:
        return self.max_ulps[bits == 64]


def sample(row: Row, bits: int, seed: int, count: int) -> tuple[Array, ...]:
    """About `count` points per interval and in the whole range; one array per argument.

    All finite, and without the special ones.
    """
    rng = np.random.default_rng([seed, bits])
    dtype = DTYPES[bits]
    parts = [_random_patterns(rng, bits, count, row.arity), notable_points(row, bits)]
    for interval in row.intervals:
        box = interval if row.arity > 1 else (interval,)
        parts.append(tuple(_in_interval(rng, ends, count, dtype) for ends in box))
    if row.extra is not None:
        parts.append(row.extra(rng, dtype))
    joined = tuple(np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    ordinary = np.logical_and.reduce([np.isfinite(array) for array in joined])
    for point, _ in row.special:
        values = (point,) if row.arity == 1 else point
        ordinary &= ~_equal_everywhere(joined, values)
    return tuple(array[ordinary] for array in joined)


def _equal_everywhere(arrays: tuple[Array, ...], values: Any) -> Array:
    with np.errstate(over="ignore"):  # float64's largest number is float32's infinity
        matches = [array == value for array, value in zip(arrays, values, strict=True)]
    return np.logical_and.reduce(matches)


def _in_interval(rng: np.random.Generator, ends: Interval, count: int, dtype: Any) -> Array:
    low, high = ends
    points = rng.uniform(low, high, count)
    if low * high > 0:
        scaled = np.exp(rng.uniform(*np.sort(np.log(np.abs(ends))), count // 2))
        points[: count // 2] = np.copysign(scaled, low)
    return np.clip(points.astype(dtype), dtype(low), dtype(high))


def _random_patterns(
    rng: np.random.Generator, bits: int, count: int, arity: int
) -> tuple[Array, ...]:
    unsigned = {32: np.uint32, 64: np.uint64}[bits]
    patterns = rng.integers(0, np.iinfo(unsigned).max, (arity, count), unsigned, endpoint=True)
    return tuple(patterns.view(DTYPES[bits]))


def notable_points(row: Row, bits: int) -> tuple[Array, ...]:
    """Smallest, largest, whole and half numbers of both signs; all pairs for two arguments."""
    info = np.finfo(DTYPES[bits])
    magnitudes = [0.0, info.smallest_subnormal, info.smallest_normal, info.eps, info.max]
    magnitudes += [0.5, 1 - info.epsneg, 1, 1 + info.eps, 1.5, 2, 3, 10, 100, 1000, 2.0**24]
    points = np.array([sign * float(m) for m in magnitudes for sign in (1, -1)], DTYPES[bits])
    if row.arity == 1:
        return (points,)
    pairs = np.array(list(itertools.product(points, repeat=row.arity)), DTYPES[bits])
    return tuple(pairs.T)


@dataclasses.dataclass(frozen=True)
class Exact:
    """Oracle results as unevaluated sums high + low of float64; NaN outside the domain."""

    high: Array
    low: Array


def exact_values(row: Row, points: tuple[Array, ...]) -> Exact:
    """The oracle at finite points. Results too large for float64 become infinities."""
    high, low = np.empty((2, points[0].size))
    with mpmath.workprec(PRECISION):
        for i, values in enumerate(zip(*(array.tolist() for array in points), strict=True)):
            high[i], low[i] = _exact_value(row, [mpmath.mpf(value) for value in values])
    return Exact(high, low)


def _exact_value(row: Row, arguments: list[Any]) -> tuple[float, float]:
    if not row.domain(*arguments):
        return NAN, 0.0
    result = row.oracle(*arguments)
    high = float(result)
    return high, float(result - high) if abs(high) < INF else 0.0


def error_in_ulps(computed: Array, exact: Exact) -> Array:
    """Distance in units of the spacing of the dtype's numbers at the exact result.

    Infinite where one is NaN and the other not, or where a result is infinite and should not be.
    Where the exact result rounds to an infinity, the largest number is still good.
    """
    dtype = computed.dtype.type
    largest = float(np.finfo(dtype).max)
    with np.errstate(all="ignore"):
        rounded = exact.high.astype(dtype)
        spacing = np.spacing(np.abs(np.where(np.isfinite(rounded), rounded, largest).astype(dtype)))
        distance = np.abs((computed.astype(np.float64) - exact.high) - exact.low)
        errors = distance / spacing.astype(np.float64)
        overflowed = np.isinf(rounded) & (np.sign(computed) == np.sign(rounded))
        errors[overflowed & (np.abs(computed) >= largest)] = 0.0
    errors[np.isnan(exact.high) & np.isnan(computed)] = 0.0
    errors[np.isnan(exact.high) != np.isnan(computed)] = INF
    return np.where(np.isnan(errors), INF, errors)
