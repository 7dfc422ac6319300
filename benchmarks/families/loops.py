"""Loops over single numbers, with their gradients: what a turn costs, and what a call of few turns.

Every turn needs the one before, so nothing can be shared among threads or the lanes of a vector.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.workload import Array, Reach, Sizes, Workload, everywhere, normal

START, FACTOR = 0.5, 1.25


def _turn(t: Any, y: Any, x: Any) -> Any:
    return y * x + t.sin(y)


def _loop_inputs(rng: np.random.Generator, dtype: str, sizes: Sizes) -> dict[str, Array]:
    """A limit well between the states before the last turn and after it, whatever the rounding."""
    before, after = 0.0, START
    for _ in range(sizes["turns"]):
        before, after = after, after * FACTOR + np.sin(after)
    limit = (before + after) / 2
    values = {"start": START, "x": FACTOR, "limit": limit}
    return {name: np.asarray(value, dtype) for name, value in values.items()}


def _grown(t: Any, start: Any, limit: Any) -> Callable[[Any], Any]:
    return lambda x: t.repeated(lambda y: y < limit, lambda y: _turn(t, y, x), start)


def _loop(t: Any, start: Any, x: Any, limit: Any) -> Any:
    value, gradients = t.differentiated(_grown(t, start, limit), [x])
    return [value, *gradients]


def _loop_forward(t: Any, start: Any, x: Any, limit: Any) -> Any:
    """By forward accumulation: JAX's reverse accumulation takes no such loop."""
    return [*t.forward(_grown(t, start, limit), x)]


def _loop_by_hand(t: Any, start: Array, x: Array, limit: Array) -> list[Any]:
    y, slope = start, np.zeros_like(x)
    while y < limit:
        y, slope = _turn(t, y, x), slope * (x + np.cos(y)) + y
    return [y, slope]


def _scan_inputs(rng: np.random.Generator, dtype: str, sizes: Sizes) -> dict[str, Array]:
    return {"x": np.asarray(0.9, dtype), "rows": normal(rng, dtype, sizes["turns"])}


def _scan(t: Any, x: Any, rows: Any) -> Any:
    """The mean of all states: derivatives of the last one by early ones would be 0."""
    zero = t.zeros((), dtype=x.dtype)

    def mean(x: Any) -> Any:
        def step(c: Any, row: Any) -> Any:
            c = t.sin(c) * x + row
            return c, c

        return t.mean(t.scan(step, zero, rows))

    value, gradients = t.differentiated(mean, [x])
    return [value, *gradients]


def _scan_by_hand(t: Any, x: Array, rows: Array) -> list[Any]:
    """Forward: one number to differentiate by."""
    states, slopes = np.empty_like(rows), np.empty_like(rows)
    c = slope = np.zeros((), x.dtype)
    for k, row in enumerate(rows):
        c, slope = np.sin(c) * x + row, np.cos(c) * x * slope + np.sin(c)
        states[k], slopes[k] = c, slope
    return [np.mean(states), np.mean(slopes)]


FAMILY = (
    Workload(
        name="scalar_loop",
        summary="a while loop of 12 turns on a number, y = y*x + sin(y), and its derivative by x",
        sizes={"turns": 12},
        small={"turns": 3},
        inputs=_loop_inputs,
        builders=everywhere(_loop, jax=_loop_forward, numpy=_loop_by_hand, pytensor=None),
        entry="callable",
        derivatives=True,
        without=("torch-compile",),
        standard=("float32", "float64"),
        reach=Reach(seconds=2e-6, aside=("numpy",)),
    ),
    Workload(
        name="long_scalar_scan",
        summary="the mean of 100,000 states c = sin(c)*x + t of a scan, and its gradient by x",
        sizes={"turns": 100_000},
        small={"turns": 7},
        inputs=_scan_inputs,
        builders={"graphc": _scan, "jax": _scan, "numpy": _scan_by_hand},
        standard=("float32", "float64"),
        reach=Reach(aside=("numpy",)),
    ),
)
