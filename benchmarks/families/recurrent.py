"""A training step of a recurrent network, along sequences that are known to everyone's compiler."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.workload import Array, Reach, Sizes, Work, Workload, everywhere, normal

RATE = 0.01


def _inputs(rng: np.random.Generator, dtype: str, sizes: Sizes) -> dict[str, Array]:
    steps, batch, width = sizes["steps"], sizes["batch"], sizes["width"]
    scale = np.sqrt(1 / width).astype(dtype)
    return {
        "x": normal(rng, dtype, steps, batch, width),
        "y": normal(rng, dtype, batch, width),
        "wx": normal(rng, dtype, width, 4 * width) * scale,
        "wh": normal(rng, dtype, width, 4 * width) * scale,
        "b": normal(rng, dtype, 4 * width) / 10,
    }


def _step(t: Any, x: Any, y: Any, *weights: Any) -> Any:
    """What no state is needed for is computed for all steps at once, for everyone."""
    steps, batch, width = x.shape

    def cell(state: Any, fed: Any, wh: Any) -> Any:
        h, c = state
        gates = fed + h @ wh
        i, f, g, o = (gates[:, k * width : (k + 1) * width] for k in range(4))
        c = t.sigmoid(f) * c + t.sigmoid(i) * t.tanh(g)
        return t.sigmoid(o) * t.tanh(c), c

    def loss(wx: Any, wh: Any, b: Any) -> Any:
        rows = t.reshape(x, (steps * batch, width)) @ wx + b
        fed = t.reshape(rows, (steps, batch, 4 * width))
        zero = t.zeros((batch, width), dtype=x.dtype)
        h, _ = t.along(lambda state, row: cell(state, row, wh), (zero, zero), fed)
        error = h - y
        return t.mean(error * error)

    value, gradients = t.differentiated(loss, weights)
    return [value], t.descended(weights, gradients, RATE)


def _by_hand(t: Any, x: Array, y: Array, *weights: Array) -> tuple[list[Array], list[Array]]:
    wx, wh, b = weights
    steps, batch, width = x.shape
    fed = x.reshape(-1, width) @ wx + b
    h = c = np.zeros((batch, width), x.dtype)
    kept = []
    for row in fed.reshape(steps, batch, 4 * width):
        gates = row + h @ wh
        i, f, o = (1 / (1 + np.exp(-gates[:, k * width : (k + 1) * width])) for k in (0, 1, 3))
        g = np.tanh(gates[:, 2 * width : 3 * width])
        was_h, was_c, c = h, c, f * c + i * g
        inner = np.tanh(c)
        h = o * inner
        kept.append((i, f, g, o, inner, was_h, was_c))
    error = h - y
    by_h, by_c = error * x.dtype.type(2 / error.size), np.zeros_like(c)
    slopes = np.empty((steps, batch, 4 * width), x.dtype)
    by_wh = np.zeros_like(wh)
    for step in reversed(range(steps)):
        i, f, g, o, inner, was_h, was_c = kept[step]
        by_c = by_c + by_h * o * (1 - inner * inner)
        parts = (
            by_c * g * i * (1 - i),
            by_c * was_c * f * (1 - f),
            by_c * i * (1 - g * g),
            by_h * inner * o * (1 - o),
        )
        slopes[step] = np.concatenate(parts, axis=1)
        by_wh += was_h.T @ slopes[step]
        by_h, by_c = slopes[step] @ wh.T, by_c * f
    rows = slopes.reshape(-1, 4 * width)
    gradients = [x.reshape(-1, width).T @ rows, by_wh, rows.sum(axis=0)]
    return [np.mean(error * error)], t.descended(weights, gradients, RATE)


def _work(sizes: Sizes, itemsize: int) -> Work:
    """Products of the inputs and to their weights; of states, to these and to their weights.

    The first state is zero, and no gradient by the inputs is needed.
    """
    steps, batch, width = sizes["steps"], sizes["batch"], sizes["width"]
    weights = 8 * width * width + 4 * width
    moved = (steps + 1) * batch * width + 2 * weights + 1
    return Work(moved * itemsize, (5 * steps - 3) * 2 * batch * 4 * width * width)


FAMILY = (
    Workload(
        name="lstm_step",
        summary="a step of gradient descent on an LSTM over 64 steps, batch 32, width 128",
        sizes={"steps": 64, "batch": 32, "width": 128},
        small={"steps": 5, "batch": 3, "width": 4},
        inputs=_inputs,
        builders=everywhere(_step, numpy=_by_hand, pytensor=None),
        work=_work,
        state=("wx", "wh", "b"),
        tolerance={"float32": 5e-5, "float64": 1e-12},
        reach=Reach(ratio=2),
    ),
)
