"""ADBench's objectives with their gradients and Jacobians, in float64 as there.

Source: Srajer, Kukelova and Fitzgibbon, "A benchmark of selected algorithmic differentiation tools
on some problems in computer vision and machine learning", 2018; the LSTM was added later. Inputs
are from a seed. `samples/adbench` has the same objectives in graphc's words alone.
"""

from __future__ import annotations

from collections.abc import Callable
from math import log, pi
from typing import Any

import numpy as np

from benchmarks.families import hand
from benchmarks.workload import Array, Sizes, Work, Workload, normal

PROGRAMS = ("graphc", "jax", "torch")
CAMERA = 11
#: Of the 2 x 15 derivatives of an observation those that may differ from 0: each coordinate of the
#: principal point counts in its own row alone.
_KEPT = np.delete(np.arange(30), [8, 15 + 7])


# Gaussian mixture -------------------------------------------------------------------------------


def mixture_inputs(rng: np.random.Generator, dtype: str, sizes: Sizes) -> dict[str, Array]:
    points, dims, parts = sizes["points"], sizes["dims"], sizes["parts"]
    return {
        "alphas": normal(rng, dtype, parts),
        "means": normal(rng, dtype, parts, dims),
        "factors": normal(rng, dtype, parts, dims * (dims + 1) // 2) / 5,
        "x": normal(rng, dtype, points, dims),
    }


def _mixture(t: Any, alphas: Any, means: Any, factors: Any, x: Any) -> Any:
    points, dims = x.shape
    parts = means.shape[0]
    column, row = np.triu_indices(dims, 1)
    places = np.diag(np.arange(dims))
    places[row, column] = dims + np.arange(len(row))
    below, diagonal = (t.literal(part) for part in (np.tri(dims, k=-1), np.eye(dims)))

    def objective(alphas: Any, means: Any, factors: Any) -> Any:
        q, rest = factors[:, :dims], factors[:, dims:]
        unpacked = t.reshape(t.picked(factors, places.ravel(), 1), (parts, dims, dims))
        whole = unpacked * below + t.exp(unpacked * diagonal) * diagonal
        turned = t.permute_dims(t.reshape(whole, (parts * dims, dims)), (1, 0))
        scaled = t.reshape(x @ turned, (points, parts, dims))
        scaled = scaled - t.einsum("kij,kj->ki", whole, means)
        inner = alphas + t.sum(q, axis=1) - 0.5 * t.sum(scaled * scaled, axis=2)
        total = t.sum(t.logsumexp(inner, 1)) - points * t.logsumexp(alphas, 0)
        prior = 0.5 * (t.sum(t.exp(2 * q)) + t.sum(rest * rest))
        return total - 0.5 * points * dims * log(2 * pi) + prior

    value, gradients = t.differentiated(objective, [alphas, means, factors])
    return [value, *gradients]


def _mixture_work(sizes: Sizes, itemsize: int) -> Work:
    """Two products with triangles: the points with all factors, and back to the factors."""
    points, dims, parts = sizes["points"], sizes["dims"], sizes["parts"]
    triangle = dims * (dims + 1) // 2
    moved = points * dims + 2 * parts * (1 + dims + triangle) + 1
    return Work(moved * itemsize, 2 * 2 * points * parts * triangle)


# Bundle adjustment ------------------------------------------------------------------------------


def bundle_inputs(rng: np.random.Generator, dtype: str, sizes: Sizes) -> dict[str, Array]:
    cameras = normal(rng, dtype, sizes["cameras"], CAMERA) / 10
    cameras[:, 5] -= 6  # the center's z
    cameras[:, 6] += 1.5  # the focal length
    observations = sizes["observations"]
    return {
        "cameras": cameras,
        "points": normal(rng, dtype, sizes["points"], 3),
        "weights": normal(rng, dtype, observations) / 10 + 1,
        "measured": normal(rng, dtype, observations, 2) / 3,
    }


def seen(cameras: int, points: int, observations: int) -> tuple[Array, Array]:
    """Which camera sees which point: known to every program when it compiles."""
    rng = np.random.default_rng(0)
    return np.arange(observations) % cameras, rng.integers(points, size=observations)


def _residuals(t: Any, camera: Any, point: Any, weight: Any, measured: Any) -> Any:
    """Of one observation, or of each where there is a dim in front; coordinate by coordinate."""
    axis, camera = [camera[..., k] for k in range(3)], [camera[..., k] for k in range(CAMERA)]
    away = [point[..., k] - camera[3 + k] for k in range(3)]
    angle = t.namespace.sqrt(axis[0] * axis[0] + axis[1] * axis[1] + axis[2] * axis[2])
    unit = [part / angle for part in axis]
    along = unit[0] * away[0] + unit[1] * away[1] + unit[2] * away[2]
    cos, sin = t.namespace.cos(angle), t.namespace.sin(angle)
    x, y, z = (
        away[k] * cos
        + (unit[(k + 1) % 3] * away[(k + 2) % 3] - unit[(k + 2) % 3] * away[(k + 1) % 3]) * sin
        + unit[k] * along * (1 - cos)
        for k in range(3)
    )
    x, y = x / z, y / z
    square = x * x + y * y
    factor = (1 + camera[9] * square + camera[10] * square * square) * camera[6]
    errors = (measured[..., 0] - x * factor - camera[7], measured[..., 1] - y * factor - camera[8])
    return t.stack([weight[..., 0] * error for error in errors], -1)


def _bundle_in_blocks(t: Any, cameras: Any, points: Any, weights: Any, measured: Any) -> Any:
    """A small Jacobian for each observation."""
    count = weights.shape[0]
    camera, point = seen(cameras.shape[0], points.shape[0], count)
    rows = [t.picked(cameras, camera, 0), t.picked(points, point, 0), weights[:, None]]
    function: Callable[..., Any] = lambda c, p, w, m: _residuals(t, c, p, w, m)  # noqa: E731
    errors = function(*rows, measured)
    blocks = t.concat([*t.blocks(function, rows, measured)], 2)
    kept = t.picked(t.reshape(blocks, (count, 30)), _KEPT, 1)
    values = t.concat([t.reshape(kept, (-1,)), -2 * weights], 0)
    return [t.concat([t.reshape(errors, (-1,)), 1 - weights * weights], 0), values]


def _bundle_by_colors(t: Any, cameras: Any, points: Any, weights: Any, measured: Any) -> Any:
    """The sparse Jacobian of everything, as graphc finds it."""
    sizes = cameras.shape[0], points.shape[0], weights.shape[0]
    camera, point = seen(*sizes)
    end = CAMERA * sizes[0]
    last = end + 3 * sizes[1]
    parameters = t.concat([t.flatten(cameras), t.flatten(points), weights], axis=0)
    rows = t.picked(t.reshape(parameters[:end], (-1, CAMERA)), camera, 0)
    spots = t.picked(t.reshape(parameters[end:last], (-1, 3)), point, 0)
    own = parameters[last:]
    errors = _residuals(t, rows, spots, own[:, None], measured)
    residuals = t.concat([t.flatten(errors), 1 - own * own], axis=0)
    return [residuals, t.sparse_jacobian(residuals, parameters).values]


def _bundle_work(sizes: Sizes, itemsize: int) -> Work:
    count = sizes["observations"]
    read = CAMERA * sizes["cameras"] + 3 * sizes["points"] + 3 * count
    return Work((read + 3 * count + 29 * count) * itemsize)


# LSTM -------------------------------------------------------------------------------------------


def lstm_inputs(rng: np.random.Generator, dtype: str, sizes: Sizes) -> dict[str, Array]:
    layers, bits = sizes["layers"], sizes["bits"]
    return {
        "gates": normal(rng, dtype, layers, 2, 4, bits),
        "ends": normal(rng, dtype, 3, bits),
        "state": normal(rng, dtype, layers, 2, bits),
        "text": rng.integers(2, size=(sizes["characters"], bits)).astype(dtype),
    }


def _lstm(t: Any, gates: Any, ends: Any, state: Any, text: Any) -> Any:
    layers = range(gates.shape[0])

    def layer(own: Any, x: Any, last: Any, cell: Any) -> tuple[Any, Any]:
        weights, biases = own[0], own[1]
        forget = t.sigmoid(x * weights[0] + biases[0])
        take = t.sigmoid(last * weights[1] + biases[1])
        give = t.sigmoid(x * weights[2] + biases[2])
        cell = cell * forget + take * t.tanh(last * weights[3] + biases[3])
        return give * t.tanh(cell), cell

    def loss(gates: Any, ends: Any) -> Any:
        def step(states: Any, x: Any) -> Any:
            new = []
            for k in layers:
                x, cell = layer(gates[k], x, *states[k])
                new.append((x, cell))
            return new, x

        first = [(state[k, 0], state[k, 1]) for k in layers]
        given = t.scan(step, first, text[:-1] * ends[0])
        predicted = given * ends[1] + ends[2]
        norm = t.log(2 + t.sum(t.exp(predicted), axis=1))
        return -t.namespace.mean(text[1:] * (predicted - norm[:, None]))

    value, gradients = t.differentiated(loss, [gates, ends])
    return [value, *gradients]


def _lstm_work(sizes: Sizes, itemsize: int) -> Work:
    bits, layers = sizes["bits"], sizes["layers"]
    weights = layers * 8 * bits + 3 * bits
    return Work((2 * weights + 1 + layers * 2 * bits + sizes["characters"] * bits) * itemsize)


def _made(
    name: str, summary: str, inputs: Any, work: Any, sizes: Sizes, small: Sizes, **builders: Any
) -> Workload:
    return Workload(
        name=name,
        summary=summary,
        sizes=sizes,
        small=small,
        inputs=inputs,
        builders={
            "graphc": builders["graphc"],
            "jax": builders["peers"],
            "torch": builders["peers"],
        },
        work=work,
        standard=("float64",),
        tolerance={"float32": 1e-3, "float64": 1e-11},
    )


_SCENE = {"cameras": 49, "points": 7776, "observations": 31843}
_SMALL_SCENE = {"cameras": 2, "points": 5, "observations": 7}
_HAND = {"vertices": 544, "measured": 10000}
_SMALL_HAND = {"vertices": 7, "measured": 5}

FAMILY = (
    _made(
        "adbench_mixture",
        "log-likelihood of a mixture of 25 Gaussians with a prior, and gradient by packed factors, "
        "1000 points of 32 dims",
        mixture_inputs,
        _mixture_work,
        {"points": 1000, "dims": 32, "parts": 25},
        {"points": 5, "dims": 3, "parts": 2},
        graphc=_mixture,
        peers=_mixture,
    ),
    _made(
        "adbench_bundle",
        "bundle adjustment of 31,843 observations and its sparse Jacobian: graphc by coloring, the "
        "others by a small Jacobian for each observation",
        bundle_inputs,
        _bundle_work,
        _SCENE,
        _SMALL_SCENE,
        graphc=_bundle_by_colors,
        peers=_bundle_in_blocks,
    ),
    _made(
        "adbench_bundle_blocks",
        "the same, by a small Jacobian for each observation in graphc too",
        bundle_inputs,
        _bundle_work,
        _SCENE,
        _SMALL_SCENE,
        graphc=_bundle_in_blocks,
        peers=_bundle_in_blocks,
    ),
    _made(
        "adbench_hand",
        "errors of 10,000 points on a hand of 544 vertices and their Jacobian by 26 parameters",
        hand.inputs,
        hand.work,
        _HAND,
        _SMALL_HAND,
        graphc=hand.at_vertices,
        peers=hand.at_vertices,
    ),
    _made(
        "adbench_hand_triangles",
        "the same with places in triangles, and the sparse Jacobian by these",
        hand.inputs_in_triangles,
        hand.work_in_triangles,
        _HAND,
        _SMALL_HAND,
        graphc=hand.in_triangles_by_colors,
        peers=hand.in_triangles_along,
    ),
    _made(
        "adbench_lstm",
        "mean loss of an LSTM of two layers with diagonal gates over 1024 characters of 14 bits, "
        "and gradient",
        lstm_inputs,
        _lstm_work,
        {"characters": 1024, "bits": 14, "layers": 2},
        {"characters": 6, "bits": 3, "layers": 2},
        graphc=_lstm,
        peers=_lstm,
    ),
)
