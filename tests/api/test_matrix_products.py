"""Powers, chains and Kronecker products of matrices, cross products, and systems of tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import AttributeValueError, DTypeError, GuardError, LinAlgError, ShapeError
from tests.api.differences import check_gradients
from tests.api.erring import check_error
from tests.api.matrices import Array, Program, check_close, drawn, regular, run

la = gc.linalg

DTYPES = [gc.float32, gc.float64]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("symbolic", [False, True], ids=["known", "symbolic"])
def test_powers_against_numpy(symbolic: bool, dtype: gc.DType) -> None:
    powers = [0, 1, 2, 3, 5, 8, -1, -2, -3]
    program = Program(lambda x: [la.matrix_power(x, n) for n in powers], symbolic=symbolic)
    for shape in [(3, 3), (1, 1), (0, 0), (2, 4, 4)]:
        x = regular(shape, dtype) / 4
        for got, n in zip(program(x), powers, strict=True):
            check_close(got, np.linalg.matrix_power(x.astype(float), n).astype(dtype.numpy))


def test_powers_of_integers_and_of_singular_matrices() -> None:
    x = np.array([[1, 1], [1, 0]])
    np.testing.assert_array_equal(run(lambda x: la.matrix_power(x, 10), x), [[89, 55], [55, 34]])
    with pytest.raises(LinAlgError, match="is singular"):
        run(lambda x: la.matrix_power(x, -1), np.ones((2, 2)))


CHAINS: list[list[tuple[int, ...]]] = [
    [(3, 4), (4, 5)], [(3,), (3, 4), (4,)], [(3,), (3,)], [(3, 4), (4,)], [(4,), (4, 2)],
    [(20, 2), (2, 30), (30, 2), (2, 5)], [(2, 20), (20, 3), (3, 20), (20,)],
    [(2, 0), (0, 3), (3, 4)], [(5, 6)] + [(6, 6)] * 9 + [(6,)],
]  # fmt: skip


@pytest.mark.parametrize("chain", CHAINS, ids=str)
@pytest.mark.parametrize("symbolic", [False, True], ids=["known", "symbolic"])
def test_chains_against_numpy(chain: list[tuple[int, ...]], symbolic: bool) -> None:
    arrays = [drawn(shape, gc.float64, k) for k, shape in enumerate(chain)]
    program = Program(lambda *xs: la.multi_dot(xs), symbolic=symbolic)
    check_close(program(*arrays), np.asarray(np.linalg.multi_dot(arrays)))


def test_a_chain_is_multiplied_in_the_cheapest_order() -> None:
    with gc.Graph() as graph:
        xs = [gc.placeholder(gc.float32, s) for s in [("n", 2), (2, 90), (90, 3), (3, 80)]]
        result = la.multi_dot(xs)
    shapes = [n.shape for n in graph.extract([result]).nodes if len(n.inputs) == 2]
    assert shapes == [(2, 3), (2, 80), ("n", 80)]


@pytest.mark.parametrize(
    ("left", "right"),
    [((2, 3), (4, 5)), ((3,), (2,)), ((2, 3), (4,)), ((3,), (2, 4)), ((), (3,)),
     ((2, 1, 3), (2, 2)), ((0, 3), (2, 2))],
)  # fmt: skip
@pytest.mark.parametrize("symbolic", [False, True], ids=["known", "symbolic"])
def test_kronecker_products_against_numpy(
    left: tuple[int, ...], right: tuple[int, ...], symbolic: bool
) -> None:
    a, b = drawn(left, gc.float64), drawn(right, gc.float64, 1)
    np.testing.assert_array_equal(Program(la.kron, symbolic=symbolic)(a, b), np.kron(a, b))


@pytest.mark.parametrize(
    ("left", "right", "axis"),
    [((3,), (3,), -1), ((4, 3), (4, 3), -1), ((4, 3), (3,), -1), ((3, 4), (3, 4), 0),
     ((2, 3, 4), (3, 1), -2), ((2, 3, 4), (5, 1, 3, 4), 2), ((0, 3), (0, 3), 1)],
)  # fmt: skip
def test_cross_products_against_numpy(
    left: tuple[int, ...], right: tuple[int, ...], axis: int
) -> None:
    a, b = drawn(left, gc.float64), drawn(right, gc.float64, 1)
    from_last = axis - max(a.ndim, b.ndim) if axis >= 0 else axis
    expected = np.cross(*np.broadcast_arrays(a, b), axis=from_last)
    for symbolic in (False, True)[: 1 + (left == right)]:  # symbols do not broadcast
        program = Program(lambda a, b: la.cross(a, b, axis=axis), symbolic=symbolic)
        check_close(program(a, b), expected)


def test_three_elements_are_checked_when_fed() -> None:
    program = Program(la.cross, symbolic=True)
    with pytest.raises(GuardError):
        program(np.zeros((2, 4)), np.zeros((2, 4)))


@pytest.mark.parametrize("symbolic", [False, True], ids=["known", "symbolic"])
def test_systems_of_tensors_against_numpy(symbolic: bool) -> None:
    a = drawn((2, 3, 4, 6, 4), gc.float64)
    b = drawn((2, 3, 4), gc.float64, 1)
    check_close(Program(la.tensorsolve, symbolic=symbolic)(a, b), np.linalg.tensorsolve(a, b))
    moved = np.moveaxis(a, (3, 4), (0, 2))
    program = Program(lambda a, b: la.tensorsolve(a, b, axes=(0, 2)), symbolic=symbolic)
    check_close(program(moved, b), np.linalg.tensorsolve(moved, b, axes=(0, 2)))
    check_close(
        Program(lambda a: la.tensorinv(a, ind=3), symbolic=symbolic)(a), np.linalg.tensorinv(a, 3)
    )
    square = a.reshape(4, 6, 24)
    check_close(Program(la.tensorinv, symbolic=symbolic)(square), np.linalg.tensorinv(square))


FUNCTIONS: dict[str, tuple[Callable[..., gc.Tensor], list[tuple[int, ...]]]] = {
    "matrix_power": (lambda x: la.matrix_power(x, 5), [(2, 3, 3)]),
    "matrix_power of an inverse": (lambda x: la.matrix_power(x, -3), [(3, 3)]),
    "multi_dot": (lambda *xs: la.multi_dot(xs), [(3,), (3, 4), (4, 2), (2,)]),
    "kron": (la.kron, [(2, 3), (3, 2)]),
    "cross": (la.cross, [(2, 3), (3,)]),
    "tensorinv": (lambda x: la.tensorinv(x, 1), [(4, 2, 2)]),
    "tensorsolve": (lambda a, b: la.tensorsolve(a, b, axes=0), [(4, 2, 2), (2, 2)]),
}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.usefixtures("graph")
def test_gradients(name: str, compute: Any) -> None:
    function, shapes = FUNCTIONS[name]
    arrays: list[Array] = [drawn(shape, gc.float64, k) for k, shape in enumerate(shapes)]
    check_gradients(compute, function, arrays)


@pytest.mark.parametrize(
    ("apply", "error", "message", "op"),
    [
        (lambda x: la.matrix_power(x, 2), ShapeError, "as many rows", "matrix_power"),
        (lambda x: la.matrix_power(x[:, :3], 0.5), AttributeValueError, "integer", "matrix_power"),
        (
            lambda x: la.matrix_power(gc.ones((2, 2), dtype=gc.int64), -1),
            DTypeError, "needs floating point", "matrix_power",
        ),
        (lambda x: la.multi_dot([x]), AttributeValueError, "at least two", "multi_dot"),
        (lambda x: la.multi_dot([x, x]), ShapeError, "4 is not 3", "multi_dot"),
        (lambda x: la.multi_dot([x, x[0], x]), ShapeError, "at place 1", "multi_dot"),
        (lambda x: la.multi_dot([x, 1.0]), ShapeError, "at place 1", "multi_dot"),
        (lambda x: la.kron(x, np.zeros(2, np.int32)), DTypeError, "do not mix", "kron"),
        (lambda x: la.cross(x, x), ShapeError, "needs 3 elements along axis -1", "cross"),
        (lambda x: la.cross(x, x[:, 0], axis=0), ShapeError, "has no axis 0", "cross"),
        (lambda x: la.cross(x, x, axis=2), ShapeError, "no axis 2", "cross"),
        (lambda x: la.cross(x, x[:2], axis=0), ShapeError, "f32[2, 4]", "cross"),
        (lambda x: la.tensorinv(x), AttributeValueError, "both sides", "tensorinv"),
        (lambda x: la.tensorinv(x, 1), ShapeError, "as many rows as columns", "tensorinv"),
        (lambda x: la.tensorsolve(x, x), ShapeError, "has not the dims", "tensorsolve"),
        (lambda x: la.tensorsolve(x, x[0]), ShapeError, "are not those of", "tensorsolve"),
        (lambda x: la.tensorsolve(x, x[:, 0]), ShapeError, "as many rows", "tensorsolve"),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("graph")
def test_errors(apply: Any, error: Any, message: str, op: str) -> None:
    x = gc.placeholder(gc.float32, (3, 4))
    check_error(apply, x, error, message, op)
