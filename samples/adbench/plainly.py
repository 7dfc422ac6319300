"""ADBench's objectives in NumPy, point by point, as their definitions read: slow and plain."""

from __future__ import annotations

from itertools import pairwise
from math import log, pi
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def logsumexp(x: Array) -> Any:
    return np.log(np.sum(np.exp(x - x.max()))) + x.max()


def gaussian_mixture(
    alphas: Array, means: Array, factors: Array, x: Array, gamma: float, m: float
) -> Any:
    """The log-likelihood of points in a mixture of Gaussians, with the prior's part."""
    dims = x.shape[1]
    parts, total = range(len(alphas)), 0.0
    triangles = []
    for packed in factors:
        triangle, rest = np.diag(np.exp(packed[:dims])), iter(packed[dims:])
        for column in range(dims):
            for row in range(column + 1, dims):
                triangle[row, column] = next(rest)
        triangles.append(triangle)
    for point in x:
        of_parts = []
        for k in parts:
            scaled = triangles[k] @ (point - means[k])
            of_parts.append(alphas[k] + factors[k, :dims].sum() - 0.5 * scaled @ scaled)
        total += logsumexp(np.array(of_parts)) - logsumexp(alphas) - 0.5 * dims * log(2 * pi)
    for k in parts:
        total += 0.5 * gamma**2 * np.sum(triangles[k] ** 2) - m * factors[k, :dims].sum()
    return total


def rodrigues(axis: Array, x: Array) -> Array:
    """x turned about the axis by its length."""
    angle = np.linalg.norm(axis)
    if angle == 0:
        return x
    unit = axis / angle
    turned = x * np.cos(angle) + np.cross(unit, x) * np.sin(angle)
    return np.asarray(turned + unit * (unit @ x) * (1 - np.cos(angle)))


def bundle_adjustment(
    parameters: Array, cameras: int, points: int, camera: Array, point: Array, measured: Array
) -> Array:
    """Two residuals for each observation, then one for each weight."""
    weights = parameters[11 * cameras + 3 * points :]
    errors = []
    for k, weight in enumerate(weights):
        own = parameters[11 * camera[k] :][:11]
        x = parameters[11 * cameras + 3 * point[k] :][:3]
        turned = rodrigues(own[:3], x - own[3:6])
        flat = turned[:2] / turned[2]
        square = flat @ flat
        seen = flat * (1 + own[9] * square + own[10] * square**2) * own[6] + own[7:9]
        errors.append(weight * (measured[k] - seen))
    return np.concatenate([np.ravel(errors), 1 - weights**2])


def sigmoid(x: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-x)))


def character_lstm(gates: Array, ends: Array, state: Array, text: Array) -> Any:
    """The mean loss of predictions of each character by those before it."""
    outputs, cells = [list(part) for part in state.swapaxes(0, 1)]
    total = 0.0
    for now, following in pairwise(text):
        x = now * ends[0]
        for k, (weights, biases) in enumerate(gates):
            forget = sigmoid(x * weights[0] + biases[0])
            take = sigmoid(outputs[k] * weights[1] + biases[1])
            give = sigmoid(x * weights[2] + biases[2])
            change = np.tanh(outputs[k] * weights[3] + biases[3])
            cells[k] = cells[k] * forget + take * change
            x = outputs[k] = give * np.tanh(cells[k])
        predicted = x * ends[1] + ends[2]
        total -= following @ (predicted - np.log(2 + np.sum(np.exp(predicted))))
    return total / text[1:].size
