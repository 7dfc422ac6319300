"""Every float32 there is, through every vector function; part of `make sweep`.

    python -m tests.codegen.vecmath.sweep_vecmath --functions sin,cos --stride 4099

Functions of one argument see all 2**32 bit patterns, those of two see notable and random pairs.
Results come from a session, as a user's do. They are compared with a float64 reference, and the
worst ones with mpmath. The exit status is 1 if a bound is exceeded or a special case is wrong.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import NamedTuple

import numpy as np

from tests.codegen.vecmath.vecmath_errors import Array, Tally
from tests.codegen.vecmath.vecmath_pairs import notable_pairs, random_pairs
from tests.codegen.vecmath.vecmath_reference import REFERENCES
from tests.codegen.vecmath.vecmath_row import error_in_ulps, exact_values, sample
from tests.codegen.vecmath.vecmath_session import BY_NAME, native

BOUND = 1.5
REFERENCE_BOUND = 2.0**-10
"""How far off, in float32 ulps, a reference may be where it is checked."""
CHUNK = 2**22
BATCH = 2**14
"""Points of a chunk that are worked on at a time, for the sake of the caches."""
PATTERNS = 2**32
PAIRS = 2**28


class Task(NamedTuple):
    """A stretch of bit patterns for functions of one argument, a seed for those of two."""

    name: str
    start: int
    stop: int
    stride: int


def points_of(task: Task) -> Iterator[tuple[Array, ...]]:
    """The arguments in batches."""
    if BY_NAME[task.name].arity > 1:
        if task.start == 0:
            yield notable_pairs()
        for start in range(task.start, task.stop, BATCH * task.stride):
            yield random_pairs(task.name, start, BATCH)
        return
    for start in range(task.start, task.stop, BATCH * task.stride):
        stop = min(start + BATCH * task.stride, task.stop)
        yield (np.arange(start, stop, task.stride, np.uint64).astype(np.uint32).view(np.float32),)


def run(task: Task) -> Tally:
    """Compute a task's points and compare them with the reference."""
    total = Tally()
    for points in points_of(task):
        with np.errstate(all="ignore"):
            exact = REFERENCES[task.name](*(array.astype(np.float64) for array in points))
        patterns = tuple(array.view(np.uint32) for array in points)
        total.look(native(task.name, 32)(*points), exact, patterns)
    return total


def tasks_of(name: str, stride: int) -> list[Task]:
    end = PATTERNS if BY_NAME[name].arity == 1 else PAIRS
    size = CHUNK * stride
    return [Task(name, start, min(start + size, end), stride) for start in range(0, end, size)]


def confirmed(name: str, found: Tally) -> tuple[float, tuple[float, ...]]:
    """The worst error by mpmath among the candidates, and where it is."""
    columns = np.array([patterns for _, patterns in found.worst], np.uint32).T
    points = tuple(column.copy().view(np.float32) for column in columns)
    finite = np.logical_and.reduce([np.isfinite(array) for array in points])
    points = tuple(array[finite] for array in points)
    if not points[0].size:
        return 0.0, ()
    errors = error_in_ulps(native(name, 32)(*points), exact_values(BY_NAME[name], points))
    worst = int(np.argmax(errors))
    return float(errors[worst]), tuple(float(array[worst]) for array in points)


def reference_error(name: str, count: int) -> float:
    """The reference's largest error against mpmath at random points, in float32 ulps."""
    points = sample(BY_NAME[name], 32, seed=5, count=count)
    with np.errstate(all="ignore"):
        got = REFERENCES[name](*(array.astype(np.float64) for array in points))
        exact = exact_values(BY_NAME[name], points)
        unit = np.spacing(np.abs(exact.high).astype(np.float32)).astype(np.float64)
        error = np.abs((got - exact.high) - exact.low) / unit
    ordinary = np.isfinite(error) & np.isfinite(unit)
    return float(error[ordinary].max())


def sweep(name: str, stride: int, pool: ProcessPoolExecutor) -> bool:
    """Sweep one function and print its line; whether it is within its bounds."""
    started = time.perf_counter()
    doubt = pool.submit(reference_error, name, 400)
    total = Tally()
    for part in pool.map(run, tasks_of(name, stride)):
        total.add(part)
    error, where = confirmed(name, total)
    seconds = time.perf_counter() - started
    arguments = ", ".join(
        f"{value!r} ({np.float32(value).view(np.uint32):#010x})" for value in where
    )
    print(
        f"{name:8} {error:6.3f} ulp at {arguments}; {total.points} points; "
        f"reference off by {doubt.result():.1e}; {seconds:.0f} s",
        flush=True,
    )
    for kind, count in total.wrong.items():
        example = [f"{np.uint32(bits).view(np.float32)!r}" for bits in total.examples[kind]]
        print(f"         wrong {kind} at {count} points, such as {', '.join(example)}", flush=True)
    return error <= BOUND and not total.wrong and doubt.result() <= REFERENCE_BOUND


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--functions", default=",".join(BY_NAME), help="names, with commas between")
    parser.add_argument("--stride", type=int, default=1, help="take every n-th bit pattern only")
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args(arguments)
    names = options.functions.split(",")
    unknown = set(names) - set(BY_NAME)
    if unknown:
        parser.error(f"no such functions: {', '.join(sorted(unknown))}")
    with ProcessPoolExecutor(options.processes) as pool:
        return int(not all([sweep(name, options.stride, pool) for name in names]))


if __name__ == "__main__":
    sys.exit(main())
