from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import DimError, DTypeError, ShapeError

pytestmark = pytest.mark.usefixtures("graph")


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((), ()),
        (3, (3,)),
        ("n", ("n",)),
        ([2, np.int32(3)], (2, 3)),
        (("batch", None, 4), ("batch", "x_1", 4)),
        (("2*n", "n + 1", "max(n, m)"), ("2*n", "n + 1", "max(m, n)")),
    ],
)
def test_dims_of_a_placeholder(shape: Any, expected: Any) -> None:
    assert gc.placeholder(gc.float32, shape, name="x").shape == expected


def test_dims_of_another_tensor() -> None:
    x = gc.placeholder(gc.float32, ("n", 4))
    n = x.shape[0]
    assert gc.placeholder(gc.float32, (2 * n, 3)).shape == ("2*n", 3)  # type: ignore[operator]


def test_dims_without_a_name_are_all_different() -> None:
    x = gc.placeholder(gc.float32, (None, None), name="in/x")
    y = gc.placeholder(gc.float32, (None, "in_y_0"), name="in_x")
    assert x.shape == ("in_x_0", "in_x_1")
    assert y.shape == ("in_x_0_1", "in_y_0")


def test_names_are_made_up() -> None:
    made = [gc.placeholder(gc.float32, ()) for _ in range(2)]
    gc.placeholder(gc.float32, (), name="placeholder_2")
    made.append(gc.placeholder(gc.float32, ()))
    assert [x.name for x in made] == ["placeholder_0", "placeholder_1", "placeholder_3"]
    assert [gc.variable(0.0).name for _ in range(2)] == ["variable_0", "variable_1"]


@pytest.mark.parametrize(
    ("value", "dtype", "expected"),
    [
        (1.5, None, np.float32(1.5)),
        (2, None, np.int64(2)),
        ([[1, 2]], None, np.array([[1, 2]])),
        (np.zeros(3), None, np.zeros(3)),
        (np.zeros(3), gc.float32, np.zeros(3, np.float32)),
        (2, "int8", np.int8(2)),
        (np.ones((2, 3), ">f4").T, None, np.ones((3, 2), np.float32)),
    ],
)
def test_values_of_variables(value: Any, dtype: Any, expected: Any) -> None:
    w = gc.variable(value, dtype=dtype)
    np.testing.assert_array_equal(w.initial_value, expected, strict=True)
    assert w.dtype.numpy == expected.dtype
    assert w.initial_value.flags.c_contiguous
    assert not w.initial_value.flags.writeable


def test_a_variable_starts_as_a_copy() -> None:
    array = np.zeros(3, np.float32)
    w = gc.variable(array)
    array[:] = 7
    np.testing.assert_array_equal(w.initial_value, np.zeros(3))


def test_variables_are_listed_in_the_order_of_declaration(graph: gc.Graph) -> None:
    x = gc.placeholder(gc.float32, ())
    a, b = gc.variable(1.0, "a"), gc.variable(2.0, "b", trainable=False)
    assert graph.variables == (a, b)
    assert graph.placeholders == (x,)
    assert [w.trainable for w in graph.variables] == [True, False]


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: gc.placeholder("f2", ()), DTypeError, "'f2' is no graphc dtype"),
        (lambda: gc.placeholder(gc.float32, ("a b",)), DimError, "'a b' is no dim"),
        (lambda: gc.placeholder(gc.float32, ("",)), DimError, "is not complete"),
        (lambda: gc.placeholder(gc.float32, (2.0,)), ShapeError, "2.0 is no dim"),
        (lambda: gc.placeholder(gc.float32, (True,)), ShapeError, "True is no dim"),
        (lambda: gc.placeholder(gc.float32, (-1,)), ShapeError, "cannot be negative"),
        (lambda: gc.variable(gc.ones(3)), DTypeError, "run it in a session first"),
        (lambda: gc.variable("abc"), DTypeError, "str is no tensor"),
        (lambda: gc.variable(np.zeros(3, np.complex128)), DTypeError, "is no graphc dtype"),
    ],
)
def test_errors(make: Callable[[], Any], error: Any, message: str) -> None:
    with pytest.raises(error) as caught:
        make()
    assert message in caught.value.message
    assert caught.value.location is not None
    assert caught.value.location.file == __file__
