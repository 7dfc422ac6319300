"""Pairs of float32 arguments for pow and atan2: structured ones, and random ones that matter."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
Pairs = tuple[Array, Array]

LARGEST = float(np.finfo(np.float32).max)


def notable_pairs() -> Pairs:
    """All pairs of zeros, subnormals, whole and half numbers, ends of ranges, infinities, NaN."""
    magnitudes = [0.0, 2.0**-149, 2.0**-127, 2.0**-126, 1e-30, 2.0**-24, 0.25, 1 / 3, 0.5]
    magnitudes += [0.75, 1 - 2.0**-24, 1.0, 1 + 2.0**-23, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0]
    magnitudes += [7.0, 10.0, 23.0, 64.0, 126.0, 127.0, 128.0, 149.0, 150.0, 1e3, 1e4]
    magnitudes += [2.0**exponent + offset for exponent in (22, 23, 24) for offset in (-1, 0, 1)]
    magnitudes += [2.0**22 + 0.5, 1e10, 2.0**31, 1e30, 2.0**127, LARGEST, np.inf]
    numbers = [sign * magnitude for magnitude in magnitudes for sign in (1.0, -1.0)] + [np.nan]
    pairs = np.array(list(itertools.product(numbers, repeat=2)), np.float32)
    return pairs[:, 0].copy(), pairs[:, 1].copy()


def any_patterns(rng: np.random.Generator, count: int) -> Pairs:
    """Random bit patterns, NaN and infinities too."""
    patterns = rng.integers(0, 2**32, (2, count), np.uint32)
    return patterns[0].view(np.float32), patterns[1].view(np.float32)


def powers_in_range(rng: np.random.Generator, count: int) -> Pairs:
    """Any base, and an exponent such that the result may be a number."""
    base = rng.integers(1, 0x7F800000, count, np.uint32).view(np.float32)
    return base, _exponent_for(base, rng.uniform(-151.0, 129.0, count))


def powers_of_near_one(rng: np.random.Generator, count: int) -> Pairs:
    """Bases at all distances from 1, and exponents as large as that allows."""
    distance = np.exp(rng.uniform(np.log(2.0**-24), np.log(0.5), count))
    base = (1 + distance * rng.choice([-1.0, 1.0], count)).astype(np.float32)
    return base, _exponent_for(base, rng.uniform(-151.0, 129.0, count))


def whole_powers(rng: np.random.Generator, count: int) -> Pairs:
    """Bases of both signs to small whole and half powers."""
    base = np.exp(rng.uniform(-8, 8, count)) * rng.choice([-1.0, 1.0], count)
    return base.astype(np.float32), (rng.integers(-80, 81, count) / 2).astype(np.float32)


def _exponent_for(base: Array, log2_of_result: Array) -> Array:
    log = np.log2(base.astype(np.float64))
    with np.errstate(divide="ignore", over="ignore"):
        return np.asarray((log2_of_result / log).astype(np.float32))


def in_all_directions(rng: np.random.Generator, count: int) -> Pairs:
    """Points of all sizes, subnormal and huge, at any angle."""
    exponent, angle = rng.integers(-148, 128, count), rng.uniform(-np.pi, np.pi, count)
    return tuple(np.ldexp(f(angle), exponent).astype(np.float32) for f in (np.sin, np.cos))  # type: ignore[return-value]


def at_small_angles(rng: np.random.Generator, count: int) -> Pairs:
    """Points close to an axis: ratios of all sizes."""
    x = np.exp(rng.uniform(-40, 40, count)) * rng.choice([-1.0, 1.0], count)
    ratio = np.exp(rng.uniform(-60, 10, count)) * rng.choice([-1.0, 1.0], count)
    return (x * ratio).astype(np.float32), x.astype(np.float32)


RANDOM: dict[str, tuple[Callable[[np.random.Generator, int], Pairs], ...]] = {
    "pow": (any_patterns, powers_in_range, powers_of_near_one, whole_powers),
    "atan2": (any_patterns, in_all_directions, at_small_angles),
}


def random_pairs(name: str, seed: int, count: int) -> Pairs:
    """About `count` pairs for the function, an equal share from each family."""
    rng = np.random.default_rng([2032, seed])
    families = RANDOM[name]
    parts = [family(rng, count // len(families)) for family in families]
    return tuple(np.concatenate(arrays) for arrays in zip(*parts, strict=True))  # type: ignore[return-value]
