from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import AttributeValueError, DTypeError, GraphcError, ShapeError

pytestmark = pytest.mark.usefixtures("graph")


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: gc.zeros((2, 3)), np.zeros((2, 3), np.float32)),
        (lambda: gc.ones(3, dtype=gc.int8), np.ones(3, np.int8)),
        (lambda: gc.ones((), dtype=gc.bool), np.ones((), np.bool_)),
        (lambda: gc.full((2,), 7), np.full(2, 7, np.int64)),
        (lambda: gc.full((2,), 7, dtype="float64"), np.full(2, 7.0)),
        (lambda: gc.full((2, 3), [1.5, 2.5, 3.5]), np.float32([[1.5, 2.5, 3.5]] * 2)),
        (lambda: gc.full(2, True), np.full(2, True)),
        (lambda: gc.eye(3), np.eye(3, dtype=np.float32)),
        (lambda: gc.eye(2, 4, k=1, dtype=gc.int32), np.eye(2, 4, 1, np.int32)),
        (lambda: gc.eye(4, 2, k=-2, dtype=gc.bool), np.eye(4, 2, -2, np.bool_)),
        (lambda: gc.arange(5), np.arange(5)),
        (lambda: gc.arange(2, 11, 3), np.arange(2, 11, 3)),
        (lambda: gc.arange(5, -4, -2), np.arange(5, -4, -2)),
        (lambda: gc.arange(5, 2), np.arange(5, 2)),
        (lambda: gc.arange(0.5, 3.0, 0.25), np.arange(0.5, 3.0, 0.25, np.float32)),
        (lambda: gc.arange(3, dtype=gc.float64), np.arange(3.0)),
        (lambda: gc.linspace(0, 1, 5), np.linspace(0, 1, 5, dtype=np.float32)),
        (lambda: gc.linspace(1, 0, 4, endpoint=False, dtype=gc.float64), 1 - np.arange(4) / 4),
        (lambda: gc.constant([[1, 2], [3, 4]]), np.array([[1, 2], [3, 4]])),
        (lambda: gc.constant([1.7, -1.7], dtype=gc.float64), np.array([1.7, -1.7])),
        (lambda: gc.constant(np.array([1.7, 300.0]), dtype=gc.int8), np.int8([1, 127])),
        (lambda: gc.asarray(np.float64(2.5)), np.array(2.5)),
        (lambda: gc.zeros_like(gc.ones(3, dtype=gc.int8)), np.zeros(3, np.int8)),
        (lambda: gc.ones_like(gc.zeros(3), dtype=gc.bool), np.ones(3, np.bool_)),
        (lambda: gc.full_like(gc.zeros((2, 1)), 3), np.full((2, 1), 3, np.float32)),
        (lambda: gc.full_like(gc.zeros(2), 3, dtype=gc.int32), np.full(2, 3, np.int32)),
    ],
)
def test_values(make: Callable[[], gc.Tensor], expected: Any, compute: Any) -> None:
    result = compute(make())
    np.testing.assert_array_equal(result, expected, strict=True)


@pytest.mark.parametrize("size", [0, 1, 5])
def test_shapes_known_when_fed(size: int, compute: Any) -> None:
    x = gc.placeholder(gc.float32, ("n",))
    n = x.shape[0]
    made = [
        gc.zeros(("n", 2)),
        gc.full((n, 2), 3),
        gc.eye("n"),
        gc.arange(n),
        gc.arange(n, 0, -2),
        gc.arange(1, 2 * n + 1, 3),
        gc.arange(n - 2, n, dtype=gc.float32),
        gc.zeros_like(x),
    ]
    expected = [
        np.zeros((size, 2), np.float32),
        np.full((size, 2), 3),
        np.eye(size, dtype=np.float32),
        np.arange(size),
        np.arange(size, 0, -2),
        np.arange(1, 2 * size + 1, 3),
        np.arange(size - 2, size, dtype=np.float32),
        np.zeros(size, np.float32),
    ]
    found = compute(made, {x: np.zeros(size, np.float32)})
    for result, wanted in zip(found, expected, strict=True):
        np.testing.assert_array_equal(result, wanted, strict=True)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: gc.zeros((2, None)), ShapeError, "None is no dim"),
        (lambda: gc.zeros((2, "a b")), gc.errors.DimError, "'a b' is no dim"),
        (lambda: gc.arange(3, 0, 0), AttributeValueError, "the step is 0"),
        (lambda: gc.arange("n"), AttributeValueError, "needs numbers or dims"),
        (lambda: gc.constant([300], dtype=gc.int8), DTypeError, "300 is out of the range of int8"),
        (lambda: gc.zeros(3, dtype="f16"), DTypeError, "'f16' is no graphc dtype"),
        (lambda: gc.eye(3, k=1.5), AttributeValueError, "k must be an integer"),
        (lambda: gc.ones(-1), ShapeError, "-1 is no size"),
    ],
)
def test_errors(make: Callable[[], Any], error: type[GraphcError], message: str) -> None:
    with pytest.raises(error) as caught:
        make()
    assert message in caught.value.message
    assert caught.value.location is not None
    assert caught.value.location.file == __file__
