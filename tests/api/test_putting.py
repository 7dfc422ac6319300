from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import AttributeValueError, OutOfRangeError, ShapeError
from tests.api.differences import check_gradients

pytestmark = pytest.mark.usefixtures("graph")

RNG = np.random.default_rng(0)
DATA = RNG.permutation(20).reshape(4, 5) / 4.0 - 2
KEYS: list[Any] = [
    1,
    (slice(None), 2),
    (slice(1, None, 2), slice(None, None, -1)),
    (..., np.array([3, -1, 0])),
    (np.array([0, 3]), np.array([1, 1])),
    np.array([2, 0, 2]),
]
COMBINED: dict[str, Callable[[Any, Any, Any], Any]] = {
    "add": lambda x, at, v: np.add.at(x, at, v),
    "max": lambda x, at, v: np.maximum.at(x, at, v),
    "min": lambda x, at, v: np.minimum.at(x, at, v),
}


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_elements_are_set(key: Any, compute: Any) -> None:
    x = gc.placeholder(gc.float64, ("n", 5))
    values = RNG.normal(size=DATA[key].shape)
    expected = DATA.copy()
    expected[key] = values  # NumPy too keeps the last of several
    np.testing.assert_array_equal(compute(gc.put(x, key, values), {x: DATA}), expected)
    expected[key] = 7.0
    np.testing.assert_array_equal(compute(gc.put(x, key, 7.0), {x: DATA}), expected)


@pytest.mark.parametrize("mode", COMBINED)
@pytest.mark.parametrize("dtype", [gc.float64, gc.int32], ids=str)
def test_elements_are_combined(mode: Any, dtype: gc.DType, compute: Any) -> None:
    data = (DATA * 4).astype(dtype.numpy)
    x, at = gc.placeholder(dtype, (4, 5)), gc.placeholder(gc.int64, ("m",))
    places, values = np.array([2, 0, 2, 1]), (RNG.normal(size=(4, 5)) * 9).astype(dtype.numpy)
    expected = data.copy()
    COMBINED[mode](expected, places, values)
    found = compute(gc.put(x, at, values, mode=mode), {x: data, at: places})
    np.testing.assert_allclose(found, expected)


def test_mean_counts_what_was_there(compute: Any) -> None:
    x = gc.placeholder(gc.float64, (3,))
    found = compute(gc.put(x, np.array([1, 1]), [4.0, 6.0], mode="mean"), {x: [1.0, 2.0, 3.0]})
    assert found.tolist() == [1.0, 4.0, 3.0]


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_along_an_axis(axis: int, compute: Any) -> None:
    x = gc.placeholder(gc.float64, (4, 5))
    shape = (2, 5) if axis == 0 else (4, 2)
    places = np.argsort(RNG.normal(size=DATA.shape), axis)[: shape[0], : shape[1]]
    values, expected = RNG.normal(size=shape), DATA.copy()
    np.put_along_axis(expected, places, values, axis)
    found = compute(gc.put_along_axis(x, places, values, axis=axis), {x: DATA})
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("mode", ["set", "add", "mean", "max", "min"])
def test_slopes(mode: Any, compute: Any) -> None:
    values = RNG.permutation(20).reshape(4, 5) / 4.0 - 2.1
    places = np.array([2, 0, 2, 1])
    check_gradients(compute, lambda x, v: gc.put(x, places, v, mode=mode), [DATA, values])


def test_ties_share_the_slope_of_an_extreme(compute: Any) -> None:
    x, v = gc.placeholder(gc.float64, (2,)), gc.placeholder(gc.float64, (3,))
    y = gc.put(x, np.array([0, 0, 1]), v, mode="max")
    found = compute(gc.gradients(gc.sum(y), [x, v]), {x: [1.0, 5.0], v: [1.0, 1.0, 2.0]})
    np.testing.assert_allclose(found[0], [1 / 3, 1.0])
    np.testing.assert_allclose(found[1], [1 / 3, 1 / 3, 0.0])


@pytest.mark.parametrize("mode", ["set", "max", "min"])
def test_nan_infinities_and_zeros_arrive_as_they_are(mode: Any, compute: Any) -> None:
    x = gc.placeholder(gc.float64, (3,))
    places, values = np.array([0, 0, 1, 2]), np.array([np.nan, 1.0, np.inf, -0.0])
    start = {"set": 5.0, "max": -np.inf, "min": np.inf}[mode]
    found = compute(gc.put(x, places, values, mode=mode), {x: [start] * 3})
    first = 1.0 if mode == "set" else np.nan
    np.testing.assert_array_equal(found, [first, np.inf, -0.0])
    assert np.signbit(found[2])


def test_what_does_not_fit(fails: Callable[..., Any], compute: Any) -> None:
    x = gc.placeholder(gc.float64, (4, 5))
    with fails(AttributeValueError, "mode must be 'set'", op="put"):
        gc.put(x, 0, 1.0, mode="swap")  # type: ignore[arg-type]
    with fails(ShapeError, "[4] and [5] do not broadcast", op="put"):
        gc.put(x, 0, np.zeros(4))
    at = gc.placeholder(gc.int64, ("m",))
    with pytest.raises(OutOfRangeError, match="index 4"):
        compute(gc.put(x, at, 1.0), {x: DATA, at: [4]})
