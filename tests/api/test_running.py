from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import DTypeError, ShapeError
from tests.api.differences import check_gradients

pytestmark = pytest.mark.usefixtures("graph")

INF, NAN = np.inf, np.nan
DATA = np.random.default_rng(0).permutation(24).reshape(2, 3, 4) / 3.0 - 2


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("dtype", [gc.float64, gc.int32, gc.uint8], ids=str)
def test_running_extremes(axis: int, dtype: gc.DType, compute: Any) -> None:
    data = (DATA * 3 + 6).astype(dtype.numpy) % 7
    x = gc.placeholder(dtype, ("n", 3, 4))
    for function, places, twin in (
        (gc.cumulative_max, gc.cumulative_argmax, np.maximum),
        (gc.cumulative_min, gc.cumulative_argmin, np.minimum),
    ):
        values, at = compute([function(x, axis=axis), places(x, axis=axis)], {x: data})
        np.testing.assert_array_equal(values, twin.accumulate(data, axis))
        np.testing.assert_array_equal(np.take_along_axis(data, at, axis), values)


def test_ties_and_nan(compute: Any) -> None:
    x = gc.placeholder(gc.float64, (6,))
    results = [gc.cumulative_max(x), gc.cumulative_argmax(x)]
    values, places = compute(results, {x: [1.0, 3.0, 3.0, 2.0, NAN, 9.0]})
    np.testing.assert_array_equal(values, [1.0, 3.0, 3.0, 3.0, NAN, NAN])
    assert places.tolist() == [0, 1, 2, 2, 4, 4]
    values, places = compute(
        [gc.cumulative_min(x), gc.cumulative_argmin(x)], {x: [1.0, 3.0, 1.0, -INF, NAN, -9.0]}
    )
    np.testing.assert_array_equal(values, [1.0, 1.0, 1.0, -INF, NAN, NAN])
    assert places.tolist() == [0, 0, 2, 3, 4, 4]


@pytest.mark.parametrize("size", [0, 1, 2, 7, 8])
def test_cumulative_logsumexp(size: int, compute: Any) -> None:
    data = np.random.default_rng(1).normal(size=(size, 2)) * 300
    x = gc.placeholder(gc.float64, (size, "n"))
    found = compute(gc.cumulative_logsumexp(x, axis=0), {x: data})
    np.testing.assert_allclose(found, np.logaddexp.accumulate(data, 0), rtol=1e-13)


def test_what_is_small_beside_later_ones_is_kept(compute: Any) -> None:
    x = gc.placeholder(gc.float64, (4,))
    y = gc.cumulative_logsumexp(x)
    found = compute(y, {x: [-1000.0, -1000.0, -INF, 1000.0]})
    np.testing.assert_allclose(found, [-1000.0, -1000 + np.log(2)] * 1 + [-1000 + np.log(2), 1000])


@pytest.mark.parametrize(
    "function",
    [gc.cumulative_max, gc.cumulative_min, gc.cumulative_logsumexp],
    ids=lambda f: f.__name__,
)
def test_slopes(function: Callable[..., gc.Tensor], compute: Any) -> None:
    check_gradients(compute, lambda x: function(x, axis=1), [DATA])


def test_what_does_not_fit(fails: Callable[..., Any]) -> None:
    x = gc.placeholder(gc.float64, ("n", 3))
    with fails(ShapeError, "needs an axis", op="cumulative_max"):
        gc.cumulative_max(x)
    with fails(ShapeError, "needs a known size", op="cumulative_logsumexp"):
        gc.cumulative_logsumexp(x, axis=0)
    with fails(DTypeError, "floating point", op="cumulative_logsumexp"):
        gc.cumulative_logsumexp([1, 2])
