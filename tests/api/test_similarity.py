from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import ShapeError
from tests.api.differences import check_gradients

pytestmark = pytest.mark.usefixtures("graph")

RNG = np.random.default_rng(0)
A, B = RNG.normal(size=(2, 4, 3)), RNG.normal(size=(5, 3))


def test_cosine_similarity_broadcasts_before_it_sums(compute: Any) -> None:
    x, y = gc.placeholder(gc.float64, (1, 2, 3)), gc.placeholder(gc.float64, (2, 1, 3))
    a, b = RNG.normal(size=(1, 2, 3)), RNG.normal(size=(2, 1, 3))
    for axis in (-1, -2, 0):
        found = compute(gc.nn.cosine_similarity(x, y, axis=axis), {x: a, y: b})
        wide, tall = np.broadcast_arrays(a, b)
        lengths = np.linalg.norm(wide, axis=axis) * np.linalg.norm(tall, axis=axis)
        np.testing.assert_allclose(found, (wide * tall).sum(axis) / lengths)


@pytest.mark.parametrize("order", [1, 2, 3.5, np.inf])
def test_distances_of_pairs(order: float, compute: Any) -> None:
    x, y = gc.placeholder(gc.float64, (2, "m", 3)), gc.placeholder(gc.float64, ("n", 3))
    found = compute(gc.nn.cdist(x, y, ord=order), {x: A, y: B})
    gaps = A[:, :, None] - B
    np.testing.assert_allclose(found, np.linalg.norm(gaps, order, axis=-1))
    near = gc.nn.pairwise_distance(x[0, :], x[1, :], ord=order, epsilon=0.5)
    wanted = np.linalg.norm(A[0] - A[1] + 0.5, order, axis=-1)
    np.testing.assert_allclose(compute(near, {x: A}), wanted)
    check_gradients(compute, lambda x, y: gc.nn.cdist(x, y, ord=order), [A, B])


def test_equal_vectors_have_a_slope_of_zero(compute: Any) -> None:
    x = gc.placeholder(gc.float64, (2, 3))
    slope = gc.gradients(gc.sum(gc.nn.cdist(x, B[:2])), x)[0]
    found = compute(slope, {x: B[:2]})
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found[0], (B[0] - B[1]) / np.linalg.norm(B[0] - B[1]))


def test_vectors_of_other_sizes(fails: Callable[..., Any]) -> None:
    x = gc.placeholder(gc.float64, (2, 3))
    with fails(ShapeError, "vectors of 3 and of 4", op="cdist"):
        gc.nn.cdist(x, np.zeros((2, 4)))
    with fails(ShapeError, "needs rows", op="cdist"):
        gc.nn.cdist(x, np.zeros(3))
