"""Training steps of small networks, whose weights live in the program."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.workload import Array, Reach, Sizes, Workload, everywhere, normal

RATE = 0.01


def _batch(rng: np.random.Generator, dtype: str, sizes: Sizes) -> dict[str, Array]:
    batch, features, hidden = sizes["batch"], sizes["features"], sizes["hidden"]
    return {
        "x": normal(rng, dtype, batch, features),
        "y": normal(rng, dtype, batch, 1),
        "w1": normal(rng, dtype, features, hidden) / np.sqrt(features).astype(dtype),
        "b1": np.zeros(hidden, dtype),
        "w2": normal(rng, dtype, hidden, 1) / np.sqrt(hidden).astype(dtype),
        "b2": np.zeros(1, dtype),
    }


def _step(t: Any, x: Any, y: Any, *weights: Any) -> Any:
    def loss(w1: Any, b1: Any, w2: Any, b2: Any) -> Any:
        error = t.tanh(x @ w1 + b1) @ w2 + b2 - y
        return t.mean(error * error)

    value, gradients = t.differentiated(loss, weights)
    return [value], t.descended(weights, gradients, RATE)


def _step_by_hand(t: Any, x: Array, y: Array, *weights: Array) -> tuple[list[Array], list[Array]]:
    w1, b1, w2, b2 = weights
    hidden = np.tanh(x @ w1 + b1)
    error = hidden @ w2 + b2 - y
    slope = error * (2 / error.size)
    inner = (slope @ w2.T) * (1 - hidden * hidden)
    gradients = [x.T @ inner, inner.sum(axis=0), hidden.T @ slope, slope.sum(axis=0)]
    return [np.mean(error * error)], t.descended(weights, gradients, RATE)


FAMILY = (
    Workload(
        name="sgd_step",
        summary="a step of gradient descent on a 13-32-1 network, batch 32, weights inside",
        sizes={"batch": 32, "features": 13, "hidden": 32},
        small={"batch": 4, "features": 3, "hidden": 5},
        inputs=_batch,
        builders=everywhere(_step, numpy=_step_by_hand),
        state=("w1", "b1", "w2", "b2"),
        tolerance={"float32": 5e-5, "float64": 1e-12},
        reach=Reach(ratio=2.5),
    ),
)
