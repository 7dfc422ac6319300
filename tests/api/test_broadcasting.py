from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import ShapeError

pytestmark = pytest.mark.usefixtures("graph")

SHAPES = [
    ((3,), ()),
    ((3,), (3,)),
    ((2, 3), (3,)),
    ((2, 3), (2, 1)),
    ((2, 1), (1, 3)),
    ((4, 1, 3), (2, 1)),
    ((0, 3), (1,)),
    ((1,), (0,)),
]


@pytest.mark.parametrize(("left", "right"), SHAPES)
def test_operands_are_brought_to_one_shape(
    left: tuple[int, ...], right: tuple[int, ...], compute: Any
) -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=left), rng.normal(size=right)
    x, y = gc.placeholder(gc.float64, left), gc.placeholder(gc.float64, right)
    total = x - y
    assert all(operand.shape == total.shape for operand in total.node.inputs)
    np.testing.assert_array_equal(compute(total, {x: a, y: b}), a - b)


def test_shapes_that_do_not_fit_are_both_named(fails: Callable[..., Any]) -> None:
    x = gc.placeholder(gc.float32, ("batch", 4))
    y = gc.placeholder(gc.float32, (3,))
    with fails(ShapeError, "shapes [batch, 4] and [3] do not broadcast: 4 is not 3", op="add"):
        x + y


@pytest.mark.parametrize(
    ("left", "right", "shape", "guards"),
    [
        (("batch",), ("batch",), ("batch",), []),
        (("batch",), (1,), ("batch",), []),
        (("batch", 4), (4,), ("batch", 4), []),
        (("batch",), ("rows",), ("batch",), ["rows == batch"]),
        (("batch",), (8,), (8,), ["batch == 8"]),
        ((8,), ("batch",), (8,), ["batch == 8"]),
        (("2*half",), ("batch",), ("2*half",), ["batch == 2*half"]),
    ],
)
def test_dims_known_when_fed_do_not_repeat_but_are_guarded(
    left: Any, right: Any, shape: Any, guards: list[str], graph: gc.Graph
) -> None:
    x, y = gc.placeholder(gc.float32, left), gc.placeholder(gc.float32, right)
    total = x + y
    assert total.shape == shape
    assert [str(guard) for guard in graph.extract([total]).guards] == guards


def test_dims_that_can_never_be_equal_are_refused(fails: Callable[..., Any]) -> None:
    x = gc.placeholder(gc.float32, ("n",))
    y = gc.placeholder(gc.float32, ("n + 1",))
    with fails(ShapeError, "n is not n + 1"):
        x + y


def test_broadcast_to(compute: Any) -> None:
    x = gc.placeholder(gc.float32, ("n", 1))
    result = gc.broadcast_to(x, (2, "n", 3))
    data = np.arange(4, dtype=np.float32)[:, None]
    np.testing.assert_array_equal(compute(result, {x: data}), np.broadcast_to(data, (2, 4, 3)))
    assert gc.broadcast_to(x, x.shape) is x


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((3,), "shape [1, 3] does not fit [3]"),
        ((4, 5), "3 is not 5"),
        ((2, 1), "does not fit"),
        ((2.5, 3), "2.5 is no dim"),
    ],
)
def test_broadcast_to_a_shape_that_does_not_fit(
    shape: Any, message: str, fails: Callable[..., Any]
) -> None:
    x = gc.placeholder(gc.float32, (1, 3))
    with fails(ShapeError, message, op="broadcast_to"):
        gc.broadcast_to(x, shape)


def test_broadcast_arrays_keep_their_dtypes(compute: Any) -> None:
    x, y = gc.constant([[1], [2]]), gc.constant([0.5, 1.5])
    a, b = compute(gc.broadcast_arrays(x, y))
    np.testing.assert_array_equal(a, np.array([[1, 1], [2, 2]]))
    np.testing.assert_array_equal(b, np.array([[0.5, 1.5]] * 2, np.float32))


@pytest.mark.parametrize("indexing", ["xy", "ij"])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_meshgrid(indexing: Any, count: int, compute: Any) -> None:
    arrays = [np.arange(3.0), np.arange(4.0) + 10, np.arange(2.0) - 5][:count]
    xs = [gc.placeholder(gc.float64, ("n",)), *arrays[1:]]
    found = compute(gc.meshgrid(*xs, indexing=indexing), {xs[0]: arrays[0]})
    for grid, wanted in zip(found, np.meshgrid(*arrays, indexing=indexing), strict=True):
        np.testing.assert_array_equal(grid, wanted)


def test_meshgrid_of_no_vectors(fails: Callable[..., Any]) -> None:
    x = gc.placeholder(gc.float32, (2, 2))
    with fails(ShapeError, "needs vectors", op="meshgrid"):
        gc.meshgrid(x, x)
