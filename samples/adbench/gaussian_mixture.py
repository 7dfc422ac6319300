"""Fit of a Gaussian mixture: its objective and gradient, the first of ADBench's problems.

A mixture of K Gaussians in D dims has logarithms alpha of weights (up to a constant), means, and
the inverse of each covariance is Q'Q with a lower triangle Q. Of that the logarithms q of the
diagonal are given, and what is below it, column by column, in one row of D + D(D - 1)/2 numbers.

Source: Srajer, Kukelova and Fitzgibbon, "A benchmark of selected algorithmic differentiation tools
on some problems in computer vision and machine learning", 2018, section 4.1. As there, the Wishart
prior enters with its sign turned around; its scale gamma, 1 in the paper, is a parameter here.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from math import log, pi
from typing import Any

import numpy as np
import plainly
from agreement import Agreement

import graphc as gc

Array = np.ndarray[Any, Any]

GAMMA, M = 1.3, 2


def draw(points: int, dims: int, parts: int, seed: int = 0) -> dict[str, Array]:
    """Parameters and points from a seed."""
    rng = np.random.default_rng(seed)
    return {
        "alphas": rng.normal(size=parts),
        "means": rng.normal(size=(parts, dims)),
        "factors": rng.normal(size=(parts, dims * (dims + 1) // 2)) / 2,
        "x": rng.normal(size=(points, dims)),
    }


def by_hand_gradient(alphas: Array, means: Array, factors: Array, x: Array) -> list[Array]:
    """The derivatives by alphas, means and factors, worked out on paper, in NumPy."""
    dims = x.shape[1]
    q, below = factors[:, :dims], factors[:, dims:]
    column, row = np.triu_indices(dims, 1)
    whole = np.exp(q)[:, :, None] * np.eye(dims)
    whole[:, row, column] = below
    centred = x[:, None, :] - means
    scaled = np.einsum("kij,nkj->nki", whole, centred)
    inner = alphas + q.sum(axis=1) - 0.5 * np.sum(scaled**2, axis=2)
    shares = np.exp(inner - inner.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)  # of each part in each point
    pulled = shares[:, :, None] * scaled
    by_whole = -np.einsum("nki,nkj->kij", pulled, centred)
    by_q = shares.sum(axis=0)[:, None] + np.exp(q) * np.einsum("kii->ki", by_whole)
    by_q += GAMMA**2 * np.exp(2 * q) - M
    by_below = by_whole[:, row, column] + GAMMA**2 * below
    weights = np.exp(alphas) / np.exp(alphas).sum()
    return [
        shares.sum(axis=0) - len(x) * weights,
        np.einsum("nki,kij->kj", pulled, whole),
        np.concatenate([by_q, by_below], axis=1),
    ]


def triangles(factors: gc.Tensor, dims: int) -> gc.Tensor:
    """Q of every part, [parts, dims, dims], of what is packed in rows."""
    column, row = np.triu_indices(dims, 1)  # below the diagonal, column by column
    places = np.diag(np.arange(dims))
    places[row, column] = dims + np.arange(len(row))
    unpacked = gc.take(factors, places.ravel(), axis=1)
    unpacked = gc.reshape(unpacked, (factors.shape[0], dims, dims))
    below, diagonal = np.tri(dims, k=-1, dtype=bool), np.eye(dims, dtype=bool)
    return gc.where(diagonal, gc.exp(unpacked), gc.where(below, unpacked, 0))


def objective(alphas: gc.Tensor, means: gc.Tensor, factors: gc.Tensor, x: gc.Tensor) -> gc.Tensor:
    """The log-likelihood of the points x, [points, dims], with the prior's part."""
    dims = int(x.shape[1])
    q, below = factors[:, :dims], factors[:, dims:]

    centred = x[:, None, :] - means
    scaled = gc.einsum("kij,nkj->nki", triangles(factors, dims), centred)
    squares = gc.sum(scaled * scaled, axis=2)
    of_parts = alphas + gc.sum(q, axis=1) - 0.5 * squares
    of_points = gc.nn.logsumexp(of_parts, axis=1) - gc.nn.logsumexp(alphas)

    prior = 0.5 * GAMMA**2 * (gc.sum(gc.exp(2 * q)) + gc.sum(below * below)) - M * gc.sum(q)
    return gc.sum(of_points - 0.5 * dims * log(2 * pi)) + prior


def build(dims: int = 5, parts: int = 4) -> tuple[gc.Tensor, dict[str, gc.Tensor]]:
    """The objective and its gradient by each of the parameters, for any number of points."""
    with gc.Graph("gaussian_mixture"):
        alphas = gc.placeholder(gc.float64, (parts,), name="alphas")
        means = gc.placeholder(gc.float64, (parts, dims), name="means")
        factors = gc.placeholder(gc.float64, (parts, dims * (dims + 1) // 2), name="factors")
        x = gc.placeholder(gc.float64, ("points", dims), name="x")
        value = objective(alphas, means, factors, x)
        by_alphas, by_means, by_factors = gc.gradients(value, [alphas, means, factors])
    return value, {"alphas": by_alphas, "means": by_means, "factors": by_factors}


def main(points: int, dims: int, parts: int) -> int:
    given = draw(points, dims, parts)
    wanted = build(dims, parts)
    with gc.Session(wanted[0].graph) as session:
        value, gradient = session.run(wanted, given)

    plain: Callable[..., Any] = partial(plainly.gaussian_mixture, gamma=GAMMA, m=M)
    agreement = Agreement(f"mixture of {parts} Gaussians, {points} points of {dims} dims: {value}")
    agreement.compare("value by loops", value, plain(**given))
    agreement.gradients(gradient, by_hand_gradient(**given), plain, given)
    agreement.checked(gc.check_gradients(wanted[0], given, reference=True))
    return agreement.exit_status


if __name__ == "__main__":
    sys.exit(main(points=60, dims=5, parts=4))
