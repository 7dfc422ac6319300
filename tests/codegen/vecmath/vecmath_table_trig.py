"""The vector functions with their oracles: trigonometry and its inverses, erf, gamma."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable
from typing import Any

import mpmath
import numpy as np

from tests.codegen.vecmath.vecmath_jit import Array
from tests.codegen.vecmath.vecmath_row import INF, NAN, Row

ODD_ZEROS = ((0.0, 0.0), (-0.0, -0.0))
NAN_AT_INFINITIES = ((INF, NAN), (-INF, NAN))

HARD_ANGLES = (
    6381956970095103 * 2.0**797,  # of all float64, the nearest to a multiple of pi/2
    5319372648326541 * 2.0**255,
    16367173 * 2.0**72,  # the same of all float32
    1e22,
    1e300,
    2.0**1023,
)

Points = Callable[[np.random.Generator, Any], tuple[Array, ...]]


def near_quarter_turns(rng: np.random.Generator, dtype: Any) -> tuple[Array, ...]:
    """The numbers next to multiples of pi/2, small and huge, and notoriously hard arguments."""
    turns = [*range(1, 100), *np.exp(rng.uniform(5, 22, 200)).astype(np.int64).tolist()]
    turns += [n << shift for n in range(1, 20) for shift in (40, 60, 90, 120)]
    with mpmath.workprec(400), np.errstate(over="ignore"):
        angles = np.array([float(n * mpmath.pi / 2) for n in turns] + list(HARD_ANGLES), dtype)
    return (np.concatenate([angles, -np.nextafter(angles, dtype(0))]),)


def near(*centers: float) -> Points:
    """Points at all distances below 1/4 of the centers, on both sides."""

    def points(rng: np.random.Generator, dtype: Any) -> tuple[Array, ...]:
        distances = np.exp(rng.uniform(np.log(np.finfo(dtype).eps), np.log(0.25), 200))
        signed = distances * rng.choice([-1.0, 1.0], distances.size)
        return (np.concatenate([center + signed for center in centers]).astype(dtype),)

    return points


def comparable_coordinates(rng: np.random.Generator, dtype: Any) -> tuple[Array, ...]:
    """Points of all sizes, the smallest and the largest too, in all directions."""
    info = np.finfo(dtype)
    exponents = rng.integers(int(np.log2(info.smallest_subnormal)) + 1, info.maxexp - 6, 600)
    angles = rng.uniform(-math.pi, math.pi, exponents.size)
    coordinates = (np.ldexp(np.sin(angles), exponents), np.ldexp(np.cos(angles), exponents))
    return tuple(values.astype(dtype) for values in coordinates)


def atan2_special_cases() -> Iterable[tuple[tuple[float, float], float]]:
    """C99 F.9.1.4: atan2 where a sign of zero matters, at infinities and at NaN."""
    for dtype in (np.float32, np.float64):
        info = np.finfo(dtype)
        edges = [info.smallest_subnormal, info.smallest_normal, info.eps, info.max]
        for edge in [*edges, 1 - info.epsneg, 1 + info.eps]:
            yield from _mirrored(0.0, -float(edge), math.pi)
    for x in (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 10.0, 100.0, 1000.0, 2.0**24, INF):
        yield from _mirrored(0.0, x, 0.0)
        yield from _mirrored(0.0, -x, math.pi)
        for sign in (1.0, -1.0):
            yield from _mirrored(INF, sign * x, math.pi / 2)
    for y in (0.5, 1.0, 1e30):
        for zero in (0.0, -0.0):
            yield from _mirrored(y, zero, math.pi / 2)
        yield from _mirrored(y, INF, 0.0)
        yield from _mirrored(y, -INF, math.pi)
    for y, x in itertools.product((0.0, -1.0, INF, NAN), (-0.0, 1.0, -INF, NAN)):
        if math.isnan(x) or math.isnan(y):
            yield (y, x), NAN


def _mirrored(y: float, x: float, angle: float) -> Iterable[tuple[tuple[float, float], float]]:
    if math.isinf(y) and math.isinf(x):
        angle = math.pi / 4 if x > 0 else 3 * math.pi / 4
    yield (y, x), angle
    yield (-y, x), -angle


def is_at_most_one(x: Any) -> bool:
    return bool(abs(x) <= 1)


def is_pole(x: Any) -> bool:
    """Whether x is zero or a negative integer."""
    return bool(x <= 0 and x == mpmath.floor(x))


def log_gamma(x: Any) -> Any:
    """log|gamma(x)|, by reflection for x < 0."""
    if is_pole(x):
        return mpmath.inf
    if x > 0:
        return mpmath.loggamma(x)
    return mpmath.log(mpmath.pi / abs(x * mpmath.sinpi(x))) - mpmath.loggamma(-x)


def erfc(x: Any) -> Any:
    return mpmath.erfc(min(x, mpmath.mpf(100)))


TRIG_ROWS: list[Row] = [
    Row(
        "sin",
        mpmath.sin,
        ((-4.0, 4.0), (-100.0, 100.0), (1e-9, 1.0), (1e3, 6.5e4), (1e5, 1e9), (1e9, 1e30)),
        (*ODD_ZEROS, *NAN_AT_INFINITIES),
        extra=near_quarter_turns,
    ),
    Row(
        "cos",
        mpmath.cos,
        ((-4.0, 4.0), (-100.0, 100.0), (1e-9, 1.0), (1e3, 6.5e4), (1e5, 1e9), (1e9, 1e30)),
        ((0.0, 1.0), (-0.0, 1.0), *NAN_AT_INFINITIES),
        extra=near_quarter_turns,
    ),
    Row(
        "tan",
        mpmath.tan,
        ((-4.0, 4.0), (-100.0, 100.0), (1e-9, 1.0), (1e3, 6.5e4), (1e5, 1e9), (1e9, 1e30)),
        (*ODD_ZEROS, *NAN_AT_INFINITIES),
        extra=near_quarter_turns,
    ),
    Row(
        "asin",
        mpmath.asin,
        ((-1.0, 1.0), (1e-9, 1.0), (0.5, 0.6)),
        (*ODD_ZEROS, *NAN_AT_INFINITIES, (1.0, math.pi / 2), (-1.0, -math.pi / 2)),
        is_at_most_one,
        extra=near(0.75, -0.75),
    ),
    Row(
        "acos",
        mpmath.acos,
        ((-1.0, 1.0), (0.5, 0.6), (0.999, 1.0), (-1.0, -0.999)),
        ((0.0, math.pi / 2), (-0.0, math.pi / 2), *NAN_AT_INFINITIES, (1.0, 0.0), (-1.0, math.pi)),
        is_at_most_one,
        extra=near(0.75, -0.75),
    ),
    Row(
        "atan",
        mpmath.atan,
        ((-1.0, 1.0), (-10.0, 10.0), (1e-9, 1e9)),
        (*ODD_ZEROS, (INF, math.pi / 2), (-INF, -math.pi / 2)),
    ),
    Row(
        "atan2",
        mpmath.atan2,
        (((-10.0, 10.0), (-10.0, 10.0)), ((1e-9, 1e9), (1e-9, 1e9)), ((-1.0, 1.0), (-9.0, -1e-9))),
        tuple(atan2_special_cases()),
        arity=2,
        extra=comparable_coordinates,
    ),
    Row(
        "erf",
        mpmath.erf,
        ((-1.1, 1.1), (-4.0, 4.0), (-6.0, 6.0), (1e-9, 1.0)),
        (*ODD_ZEROS, (INF, 1.0), (-INF, -1.0)),
    ),
    Row(
        "erfc",
        erfc,
        ((-6.0, 6.0), (-1.0, 1.0), (0.7, 1.0), (0.5, 10.3), (9.0, 10.3), (0.5, 28.0), (26.0, 28.0)),
        ((0.0, 1.0), (-0.0, 1.0), (INF, 0.0), (-INF, 2.0), (1e30, 0.0), (-1e30, 2.0)),
    ),
    Row(
        "lgamma",
        log_gamma,
        ((0.0, 3.0), (1.3, 1.6), (2.0, 40.0), (1e-9, 1.0), (1e2, 1e30)),
        ((0.0, INF), (-0.0, INF), (INF, INF), (-INF, INF), (1.0, 0.0), (2.0, 0.0), (-1.0, INF)),
        extra=near(1.0, 2.0, 0.5, 1.5, 2.5),
    ),
    Row(
        "digamma",
        mpmath.digamma,
        ((0.0, 3.0), (1.4, 1.6), (2.0, 40.0), (1e-9, 1.0), (1e2, 1e30)),
        ((0.0, -INF), (-0.0, INF), (INF, INF), (-INF, NAN), (-1.0, NAN), (-2.0, NAN)),
        lambda x: not is_pole(x),
        extra=near(1.4616321449683622, 1.0, 2.0),
    ),
]
