"""The exponential of matrices."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import DTypeError, ShapeError
from tests.api.differences import check_gradients
from tests.api.erring import check_error
from tests.api.matrices import Array, Program, check_close, drawn, run

expm = gc.linalg.matrix_exp


def by_series(x: Array) -> Array:
    """The sum itself, of the matrix divided by a power of 2, squared."""
    halved = x.astype(np.float64) / 2**6
    term = total = np.broadcast_to(np.eye(x.shape[-1]), x.shape)
    for k in range(1, 40):
        term = term @ halved / k
        total = total + term
    for _ in range(6):
        total = total @ total
    return total.astype(x.dtype)


@pytest.mark.parametrize("dtype", [gc.float32, gc.float64], ids=str)
@pytest.mark.parametrize("symbolic", [False, True], ids=["known", "symbolic"])
def test_small_and_large_norms_against_the_series(symbolic: bool, dtype: gc.DType) -> None:
    program = Program(expm, symbolic=symbolic)
    shapes = [(0, 0), (1, 1), (3, 5, 5), (0, 2, 2)] if symbolic else [(0, 0), (4, 4)]
    for shape in shapes:
        for scale in (0.0, 1e-3, 0.5, 3.0, 20.0):
            x = drawn(shape, dtype) * dtype.numpy.type(scale)
            expected = by_series(x)
            size = max(np.abs(expected).max(initial=0.0), 1.0)
            got = program(x)
            assert got.dtype == dtype.numpy
            eps = np.finfo(dtype.numpy).eps
            np.testing.assert_allclose(got / size, expected / size, atol=500 * eps)


def test_each_matrix_is_squared_as_often_as_it_needs() -> None:
    x = np.array([1e-9, 1.0, 40.0, 700.0])[:, None, None] * np.array([[0.0, -1.0], [1.0, 0.0]])
    turned = run(expm, x)
    for angle, matrix in zip((1e-9, 1.0, 40.0, 700.0), turned, strict=True):
        cos, sin = math.cos(angle), math.sin(angle)
        np.testing.assert_allclose(matrix, [[cos, -sin], [sin, cos]], atol=1e-12)
    for k in range(4):
        np.testing.assert_array_equal(run(expm, x[k]), turned[k])


def test_what_is_not_finite_is_nan_in_its_matrix_alone() -> None:
    x = drawn((4, 3, 3), gc.float64)
    x[1, 0, 2], x[2, 1, 1] = np.nan, -np.inf
    got, slope = run(lambda x: (expm(x), gc.gradients(gc.sum(expm(x)[::3]), [x])[0]), x)
    assert np.isnan(got[1:3]).all()
    assert np.isfinite(slope).all()
    check_close(got[::3], by_series(x[::3]))


@pytest.mark.usefixtures("graph")
@pytest.mark.parametrize("scale", [0.1, 8.0])
def test_gradients(scale: float, compute: Any) -> None:
    check_gradients(
        compute, lambda x: expm(x * scale) * 2.0**-scale, [drawn((2, 3, 3), gc.float64)]
    )


def test_of_a_batch_by_vmap() -> None:
    x = drawn((3, 2, 2), gc.float64) * 9
    np.testing.assert_array_equal(run(gc.vmap(expm), x), run(expm, x))


@pytest.mark.usefixtures("graph")
@pytest.mark.parametrize(
    ("apply", "error", "message"),
    [
        (lambda x: expm(x[0]), ShapeError, "needs a matrix"),
        (lambda x: expm(x), ShapeError, "as many rows as columns"),
        (lambda x: expm(gc.ones((2, 2), dtype=gc.int32)), DTypeError, "floating point"),
    ],
)
def test_errors(apply: Any, error: Any, message: str) -> None:
    check_error(apply, gc.placeholder(gc.float32, (3, 4)), error, message, "matrix_exp")
