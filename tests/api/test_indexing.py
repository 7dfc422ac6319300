from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import graphc as gc
from graphc.errors import AttributeValueError, DTypeError, OutOfRangeError, ShapeError
from tests.api.conftest import compute_values

SHAPE = (4, 3, 5, 2)


@st.composite
def keys(draw: st.DrawFn, shape: tuple[int, ...], arrays: bool) -> tuple[Any, ...]:
    """An index that NumPy takes for an array of that shape: a part for some axes, and `None`s."""
    used = draw(st.integers(0, len(shape)))
    dots = draw(st.none() | st.integers(0, used))
    block = draw(st.sampled_from([(), (1,), (3,), (2, 1)]))
    key: list[Any] = []
    for place in range(used):
        axis = place if dots is None or place < dots else place + len(shape) - used
        key.append(draw(_parts(shape[axis], arrays, block)))
    if dots is not None:
        key.insert(dots, ...)
    for _ in range(draw(st.integers(0, 2))):
        key.insert(draw(st.integers(0, len(key))), None)
    return tuple(key)


def _parts(size: int, arrays: bool, block: tuple[int, ...]) -> st.SearchStrategy[Any]:
    bounds = st.none() | st.integers(-size - 2, size + 2)
    steps = st.none() | st.integers(-3, 3).filter(bool)
    kinds: list[st.SearchStrategy[Any]] = [
        st.integers(-size, size - 1),
        st.builds(slice, bounds, bounds, steps),
    ]
    if arrays:
        count = int(np.prod(block))
        listed = st.lists(st.integers(-size, size - 1), min_size=count, max_size=count)
        kinds.append(st.builds(lambda values: np.array(values, np.int64).reshape(block), listed))
        kinds.append(st.lists(st.integers(-size, size - 1), min_size=1, max_size=1))
    return st.one_of(kinds)


def _check(key: tuple[Any, ...], declared: tuple[Any, ...]) -> None:
    data = np.arange(np.prod(SHAPE), dtype=np.float32).reshape(SHAPE)
    with gc.Graph():
        x = gc.placeholder(gc.float32, declared)
        result = x[key]
        np.testing.assert_array_equal(compute_values(result, {x: data}), data[key], strict=True)


@given(keys(SHAPE, arrays=False))
def test_basic_indexing_of_known_dims(key: tuple[Any, ...]) -> None:
    _check(key, SHAPE)


@given(keys(SHAPE, arrays=False))
def test_basic_indexing_of_dims_known_when_fed(key: tuple[Any, ...]) -> None:
    _check(key, ("a", 3, "b", "c"))


@given(keys(SHAPE, arrays=True))
def test_index_arrays_with_known_dims(key: tuple[Any, ...]) -> None:
    _check(key, SHAPE)


@given(keys(SHAPE, arrays=True))
def test_index_arrays_with_dims_known_when_fed(key: tuple[Any, ...]) -> None:
    _check(key, ("a", "b", 5, "c"))


@given(keys(SHAPE, arrays=True))
def test_gradients_of_indexing_count_how_often_an_element_is_read(key: tuple[Any, ...]) -> None:
    with gc.Graph():
        x = gc.placeholder(gc.float64, ("a", 3, "b", 2))
        (slope,) = gc.gradients(gc.sum(x[key]), x)
        found = compute_values(slope, {x: np.zeros(SHAPE)})
    expected = np.zeros(SHAPE)
    np.add.at(expected, key, 1.0)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.usefixtures("graph")
class TestIndexTensors:
    def test_a_tensor_as_an_index(self, compute: Any) -> None:
        x = gc.placeholder(gc.float32, ("n", 3))
        i = gc.placeholder(gc.int32, ("m",))
        data, where = np.arange(12, dtype=np.float32).reshape(4, 3), np.array([3, -1, 0])
        np.testing.assert_array_equal(compute(x[i], {x: data, i: where}), data[where])
        np.testing.assert_array_equal(
            compute(x[i, None, ::2], {x: data, i: where}), data[where, None, ::2]
        )

    def test_index_tensors_of_two_dtypes_broadcast(self, compute: Any) -> None:
        x = gc.placeholder(gc.float32, ("n", 3))
        i, j = gc.placeholder(gc.int64, ("m", 1)), gc.placeholder(gc.uint8, (2,))
        data, rows, columns = np.arange(12.0).reshape(4, 3), np.array([[3], [-1], [0]]), [0, 2]
        found = compute(x[i, j], {x: data, i: rows, j: columns})
        np.testing.assert_array_equal(found, data[rows, columns])

    def test_a_scalar_tensor_as_an_index(self, compute: Any) -> None:
        x = gc.placeholder(gc.float32, ("n", 3))
        i = gc.placeholder(gc.int64, ())
        data = np.arange(12.0).reshape(4, 3)
        np.testing.assert_array_equal(compute(x[i, 1:], {x: data, i: -1}), data[-1, 1:])

    def test_a_dim_as_an_index_counts_from_the_start(self, compute: Any) -> None:
        x = gc.placeholder(gc.float32, ("n + 1", "n"))
        n = x.shape[1]
        data = np.arange(12.0).reshape(4, 3)
        picked = x[n]
        assert picked.node.op.name == "reshape"  # certain to lie inside: a view
        np.testing.assert_array_equal(compute(picked, {x: data}), data[3])

    def test_an_empty_list_is_an_index_array(self, compute: Any) -> None:
        x = gc.placeholder(gc.float32, ("n", 3))
        assert compute(x[[]], {x: np.zeros((4, 3))}).shape == (0, 3)

    def test_slices_and_numbers_are_views(self) -> None:
        x = gc.placeholder(gc.float32, ("n", 3, 4))
        picked = x[1:, 2, ::-1]
        names = {node.op.name for node in picked.graph.extract([picked]).nodes}
        assert names == {"placeholder", "slice", "reshape"}
        assert x[:] is x
        assert x[...] is x
        assert x[()] is x

    @pytest.mark.parametrize("position", [0, 2, -1, -3])
    def test_a_number_may_lie_outside_a_dim_known_when_fed(
        self, position: int, compute: Any
    ) -> None:
        x = gc.placeholder(gc.float32, ("n",))
        picked = x[position]
        for size in range(5):
            data = np.arange(size, dtype=np.float32)
            if -size <= position < size:
                assert compute(picked, {x: data}) == data[position]
            else:
                with pytest.raises(OutOfRangeError, match="out of range") as caught:
                    compute(picked, {x: data})
                assert caught.value.location == picked.location


ERRORS: list[tuple[Any, Any, str]] = [
    (3, OutOfRangeError, "index 3 is out of range for axis 0 of f32[3, 4]"),
    ((0, -5), OutOfRangeError, "index -5 is out of range for axis 1 of f32[3, 4]"),
    ([0, 3], OutOfRangeError, "index 3 is out of range for axis 0 of f32[3, 4]"),
    ((0, 0, 0), ShapeError, "3 indices are too many for 2 dims"),
    ((..., 0, ...), ShapeError, "there can be only one ellipsis"),
    (([0, 1], [0, 1, 2]), ShapeError, "shapes [2] and [3] do not broadcast"),
    (np.array([True, False, True]), ShapeError, "use gc.where"),
    (True, ShapeError, "a mask picks a number of elements that depends on the data"),
    ([[True, False]], ShapeError, "use gc.where"),
    (np.array([0.5]), DTypeError, "positions must be integers, not float64"),
    (1.0, AttributeValueError, "1.0 is no index"),
    ("a", AttributeValueError, "'a' is no index"),
]


@pytest.mark.parametrize(("key", "error", "message"), ERRORS)
@pytest.mark.usefixtures("graph")
def test_errors(key: Any, error: Any, message: str, fails: Callable[..., Any]) -> None:
    x = gc.placeholder(gc.float32, (3, 4))
    with fails(error, message, op="index"):
        x[key]


@pytest.mark.usefixtures("graph")
def test_a_mask_tensor_is_refused(fails: Callable[..., Any]) -> None:
    x = gc.placeholder(gc.float32, (3, 4))
    with fails(ShapeError, "use gc.where", op="index"):
        x[x > 0]
