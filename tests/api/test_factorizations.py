"""Factors, systems and determinants in sessions, against NumPy and against what defines them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import (
    AttributeValueError,
    DTypeError,
    GuardError,
    LinAlgError,
    ShapeError,
)
from tests.api.matrices import (
    Array,
    Program,
    check_close,
    check_orthogonal,
    drawn,
    positive,
    regular,
    run,
    symmetric,
    transposed,
)

la = gc.linalg

Shapes = list[tuple[int, ...]]

STACKS: Shapes = [(), (0,), (3,), (2, 2)]
SQUARES: Shapes = [(*lead, n, n) for n in (0, 1, 2, 3, 4, 5, 6, 17, 70) for lead in STACKS]
_SIDES = [(0, 0), (0, 3), (3, 0), (1, 4), (4, 1), (5, 5), (6, 2), (2, 6), (40, 9), (9, 40)]
RECTANGLES: Shapes = [(*lead, m, n) for m, n in _SIDES for lead in STACKS]

#: Where sizes are known, every shape is a program of its own: some that differ in kind.
FEW_SQUARES: Shapes = [(0, 0), (1, 1), (5, 5), (70, 70), (0, 3, 3), (3, 6, 6), (2, 2, 2, 2)]
FEW_RECTANGLES: Shapes = [
    (0, 3),
    (3, 0),
    (1, 4),
    (6, 2),
    (9, 40),
    (0, 3, 2),
    (2, 2, 2, 6),
    (3, 5, 5),
]
DTYPES = [gc.float32, gc.float64]


NUMPY: dict[str, tuple[Callable[..., Array], Callable[..., Any], Callable[..., Any]]] = {
    "cholesky": (positive, la.cholesky, np.linalg.cholesky),
    "upper cholesky": (
        positive,
        lambda x: la.cholesky(x, upper=True),
        lambda x: transposed(np.linalg.cholesky(x)),
    ),
    "inv": (regular, la.inv, np.linalg.inv),
    "det": (
        lambda shape, dtype: regular(shape, dtype) / np.sqrt(shape[-1] or 1).astype(dtype.numpy),
        lambda x: la.det(x / 3),
        lambda x: np.linalg.det(x / x.dtype.type(3)),
    ),
    "sign": (drawn, lambda x: la.slogdet(x).sign, lambda x: np.linalg.slogdet(x)[0]),
    "logabsdet": (regular, lambda x: la.slogdet(x).logabsdet, lambda x: np.linalg.slogdet(x)[1]),
    "eigvalsh": (symmetric, la.eigvalsh, np.linalg.eigvalsh),
    "eigenvalues": (symmetric, lambda x: la.eigh(x).eigenvalues, np.linalg.eigvalsh),
}


@pytest.mark.parametrize("symbolic", [False, True], ids=["known", "symbolic"])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", NUMPY)
def test_square_matrices_against_numpy(name: str, dtype: gc.DType, symbolic: bool) -> None:
    draw, ours, theirs = NUMPY[name]
    program = Program(ours, symbolic=symbolic)
    for shape in SQUARES if symbolic else FEW_SQUARES:
        x = draw(shape, dtype)
        check_close(program(x), np.asarray(theirs(x), dtype.numpy))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("symbolic", [False, True], ids=["known", "symbolic"])
def test_systems_against_numpy(dtype: gc.DType, symbolic: bool) -> None:
    program = Program(la.solve, symbolic=symbolic)
    for shape in SQUARES if symbolic else FEW_SQUARES:
        a = regular(shape, dtype)
        for columns in (0, 1, 5):
            b = drawn((*shape[:-1], columns), dtype, 1)
            check_close(program(a, b), np.linalg.solve(a, b))
        vector = drawn(shape[-1:], dtype, 2)
        expected = np.linalg.solve(a, vector[:, None])[..., 0]
        check_close(program(a, vector), expected)


@pytest.mark.parametrize("unit", [False, True])
@pytest.mark.parametrize("transpose", [False, True])
@pytest.mark.parametrize("lower", [False, True])
def test_triangular_systems_against_numpy(lower: bool, transpose: bool, unit: bool) -> None:
    for shape in [(0, 0), (1, 1), (4, 4), (3, 5, 5), (33, 33)]:
        a = regular(shape, gc.float64)
        b = drawn((*shape[:-1], 3), gc.float64, 1)
        full = np.tril(a) if lower else np.triu(a)
        if unit:
            a = a / 50
            eye = np.eye(shape[-1])
            full = (np.tril(a, -1) if lower else np.triu(a, 1)) + eye
        expected = np.linalg.solve(transposed(full) if transpose else full, b)

        def solve(a: gc.Tensor, b: gc.Tensor) -> gc.Tensor:
            return la.triangular_solve(a, b, lower=lower, transpose=transpose, unit_diagonal=unit)

        check_close(run(solve, a, b), expected)


@pytest.mark.parametrize(
    ("left", "right"),
    [((3, 3), (2, 3, 4)), ((2, 3, 3), (3, 4)), ((5, 1, 3, 3), (2, 3, 1)), ((2, 3, 3), (3,))],
)
def test_leading_dims_broadcast(left: tuple[int, ...], right: tuple[int, ...]) -> None:
    a, b = regular(left, gc.float64), drawn(right, gc.float64)
    expected = np.linalg.solve(a, b if len(right) > 1 else b[:, None])
    check_close(run(la.solve, a, b), expected if len(right) > 1 else expected[..., 0])


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("symbolic", [False, True], ids=["known", "symbolic"])
@pytest.mark.parametrize("mode", ["reduced", "complete"])
def test_qr_gives_the_matrix_back(mode: str, symbolic: bool, dtype: gc.DType) -> None:
    program = Program(lambda x: la.qr(x, mode=mode), symbolic=symbolic)
    for shape in RECTANGLES if symbolic else FEW_RECTANGLES:
        x = drawn(shape, dtype)
        q, r = program(x)
        m, n = shape[-2:]
        k = m if mode == "complete" else min(m, n)
        assert (q.shape[-2:], r.shape[-2:]) == ((m, k), (k, n))
        check_close(q @ r, x)
        check_orthogonal(q)
        np.testing.assert_array_equal(r, np.triu(r))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("symbolic", [False, True], ids=["known", "symbolic"])
@pytest.mark.parametrize("full", [False, True], ids=["reduced", "full"])
def test_svd_gives_the_matrix_back(full: bool, symbolic: bool, dtype: gc.DType) -> None:
    program = Program(lambda x: (*la.svd(x, full_matrices=full), la.svdvals(x)), symbolic=symbolic)
    for shape in RECTANGLES if symbolic else FEW_RECTANGLES:
        x = drawn(shape, dtype)
        u, s, v, values = program(x)
        m, n = shape[-2:]
        k = min(m, n)
        assert (u.shape[-1], v.shape[-2]) == ((m, n) if full else (k, k))
        check_close(u[..., :k] * s[..., None, :] @ v[..., :k, :], x)
        check_orthogonal(u)
        check_orthogonal(transposed(v))
        check_close(s, np.linalg.svd(x, compute_uv=False))
        check_close(values, s)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_eigh_gives_the_matrix_back(dtype: gc.DType) -> None:
    program = Program(la.eigh, symbolic=True)
    for shape in SQUARES:
        x = symmetric(shape, dtype)
        values, vectors = program(x)
        check_close(vectors * values[..., None, :] @ transposed(vectors), x)
        check_close(x @ vectors, vectors * values[..., None, :])


def test_matrices_that_are_not_symmetric_count_as_their_symmetric_part() -> None:
    x = positive((4, 4), gc.float64)
    skew = np.triu(np.ones((4, 4)), 1)
    moved = x + skew - skew.T
    for function in (la.cholesky, la.eigvalsh, lambda x: la.eigh(x).eigenvalues):
        check_close(run(function, moved), run(function, x))


# What is wrong -------------------------------------------------------------------------------


def _with(value: float, at: tuple[int, ...]) -> Array:
    stack = np.tile(np.eye(3), (4, 1, 1))
    stack[at] = value
    return stack


WRONG = [
    (la.cholesky, -1.0, "cholesky: matrix 2 of the stack is not positive definite"),
    (la.cholesky, 0.0, "cholesky: matrix 2 of the stack is not positive definite"),
    (la.inv, 0.0, "solve: matrix 2 of the stack is singular"),
    (lambda x: la.solve(x, x), 0.0, "solve: matrix 2 of the stack is singular"),
]


@pytest.mark.parametrize(("function", "value", "message"), WRONG)
def test_a_wrong_matrix_is_an_error_that_names_the_line(
    function: Callable[..., gc.Tensor], value: float, message: str
) -> None:
    with pytest.raises(LinAlgError, match=message) as caught:
        run(lambda x: function(x), _with(value, (2, 1, 1)))
    assert isinstance(caught.value, np.linalg.LinAlgError)
    assert caught.value.location is not None
    assert caught.value.location.file == __file__


def test_determinants_of_singular_matrices() -> None:
    determinant, sign, log = run(lambda x: (la.det(x), *la.slogdet(x)), _with(0.0, (2, 1, 1)))
    np.testing.assert_array_equal(determinant, [1, 1, 0, 1])
    np.testing.assert_array_equal(sign, [1, 1, 0, 1])
    np.testing.assert_array_equal(log, [0, 0, -np.inf, 0])


SURVIVING: Sequence[Callable[[gc.Tensor], gc.Tensor]] = [
    la.cholesky, la.inv, la.det, la.eigvalsh, la.svdvals,
    lambda x: la.solve(x, gc.ones((3, 2))), lambda x: la.slogdet(x).sign,
    lambda x: la.slogdet(x).logabsdet, lambda x: la.eigh(x).eigenvectors,
    lambda x: la.svd(x).U, lambda x: la.qr(x).Q, lambda x: la.qr(x).R,
]  # fmt: skip


@pytest.mark.parametrize("function", SURVIVING)
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nan_and_infinity_give_nan_and_leave_other_matrices_alone(
    function: Callable[..., gc.Tensor], value: float
) -> None:
    got = run(function, _with(value, (2, 1, 0)))
    clean = run(function, _with(0.0, (2, 1, 0)))
    assert np.isnan(got[2]).any()
    for k in (0, 1, 3):
        np.testing.assert_array_equal(got[k], clean[k])


@pytest.mark.parametrize("size", [3, 30, 200])
def test_nan_everywhere_ends(size: int) -> None:
    for function in (la.eigvalsh, la.svdvals, la.inv, la.cholesky):
        assert np.isnan(run(function, np.full((size, size), np.nan))).any()


@pytest.mark.parametrize(
    ("function", "shape"),
    [
        (la.cholesky, (2, 3)), (la.inv, (3,)), (la.det, (2, 3)), (la.eigh, ()), (la.qr, (3,)),
        (la.svd, (3,)), (lambda x: la.solve(x, x), (2, 3)), (lambda x: la.solve(x, x), (3,)),
        (la.slogdet, (4, 2, 3)), (lambda x: la.solve(x, gc.ones((4, 1))), (3, 3)),
    ],
)  # fmt: skip
def test_shapes_that_are_no_matrices(function: Callable[..., Any], shape: tuple[int, ...]) -> None:
    with gc.Graph():
        x = gc.placeholder(gc.float64, shape)
        with pytest.raises(ShapeError) as caught:
            function(x)
    assert caught.value.location is not None
    assert caught.value.location.file == __file__


def test_integers_and_unknown_modes() -> None:
    with gc.Graph():
        x = gc.placeholder(gc.int32, (3, 3))
        for function in (la.det, la.qr, la.svdvals, lambda x: la.solve(x, x)):
            with pytest.raises(DTypeError):
                function(x)
        with pytest.raises(AttributeValueError, match="mode must be"):
            la.qr(gc.ones((3, 3)), mode="raw")


def test_rows_and_columns_that_differ_when_fed() -> None:
    with gc.Graph() as graph:
        x = gc.placeholder(gc.float64, ("m", "n"), name="x")
        y = la.det(x)
    with gc.Session(graph) as session:
        assert session.run(y, {x: 2 * np.eye(3)}) == pytest.approx(8)
        with pytest.raises(GuardError):
            session.run(y, {x: np.ones((2, 3))})
