"""The vector functions with their oracles: exponentials, logarithms, powers, hyperbolics."""

from __future__ import annotations

import itertools
import math
from typing import Any

import mpmath
import numpy as np

from tests.codegen.vecmath.vecmath_jit import Array
from tests.codegen.vecmath.vecmath_row import INF, NAN, Row
from tests.codegen.vecmath.vecmath_table_trig import TRIG_ROWS, near

ODD_ZEROS = ((0.0, 0.0), (-0.0, -0.0))
ODD_AND_UNBOUNDED = (*ODD_ZEROS, (INF, INF), (-INF, -INF))
EXPONENTIAL = ((0.0, 1.0), (-0.0, 1.0), (INF, INF), (-INF, 0.0))
LOGARITHM = ((0.0, -INF), (-0.0, -INF), (INF, INF), (-INF, NAN), (1.0, 0.0), (-1.0, NAN))


def positive(x: Any) -> bool:
    return bool(x > 0)


def tanh(x: Any) -> Any:
    """mpmath's, but at once where it rounds to 1 (it would compute e**x in full)."""
    return mpmath.sign(x) if abs(x) > 200 else mpmath.tanh(x)


def exp(x: Any) -> Any:
    return mpmath.exp(max(min(x, mpmath.mpf(1200)), mpmath.mpf(-1200)))


def power(x: Any, y: Any) -> Any:
    """x**y for finite arguments; a zero counts as positive."""
    if x == 0:
        return mpmath.mpf(0 if y > 0 else "inf")
    magnitude = mpmath.exp(max(min(y * mpmath.log(abs(x)), mpmath.mpf(1200)), mpmath.mpf(-1200)))
    return -magnitude if x < 0 and y % 2 == 1 else magnitude


def power_special_cases() -> tuple[tuple[tuple[float, float], float], ...]:
    """C99 F.9.4.4: pow at zeros, infinities, NaN, and ones, and of negative numbers."""
    finite = [0.5, 1.0, 1.5, 2.0, 3.0, 1e30]
    magnitudes = [0.0, *finite, INF]
    reals = [sign * magnitude for magnitude in magnitudes for sign in (1.0, -1.0)]
    points = itertools.product([*reals, NAN], repeat=2)
    cases = [(point, _power_special_case(*point)) for point in points]
    return tuple((point, result) for point, result in cases if result is not None)


def _power_special_case(x: float, y: float) -> float | None:
    """The exact result, or None where pow(x, y) is a matter of rounding."""
    if y == 0 or x == 1:
        return 1.0
    if math.isnan(x) or math.isnan(y):
        return NAN
    if math.isinf(y):
        return 1.0 if x == -1 else (INF if (abs(x) > 1) == (y > 0) else 0.0)
    whole = y == math.floor(y)
    sign = math.copysign(1.0, x) if whole and y % 2 == 1 else 1.0
    if x == 0 or math.isinf(x):
        return math.copysign(INF if (x == 0) == (y < 0) else 0.0, sign)
    if x < 0 and not whole:
        return NAN
    return sign if x == -1 else None


def whole_powers(rng: np.random.Generator, dtype: Any) -> tuple[Array, Array]:
    """Bases of either sign to integer powers."""
    count = 500
    y = rng.integers(-40, 41, count)
    x = np.exp(rng.uniform(-2, 2, count)) * rng.choice([-1.0, 1.0], count)
    return x.astype(dtype), y.astype(dtype)


def near_one_to_huge(rng: np.random.Generator, dtype: Any) -> tuple[Array, Array]:
    """Bases just off 1 to powers that bring the result near the ends of the range."""
    count = 500
    distances = np.exp(rng.uniform(-15, -1, count)) * rng.choice([-1.0, 1.0], count)
    distances[::2] = rng.uniform(-0.05, 0.05, count // 2)
    x = (1 + distances).astype(dtype)
    largest = math.log(float(np.finfo(dtype).max))
    y = rng.uniform(-1.05, 1.05, count) * largest / np.log(x.astype(np.float64))
    return x, y.astype(dtype)


def power_points(rng: np.random.Generator, dtype: Any) -> tuple[Array, ...]:
    pairs = whole_powers(rng, dtype), near_one_to_huge(rng, dtype)
    return tuple(np.concatenate(arrays) for arrays in zip(*pairs, strict=True))


ROWS: list[Row] = [
    Row(
        "exp",
        exp,
        ((-1.0, 1.0), (-104.0, 89.0), (-746.0, 710.0), (1e-9, 1.0), (-110.0, -80.0)),
        EXPONENTIAL,
    ),
    Row(
        "exp2",
        lambda x: exp(x * mpmath.ln2),
        ((-1.0, 1.0), (-152.0, 129.0), (-1076.0, 1025.0), (-152.0, -120.0)),
        (*EXPONENTIAL, (10.0, 1024.0), (-3.0, 0.125), (-149.0, 2.0**-149)),
    ),
    Row(
        "expm1",
        lambda x: mpmath.expm1(max(min(x, mpmath.mpf(1200)), mpmath.mpf(-1200))),
        ((-1.0, 1.0), (-40.0, 89.0), (1e-9, 1.0), (-1.0, -1e-9), (80.0, 710.0)),
        (*ODD_ZEROS, (INF, INF), (-INF, -1.0)),
    ),
    Row(
        "sigmoid",
        lambda x: exp(x) / (1 + exp(x)),
        ((-1.0, 1.0), (-20.0, 40.0), (-104.0, 0.0), (-746.0, 0.0), (-110.0, -80.0)),
        ((0.0, 0.5), (-0.0, 0.5), (INF, 1.0), (-INF, 0.0)),
    ),
    Row(
        "log",
        mpmath.log,
        ((0.5, 2.0), (0.999, 1.001), (1e-6, 1e6)),
        LOGARITHM,
        positive,
        extra=near(1.0),
    ),
    Row(
        "log2",
        lambda x: mpmath.log(x) / mpmath.ln2,
        ((0.5, 2.0), (0.999, 1.001), (1e-6, 1e6)),
        (*LOGARITHM, (8.0, 3.0), (0.25, -2.0), (2.0**-149, -149.0)),
        positive,
        extra=near(1.0),
    ),
    Row(
        "log10",
        mpmath.log10,
        ((0.5, 2.0), (0.999, 1.001), (1e-6, 1e6)),
        LOGARITHM,
        positive,
        extra=near(1.0),
    ),
    Row(
        "log1p",
        mpmath.log1p,
        ((-1.0, 1.0), (1e-9, 1e9), (-0.999, -1e-9), (-1e-3, 1e-3)),
        (*ODD_ZEROS, (INF, INF), (-INF, NAN), (-1.0, -INF), (-2.0, NAN)),
        lambda x: x > -1,
    ),
    Row(
        "sinh",
        lambda x: mpmath.sign(x) * exp(abs(x)) if abs(x) > 1000 else mpmath.sinh(x),
        ((-1.0, 1.0), (-5.0, 5.0), (-90.0, 90.0), (-711.0, 711.0), (1e-9, 1.0)),
        ODD_AND_UNBOUNDED,
    ),
    Row(
        "cosh",
        lambda x: exp(abs(x)) if abs(x) > 1000 else mpmath.cosh(x),
        ((-1.0, 1.0), (-20.0, 20.0), (-90.0, 90.0), (-711.0, 711.0)),
        ((0.0, 1.0), (-0.0, 1.0), (INF, INF), (-INF, INF)),
    ),
    Row(
        "tanh",
        tanh,
        ((-0.6, 0.6), (-3.0, 3.0), (-20.0, 20.0), (1e-9, 1.0)),
        (*ODD_ZEROS, (INF, 1.0), (-INF, -1.0)),
    ),
    Row(
        "asinh",
        mpmath.asinh,
        ((-1.0, 1.0), (-10.0, 10.0), (1e-9, 1e9)),
        ODD_AND_UNBOUNDED,
    ),
    Row(
        "acosh",
        mpmath.acosh,
        ((1.0, 1.001), (1.0, 3.0), (1.0, 1e9)),
        ((0.0, NAN), (-0.0, NAN), (INF, INF), (-INF, NAN), (1.0, 0.0), (0.5, NAN)),
        lambda x: x > 1,
    ),
    Row(
        "atanh",
        mpmath.atanh,
        ((-1.0, 1.0), (0.9, 1.0), (1e-9, 1.0), (-1e-3, 1e-3)),
        (*ODD_ZEROS, (INF, NAN), (-INF, NAN), (1.0, INF), (-1.0, -INF), (2.0, NAN)),
        lambda x: abs(x) < 1,
    ),
    Row(
        "cbrt",
        lambda x: mpmath.sign(x) * mpmath.cbrt(abs(x)),
        ((1.0, 8.0), (-100.0, 100.0)),
        (*ODD_AND_UNBOUNDED, (8.0, 2.0), (-27.0, -3.0), (1e3, 10.0)),
    ),
    Row(
        "rsqrt",
        lambda x: 1 / mpmath.sqrt(x),
        ((0.5, 2.0), (1e-6, 1e6)),
        ((0.0, INF), (-0.0, -INF), (INF, 0.0), (-INF, NAN), (4.0, 0.5), (-1.0, NAN)),
        positive,
    ),
    Row(
        "pow",
        power,
        (
            ((0.0, 4.0), (-20.0, 20.0)),
            ((0.5, 2.0), (-1000.0, 1000.0)),
            ((1e-30, 1e30), (-5, 5)),
            ((0.96, 1.04), (-22000.0, 22000.0)),
        ),
        power_special_cases(),
        lambda x, y: x >= 0 or y == mpmath.floor(y),
        arity=2,
        extra=power_points,
    ),
    *TRIG_ROWS,
]
