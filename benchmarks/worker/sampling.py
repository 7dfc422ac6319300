"""Timing calls: batches long enough for the clock, with nothing else going on in the process."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import repeat
from time import perf_counter

from benchmarks.peers.program import Program

#: A sample lasts at least this many seconds, so that reading the clock does not show.
LEAST = 2e-3
#: Samples taken even where time is up.
FEWEST = 3


def batch_size(program: Program, least: float = LEAST) -> int:
    """How many calls make a sample of at least so many seconds."""
    count = 1
    while True:
        seconds = _batch(program, count)
        if seconds >= least:
            return count
        count = max(2 * count, int(1.2 * count * least / max(seconds, 1e-9)))


def samples(program: Program, batch: int, wanted: int, limit: float) -> list[float]:
    """Seconds a call, once for each batch, after one that warms caches up and is not counted.

    As many as wanted, or fewer (at least 3) where they would take longer than the limit.
    """
    with _undisturbed():
        _batch(program, batch)
        found: list[float] = []
        while len(found) < wanted and (len(found) < FEWEST or sum(found) * batch < limit):
            found.append(_batch(program, batch) / batch)
    return found


def _batch(program: Program, count: int) -> float:
    call = program.call
    start = perf_counter()
    for _ in repeat(None, count):
        call()
    program.settle()
    return perf_counter() - start


@contextmanager
def _undisturbed() -> Iterator[None]:
    """No garbage collection meanwhile."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
