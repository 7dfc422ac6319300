"""LU factors, and systems solved with factors, in sessions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import DTypeError, OutOfRangeError, ShapeError
from tests.api.differences import check_gradients
from tests.api.erring import check_error
from tests.api.matrices import Array, Program, check_close, drawn, positive, run, transposed

la = gc.linalg

DTYPES = [gc.float32, gc.float64]
SQUARES = [(0, 0), (1, 1), (2, 2), (5, 5), (33, 33), (3, 4, 4), (2, 2, 3, 3), (0, 3, 3)]


def _well(shape: tuple[int, ...], dtype: gc.DType) -> Array:
    """Matrices of which elimination exchanges rows."""
    x = drawn(shape, gc.float64) + 3 * np.roll(np.eye(*shape[-2:]), 1, axis=0) * shape[-1]
    return x.astype(dtype.numpy)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("symbolic", [False, True], ids=["known", "symbolic"])
def test_factors_give_the_matrix_back(symbolic: bool, dtype: gc.DType) -> None:
    program = Program(lambda x: (*la.lu(x), *la.lu_factor(x)), symbolic=symbolic)
    for shape in (*SQUARES, (3, 5), (2, 5, 2), (0, 3), (3, 0), (1, 4)):
        x, (m, n) = _well(shape, dtype), shape[-2:]
        k = min(m, n)
        p, low, up, both, permutation = program(x)
        check_close(p @ low @ up, x)
        np.testing.assert_array_equal(low, np.tril(both, -1)[..., :k] + np.eye(m, k, dtype=x.dtype))
        np.testing.assert_array_equal(up, np.triu(both)[..., :k, :])
        assert np.all(np.abs(low) <= 1)
        assert permutation.dtype == np.int64
        assert permutation.shape == shape[:-1]
        np.testing.assert_array_equal(
            np.sort(permutation), np.broadcast_to(np.arange(m), shape[:-1])
        )
        moved = np.take_along_axis(x, permutation[..., None], -2)
        check_close(low @ up, moved)
        check_close(transposed(p) @ x, moved)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("transpose", [False, True])
@pytest.mark.parametrize("symbolic", [False, True], ids=["known", "symbolic"])
def test_systems_by_factors_against_numpy(transpose: bool, symbolic: bool, dtype: gc.DType) -> None:
    def ours(a: gc.Tensor, b: gc.Tensor) -> gc.Tensor:
        return la.lu_solve(la.lu_factor(a), b, transpose=transpose)

    program = Program(ours, symbolic=symbolic)
    for shape in SQUARES:
        a, b = _well(shape, dtype), drawn((*shape[:-1], 2), dtype, 1)
        turned = transposed(a) if transpose else a
        check_close(program(a, b), np.linalg.solve(turned, b))
    a, b = _well((2, 1, 3, 3), dtype), drawn((4, 3, 2), dtype)
    check_close(run(ours, a, b), np.linalg.solve(transposed(a) if transpose else a, b))
    vector = b[0, :, 0]
    expected = np.linalg.solve(transposed(a) if transpose else a, vector[:, None])[..., 0]
    check_close(run(ours, a, vector), expected)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("upper", [False, True])
@pytest.mark.parametrize("symbolic", [False, True], ids=["known", "symbolic"])
def test_systems_by_the_cholesky_factor_against_numpy(
    upper: bool, symbolic: bool, dtype: gc.DType
) -> None:
    def ours(a: gc.Tensor, b: gc.Tensor) -> gc.Tensor:
        return la.cholesky_solve(la.cholesky(a, upper=upper), b, upper=upper)

    program = Program(ours, symbolic=symbolic)
    for shape in SQUARES:
        a, b = positive(shape, dtype), drawn((*shape[:-1], 2), dtype, 1)
        check_close(program(a, b), np.linalg.solve(a, b))
    a, vector = positive((2, 3, 3), dtype), drawn((3,), dtype)
    check_close(run(ours, a, vector), np.linalg.solve(a, vector[:, None])[..., 0])


def test_factors_may_be_fed() -> None:
    a, b = _well((4, 4), gc.float64), drawn((4,), gc.float64)
    both, permutation = run(la.lu_factor, a)
    got = run(lambda lu, order, b: la.lu_solve((lu, order), b), both, permutation, b)
    check_close(got, np.linalg.solve(a, b))
    with pytest.raises(OutOfRangeError, match="index 4 is out of range"):
        run(lambda lu, order, b: la.lu_solve((lu, order), b), both, permutation + 1, b)


def test_a_singular_matrix_has_factors_and_no_finite_solution() -> None:
    x = np.diag([1.0, 0.0])
    p, low, up = run(la.lu, x)
    np.testing.assert_array_equal(p @ low @ up, x)
    assert not np.all(np.isfinite(run(lambda x: la.lu_solve(la.lu_factor(x), gc.ones(2)), x)))


FUNCTIONS: dict[str, tuple[Callable[..., gc.Tensor], list[tuple[int, ...]]]] = {
    "L": (lambda x: la.lu(x).L, [(2, 3, 3)]),
    "U": (lambda x: la.lu(x).U, [(4, 4)]),
    "both": (lambda x: la.lu(x).L * la.lu(x).U.T, [(4, 4)]),
    "more rows": (lambda x: la.lu(x).L @ gc.sin(la.lu(x).U), [(4, 2)]),
    "more columns": (lambda x: gc.sin(la.lu(x).L) @ la.lu(x).U, [(2, 2, 3)]),
    "lu_factor": (lambda x: la.lu_factor(x).LU, [(3, 3)]),
    "lu_solve": (lambda a, b: la.lu_solve(la.lu_factor(a), b), [(3, 3), (2, 3, 2)]),
    "lu_solve transposed": (
        lambda a, b: la.lu_solve(la.lu_factor(a), b, transpose=True), [(3, 3), (3,)],
    ),
    "cholesky_solve": (lambda a, b: la.cholesky_solve(a, b), [(3, 3), (3, 2)]),
    "cholesky_solve upper": (
        lambda a, b: la.cholesky_solve(la.cholesky(a @ a.mT, upper=True), b, upper=True),
        [(3, 3), (3,)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.usefixtures("graph")
def test_gradients(name: str, compute: Any) -> None:
    function, (first, *others) = FUNCTIONS[name]
    arrays = [_well(first, gc.float64), *(drawn(s, gc.float64, k) for k, s in enumerate(others))]
    arrays[0] = arrays[0] + 3 * np.eye(*first[-2:])
    check_gradients(compute, function, arrays)


@pytest.mark.parametrize(
    ("apply", "error", "message", "op"),
    [
        (lambda x: la.lu(x[0]), ShapeError, "needs a matrix", "lu"),
        (lambda x: la.lu_factor(x[0]), ShapeError, "needs a matrix", "lu_factor"),
        (lambda x: la.lu(gc.ones((2, 2), dtype=gc.int32)), DTypeError, "floating point", "lu"),
        (lambda x: la.lu_solve((x, [0, 1, 2]), x), ShapeError, "columns", "triangular_solve"),
        (lambda x: la.lu_solve((x[:, :3], [0, 1]), x), ShapeError, "not broadcast", "lu_solve"),
        (lambda x: la.lu_solve((x[:, :3], [0.0] * 3), x), DTypeError, "integers", "lu_solve"),
        (lambda x: la.lu_solve((x[0], [0]), x), ShapeError, "needs a matrix", "lu_solve"),
        (lambda x: la.cholesky_solve(x, x), ShapeError, "columns", "triangular_solve"),
        (lambda x: la.cholesky_solve(x, 1.0), ShapeError, "at least a vector", "cholesky_solve"),
    ],
)
@pytest.mark.usefixtures("graph")
def test_errors(apply: Any, error: Any, message: str, op: str) -> None:
    x = gc.placeholder(gc.float32, (3, 4))
    check_error(apply, x, error, message, op)
