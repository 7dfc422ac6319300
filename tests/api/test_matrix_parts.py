"""Triangles and diagonals of matrices, and matrices made of vectors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import AttributeValueError, ShapeError
from tests.api.differences import check_gradients
from tests.api.erring import check_error
from tests.api.matrices import drawn, run

la = gc.linalg

pytestmark = pytest.mark.usefixtures("graph")


@pytest.mark.parametrize("k", [-5, -1, 0, 2, 5])
def test_triangles_and_diagonals(k: int, compute: Any) -> None:
    a = drawn((2, 3, 4), gc.float64)
    for shape in ((2, 3, 4), (2, "n", "m")):
        x = gc.placeholder(gc.float64, shape)
        found = compute([gc.tril(x, k=k), gc.triu(x, k=k), gc.diagonal(x, offset=k)], {x: a})
        np.testing.assert_array_equal(found[0], np.tril(a, k))
        np.testing.assert_array_equal(found[1], np.triu(a, k))
        np.testing.assert_array_equal(found[2], _diagonals(a, k))


def test_triangles_hide_what_they_leave_out(compute: Any) -> None:
    x = gc.placeholder(gc.float64, (2, 2))
    total = gc.sum(gc.tril(x * x))
    values, slope = compute([gc.tril(x), *gc.gradients(total, [x])], {x: [[1, np.nan], [2, 3]]})
    np.testing.assert_array_equal(values, [[1, 0], [2, 3]])
    np.testing.assert_array_equal(slope[:, 0], [2, 4])
    flags = compute(gc.triu(gc.constant([[True, True], [True, True]])))
    np.testing.assert_array_equal(flags, [[True, True], [False, True]])


def _diagonals(a: Any, k: int) -> Any:
    if not -a.shape[-2] < k < a.shape[-1]:
        return np.zeros((*a.shape[:-2], 0))
    return np.diagonal(a, k, -2, -1)


@pytest.mark.parametrize("k", [-5, -1, 0, 2, 5])
def test_traces(k: int, compute: Any) -> None:
    a = drawn((2, 3, 4), gc.float64)
    for shape in ((2, 3, 4), ("b", "n", "m")):
        x = gc.placeholder(gc.float64, shape)
        got = compute(la.trace(x, offset=k), {x: a})
        np.testing.assert_allclose(got, np.trace(a, k, -2, -1), rtol=1e-14)
    whole = gc.placeholder(gc.int8, (3, 4))
    found = compute(la.trace(whole, offset=k), {whole: np.full((3, 4), 100)})
    assert found.dtype == np.int64
    assert found == np.trace(np.full((3, 4), 100), k)


@pytest.mark.parametrize("k", [-2, 0, 1])
@pytest.mark.parametrize("dtype", [gc.float32, gc.int32, gc.bool_], ids=str)
def test_diagonal_matrices(k: int, dtype: gc.DType, compute: Any) -> None:
    values = (drawn((2, 3), gc.float64) * 9).astype(dtype.numpy)
    expected = np.stack([np.diag(row, k) for row in values])
    for shape in ((2, 3), ("b", "n")):
        x = gc.placeholder(dtype, shape)
        made = la.diag(x, k=k)
        got, back = compute([made, gc.diagonal(made, offset=k)], {x: values})
        np.testing.assert_array_equal(got, expected)
        np.testing.assert_array_equal(back, values)


@pytest.mark.parametrize("sizes", [(3,), (3, 5), (4, 2), (0, 3), (0,)])
@pytest.mark.parametrize("k", [-1, 0, 2])
def test_places_in_triangles(sizes: tuple[int, ...], k: int, compute: Any) -> None:
    columns = sizes[-1]
    for ours, theirs in ((la.tril_indices, np.tril_indices), (la.triu_indices, np.triu_indices)):
        got = compute(list(ours(*sizes, k=k)))
        np.testing.assert_array_equal(got, np.array(theirs(sizes[0], k, columns)))
        assert got[0].dtype == np.int64


@pytest.mark.parametrize("n", [None, 0, 1, 4, "k"])
@pytest.mark.parametrize("increasing", [False, True])
def test_powers_of_numbers(n: Any, increasing: bool, compute: Any) -> None:
    rows = np.array([0.0, -1.0, 2.0, -3.5])
    count = 4 if n == "k" else n
    expected = np.vander(rows, count, increasing)
    for shape in (4, "n", (1, "n")):
        x, other = gc.placeholder(gc.float64, shape), gc.placeholder(gc.float64, ("k",))
        made = la.vander(x, n, increasing=increasing) + 0 * gc.sum(other)
        fed = rows[None] if isinstance(shape, tuple) else rows
        got = compute(made, {x: fed, other: np.zeros(4)})
        np.testing.assert_allclose(np.reshape(got, expected.shape), expected, rtol=1e-14)


def test_powers_of_integers_are_integers(compute: Any) -> None:
    got = compute(la.vander(gc.constant(np.array([2, -3])), 4))
    np.testing.assert_array_equal(got, np.vander([2, -3], 4))
    assert got.dtype == np.int64


GRADIENTS: dict[str, tuple[Callable[..., gc.Tensor], tuple[int, ...]]] = {
    "tril": (lambda x: gc.tril(x * x, k=1), (2, 3, 4)),
    "triu": (lambda x: gc.triu(x * x, k=-1), (4, 3)),
    "trace": (lambda x: la.trace(x * x, offset=-1), (2, 3, 4)),
    "diag": (lambda x: la.diag(x * x, k=-1), (2, 3)),
    "vander": (lambda x: la.vander(x, 5), (3,)),
}


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients(name: str, compute: Any) -> None:
    function, shape = GRADIENTS[name]
    check_gradients(compute, function, [drawn(shape, gc.float64)])


def test_powers_of_0_have_gradients() -> None:
    def twice(x: gc.Tensor) -> list[gc.Tensor]:
        (first,) = gc.gradients(gc.sum(la.vander(x, 4, increasing=True)), [x])
        return [first, *gc.gradients(gc.sum(first), [x])]

    first, second = run(twice, np.array([0.0, 1.0]))
    np.testing.assert_array_equal(first, [1, 6])
    np.testing.assert_array_equal(second, [2, 8])


@pytest.mark.parametrize(
    ("apply", "error", "message", "op"),
    [
        (lambda x: gc.tril(x[0]), ShapeError, "needs at least two dims", "tril"),
        (lambda x: gc.triu(x, k=0.5), AttributeValueError, "k must be an integer", "triu"),
        (lambda x: gc.diagonal(x[0]), ShapeError, "needs at least two dims", "diagonal"),
        (lambda x: la.trace(x[0]), ShapeError, "needs at least two dims", "trace"),
        (lambda x: la.trace(x, offset=1.0), AttributeValueError, "must be an integer", "trace"),
        (lambda x: la.diag(x[0, 0]), ShapeError, "needs at least one dim", "diag"),
        (lambda x: la.diag(x, k="1"), AttributeValueError, "k must be an integer", "diag"),
        (lambda x: la.tril_indices(-1), AttributeValueError, "-1 is no size", "tril_indices"),
        (lambda x: la.triu_indices("n"), AttributeValueError, "an integer", "triu_indices"),
        (lambda x: la.vander(x[0, 0]), ShapeError, "needs at least one dim", "vander"),
        (lambda x: la.vander(x, -1), AttributeValueError, "-1 is no size", "vander"),
    ],
)
def test_errors(apply: Any, error: Any, message: str, op: str) -> None:
    x = gc.placeholder(gc.float32, (3, 4))
    check_error(apply, x, error, message, op)


def test_block_diag(compute: Any) -> None:
    x, row = gc.placeholder(gc.float64, ("m", "n")), gc.placeholder(gc.float64, (2,))
    y = gc.linalg.block_diag(x, row, 7)
    found = compute(y, {x: [[1, 2], [3, 4], [5, 6]], row: [8, 9]})
    expected = np.zeros((5, 5))
    expected[:3, :2], expected[3, 2:4], expected[4, 4] = [[1, 2], [3, 4], [5, 6]], [8, 9], 7
    np.testing.assert_array_equal(found, expected)


def test_block_diag_of_no_matrices(fails: Callable[..., Any]) -> None:
    x = gc.placeholder(gc.float32, (2, 2, 2))
    with fails(ShapeError, "needs matrices", op="block_diag"):
        gc.linalg.block_diag(x)
    with fails(AttributeValueError, "one or more", op="block_diag"):
        gc.linalg.block_diag()
