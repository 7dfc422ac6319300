"""Pseudoinverses, ranks and least squares against NumPy's, of full rank and of less."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import DTypeError, ShapeError
from tests.api.differences import check_gradients
from tests.api.erring import check_error
from tests.api.matrices import Array, Program, check_close, drawn, run, symmetric, transposed

la = gc.linalg

DTYPES = [gc.float32, gc.float64]
SHAPES = [(4, 4), (6, 2), (2, 6), (1, 1), (0, 3), (3, 0), (3, 5, 4), (2, 2, 2, 3), (0, 2, 3)]
FEW = [(4, 4), (6, 2), (2, 6), (0, 3), (3, 5, 4)]


def _of_rank(shape: tuple[int, ...], rank: int, dtype: gc.DType = gc.float64) -> Array:
    """Matrices with `rank` singular values from 1 to 2, and zeros."""
    u, _, v = np.linalg.svd(drawn(shape, gc.float64), full_matrices=False)
    kept = min(rank, *shape[-2:])
    values = np.linspace(2, 1, kept)
    return ((u[..., :kept] * values) @ v[..., :kept, :]).astype(dtype.numpy)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("symbolic", [False, True], ids=["known", "symbolic"])
def test_pseudoinverses_and_ranks_against_numpy(symbolic: bool, dtype: gc.DType) -> None:
    program = Program(lambda x: (la.pinv(x), la.matrix_rank(x)), symbolic=symbolic)
    for shape in SHAPES if symbolic else FEW:
        for rank in (1, 2, 6):
            x = _of_rank(shape, rank, dtype)
            inverse, found = program(x)
            check_close(inverse, np.linalg.pinv(_of_rank(shape, rank), 1e-5).astype(dtype.numpy))
            assert found.dtype == np.int64
            np.testing.assert_array_equal(found, np.full(shape[:-2], min(rank, *shape[-2:])))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("symbolic", [False, True], ids=["known", "symbolic"])
def test_symmetric_matrices_against_numpy(symbolic: bool, dtype: gc.DType) -> None:
    def ours(x: gc.Tensor) -> tuple[gc.Tensor, ...]:
        return la.pinv(x, hermitian=True), la.matrix_rank(x, hermitian=True), la.pinv(x)

    program = Program(ours, symbolic=symbolic)
    for shape in [(4, 4), (2, 3, 3), (0, 0)]:
        x = symmetric(shape, dtype)
        x[..., :1, :] = x[..., :, :1] = 0.0
        inverse, rank, other = program(x)
        check_close(inverse, np.linalg.pinv(x, hermitian=True) if x.size else x, units=3000)
        check_close(inverse, other, units=3000)
        np.testing.assert_array_equal(rank, np.full(shape[:-2], max(shape[-1] - 1, 0)))


def test_what_counts_as_0_may_be_told_for_all_or_by_matrix() -> None:
    x = np.stack([np.diag([4.0, 2.0, 1.0])] * 3)
    tolerance = np.array([0.0, 0.25, 0.5])

    def ours(x: gc.Tensor, rtol: gc.Tensor) -> tuple[gc.Tensor, ...]:
        by_number = la.pinv(x, rtol=0.3), la.matrix_rank(x, rtol=0.3)
        return *by_number, la.pinv(x, rtol=rtol), la.matrix_rank(x, rtol=rtol, hermitian=True)

    first, rank, by_matrix, ranks = run(ours, x, tolerance)
    check_close(first, np.stack([np.diag([0.25, 0.5, 0.0])] * 3))
    np.testing.assert_array_equal(rank, [2, 2, 2])
    check_close(by_matrix, np.linalg.pinv(x, tolerance))
    np.testing.assert_array_equal(ranks, [3, 2, 1])


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("symbolic", [False, True], ids=["known", "symbolic"])
def test_least_squares_against_numpy(symbolic: bool, dtype: gc.DType) -> None:
    program = Program(la.lstsq, symbolic=symbolic)
    for shape in [(5, 3), (3, 5), (4, 4), (3, 0), (0, 3)]:
        for rank in (2, 6):
            a = _of_rank(shape, rank, dtype)
            for b in (drawn((shape[0], 2), dtype, 1), drawn(shape[:1], dtype, 2)):
                x, left, found, values = program(a, b)
                wanted = (np.linalg.pinv(_of_rank(shape, rank), 1e-5) @ b).astype(dtype.numpy)
                check_close(x, wanted)
                check_close(left, np.sum((a @ wanted - b) ** 2, 0))
                check_close(values, np.linalg.svd(a, compute_uv=False))
                assert found == min(rank, *shape)


def test_leading_dims_of_least_squares_broadcast() -> None:
    a, b = drawn((2, 1, 5, 3), gc.float64), drawn((4, 5, 2), gc.float64, 1)
    x, left, rank, values = run(la.lstsq, a, b)
    assert x.shape == (2, 4, 3, 2)
    assert (left.shape, rank.shape, values.shape) == ((2, 4, 2), (2, 4), (2, 4, 3))
    for k in np.ndindex(2, 4):
        check_close(x[k], np.linalg.lstsq(a[k[0], 0], b[k[1]])[0])


def test_nan_and_infinity_give_nan_and_leave_other_matrices_alone() -> None:
    x = _of_rank((3, 4, 2), 2)
    clean = run(la.pinv, x)
    for value in (np.nan, np.inf):
        spoilt = x.copy()
        spoilt[1, 0, 0] = value
        got, rank = run(lambda x: (la.pinv(x), la.matrix_rank(x)), spoilt)
        assert np.all(np.isnan(got[1]))
        np.testing.assert_array_equal(got[[0, 2]], clean[[0, 2]])
        np.testing.assert_array_equal(rank, [2, 0, 2])


# Derivatives ---------------------------------------------------------------------------------

_WEIGHTS = drawn((4, 4), gc.float64, 9)


def _weighed(x: gc.Tensor) -> gc.Tensor:
    """Something that tells a derivative's elements apart."""
    return x * gc.asarray(_WEIGHTS[: int(x.shape[-2]), : int(x.shape[-1])])


FUNCTIONS: dict[str, tuple[Callable[..., gc.Tensor], list[tuple[int, ...]]]] = {
    "pinv tall": (la.pinv, [(4, 2)]),
    "pinv wide": (la.pinv, [(2, 2, 4)]),
    "pinv square": (la.pinv, [(3, 3)]),
    "pinv symmetric": (lambda x: la.pinv(x, hermitian=True), [(3, 3)]),
    "pinv of less than full rank": (lambda x, y: la.pinv(x @ y), [(4, 2), (2, 3)]),
    "pinv symmetric of less than full rank": (
        lambda x: la.pinv(x @ x.T, hermitian=True), [(4, 2)],
    ),
    "lstsq tall": (lambda a, b: la.lstsq(a, b).solution, [(4, 2), (4, 3)]),
    "lstsq wide": (lambda a, b: la.lstsq(a, b).solution, [(2, 4), (2,)]),
    "lstsq of less than full rank": (
        lambda a, c, b: la.lstsq(a @ c, b).solution, [(4, 2), (2, 3), (4, 2)],
    ),
    "residuals": (lambda a, b: la.lstsq(a, b).residuals, [(4, 2), (4, 3)]),
    "singular values": (lambda a, b: la.lstsq(a, b).singular_values, [(4, 2), (4, 3)]),
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.usefixtures("graph")
def test_gradients(name: str, compute: Any) -> None:
    function, shapes = FUNCTIONS[name]
    arrays = [drawn(shape, gc.float64, k + 3) for k, shape in enumerate(shapes)]
    check_gradients(compute, function, arrays)


@pytest.mark.parametrize("hermitian", [False, True])
def test_gradients_where_singular_values_are_equal(hermitian: bool) -> None:
    """Of the identity the pseudoinverse changes as the inverse does: by minus the change."""

    def ours(x: gc.Tensor) -> gc.Tensor:
        return gc.gradients(gc.sum(_weighed(la.pinv(x, hermitian=hermitian))), [x])[0]

    expected = -_WEIGHTS[:3, :3]
    if hermitian:
        expected = (expected + expected.T) / 2
    check_close(run(ours, np.eye(3)), expected)


def test_the_gradient_at_0_is_0() -> None:
    def ours(x: gc.Tensor) -> gc.Tensor:
        return gc.gradients(gc.sum(la.pinv(x)), [x])[0]

    np.testing.assert_array_equal(run(ours, np.zeros((3, 2))), np.zeros((3, 2)))


def test_normal_equations_hold() -> None:
    a, b = drawn((50, 7), gc.float64), drawn((50, 3), gc.float64, 1)
    x = run(lambda a, b: la.lstsq(a, b).solution, a, b)
    check_close(transposed(a) @ (a @ x - b), np.zeros((7, 3)), units=3000)


@pytest.mark.parametrize(
    ("apply", "error", "message", "op"),
    [
        (lambda x: la.pinv(x[0]), ShapeError, "needs a matrix", "pinv"),
        (lambda x: la.pinv(x, hermitian=True), ShapeError, "as many rows as columns", "pinv"),
        (lambda x: la.pinv(gc.astype(x, gc.int64)), DTypeError, "needs floating point", "pinv"),
        (lambda x: la.pinv(x, rtol=np.ones(2)), ShapeError, "does not fit", "pinv"),
        (lambda x: la.pinv(x, rtol=np.ones((), int)), DTypeError, "floating point", "pinv"),
        (lambda x: la.matrix_rank(x[0]), ShapeError, "needs a matrix", "matrix_rank"),
        (lambda x: la.matrix_rank(x > 0), DTypeError, "needs floating point", "matrix_rank"),
        (lambda x: la.lstsq(x, 2.0), ShapeError, "at least a vector", "lstsq"),
        (lambda x: la.lstsq(x, gc.ones((4, 1))), ShapeError, "rows of both sides", "least_squares"),
        (lambda x: la.lstsq(gc.ones((3, 3, 4)), gc.ones((2, 3, 1))), ShapeError, "do not", "lstsq"),
    ],
)
@pytest.mark.usefixtures("graph")
def test_errors(apply: Any, error: Any, message: str, op: str) -> None:
    x = gc.placeholder(gc.float32, (3, 4))
    check_error(apply, x, error, message, op)
