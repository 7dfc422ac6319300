from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import AttributeValueError, ShapeError
from tests.api.differences import check_gradients
from tests.api.erring import check_error

pytestmark = pytest.mark.usefixtures("graph")


def _pair(size: int) -> tuple[list[gc.Tensor], list[Any], dict[gc.Tensor, Any]]:
    x = gc.placeholder(gc.float32, ("n", 3))
    y = gc.placeholder(gc.float32, ("n", 3))
    a = np.arange(size * 3, dtype=np.float32).reshape(size, 3)
    return [x, y], [a, -a], {x: a, y: -a}


@pytest.mark.parametrize("size", [0, 1, 5])
@pytest.mark.parametrize("axis", [0, 1, -1, None])
def test_concat(axis: Any, size: int, compute: Any) -> None:
    tensors, arrays, feeds = _pair(size)
    result = compute(gc.concat(tensors, axis=axis), feeds)
    np.testing.assert_array_equal(result, np.concatenate(arrays, axis=axis))


@pytest.mark.parametrize("size", [0, 1, 5])
@pytest.mark.parametrize("axis", [0, 1, 2, -1, -3])
def test_stack(axis: int, size: int, compute: Any) -> None:
    tensors, arrays, feeds = _pair(size)
    result = compute(gc.stack(tensors, axis=axis), feeds)
    np.testing.assert_array_equal(result, np.stack(arrays, axis=axis))


def test_concat_adds_sizes_and_promotes() -> None:
    x, y = gc.placeholder(gc.float32, ("n", 3)), gc.placeholder(gc.float64, ("m", 3))
    result = gc.concat([x, y, np.zeros((2, 3), np.float32)])
    assert result.shape == ("m + n + 2", 3)
    assert result.dtype is gc.float64


def test_concat_guards_the_other_dims(graph: gc.Graph) -> None:
    x, y = gc.placeholder(gc.float32, ("n", 3)), gc.placeholder(gc.float32, ("m", 3))
    program = graph.extract([gc.concat([x, y], axis=1)])
    assert [str(guard) for guard in program.guards] == ["n == m"]


def test_one_tensor_is_its_own_concat() -> None:
    x = gc.placeholder(gc.float32, ("n", 3))
    assert gc.concat([x]) is x


@pytest.mark.parametrize("axis", [1, -1])
def test_unstack(axis: int, compute: Any) -> None:
    tensors, arrays, feeds = _pair(4)
    parts = gc.unstack(tensors[0], axis=axis)
    assert len(parts) == 3
    for k, part in enumerate(compute(parts, feeds)):
        np.testing.assert_array_equal(part, arrays[0][:, k])


@pytest.mark.parametrize(
    ("parts", "cuts"),
    [(1, []), (2, [3]), (3, [2, 4]), ([1, 5], [1]), ([2, -1, 1], [2, 5]), ([6, 0], [6])],
)
def test_split(parts: Any, cuts: list[int], compute: Any) -> None:
    x = gc.placeholder(gc.float32, (2, 6))
    data = np.arange(12, dtype=np.float32).reshape(2, 6)
    found = compute(gc.split(x, parts, axis=1), {x: data})
    for part, expected in zip(found, np.split(data, cuts, axis=1), strict=True):
        np.testing.assert_array_equal(part, expected)


@pytest.mark.parametrize("parts", [1, 2, 3, [2, -1], [-1, 1, 2], ["n - 4", 4]])
def test_split_of_a_fed_dim(parts: Any, compute: Any) -> None:
    x = gc.placeholder(gc.float32, ("n", 2))
    data = np.arange(12, dtype=np.float32).reshape(6, 2)
    found = compute(gc.split(x, parts), {x: data})
    assert len(found) == (parts if isinstance(parts, int) else len(parts))
    np.testing.assert_array_equal(np.concatenate(found), data)


def test_equal_parts_of_a_fed_dim_are_guarded(graph: gc.Graph) -> None:
    x = gc.placeholder(gc.float32, ("n", 2))
    first, _ = gc.split(x, 2)
    assert first.shape == ("n//2", 2)
    assert [str(guard) for guard in graph.extract([first]).guards] == ["2*n == 4*(n//2)"]
    whole = gc.placeholder(gc.float32, ("2*m", 2))
    first, _ = gc.split(whole, 2)
    assert first.shape == ("m", 2)
    assert not graph.extract([first]).guards


@pytest.mark.parametrize(
    ("widths", "expected"),
    [
        (1, ((1, 1), (1, 1))),
        ((1, 2), ((1, 2), (1, 2))),
        (((0, 1), (2, 0)), ((0, 1), (2, 0))),
        (0, ((0, 0), (0, 0))),
    ],
)
@pytest.mark.parametrize("dtype", [gc.float32, gc.int8, gc.bool])
def test_pad(widths: Any, expected: Any, dtype: gc.DType, compute: Any) -> None:
    x = gc.placeholder(dtype, ("n", 2))
    data = np.arange(6).reshape(3, 2).astype(dtype.numpy)
    value = True if dtype.is_bool else 7
    result = compute(gc.pad(x, widths, value), {x: data})
    np.testing.assert_array_equal(result, np.pad(data, expected, constant_values=value))


@pytest.mark.parametrize(
    ("apply", "error", "message", "op"),
    [
        (lambda x: gc.concat([]), AttributeValueError, "one or more tensors", "concat"),
        (lambda x: gc.concat(x), AttributeValueError, "takes a list", "concat"),
        (lambda x: gc.concat([x, x[0]]), ShapeError, "same number of dims", "concat"),
        (lambda x: gc.concat([x, x[:1]], axis=1), ShapeError, "2 is not 1", "concat"),
        (lambda x: gc.stack([x, x[0]]), ShapeError, "have not as many dims", "stack"),
        (lambda x: gc.split(x, 3, axis=1), ShapeError, "into 3 equal parts", "split"),
        (lambda x: gc.split(x, 0), AttributeValueError, "cannot cut into 0 parts", "split"),
        (lambda x: gc.split(x, [1, 2]), ShapeError, "add up to 3, not to 2", "split"),
        (lambda x: gc.split(x, [3, -1]), ShapeError, "do not fit 2", "split"),
        (lambda x: gc.pad(x, (1, 2, 3)), AttributeValueError, "a pair of widths", "pad"),
        (lambda x: gc.pad(x, -1), ShapeError, "cannot pad by a negative amount", "pad"),
        (lambda x: gc.unstack(gc.zeros(("n", 2))), ShapeError, "known only when fed", "unstack"),
    ],
)
def test_errors(apply: Any, error: Any, message: str, op: str) -> None:
    x = gc.placeholder(gc.float32, (2, 4))
    check_error(apply, x, error, message, op)


@pytest.mark.parametrize("mode", ["edge", "reflect", "wrap"])
@pytest.mark.parametrize("widths", [((2, 1), (0, 3)), ((0, 0), (4, 4)), ((9, 7), (0, 1))], ids=str)
@pytest.mark.parametrize("shape", [(3, 5), ("m", "n"), (1, 5)], ids=str)
def test_pad_continues(mode: Any, widths: Any, shape: Any, compute: Any) -> None:
    data = np.arange(15.0).reshape(3, 5)[: shape[0] if shape[0] == 1 else 3]
    x = gc.placeholder(gc.float64, shape)
    y = gc.pad(x, widths, mode=mode)
    np.testing.assert_array_equal(compute(y, {x: data}), np.pad(data, widths, mode=mode))
    check_gradients(compute, lambda x: gc.pad(x, widths, mode=mode), [data])


def test_pad_that_cannot_continue(fails: Callable[..., Any]) -> None:
    x = gc.placeholder(gc.float64, (0, 3))
    with fails(ShapeError, "no elements to continue", op="pad"):
        gc.pad(x, 1, mode="edge")
    with fails(AttributeValueError, "mode must be 'constant'", op="pad"):
        gc.pad(x, 1, mode="mirror")  # type: ignore[call-overload]
    with fails(AttributeValueError, "cannot pad by -1", op="pad"):
        gc.pad(x, ((0, 0), (-1, 0)), mode="wrap")
