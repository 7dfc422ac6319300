"""Feeds in any layout are read rightly; what is of another dtype or no array is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import FeedError, GraphcError
from graphc.ir.dtypes import ALL, DType, as_dtype
from graphc.runtime.feeds import as_array
from tests.runtime.conftest import Open

Array = np.ndarray[Any, Any]


def _off_alignment(array: Array) -> Array:
    """The same numbers, one byte past where they should be."""
    memory = np.zeros(array.nbytes + 1, np.uint8)
    moved = memory[1:].view(array.dtype).reshape(array.shape)
    moved[...] = array
    assert moved.flags.aligned == (array.dtype.itemsize == 1)
    return moved


def _read_only(array: Array) -> Array:
    array = array.copy()
    array.setflags(write=False)
    return array


def _within(array: Array) -> Array:
    """The same numbers with others between them."""
    room = np.full([2 * size + 1 for size in array.shape], array.flat[0], array.dtype)
    inside = room[tuple(slice(1, None, 2) for _ in array.shape)]
    inside[...] = array
    return inside


def _field(array: Array) -> Array:
    """The same numbers in records, each behind a byte."""
    records = np.zeros(array.shape, [("byte", np.uint8), ("number", array.dtype)])
    records["number"] = array
    inside: Array = records["number"]
    return inside


class Tagged(np.ndarray[Any, Any]):
    """A subclass of NumPy's array."""


class Exporter:
    """An object of another library that NumPy can read."""

    def __init__(self, array: Array) -> None:
        self.array = array

    def __array__(self, dtype: object = None, copy: bool | None = None) -> Array:
        return self.array


LAYOUTS: dict[str, Callable[[Array], Any]] = {
    "as it is": lambda a: a,
    "Fortran order": np.asfortranarray,
    "transposed": lambda a: np.ascontiguousarray(a.T).T,
    "negative strides": lambda a: np.ascontiguousarray(a[::-1, ::-1])[::-1, ::-1],
    "with gaps": _within,
    "big-endian": lambda a: a.astype(a.dtype.newbyteorder(">")),
    "little-endian": lambda a: a.astype(a.dtype.newbyteorder("<")),
    "big-endian with gaps": lambda a: _within(a.astype(a.dtype.newbyteorder(">"))),
    "off alignment": _off_alignment,
    "read-only": _read_only,
    "matrix": lambda a: a.view(np.matrix),
    "subclass": lambda a: a.view(Tagged),
    "field of records": _field,
    "memory view": lambda a: np.ascontiguousarray(a).data,
    "exported": Exporter,
    "rows in a list": list,
    "scalars in lists": lambda a: [list(row) for row in a],
    "Python numbers": lambda a: a.tolist(),
    "Python tuples": lambda a: tuple(map(tuple, a.tolist())),
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS.keys())
@pytest.mark.parametrize("dtype", ALL, ids=str)
def test_any_layout_gives_the_same_numbers(layout: Callable[[Array], Any], dtype: DType) -> None:
    numbers = np.random.default_rng(1).integers(0, 100, (3, 5)).astype(dtype.numpy)
    got = as_array(layout(numbers), dtype)
    assert type(got) is np.ndarray
    assert (got.dtype, got.dtype.isnative) == (dtype.numpy, True)
    assert got.flags.c_contiguous and got.flags.aligned
    assert np.array_equal(got, numbers)


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_a_run_reads_any_layout(
    layout: Callable[[Array], Any], graph: gc.Graph, open_session: Open
) -> None:
    x = gc.placeholder(gc.float32, ("rows", "columns"), name="x")
    session = open_session(graph)
    numbers = np.random.default_rng(2).integers(-99, 99, (17, 5)).astype(np.float32)
    feed = layout(numbers)
    result, total = session.run([x * 2, gc.sum(x, axis=1)], {x: feed})
    assert np.array_equal(result, numbers * 2)
    assert np.array_equal(total, numbers.sum(axis=1))


def test_a_feed_that_fits_is_not_copied() -> None:
    array = np.zeros((3, 4), np.float32)
    assert as_array(array, gc.float32) is array


SCALARS = [
    (True, "bool"), (np.True_, "bool"), (3, "int8"), (-3, "int64"), (3, "uint8"),
    (3, "float32"), (0.5, "float32"), (0.5, "float64"), (np.float32(0.5), "float32"),
    (np.int64(7), "int64"), (np.array(0.5), "float64"), (np.array(1, ">i4"), "int32"),
    (float("nan"), "float32"), (float("-inf"), "float32"), (2**24 + 1, "float32"),
    (2**63 - 1, "int64"), (-128, "int8"), (255, "uint8"), (3.4e38, "float32"),
]  # fmt: skip


@pytest.mark.parametrize(("value", "name"), SCALARS, ids=lambda part: repr(part))
def test_numbers_alone(value: Any, name: str) -> None:
    dtype = as_dtype(name)
    got = as_array(value, dtype)
    assert (got.shape, got.dtype) == ((), dtype.numpy)
    assert np.array_equal(got, np.asarray(value, dtype.numpy), equal_nan=dtype.is_float)


EMPTY = [([], (0,)), ([[], []], (2, 0)), ((), (0,)), (np.zeros((0, 3), np.int8), (0, 3))]


@pytest.mark.parametrize(("value", "shape"), EMPTY)
def test_nothing_takes_the_dtype_and_keeps_the_shape(value: Any, shape: tuple[int, ...]) -> None:
    got = as_array(value, gc.int8)
    assert (got.shape, got.dtype) == (shape, np.int8)


def arrays(*names: str) -> list[Array]:
    return [np.ones(2, name) for name in names]


MASKED = np.ma.array([1, 2], np.float32, mask=[False, True])

REFUSED: list[tuple[str, Any, str]] = [
    ("float32", np.ones(2), "an array of float64; convert it with .astype(np.float32)"),
    ("float32", np.float64(1), "an array of float64; convert it with .astype(np.float32)"),
    ("float32", arrays("f8", "f8"), "an array of float64; convert it with .astype(np.float32)"),
    ("float32", [np.float64(1)], "an array of float64; convert it with .astype(np.float32)"),
    ("float64", np.ones(2, np.float32), "an array of float32; convert it with .astype(np.float64)"),
    ("float32", np.ones(2, np.float16), "an array of float16; convert it with .astype(np.float32)"),
    ("int32", np.ones(2, np.int64), "an array of int64; convert it with .astype(np.int32)"),
    ("int64", np.ones(2, ">i4"), "an array of int32; convert it with .astype(np.int64)"),
    ("uint8", np.ones(2, np.int8), "an array of int8; convert it with .astype(np.uint8)"),
    ("int32", np.ones(2, np.uint32), "an array of uint32; convert it with .astype(np.int32)"),
    ("float32", np.ones(2, np.bool_), "an array of bool; convert it with .astype(np.float32)"),
    ("bool", np.ones(2, np.uint8), "an array of uint8; convert it with .astype(np.bool)"),
    ("float32", np.ones(2, np.complex64), "an array of complex64"),
    ("float32", np.array([1.0, None]), "an array of object"),
    ("float32", np.array(["1", "2"]), "an array of <U1"),
    ("int64", np.array(["2020-01-01"], "M8[D]"), "an array of datetime64[D]"),
    ("float32", np.zeros(2, "f4,f4"), "an array of [('f0', '<f4'), ('f1', '<f4')]"),
    ("float32", MASKED, "a masked array; say what stands in its gaps with .filled(number)"),
    ("float32", np.ma.masked, "a masked array; say what stands in its gaps with .filled(number)"),
    ("float32", True, "bool True"),
    ("float32", [1.0, True], "list [1.0, True]"),
    ("int32", 1.5, "float 1.5"),
    ("uint8", False, "bool False"),
    ("int64", [1, True], "list [1, True]"),
    ("int32", [[1], [2.0]], "list [[1], [2.0]]"),
    ("bool", 1, "int 1"),
    ("bool", [True, 0], "list [True, 0]"),
    ("float32", 1j, "an array of complex128"),
    ("float32", "1.5", "str '1.5'"),
    ("float32", b"1.5", "bytes b'1.5'"),
    ("float32", ["1.5"], "list ['1.5']"),
    ("float32", None, "NoneType None"),
    ("float32", [None], "list [None]"),
    ("float32", {1.0}, "set {1.0}"),
    ("float32", {"a": 1.0}, "dict {'a': 1.0}"),
    ("float32", [[1.0], [2.0, 3.0]], "list [[1.0], [2.0, 3.0]], whose rows have different lengths"),
    ("float32", [1.0, [2.0]], "list [1.0, [2.0]], whose rows have different lengths"),
    ("int8", 128, "numbers out of its range (128)"),
    ("uint8", [0, -1], "numbers out of its range ([0, -1])"),
    ("int64", 2**63, "numbers out of its range (9223372036854775808)"),
    ("float32", [0.0, 1e39], "numbers out of its range ([0.0, 1e+39])"),
    ("float64", 10**400, f"numbers out of its range ({str(10**400)[:37]}...)"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value", "what"), REFUSED, ids=[row[2][:60] for row in REFUSED])
def test_what_is_of_another_dtype_or_no_array_is_refused(
    name: str, value: Any, what: str, graph: gc.Graph, blamed: Callable[[GraphcError], str]
) -> None:
    x = gc.placeholder(name, ("n",), name="x")
    with pytest.raises(FeedError) as caught:
        gc.Session(graph).run(x, {x: value})
    assert caught.value.message == f"x is declared as {name}, but is fed {what}"
    assert blamed(caught.value) == 'x = gc.placeholder(name, ("n",), name="x")'


def test_a_tensor_is_no_feed(graph: gc.Graph) -> None:
    x = gc.placeholder(gc.float32, (), name="x")
    with pytest.raises(FeedError, match="is fed Tensor <gc.Tensor .* has no elements while the"):
        gc.Session(graph).run(x, {x: x + 1})


def test_what_another_library_raises_is_told(graph: gc.Graph) -> None:
    class Closed:
        def __array__(self, dtype: object = None, copy: bool | None = None) -> Array:
            raise OSError("the file is closed")

    x = gc.placeholder(gc.float32, (), name="x")
    with pytest.raises(FeedError, match="which is no array: the file is closed"):
        gc.Session(graph).run(x, {x: Closed()})


def test_feeding_leaves_the_array_as_it_was(graph: gc.Graph, open_session: Open) -> None:
    x = gc.placeholder(gc.float32, ("n",), name="x")
    array = np.array([3, 1, 2], np.float32)
    open_session(graph).run([gc.sort(x), x + 1, gc.scatter_add(x, [0], [5.0])], {x: array})
    assert array.tolist() == [3, 1, 2]
