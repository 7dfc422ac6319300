from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import AttributeValueError, GraphcError, ShapeError
from tests.api.differences import check_gradients

pytestmark = pytest.mark.usefixtures("graph")

DATA = np.random.default_rng(0).permutation(24).reshape(2, 3, 4) / 3.0 - 2
AXES: list[Any] = [None, 0, -1, (0, 2)]


@pytest.mark.parametrize("axis", AXES, ids=str)
@pytest.mark.parametrize("keepdims", [False, True])
def test_median(axis: Any, keepdims: bool, compute: Any) -> None:
    x = gc.placeholder(gc.float64, ("n", 3, 4))
    found = compute(gc.median(x, axis, keepdims=keepdims), {x: DATA})
    np.testing.assert_allclose(found, np.median(DATA, axis, keepdims=keepdims))


@pytest.mark.parametrize("method", ["linear", "lower", "higher", "midpoint", "nearest"])
@pytest.mark.parametrize("axis", AXES, ids=str)
def test_quantile(method: Any, axis: Any, compute: Any) -> None:
    x = gc.placeholder(gc.float64, (2, "n", 4))
    for q in (0.3, [0.0, 0.25, 0.5, 1.0]):
        found = compute(gc.quantile(x, q, axis, method=method), {x: DATA})
        np.testing.assert_allclose(found, np.quantile(DATA, q, axis, method=method))
    kept = compute(gc.quantile(x, [0.5], axis, keepdims=True), {x: DATA})
    np.testing.assert_allclose(kept, np.quantile(DATA, [0.5], axis, keepdims=True))


def test_slopes(compute: Any) -> None:
    check_gradients(compute, lambda x: gc.quantile(x, [0.3, 0.9], (0, 1)), [DATA])
    check_gradients(compute, lambda x: gc.median(x, 1), [DATA])
    check_gradients(compute, lambda x: gc.top_k(x, 2, axis=1).values, [DATA])


def test_nan_spoils_its_row_only(compute: Any) -> None:
    x = gc.placeholder(gc.float32, ("n", 3))
    data = [[1.0, np.nan, 2.0], [4.0, 6.0, 5.0]]
    np.testing.assert_array_equal(compute(gc.median(x, 1), {x: data}), [np.nan, 5.0])


@pytest.mark.parametrize("largest", [True, False])
@pytest.mark.parametrize("axis", [0, -1])
def test_top_k(largest: bool, axis: int, compute: Any) -> None:
    x = gc.placeholder(gc.float64, (4, "n"))
    data = DATA.reshape(4, 6)
    values, places = compute(list(gc.top_k(x, 3, axis=axis, largest=largest)), {x: data})
    order = np.argsort(-data if largest else data, axis)
    wanted = np.take(order, [0, 1, 2], axis)
    np.testing.assert_array_equal(places, wanted)
    np.testing.assert_array_equal(values, np.take_along_axis(data, wanted, axis))
    assert places.dtype == np.int64


@pytest.mark.parametrize(
    ("apply", "error", "message", "op"),
    [
        (lambda x: gc.quantile(x, 1.5), AttributeValueError, "from 0 to 1", "quantile"),
        (lambda x: gc.quantile(x, [[0.5]]), ShapeError, "a number or a list", "quantile"),
        (lambda x: gc.quantile(x, 0.5, method="middle"), AttributeValueError, "'middle'",
         "quantile"),
        (lambda x: gc.median(x[:0]), ShapeError, "no elements", "median"),
        (lambda x: gc.top_k(x, 5), AttributeValueError, "cannot take 5 of the 4", "top_k"),
    ],
)  # fmt: skip
def test_what_does_not_fit(
    apply: Callable[[Any], Any], error: type[GraphcError], message: str, op: str
) -> None:
    with pytest.raises(error, match=message) as caught:
        apply(gc.placeholder(gc.float64, (2, 4)))
    assert caught.value.op == op
