"""Positions from the end, out of range, and repeated."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from graphc.errors import OutOfRangeError, ShapeError
from graphc.ir.dtypes import float32, float64, int64
from graphc.ir.node import Node
from graphc.ir.opdef import REGISTRY, Array
from graphc.ops import ops
from tests.ops import applying
from tests.ops.applying import apply, gradient

FIRST_AXIS: dict[str, Any] = {"axes": (0,), "position": 0}


def fixed(value: Array) -> Node:
    return ops.constant(value=value)


def test_negative_positions_count_from_the_end() -> None:
    found = apply("gather", np.arange(5.0), np.array([-1, -5, 0, 4]), **FIRST_AXIS)
    np.testing.assert_array_equal(found, [4, 0, 0, 4])


def test_updates_at_one_position_add_up() -> None:
    found = apply("scatter_add", np.arange(5.0), np.array([-1, 4, -5]), np.ones(3), **FIRST_AXIS)
    np.testing.assert_array_equal(found, [1, 1, 2, 3, 6])


@pytest.mark.parametrize("name, sign", [("scatter_max", 1), ("scatter_min", -1)])
def test_those_that_tie_share_the_derivative(name: str, sign: int) -> None:
    """The base too; a NaN stays, and hands on nothing; infinite values count as others do."""
    index, base = ops.constant(value=np.array([0, 0, 1, 2, -1])), np.array([2, 0, np.inf, 5.0])
    updates = sign * np.array([2, 1, 3, np.inf, np.nan])
    found = apply(name, sign * base, index.attrs["value"], updates, **FIRST_AXIS)
    np.testing.assert_array_equal(found, sign * np.array([2, 3, np.inf, np.nan]))
    slopes = [
        gradient(lambda x: getattr(ops, name)(x, index, fixed(updates), **FIRST_AXIS), sign * base),
        gradient(lambda x: getattr(ops, name)(fixed(sign * base), index, x, **FIRST_AXIS), updates),
    ]
    expected = [[0.5, 0, 0.5, 0]], [[0.5, 0, 1, 0.5, 0]]
    for (got,), (wanted,) in zip(slopes, expected, strict=True):
        np.testing.assert_array_equal(got, wanted)


def test_the_gradient_of_a_repeated_position_adds_up() -> None:
    index = ops.constant(value=np.array([1, 1, -1]))
    (found,) = gradient(lambda x: ops.gather(x, index, **FIRST_AXIS), [7.0, 8.0, 9.0])
    np.testing.assert_array_equal(found, [0, 2, 1])


@pytest.mark.parametrize("position", [5, -6, 10**12])
@pytest.mark.parametrize(
    "name, others",
    [("gather", ()), ("scatter_add", (np.ones(2),)), ("scatter_max", (np.ones(2),))],
)
def test_a_position_out_of_range_names_the_op_and_the_line(
    name: str, others: tuple[Array, ...], position: int
) -> None:
    with pytest.raises(OutOfRangeError) as caught:
        apply(name, np.arange(5.0), np.array([0, position]), *others, **FIRST_AXIS)
    assert caught.value.op == name
    assert caught.value.message == f"index {position} is out of range for axis 0 with size 5"
    assert caught.value.location is not None
    assert caught.value.location.file == applying.__file__


def test_a_checked_index_counts_from_the_start() -> None:
    found = apply("checked_index", np.array([0, -1, -5, 4], np.int8), extent=(5,), axis=2)
    assert found.dtype == np.int64
    np.testing.assert_array_equal(found, [0, 4, 0, 4])
    with pytest.raises(OutOfRangeError, match="index 5 is out of range for axis 2 with size 5"):
        apply("checked_index", np.array([0, 5]), extent=(5,), axis=2)


def test_every_position_in_an_empty_axis_is_out_of_range() -> None:
    with pytest.raises(OutOfRangeError, match="index 0 is out of range for axis 0 with size 0"):
        apply("gather", np.zeros((0, 2)), np.array([0]), **FIRST_AXIS)


def test_one_hot_of_a_position_out_of_range_is_all_zeros() -> None:
    found = apply("one_hot", np.array([0, -1, 2, 7]), depth=(3,), dtype=float32)
    np.testing.assert_array_equal(found, [[1, 0, 0], [0, 0, 0], [0, 0, 1], [0, 0, 0]])


@pytest.mark.parametrize("name, attrs, message", [
    ("gather", {"axes": (2,), "position": 0}, "there is no axis 2 in 2 dims"),
    ("gather", {"axes": (0, 1), "position": 0}, "needs one index tensor for each of the axes"),
    ("gather", {"axes": (0,), "position": 2}, "there is no position 2 in the result"),
    ("scatter_add", {"axes": (0,), "position": 0}, "needs a base, indices and updates"),
])  # fmt: skip
def test_misapplied_gathers_are_refused(name: str, attrs: dict[str, Any], message: str) -> None:
    source = ops.placeholder(shape=(3, 4), dtype=float64)
    index = ops.placeholder(shape=(2,), dtype=int64)
    with pytest.raises(ShapeError, match=message):
        REGISTRY[name](source, index, **attrs)
