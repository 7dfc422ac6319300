"""ADBench's objectives in NumPy, point by point, as their definitions read: slow and plain."""

from __future__ import annotations

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
    _, dims = x.shape
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
