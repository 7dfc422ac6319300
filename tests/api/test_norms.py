"""Norms and condition numbers against NumPy's, and their gradients at kinks and at 0."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import AttributeValueError, DTypeError, ShapeError
from tests.api.differences import check_gradients
from tests.api.erring import check_error
from tests.api.matrices import Array, Program, check_close, drawn, regular, run

la = gc.linalg
INF = np.inf

VECTOR_ORDERS = [2, 1, 0, INF, -INF, 3, 1.5, 0.5, -1, -2, -2.5]
MATRIX_ORDERS: list[Any] = ["fro", "nuc", 1, -1, 2, -2, INF, -INF]
DTYPES = [gc.float32, gc.float64]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("order", VECTOR_ORDERS)
def test_vector_norms_against_numpy(order: float, dtype: gc.DType) -> None:
    x = drawn((3, 4, 70), dtype)
    x[1, 2, 3:9] = 0.0
    axes: list[Any] = [None, 0, 2, -2, (0, 2)]

    def ours(x: gc.Tensor) -> tuple[gc.Tensor, ...]:
        return tuple(
            la.vector_norm(x, axis=axis, ord=order, keepdims=kept)
            for axis in axes
            for kept in (False, True)
        )

    with np.errstate(divide="ignore"):
        expected = [
            np.linalg.vector_norm(x, axis=axis, ord=order, keepdims=kept)
            for axis in axes
            for kept in (False, True)
        ]
    for symbolic in (False, True):
        for got, wanted in zip(Program(ours, symbolic=symbolic)(x), expected, strict=True):
            check_close(got, np.asarray(wanted, dtype.numpy))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("order", MATRIX_ORDERS)
def test_matrix_norms_against_numpy(order: Any, dtype: gc.DType) -> None:
    axes = [(-2, -1), (0, 2), (2, 1)]

    def ours(x: gc.Tensor) -> tuple[gc.Tensor, ...]:
        return tuple(
            la.matrix_norm(x, axis=axis, ord=order, keepdims=k) for k in (0, 1) for axis in axes
        )

    for symbolic in (False, True):
        program = Program(ours, symbolic=symbolic)
        for shape in [(3, 4, 5), (1, 1, 2), (2, 6, 3)][: 3 if symbolic else 1]:
            x = drawn(shape, dtype)
            expected = [
                np.linalg.norm(x, order, axis=axis, keepdims=kept)
                for kept in (False, True)
                for axis in axes
            ]
            for got, wanted in zip(program(x), expected, strict=True):
                check_close(got, np.asarray(wanted, dtype.numpy))


@pytest.mark.parametrize(
    ("shape", "order", "axis"),
    [
        ((3,), None, None), ((3, 4), None, None), ((3, 4, 5), None, None), ((3,), 1, None),
        ((3, 4), 1, None), ((3, 4), "nuc", None), ((3, 4, 5), None, 1), ((3, 4, 5), None, (0, 1)),
        ((3, 4, 5), INF, -1), ((3, 4, 5), -INF, (0, -1)), ((3, 4, 5), 2, [1]), ((), None, None),
    ],
)  # fmt: skip
def test_norm_chooses_as_numpy_does(shape: tuple[int, ...], order: Any, axis: Any) -> None:
    x = drawn(shape, gc.float64)
    axes = tuple(axis) if isinstance(axis, list) else axis
    for kept in (False, True):
        got = run(lambda x: la.norm(x, order, axis, keepdims=kept), x)  # noqa: B023 - run at once
        wanted = np.linalg.norm(x, order, axes[0] if axis == [1] else axes, keepdims=kept)
        check_close(got, np.asarray(wanted))


@pytest.mark.parametrize("order", VECTOR_ORDERS)
@pytest.mark.parametrize("symbolic", [False, True])
def test_norms_over_nothing(order: float, symbolic: bool) -> None:
    program = Program(lambda x: la.vector_norm(x, axis=1, ord=order), symbolic=symbolic)
    np.testing.assert_array_equal(program(np.zeros((2, 0))), np.full(2, 0.0 if order >= 0 else INF))
    sizes = Program(lambda x: (la.matrix_norm(x, ord=2), la.cond(x)), symbolic=symbolic)
    np.testing.assert_array_equal(sizes(np.zeros((0, 3))), [0.0, 0.0])


@pytest.mark.parametrize("order", VECTOR_ORDERS)
def test_a_nan_is_seen(order: float) -> None:
    got = run(lambda x: la.vector_norm(x, axis=1, ord=order), np.array([[1, np.nan], [1, 2.0]]))
    assert np.isnan(got[0]) == (order != 0)
    assert np.isfinite(got[1])


# Derivatives ---------------------------------------------------------------------------------

FUNCTIONS: dict[str, tuple[tuple[int, ...], Callable[[gc.Tensor], gc.Tensor]]] = {
    **{
        f"vector {order}": ((3, 5), lambda x, p=order: la.vector_norm(x, axis=1, ord=p))  # type: ignore[misc]
        for order in VECTOR_ORDERS
    },
    **{
        f"matrix {order}": ((2, 4, 3), lambda x, p=order: la.matrix_norm(x, ord=p))  # type: ignore[misc]
        for order in MATRIX_ORDERS
    },
    **{
        f"cond {order}": (
            (2, 3, 3),
            lambda x, p=order: la.cond(x + 3 * gc.eye(3, dtype=gc.float64), p),
        )  # type: ignore[misc]
        for order in MATRIX_ORDERS
    },
}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.usefixtures("graph")
def test_gradients(name: str, compute: Any) -> None:
    shape, function = FUNCTIONS[name]
    check_gradients(compute, function, [drawn(shape, gc.float64, 1)])


def _gradients(function: Callable[[gc.Tensor], gc.Tensor], x: Array) -> list[Array]:
    """The gradient, and that of a sum over it."""

    def both(x: gc.Tensor) -> list[gc.Tensor]:
        (first,) = gc.gradients(gc.sum(function(x)), [x])
        return [first, *gc.gradients(gc.sum(first * first), [x])]

    return list(run(both, x))


@pytest.mark.parametrize("order", VECTOR_ORDERS)
def test_the_gradient_of_a_vector_norm_is_0_at_0(order: float) -> None:
    for found in _gradients(lambda x: la.vector_norm(x, ord=order), np.zeros(3)):
        np.testing.assert_array_equal(found, np.zeros(3))


@pytest.mark.parametrize("order", MATRIX_ORDERS)
def test_gradients_of_matrix_norms_are_finite_at_0(order: Any) -> None:
    first, second = _gradients(lambda x: la.matrix_norm(x, ord=order), np.zeros((3, 2)))
    assert np.all(np.isfinite(second))
    if order in ("nuc", 2, -2):  # some subgradient
        assert np.linalg.norm(first, 2) <= 1 + 1e-12
    else:
        np.testing.assert_array_equal(first, 0)


@pytest.mark.parametrize("order", [3, 1.5, 0.5, 1, INF])
def test_elements_that_are_0_have_gradient_0(order: float) -> None:
    first, second = _gradients(lambda x: la.vector_norm(x, ord=order), np.array([0.0, 3.0, -4.0]))
    assert first[0] == 0
    assert np.all(np.isfinite([first, second]))


def test_equal_parts_share_a_gradient() -> None:
    first, _ = _gradients(lambda x: la.vector_norm(x, ord=INF), np.array([2.0, -2.0, 1.0]))
    np.testing.assert_array_equal(first, [0.5, -0.5, 0])
    first, _ = _gradients(lambda x: la.matrix_norm(x, ord=2), np.eye(4))
    check_close(first, np.eye(4) / 4)


# Condition numbers ---------------------------------------------------------------------------


@pytest.mark.parametrize("order", [None, *MATRIX_ORDERS])
@pytest.mark.parametrize("symbolic", [False, True])
def test_cond_against_numpy(order: Any, symbolic: bool) -> None:
    program = Program(lambda x: la.cond(x, order), symbolic=symbolic)
    for shape in [(1, 1), (4, 4), (2, 3, 3)]:
        x = regular(shape, gc.float64)
        check_close(program(x), np.asarray(np.linalg.cond(x, order)), units=1e4)
    if order in (None, 2, -2):
        x = drawn((2, 4, 3), gc.float64)
        check_close(program(x), np.linalg.cond(x, order), units=1e4)


@pytest.mark.parametrize("order", [None, *MATRIX_ORDERS])
def test_a_singular_matrix_has_an_infinite_condition_number(order: Any) -> None:
    stack = np.stack([np.zeros((2, 2)), np.diag([4.0, 2.0])])
    got = run(lambda x: la.cond(x, order), stack)
    np.testing.assert_allclose(got, [INF, np.linalg.cond(stack[1], order)])
    for found in _gradients(lambda x: la.cond(x, order), stack):
        np.testing.assert_array_equal(found[0], 0)
        assert np.all(np.isfinite(found))
    assert np.isnan(run(lambda x: la.cond(x, order), np.full((2, 2), np.nan)))


@pytest.mark.parametrize(
    ("apply", "error", "message", "op"),
    [
        (lambda x: la.vector_norm(x, ord="fro"), AttributeValueError, "a number", "vector_norm"),
        (lambda x: la.vector_norm(x, ord=float("nan")), AttributeValueError, "nan", "vector_norm"),
        (lambda x: la.vector_norm(x, axis=2), ShapeError, "no axis 2", "vector_norm"),
        (lambda x: la.vector_norm(x > 0), DTypeError, "needs floating point", "vector_norm"),
        (lambda x: la.matrix_norm(x, ord=3), AttributeValueError, "'nuc'", "matrix_norm"),
        (lambda x: la.matrix_norm(x, ord="max"), AttributeValueError, "'max'", "matrix_norm"),
        (lambda x: la.matrix_norm(x, axis=(0, -2)), ShapeError, "twice", "matrix_norm"),
        (lambda x: la.matrix_norm(x, axis=0), ShapeError, "needs two axes", "matrix_norm"),
        (lambda x: la.matrix_norm(x[0]), ShapeError, "no axis -2", "matrix_norm"),
        (lambda x: la.norm(gc.stack([x, x]), 2), ShapeError, "one axis or two, not 3", "norm"),
        (lambda x: la.norm(x, "nuc", 0), AttributeValueError, "a number", "norm"),
        (lambda x: la.norm(x, 3), AttributeValueError, "'nuc'", "norm"),
        (lambda x: la.norm(gc.astype(x, gc.int32)), DTypeError, "needs floating point", "norm"),
        (lambda x: la.cond(x, 1), ShapeError, "as many rows as columns", "cond"),
        (lambda x: la.cond(x[0]), ShapeError, "needs a matrix", "cond"),
        (lambda x: la.cond(x, 4), AttributeValueError, "'nuc'", "cond"),
    ],
)
@pytest.mark.usefixtures("graph")
def test_errors(apply: Any, error: Any, message: str, op: str) -> None:
    x = gc.placeholder(gc.float32, (3, 4))
    check_error(apply, x, error, message, op)
