"""Large matrices that several tasks factor: results, bits, and what is wrong with a matrix."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import LinAlgError

Sizes = tuple[int, ...]

#: Just above the sizes from which there are several tasks, with blocks that are not full.
SQUARES: list[Sizes] = [(200, 200), (2, 193, 193)]
OTHERS: list[Sizes] = [(130, 330), (330, 130), (2, 193, 20), (3, 200)]


def drawn(shape: Sizes) -> Any:
    return np.random.default_rng(0).normal(size=shape)


def positive(shape: Sizes) -> Any:
    x = drawn(shape)
    return x @ x.mT + np.eye(shape[-1])


def results(shape: Sizes, symbolic: bool, fetched: Any, given: Any) -> Any:
    """What is fetched, which has the same bits for any number of threads."""
    known = [f"d{k}" for k in range(len(shape))] if symbolic else list(shape)
    if shape[-1] == shape[-2]:
        known[-2] = known[-1]
    with gc.Graph() as graph:
        x = gc.placeholder(gc.float64, known)
        fetches = fetched(x)
    found = []
    for threads in (1, 2, 5):
        with gc.Session(graph, threads=threads) as session:
            found.append(session.run(fetches, {x: given}))
    for other in found[1:]:
        for mine, theirs in zip(found[0], other, strict=True):
            np.testing.assert_array_equal(mine, theirs)
    return found[0]


@pytest.mark.parametrize("symbolic", [False, True], ids=["known", "symbolic"])
@pytest.mark.parametrize("shape", SQUARES, ids=str)
def test_squares(shape: Sizes, symbolic: bool) -> None:
    a = positive(shape)
    la = gc.linalg
    factor, sign, log = results(shape, symbolic, lambda x: [la.cholesky(x), *la.slogdet(x)], a)
    np.testing.assert_allclose(factor @ factor.mT, a, atol=1e-11)
    np.testing.assert_array_equal(np.triu(factor, 1), 0)
    np.testing.assert_array_equal(sign, np.linalg.slogdet(a)[0])
    np.testing.assert_allclose(log, np.linalg.slogdet(a)[1])


@pytest.mark.parametrize("symbolic", [False, True], ids=["known", "symbolic"])
@pytest.mark.parametrize("shape", SQUARES[:1] + OTHERS, ids=str)
def test_any_shapes(shape: Sizes, symbolic: bool) -> None:
    a = drawn(shape)
    la = gc.linalg
    p, lower, upper, q, r = results(shape, symbolic, lambda x: [*la.lu(x), *la.qr(x)], a)
    np.testing.assert_allclose(p @ lower @ upper, a, atol=1e-12)
    np.testing.assert_array_equal(np.tril(upper, -1), 0)
    assert np.abs(lower).max() == 1
    np.testing.assert_allclose(q @ r, a, atol=1e-12)
    np.testing.assert_allclose(q.mT @ q - np.eye(q.shape[-1]), 0, atol=1e-12)
    np.testing.assert_array_equal(np.tril(r, -1), 0)


def test_the_signs_of_exchanges_and_of_singular_matrices() -> None:
    a = np.stack([np.eye(200)[np.random.default_rng(k).permutation(200)] for k in range(4)])
    a[3, 150] = a[3, 20]
    sign, det = results(a.shape, False, lambda x: [gc.linalg.slogdet(x).sign, gc.linalg.det(x)], a)
    np.testing.assert_array_equal(sign, np.linalg.slogdet(a)[0])
    np.testing.assert_array_equal(det, np.linalg.det(a))


@pytest.mark.parametrize("place", [(0, 0), (199, 0), (130, 70), (199, 199)])
@pytest.mark.parametrize("value", [np.nan, -np.inf])
def test_what_is_not_finite_makes_the_factor_of_its_matrix_nan(
    place: tuple[int, int], value: float
) -> None:
    a = positive((2, 200, 200))
    a[0][place] = a[0][place[::-1]] = value
    (factor,) = results(a.shape, False, lambda x: [gc.linalg.cholesky(x)], a)
    np.testing.assert_array_equal(np.isnan(factor[0]), np.tri(200, dtype=bool))
    np.testing.assert_allclose(factor[1] @ factor[1].T, a[1], atol=1e-11)


@pytest.mark.parametrize("place", [0, 100, 199])
def test_the_matrix_that_is_not_positive_definite_is_named(place: int) -> None:
    a = positive((4, 200, 200))
    a[2:, place, place] = -1
    with pytest.raises(LinAlgError, match="cholesky: matrix 2 of the stack is not positive"):
        results(a.shape, False, lambda x: [gc.linalg.cholesky(x)], a)


def test_a_matrix_may_be_computed_from_one_that_lies_otherwise() -> None:
    a = positive((200, 200))
    (factor,) = results(
        a.shape, False, lambda x: [gc.linalg.cholesky(gc.flip(x.T * 2.0, axis=(0, 1)))], a
    )
    np.testing.assert_allclose(factor @ factor.T, 2 * a[::-1, ::-1], atol=1e-11)
