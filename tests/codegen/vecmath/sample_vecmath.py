"""Float64 results at many random and at hard arguments, against mpmath; part of `make sweep`.

    python -m tests.codegen.vecmath.sample_vecmath --functions sin,cos --points 2000

The points are those of the tests, only more: intervals that matter for a function, the whole range
of float64, next to multiples of pi/2 and other places where digits cancel. The exit status is 1 if
an error exceeds the function's bound.
"""

from __future__ import annotations

import argparse
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from typing import NamedTuple

import numpy as np

from tests.codegen.vecmath.test_gamma import negative_points
from tests.codegen.vecmath.vecmath_row import error_in_ulps, exact_values, sample
from tests.codegen.vecmath.vecmath_session import BY_NAME, Array, native

SEEDS = 8
NEAR_ZEROS = ("lgamma", "digamma")
"""Functions whose errors count in ulps of 1 where they are smaller at negative arguments."""


class Found(NamedTuple):
    """The largest error among so many points, and its arguments."""

    error: float
    arguments: tuple[float, ...]
    points: int


def measure(name: str, seed: int, count: int) -> list[Found]:
    """The worst of one sample; for functions with zeros among them, of negative arguments apart."""
    points = sample(BY_NAME[name], 64, seed=1000 + seed, count=count)
    if len(points) > 1:  # zeros have signs, which mpmath's numbers have not; tests look at them
        points = tuple(array[(points[0] != 0) & (points[1] != 0)] for array in points)
    if name not in NEAR_ZEROS:
        return [_worst(name, points, absolute=False)]
    negative = negative_points(BY_NAME[name], np.float64, seed)
    return [
        _worst(name, (points[0][points[0] >= 0],), absolute=False),
        _worst(name, (negative,), absolute=True),
    ]


def _worst(name: str, points: tuple[Array, ...], absolute: bool) -> Found:
    exact = exact_values(BY_NAME[name], points)
    errors = error_in_ulps(native(name, 64)(*points), exact)
    if absolute:
        small = np.abs(exact.high) < 1
        errors[small] *= np.spacing(np.abs(exact.high[small])) / np.spacing(1.0)
    worst = int(np.argmax(errors))
    arguments = tuple(float(array[worst]) for array in points)
    return Found(float(errors[worst]), arguments, points[0].size)


def report(name: str, per_interval: int, pool: ProcessPoolExecutor) -> bool:
    """Measure one function and print its lines; whether it is within its bound."""
    started = time.perf_counter()
    counts = [per_interval // SEEDS] * SEEDS
    parts = list(pool.map(measure, [name] * SEEDS, range(SEEDS), counts))
    good = True
    for i, found in enumerate(zip(*parts, strict=True)):
        worst = max(found)
        total = sum(part.points for part in found)
        arguments = ", ".join(f"{value!r} ({value.hex()})" for value in worst.arguments)
        kind = " below 0, in ulps of 1 if less" if i else ""
        seconds = time.perf_counter() - started
        print(
            f"{name:8} {worst.error:6.3f} ulp{kind} at {arguments}; "
            f"{total} points; {seconds:.0f} s",
            flush=True,
        )
        good &= worst.error <= BY_NAME[name].bound(64)
    return good


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--functions", default=",".join(BY_NAME), help="names, with commas between")
    parser.add_argument("--points", type=int, default=20_000, help="points of each interval")
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args(arguments)
    names = options.functions.split(",")
    with ProcessPoolExecutor(options.processes) as pool:
        return int(not all([report(name, options.points, pool) for name in names]))


if __name__ == "__main__":
    sys.exit(main())
