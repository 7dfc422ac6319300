from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import AttributeValueError, DTypeError, ShapeError
from tests.api.differences import check_gradients
from tests.api.erring import check_error

pytestmark = pytest.mark.usefixtures("graph")


def _drawn(shape: tuple[int, ...], seed: int) -> Any:
    return np.random.default_rng(seed).normal(size=shape)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ((3, 4), (4, 5)),
        ((4,), (4, 5)),
        ((3, 4), (4,)),
        ((4,), (4,)),
        ((2, 3, 4), (4, 5)),
        ((2, 6, 3, 4), (4, 5)),
        ((3, 4), (2, 4, 5)),
        ((2, 3, 4), (2, 4, 5)),
        ((2, 1, 3, 4), (6, 4, 5)),
        ((4,), (2, 4, 5)),
        ((2, 3, 4), (4,)),
        ((0, 4), (4, 5)),
        ((3, 0), (0, 5)),
    ],
)
def test_matmul(left: tuple[int, ...], right: tuple[int, ...], compute: Any) -> None:
    a, b = _drawn(left, 0), _drawn(right, 1)
    named = tuple(size if size == 1 else f"d{size}" for size in left[:-1])
    for declared in (left, (*named, left[-1])):
        x, y = gc.placeholder(gc.float64, declared), gc.placeholder(gc.float64, right)
        np.testing.assert_allclose(compute(x @ y, {x: a, y: b}), a @ b, rtol=1e-12)
        if declared is left:
            slopes = gc.gradients(gc.sum(x @ y), [x, y])
            assert [slope.shape for slope in slopes] == [left, right]


def test_a_stack_times_a_matrix_is_one_product() -> None:
    x, w = gc.placeholder(gc.float32, ("n", "t", 8)), gc.placeholder(gc.float32, (8, 5))
    product = x @ w
    assert product.shape == ("n", "t", 5)
    (node,) = (n for n in product.graph.extract([product]).nodes if n.op.name == "matmul")
    assert node.shape == ("n", "t", 5)
    assert node.inputs == (x.node, w.node)


def test_matmul_promotes(compute: Any) -> None:
    x = gc.placeholder(gc.int8, ("n", 2))
    result = x @ np.array([[1000], [1]])
    assert result.dtype is gc.int64
    np.testing.assert_array_equal(compute(result, {x: [[1, 2]]}), [[1002]])


def test_inner_dims_known_when_fed_are_guarded(graph: gc.Graph) -> None:
    x, y = gc.placeholder(gc.float32, ("n", "k")), gc.placeholder(gc.float32, ("m", 5))
    assert [str(guard) for guard in graph.extract([x @ y]).guards] == ["k == m"]


@pytest.mark.parametrize(
    ("matrices", "vectors"),
    [
        ((3, 4), (4,)),
        ((2, 3, 4), (4,)),
        ((3, 4), (2, 4)),
        ((2, 3, 4), (2, 4)),
        ((5, 1, 3, 4), (2, 4)),
        ((2, 3, 4), (5, 1, 4)),
        ((2, 1, 4), (2, 4)),
        ((2, 3, 0), (2, 0)),
        ((0, 3, 4), (4,)),
    ],
)
def test_matvec(matrices: tuple[int, ...], vectors: tuple[int, ...], compute: Any) -> None:
    a, b = _drawn(matrices, 0), _drawn(vectors, 1)
    named = tuple(size if size == 1 else f"d{size}" for size in matrices[:-1])
    for declared in (matrices, (*named, matrices[-1])):
        x, y = gc.placeholder(gc.float64, declared), gc.placeholder(gc.float64, vectors)
        found = compute(gc.matvec(x, y), {x: a, y: b})
        np.testing.assert_allclose(found, (a @ b[..., None])[..., 0], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    "axes", [0, 1, 2, ([1, 2], [0, 1]), ([2, 1], [1, 0]), ([-1], [1]), ([], []), ((-2,), (-3,))]
)
def test_tensordot(axes: Any, compute: Any) -> None:
    a, b = _drawn((5, 3, 4), 0), _drawn((3, 4, 2) if axes != 1 else (4, 2), 1)
    for declared in ((5, 3, 4), ("n", 3, 4), ("n", 3, "k")):
        x = gc.placeholder(gc.float64, declared)
        found = compute(gc.tensordot(x, b, axes=axes), {x: a})
        np.testing.assert_allclose(found, np.tensordot(a, b, axes=axes), rtol=1e-12)


@pytest.mark.parametrize("axis", [-1, -2, 1, 2])
def test_vecdot(axis: int, compute: Any) -> None:
    a, b = _drawn((5, 3, 4), 0), _drawn((3, 4), 1)
    x = gc.placeholder(gc.float64, ("n", 3, 4))
    found = compute(gc.vecdot(x, b, axis=axis), {x: a})
    np.testing.assert_allclose(found, np.sum(a * b, axis), rtol=1e-12)


def test_vecdot_repeats_the_other_dims(compute: Any) -> None:
    a, b = _drawn((5, 1, 4), 0), _drawn((3, 4), 1)
    found = compute(gc.vecdot(gc.constant(a), gc.constant(b)))
    np.testing.assert_allclose(found, np.vecdot(a, b), rtol=1e-12)


def test_outer(compute: Any) -> None:
    x = gc.placeholder(gc.float64, ("n",))
    found = compute(gc.outer(x, [1, 2]), {x: [3, 4, 5]})
    np.testing.assert_array_equal(found, np.outer([3, 4, 5], [1, 2]))


GRADIENTS: dict[str, tuple[Any, tuple[tuple[int, ...], ...]]] = {
    "matvec": (gc.matvec, ((2, 3, 4), (2, 4))),
    "matvec of one vector": (gc.matvec, ((2, 3, 4), (4,))),
    "matvec of one matrix": (gc.matvec, ((3, 4), (2, 4))),
    "matvec that broadcasts": (gc.matvec, ((2, 1, 3, 4), (5, 4))),
    "vecdot": (gc.vecdot, ((2, 1, 4), (3, 4))),
    "vecdot along another axis": (lambda x, y: gc.vecdot(x, y, axis=-2), ((2, 3, 4), (3, 1))),
    "outer": (gc.outer, ((3,), (4,))),
    "tensordot": (gc.tensordot, ((2, 3, 4), (3, 4, 5))),
    "tensordot of no axes": (lambda x, y: gc.tensordot(x, y, axes=0), ((2, 3), (4,))),
    "tensordot of turned axes": (
        lambda x, y: gc.tensordot(x, y, axes=([2, 0], [0, 2])), ((2, 3, 4), (4, 5, 2)),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients(name: str, compute: Any) -> None:
    function, shapes = GRADIENTS[name]
    check_gradients(compute, function, [_drawn(shape, k) for k, shape in enumerate(shapes)])


@pytest.mark.parametrize(
    ("apply", "error", "message", "op"),
    [
        (lambda x: x @ x, ShapeError, "f32[3, 4] and f32[3, 4] do not fit", "matmul"),
        (lambda x: x @ 2.0, ShapeError, "needs at least one dim", "matmul"),
        (lambda x: (x > 0) @ (x > 0).T, DTypeError, "needs numbers", "matmul"),
        (lambda x: x @ np.zeros((4, 2), np.int32), DTypeError, "do not mix", "matmul"),
        (lambda x: gc.tensordot(x, x, axes=3), AttributeValueError, "do not fit", "tensordot"),
        (lambda x: gc.tensordot(x, x, axes=-1), AttributeValueError, "do not fit", "tensordot"),
        (lambda x: gc.tensordot(x, x, axes=1.0), AttributeValueError, "an integer", "tensordot"),
        (lambda x: gc.tensordot(x, x, axes=1), ShapeError, "4 is not 3", "tensordot"),
        (lambda x: gc.tensordot(x, x, axes=(0, 0)), AttributeValueError, "a pair", "tensordot"),
        (
            lambda x: gc.tensordot(x, x, axes=([0], [0, 1])),
            AttributeValueError,
            "once",
            "tensordot",
        ),
        (
            lambda x: gc.tensordot(x, x, axes=([0, 0], [0, 0])),
            AttributeValueError,
            "once",
            "tensordot",
        ),
        (lambda x: gc.tensordot(x, x, axes=([2], [0])), ShapeError, "no axis 2", "tensordot"),
        (lambda x: gc.matvec(x[0], x), ShapeError, "needs matrices and vectors", "matvec"),
        (lambda x: gc.matvec(x, 2.0), ShapeError, "needs matrices and vectors", "matvec"),
        (lambda x: gc.matvec(x, x[:, 0]), ShapeError, "f32[3, 4] and f32[3] do not fit", "matvec"),
        (lambda x: gc.matvec(gc.stack([x, x]), x), ShapeError, "do not broadcast", "matvec"),
        (lambda x: gc.matvec(x, np.zeros(4, np.int32)), DTypeError, "do not mix", "matvec"),
        (lambda x: gc.vecdot(x, x[:, :1]), ShapeError, "4 is not 1", "vecdot"),
        (lambda x: gc.vecdot(x, x[:2]), ShapeError, "3 is not 2", "vecdot"),
        (lambda x: gc.vecdot(x, x[0], axis=-2), ShapeError, "has no axis -2", "vecdot"),
        (lambda x: gc.vecdot(x, x, axis=2), ShapeError, "no axis 2", "vecdot"),
        (lambda x: gc.outer(x, x), ShapeError, "needs two vectors", "outer"),
    ],
)
def test_errors(apply: Any, error: Any, message: str, op: str) -> None:
    x = gc.placeholder(gc.float32, (3, 4))
    check_error(apply, x, error, message, op)
