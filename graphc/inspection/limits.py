"""How many multiplications and additions the machine can do in a second, found by doing them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import partial
from time import perf_counter

import numpy as np

from graphc.inspection.fma_loop import CHAINS, fma_loop


def fma_peak(threads: int, dtype: str, repeats: int = 9) -> float:
    """Flops a second of fused multiply-adds, two for each element, in vectors of full width.

    `dtype` is float32 or float64. It takes a few milliseconds.
    """
    bits = 32 if dtype == "float32" else 64
    loop, lanes = fma_loop(bits)
    turns = 400_000
    outs = [np.zeros(lanes + 16) for _ in range(threads)]
    calls = [partial(loop, turns, out.ctypes.data) for out in outs]
    return 2.0 * threads * turns * CHAINS * lanes / best_seconds(calls, repeats)


def best_seconds(actions: Sequence[Callable[[], object]], repeats: int) -> float:
    """The shortest time in which all have been done at once, each in a thread of its own."""
    return min(_seconds_together(actions) for _ in range(repeats))


def _seconds_together(actions: Sequence[Callable[[], object]]) -> float:
    """From the first beginning to the last end. The actions have to let go of the interpreter."""
    gate = threading.Barrier(len(actions))
    times: list[tuple[float, float]] = []

    def act(action: Callable[[], object]) -> None:
        gate.wait()
        start = perf_counter()
        action()
        times.append((start, perf_counter()))

    workers = [threading.Thread(target=act, args=(action,)) for action in actions]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return max(end for _, end in times) - min(start for start, _ in times)
