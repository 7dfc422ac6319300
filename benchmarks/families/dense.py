"""A training step of a network of three dense layers, with Adam."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.families.adam import RATE, adam_step, state_names, with_state
from benchmarks.workload import Array, Reach, Sizes, Work, Workload, normal

_WEIGHTS = ("w1", "b1", "w2", "b2", "w3", "b3")


def _widths(sizes: Sizes) -> list[tuple[int, int]]:
    features, hidden, classes = sizes["features"], sizes["hidden"], sizes["classes"]
    return [(features, hidden), (hidden, hidden), (hidden, classes)]


def _inputs(rng: np.random.Generator, dtype: str, sizes: Sizes) -> dict[str, Array]:
    weights: list[Array] = []
    for fan_in, fan_out in _widths(sizes):
        weights.append(normal(rng, dtype, fan_in, fan_out) * np.sqrt(2 / fan_in).astype(dtype))
        weights.append(np.zeros(fan_out, dtype))
    return {
        "x": normal(rng, dtype, sizes["batch"], sizes["features"]),
        "labels": rng.integers(0, sizes["classes"], sizes["batch"], np.int32),
        **with_state(dict(zip(_WEIGHTS, weights, strict=True))),
    }


def _step(t: Any, x: Any, labels: Any, *state: Any) -> Any:
    def loss(w1: Any, b1: Any, w2: Any, b2: Any, w3: Any, b3: Any) -> Any:
        hidden = t.relu(t.relu(x @ w1 + b1) @ w2 + b2)
        return t.softmax_cross_entropy(hidden @ w3 + b3, labels)

    return adam_step(t, loss, state)


def _step_by_hand(t: Any, x: Array, labels: Array, *state: Array) -> Any:
    w1, b1, w2, b2, w3, b3 = state[:6]
    first = np.maximum(x @ w1 + b1, 0)
    second = np.maximum(first @ w2 + b2, 0)
    value, slope3 = t.cross_entropy_and_slope(second @ w3 + b3, labels)
    slope2 = (slope3 @ w3.T) * (second > 0)
    slope1 = (slope2 @ w2.T) * (first > 0)
    below = [(x, slope1), (first, slope2), (second, slope3)]
    gradients = [part for a, slope in below for part in (a.T @ slope, slope.sum(axis=0))]
    return [value], t.adam(state[:6], gradients, state[6:12], state[12:18], state[-1], RATE)


def _work(sizes: Sizes, itemsize: int) -> Work:
    """Weights, means and squares are read and written; no gradient by the images is needed."""
    widths = _widths(sizes)
    batch, count = sizes["batch"], sum(a * b for a, b in widths)
    state = 3 * (count + sum(b for _, b in widths)) + 1
    moved = batch * sizes["features"] + 2 * state + 1
    products = 3 * count - widths[0][0] * widths[0][1]
    return Work(moved * itemsize + 4 * batch, 2 * batch * products)


FAMILY = (
    Workload(
        name="adam_step",
        summary="a step of Adam on a 784-1024-1024-10 network, batch 256, weights inside",
        sizes={"batch": 256, "features": 784, "hidden": 1024, "classes": 10},
        small={"batch": 6, "features": 5, "hidden": 7, "classes": 4},
        inputs=_inputs,
        builders={
            **dict.fromkeys(("graphc", "jax", "torch", "tensorflow"), _step),
            "numpy": _step_by_hand,
        },
        work=_work,
        state=state_names(_WEIGHTS),
        # Where an activation is within rounding of 0, programs differ in whether it is cut off.
        tolerance={"float32": 5e-3, "float64": 1e-12},
        reach=Reach(ratio=1.2),
    ),
)
