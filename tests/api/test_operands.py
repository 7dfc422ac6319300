from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import DTypeError, GraphError, ShapeError

pytestmark = pytest.mark.usefixtures("graph")

INT8, INT32, FLOAT32 = (gc.int8, gc.int32, gc.float32)


@pytest.mark.parametrize(
    ("dtype", "other", "result"),
    [
        (gc.float32, 2, gc.float32),
        (gc.float32, 2.5, gc.float32),
        (gc.float64, 2.5, gc.float64),
        (gc.int8, 2, gc.int8),
        (gc.uint8, 255, gc.uint8),
        (gc.float32, [1, 2.5, 3], gc.float32),
        (gc.int16, [[1], [2], [3]], gc.int16),
        (gc.float32, np.float64(2.5), gc.float64),
        (gc.float32, np.ones(3), gc.float64),
        (gc.float32, [np.float64(1), 2.0, 3.0], gc.float64),
        (gc.int8, np.int32(1), gc.int32),
        (gc.uint8, np.ones(3, np.int8), gc.int16),
        (gc.float64, np.ones(3, ">f4"), gc.float64),
    ],
)
def test_promotion(dtype: gc.DType, other: Any, result: gc.DType, compute: Any) -> None:
    x = gc.placeholder(dtype, (3,))
    for both in (x + other, other + x):
        assert both.dtype is result
        data = np.arange(3, dtype=dtype.numpy)
        expected = np.asarray(data, result.numpy) + np.asarray(other, result.numpy)
        np.testing.assert_array_equal(compute(both, {x: data}), expected)


@pytest.mark.parametrize(
    ("dtype", "other", "message"),
    [
        (gc.int32, 2.5, "the Python scalar 2.5 does not fit a int32 tensor"),
        (gc.int32, [1, 2.5, 3], "the Python scalar 2.5 does not fit a int32 tensor"),
        (gc.float32, True, "the Python scalar True does not fit"),
        (gc.int8, 128, "the Python scalar 128 is out of the range of int8"),
        (gc.int64, 2**63, "is out of the range of int64"),
        (gc.float32, 1e39, "the Python scalar 1e+39 is out of the range of float32"),
        (gc.float32, np.int32(1), "different kinds and do not mix"),
        (gc.bool, np.ones(3, np.int8), "gc.astype(x, gc.int8)"),
        (gc.float32, np.ones(3, np.float16), "is no graphc dtype"),
        (gc.float32, np.ones(3, np.complex64), "is no graphc dtype"),
        (gc.float32, ["a"], "a list that holds 'a' is no tensor"),
    ],
)
def test_dtypes_that_do_not_mix(
    dtype: gc.DType, other: Any, message: str, fails: Callable[..., Any]
) -> None:
    x = gc.placeholder(dtype, (3,))
    with fails(DTypeError, message, op="add"):
        x + other
    with fails(DTypeError, message, op="add"):
        other + x


@pytest.mark.parametrize(
    ("value", "dtype"),
    [(True, gc.bool), (1, gc.int64), (1.0, gc.float32), ([1, 2.0], gc.float32), ([], gc.float32)],
)
def test_python_numbers_alone_have_default_dtypes(value: Any, dtype: gc.DType) -> None:
    assert gc.constant(value).dtype is dtype


@pytest.mark.parametrize("dtype", [gc.float32, gc.float64, gc.int32, gc.int64])
def test_dims_known_when_fed_are_numbers_of_the_dtype_beside_them(
    dtype: gc.DType, compute: Any
) -> None:
    x = gc.placeholder(dtype, ("n", 2))
    n, _ = x.shape
    feeds = {x: np.ones((3, 2), dtype.numpy)}
    for made, wanted in ((x * n, 3), (2 * n - x, 5), (gc.maximum(n + 1, x), 4), (n // 2 + x, 2)):
        assert made.dtype is dtype
        np.testing.assert_array_equal(compute(made, feeds), np.full((3, 2), wanted))


def test_dims_alone_are_int64(compute: Any) -> None:
    x = gc.placeholder(gc.float32, ("n",))
    (n,) = x.shape
    for made in (gc.constant(n), gc.asarray(n), gc.full((), n), gc.add(n, 0)):
        assert made.dtype is gc.int64
    found = compute([gc.constant(n), gc.full((2,), n, dtype=gc.float64)], {x: np.ones(3)})
    assert [part.tolist() for part in found] == [3, [3.0, 3.0]]


def test_a_dim_is_no_bool(fails: Callable[..., Any]) -> None:
    x = gc.placeholder(gc.bool, ("n",))
    with fails(DTypeError, "the size n is no bool", op="logical_and"):
        gc.logical_and(x, x.shape[0])


def test_infinity_and_nan_fit_float32(compute: Any) -> None:
    result = compute(gc.constant([float("inf"), float("nan"), -0.0]))
    assert str(result) == str(np.array([np.inf, np.nan, -0.0], np.float32))


def test_a_list_of_tensors_is_refused(fails: Callable[..., Any]) -> None:
    x = gc.placeholder(gc.float32, (3,))
    with fails(DTypeError, "gc.stack", op="add"):
        gc.add(x, [x, x])


def test_ragged_lists_are_refused(fails: Callable[..., Any]) -> None:
    with fails(ShapeError, "different lengths", op="constant"):
        gc.constant([[1, 2], [3]])


def test_what_is_no_number_is_refused(fails: Callable[..., Any]) -> None:
    x = gc.placeholder(gc.float32, (3,))
    with fails(DTypeError, "str is no tensor", op="add"):
        gc.add(x, "1")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="unsupported operand"):
        x + "1"  # type: ignore[operator]


def test_constants_are_copies(compute: Any) -> None:
    array = np.arange(3.0)
    constant = gc.constant(array)
    array[:] = 7
    np.testing.assert_array_equal(compute(constant), [0, 1, 2])
    assert not constant.node.attrs["value"].flags.writeable


def test_any_layout_and_byte_order_of_arrays_is_understood(compute: Any) -> None:
    array = np.arange(12, dtype=">i4").reshape(3, 4).T[::-1]
    result = gc.constant(array)
    assert result.dtype is gc.int32
    np.testing.assert_array_equal(compute(result), array)


def test_tensors_of_two_graphs_do_not_mix(graph: gc.Graph, fails: Callable[..., Any]) -> None:
    x = gc.placeholder(gc.float32, (3,), name="x")
    with gc.Graph("other"):
        y = gc.placeholder(gc.float32, (3,), name="y")
        with fails(GraphError, "not of <gc.Graph other: 1 placeholders", op="add"):
            x + 1.0
    with fails(GraphError, f"%x f32[3] placeholder> ({x.location})", op="multiply"):
        x * y
    with fails(GraphError, f"%y f32[3] placeholder> ({y.location})", op="multiply"):
        x * y
