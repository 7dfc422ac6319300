from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import DTypeError, OutOfRangeError, ShapeError

pytestmark = pytest.mark.usefixtures("graph")

DATA = np.arange(60, dtype=np.float64).reshape(3, 4, 5)


@pytest.mark.parametrize("indices", [[0, 2, -1, 0], [[1, 0], [2, 2]], 1, []])
@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_take(axis: int, indices: Any, compute: Any) -> None:
    x = gc.placeholder(gc.float64, ("n", 4, "k"))
    result = gc.take(x, indices, axis=axis)
    expected = np.take(DATA, np.asarray(indices, np.int64), axis=axis)
    np.testing.assert_array_equal(compute(result, {x: DATA}), expected)


def test_take_from_one_dim_needs_no_axis(compute: Any) -> None:
    x = gc.placeholder(gc.float32, ("n",))
    np.testing.assert_array_equal(compute(gc.take(x, [2, 0]), {x: [5, 6, 7]}), [7, 5])


@pytest.mark.parametrize("axis", [0, 1, 2, -2])
def test_take_along_axis(axis: int, compute: Any) -> None:
    x = gc.placeholder(gc.float64, ("n", 4, "k"))
    order = np.argsort(-DATA, axis=axis)
    i = gc.placeholder(gc.int64, ("n", "m", "k") if axis in (1, -2) else ("n", "m", "l"))
    result = gc.take_along_axis(x, i, axis=axis)
    found = compute(result, {x: DATA, i: order})
    np.testing.assert_array_equal(found, np.take_along_axis(DATA, order, axis))


@pytest.mark.parametrize("shape", [(3, 2, 5), (1, 2, 5), (3, 2, 1), (1, 1, 1)])
def test_take_along_axis_broadcasts_the_other_dims(shape: tuple[int, ...], compute: Any) -> None:
    x = gc.placeholder(gc.float64, (3, 4, 5))
    where = np.random.default_rng(0).integers(-4, 4, shape)
    found = compute(gc.take_along_axis(x, where, axis=1), {x: DATA})
    np.testing.assert_array_equal(found, np.take_along_axis(DATA, where, 1))


@pytest.mark.parametrize("dtype", [gc.float32, gc.int8, gc.bool])
def test_one_hot(dtype: gc.DType, compute: Any) -> None:
    i = gc.placeholder(gc.int32, ("n", 2))
    where = np.array([[0, 3], [-1, 4], [2, 2]])
    result = compute(gc.one_hot(i, 4, dtype=dtype), {i: where})
    expected = where[..., None] == np.arange(4)
    np.testing.assert_array_equal(result, expected.astype(dtype.numpy), strict=True)


def test_one_hot_of_a_depth_known_when_fed(compute: Any) -> None:
    x, i = gc.placeholder(gc.float32, ("k",)), gc.placeholder(gc.int32, ("n",))
    result = gc.one_hot(i, x.shape[0]) @ x
    np.testing.assert_array_equal(compute(result, {x: [5, 6, 7], i: [2, 0]}), [7, 5])


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_scatter_add(axis: int, compute: Any) -> None:
    x = gc.placeholder(gc.float64, ("n", 4, "k"))
    where = np.array([0, 2, -1, 0])
    updates = np.random.default_rng(0).normal(size=np.take(DATA, where, axis=axis).shape)
    found = compute(gc.scatter_add(x, where, updates, axis=axis), {x: DATA})
    expected = DATA.copy()
    np.add.at(expected, (slice(None),) * (axis % 3) + (where,), updates)
    np.testing.assert_array_equal(found, expected)


def test_scatter_add_broadcasts_and_promotes(compute: Any) -> None:
    result = gc.scatter_add(gc.zeros((3, 2)), [0, 0, 2], 1.5)
    np.testing.assert_array_equal(compute(result), np.float32([[3, 3], [0, 0], [1.5, 1.5]]))
    assert gc.scatter_add(gc.zeros(3), [0], np.float64(1)).dtype is gc.float64


@pytest.mark.parametrize("indices", [[3], [-4], [0, 7]])
def test_a_position_out_of_range_is_an_error_at_once_or_when_run(
    indices: list[int], compute: Any, fails: Callable[..., Any]
) -> None:
    known, fed = gc.placeholder(gc.float32, (3,)), gc.placeholder(gc.float32, ("n",))
    with fails(OutOfRangeError, f"index {indices[-1]} is out of range for axis 0 of f32[3]"):
        gc.take(known, indices)
    picked = gc.take(fed, indices)
    with pytest.raises(OutOfRangeError, match=f"index {indices[-1]} is out of range"):
        compute(picked, {fed: np.zeros(3)})


@pytest.mark.parametrize(
    ("apply", "error", "message", "op"),
    [
        (lambda x: gc.take(x, [0]), ShapeError, "needs an axis", "take"),
        (lambda x: gc.take(x, [0.5], axis=0), DTypeError, "must be integers, not float32", "take"),
        (lambda x: gc.take(x, x > 0, axis=0), ShapeError, "use gc.where", "take"),
        (lambda x: gc.take(x, [0], axis=2), ShapeError, "no axis 2 in 2 dims", "take"),
        (lambda x: gc.take_along_axis(x, [0]), ShapeError, "as many dims", "take_along_axis"),
        (lambda x: gc.one_hot(x, 3), DTypeError, "must be integers", "one_hot"),
        (lambda x: gc.scatter_add(x, [0], [1.0] * 3), ShapeError, "3 is not 4", "scatter_add"),
        (lambda x: gc.scatter_add(x, 0, [[1.0]]), ShapeError, "does not fit [4]", "scatter_add"),
    ],
)
def test_errors(apply: Any, error: Any, message: str, op: str) -> None:
    x = gc.placeholder(gc.float32, (3, 4))
    with pytest.raises(error) as caught:
        apply(x)
    assert message in caught.value.message
    assert caught.value.location is not None
    assert caught.value.location.file == __file__
