"""The log-likelihood of a mixture of Gaussians with full covariances, and its gradient.

The objective is that of ADBench (Srajer, Kukelova and Fitzgibbon, 2018) without its prior: the
inverse of each covariance is Q'Q, where Q is lower triangular and the diagonal is exp(diagonal).
"""

from __future__ import annotations

from math import log, pi
from typing import Any

import numpy as np

from benchmarks.workload import Array, Reach, Sizes, Work, Workload, normal


def _inputs(rng: np.random.Generator, dtype: str, sizes: Sizes) -> dict[str, Array]:
    points, dims, parts = sizes["points"], sizes["dims"], sizes["parts"]
    return {
        "x": normal(rng, dtype, points, dims),
        "below": np.tril(np.ones((dims, dims), dtype), -1),
        "unit": np.eye(dims, dtype=dtype),
        "weights": normal(rng, dtype, parts),
        "means": normal(rng, dtype, parts, dims),
        "diagonals": normal(rng, dtype, parts, dims) / 10,
        "factors": normal(rng, dtype, parts, dims, dims) / 10,
    }


def _centred(t: Any, x: Any, means: Any, factors: Any) -> Any:
    """Squared lengths of Q(x - mean), [points, parts], as the formula stands."""
    scaled = t.einsum("kij,nkj->nki", factors, x[:, None, :] - means[None, :, :])
    return t.sum(scaled * scaled, axis=2)


def _part_by_part(t: Any, x: Any, means: Any, factors: Any) -> Any:
    """The same by a batch of products, one for each part."""
    centred = x[None, :, :] - means[:, None, :]
    scaled = centred @ t.permute_dims(factors, (0, 2, 1))
    return t.permute_dims(t.sum(scaled * scaled, axis=2), (1, 0))


def _at_once(t: Any, x: Any, means: Any, factors: Any) -> Any:
    """The same by one product of all points with all factors."""
    parts, dims = means.shape
    turned = t.permute_dims(t.reshape(factors, (parts * dims, dims)), (1, 0))
    moved = t.einsum("kij,kj->ki", factors, means)
    scaled = t.reshape(x @ turned, (x.shape[0], parts, dims)) - moved
    return t.sum(scaled * scaled, axis=2)


def _formula(squares: Any) -> Any:
    def formula(t: Any, x: Any, below: Any, unit: Any, *primals: Any) -> Any:
        points, dims = x.shape

        def likelihood(weights: Any, means: Any, diagonals: Any, factors: Any) -> Any:
            whole = factors * below + unit * t.exp(diagonals)[:, None, :]
            inner = weights + t.sum(diagonals, axis=1) - 0.5 * squares(t, x, means, whole)
            total = t.sum(t.logsumexp(inner, 1)) - points * t.logsumexp(weights, 0)
            return total - 0.5 * points * dims * log(2 * pi)

        value, gradients = t.differentiated(likelihood, primals)
        return [value, *gradients]

    return formula


def _by_hand(t: Any, x: Array, below: Array, unit: Array, *primals: Array) -> list[Any]:
    weights, means, diagonals, factors = primals
    points, dims = x.shape
    whole = factors * below + unit * np.exp(diagonals)[:, None, :]
    centred = x[None, :, :] - means[:, None, :]
    scaled = centred @ whole.transpose(0, 2, 1)
    inner = weights + diagonals.sum(axis=1) - 0.5 * np.sum(scaled * scaled, axis=2).T
    totals, prior = t.logsumexp(inner, 1), t.logsumexp(weights, 0)
    shares = np.exp(inner - totals[:, None])
    pulled = shares.T[:, :, None] * scaled
    by_whole = -(pulled.transpose(0, 2, 1) @ centred)
    by_means = np.einsum("ki,kij->kj", pulled.sum(axis=1), whole)
    by_weights = shares.sum(axis=0)
    by_diagonals = by_weights[:, None] + np.exp(diagonals) * np.einsum("kii->ki", by_whole)
    by_weights_too = by_weights - points * np.exp(weights - prior)
    value = totals.sum() - points * prior - x.dtype.type(0.5 * points * dims * log(2 * pi))
    return [value, by_weights_too, by_means, by_diagonals, by_whole * below]


def _work(sizes: Sizes, itemsize: int) -> Work:
    """Two products with triangles: the points with all factors, and back to the factors."""
    points, dims, parts = sizes["points"], sizes["dims"], sizes["parts"]
    primals = parts * (1 + 2 * dims + dims * dims)
    moved = points * dims + 2 * dims * dims + 2 * primals + 1
    return Work(moved * itemsize, 2 * 2 * points * parts * dims * (dims + 1) // 2)


def _mixture(name: str, summary: str, reach: Reach, **squares: Any) -> Workload:
    return Workload(
        name=name,
        summary=summary,
        sizes={"points": 2000, "dims": 32, "parts": 50},
        small={"points": 6, "dims": 4, "parts": 3},
        inputs=_inputs,
        builders={
            "numpy": _by_hand,
            **{toolkit: _formula(chosen) for toolkit, chosen in squares.items()},
        },
        work=_work,
        tolerance={"float32": 1e-4, "float64": 1e-12},
        reach=reach,
    )


FAMILY = (
    _mixture(
        "gaussian_mixture",
        "log-likelihood of a mixture of 50 Gaussians with full covariances, and gradient, "
        "2000 points of 32 dims: the formula as it stands",
        Reach(ratio=2.5),
        graphc=_centred,
        jax=_centred,
        torch=_centred,
        tensorflow=_centred,
    ),
    _mixture(
        "gaussian_mixture_rearranged",
        "the same, with the products arranged as is fastest for each program",
        Reach(),
        graphc=_at_once,
        jax=_part_by_part,
        torch=_at_once,
        tensorflow=_part_by_part,
    ),
)
