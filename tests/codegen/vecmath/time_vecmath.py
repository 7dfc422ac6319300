"""Nanoseconds per element of every vector function on one thread, and of PyTorch's and NumPy's.

    .bench-venv/bin/python -m tests.codegen.vecmath.time_vecmath --functions exp,log

A million numbers go in, arrays for the results are given. Programs take turns; the least time of
each counts, which on a machine that does other things too is the one that says most.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np

from tests.codegen.vecmath.vecmath_session import BY_NAME, Array, native

try:
    import torch
except ImportError:
    torch = None

POINTS = 2**20
DTYPES = {32: np.float32, 64: np.float64}
POSITIVE = (0.001, 100.0)
DOMAINS: dict[str, tuple[tuple[float, float], ...]] = {
    **dict.fromkeys(("log", "log2", "log10", "sqrt", "rsqrt"), (POSITIVE,)),
    **dict.fromkeys(("asin", "acos", "atanh"), ((-1.0, 1.0),)),
    **dict.fromkeys(("erf", "erfc", "tanh", "expm1"), ((-3.0, 3.0),)),
    **dict.fromkeys(("sinh", "cosh", "atan"), ((-5.0, 5.0),)),
    **dict.fromkeys(("lgamma", "digamma"), ((0.1, 20.0),)),
    "log1p": ((-0.9, 10.0),),
    "acosh": ((1.0, 10.0),),
    "pow": ((0.1, 10.0), (-5.0, 5.0)),
    "atan2": ((-5.0, 5.0), (-5.0, 5.0)),
}
"""Where arguments come from, uniformly; from -10 to 10 for functions that are not here."""

NUMPY_NAMES = {
    **{name: "arc" + name[1:] for name in ("asin", "acos", "atan", "asinh", "acosh", "atanh")},
    "atan2": "arctan2",
    "pow": "power",
}


def arguments(name: str, bits: int) -> list[Array]:
    rng = np.random.default_rng(8)
    domains = DOMAINS.get(name, ((-10.0, 10.0),))
    return [rng.uniform(*ends, POINTS).astype(DTYPES[bits]) for ends in domains]


def programs(name: str, points: list[Array]) -> dict[str, Callable[[], object]]:
    """What to time, by program; those that have the function."""
    out = np.empty_like(points[0])
    ours = native(name, points[0].itemsize * 8)
    found: dict[str, Callable[[], object]] = {"graphc": lambda: ours(*points, out=out)}
    theirs = getattr(torch, name, None)
    if theirs is not None:
        tensors, result = [torch.from_numpy(array) for array in points], torch.from_numpy(out)
        found["torch"] = lambda: theirs(*tensors, out=result)
    plain = getattr(np, NUMPY_NAMES.get(name, name), None)
    if plain is not None:
        found["numpy"] = lambda: plain(*points, out=out)
    return found


def least_times(name: str, bits: int, rounds: int) -> dict[str, float]:
    """Nanoseconds per element by program."""
    calls = programs(name, arguments(name, bits))
    least = dict.fromkeys(calls, float("inf"))
    for _ in range(rounds + 1):
        for program, call in calls.items():
            started = time.perf_counter_ns()
            call()
            least[program] = min(least[program], (time.perf_counter_ns() - started) / POINTS)
    return least


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--functions", default=",".join(BY_NAME), help="names, with commas between")
    parser.add_argument("--rounds", type=int, default=50)
    options = parser.parse_args()
    if torch is not None:
        torch.set_num_threads(1)
    columns = ("graphc", "torch", "numpy")
    print("function", *(f"{program:>8}{bits}" for bits in DTYPES for program in columns))
    for name in options.functions.split(","):
        least = [least_times(name, bits, options.rounds) for bits in DTYPES]
        cells = [times.get(program) for times in least for program in columns]
        shown = [" " * 9 + "-" if cell is None else f"{cell:10.2f}" for cell in cells]
        print(f"{name:8}", *shown, flush=True)


if __name__ == "__main__":
    main()
