from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import ShapeError
from tests.api.differences import check_gradients

pytestmark = pytest.mark.usefixtures("graph")

Array = np.ndarray[Any, Any]
RNG = np.random.default_rng(0)
DATA = RNG.permutation(2 * 6 * 7).reshape(2, 6, 7) / 10.0
WINDOWS: list[dict[str, Any]] = [
    {"size": 2},
    {"size": 3, "stride": 2, "padding": 1},
    {"size": (2, 3), "stride": 1, "dilation": (2, 1)},
    {"size": 3, "stride": 2, "ceil_mode": True},
    {"size": (3, 2), "stride": (3, 4), "padding": (1, 0), "ceil_mode": True},
]


@pytest.mark.parametrize("settings", WINDOWS, ids=str)
def test_positions_are_those_of_the_maxima(settings: Any, compute: Any) -> None:
    x = gc.placeholder(gc.float64, (2, 6, 7))
    places, maxima = gc.nn.argmax_pool2d(x, **settings), gc.nn.max_pool2d(x, **settings)
    at, wanted, taken = compute([places, maxima, gc.nn.take_pooled(x, places, rank=2)], {x: DATA})
    assert at.dtype == np.int64
    np.testing.assert_array_equal(taken, wanted)
    flat = DATA.reshape(2, -1)
    np.testing.assert_array_equal(
        np.take_along_axis(flat, at.reshape(2, -1), 1), wanted.reshape(2, -1)
    )


def test_the_first_of_ties_is_taken(compute: Any) -> None:
    x = gc.placeholder(gc.float64, (6,))
    at = gc.nn.argmax_pool1d(x, 3)
    y = gc.nn.take_pooled(x, at, rank=1)
    found = compute([at, y, *gc.gradients(gc.sum(y), x)], {x: [1.0, 1.0, 0.0, 2.0, np.nan, 5.0]})
    assert found[0].tolist() == [0, 4]
    np.testing.assert_array_equal(found[1], [1.0, np.nan])
    assert found[2].tolist() == [1.0, 0.0, 0.0, 0.0, 1.0, 0.0]


def test_there_and_back(compute: Any) -> None:
    x = gc.placeholder(gc.float64, ("n", 6, 7))
    at = gc.nn.argmax_pool2d(x, 2)
    back = gc.nn.max_unpool(gc.nn.max_pool2d(x, 2), at, (6, 7))
    found = compute(back, {x: DATA})
    kept = found != 0
    assert kept.sum() <= 2 * 3 * 3
    np.testing.assert_array_equal(found[kept], DATA[kept])
    check_gradients(
        compute, lambda v: gc.nn.max_unpool(v, np.array([[3, 1]]), (5,)), [DATA[0, :1, :2]]
    )


def test_three_dims(compute: Any) -> None:
    x = gc.placeholder(gc.float64, (2, 6, 7))
    at = compute(gc.nn.argmax_pool3d(x, 2), {x: DATA})
    blocks = (
        DATA[:, :6, :6].reshape(1, 2, 3, 2, 3, 2).transpose(0, 2, 4, 1, 3, 5).reshape(1, 3, 3, -1)
    )
    np.testing.assert_array_equal(DATA.ravel()[at], blocks.max(-1))


@pytest.mark.parametrize(("stride", "padding", "dilation"), [(1, 0, 1), (2, 1, 1), (1, (0, 2), 2)])
def test_unfolded_windows_are_those_of_a_convolution(
    stride: int, padding: Any, dilation: int, compute: Any
) -> None:
    data, weights = RNG.normal(size=(2, 3, 6, 7)), RNG.normal(size=(4, 3, 2, 3))
    x = gc.placeholder(gc.float64, ("n", 3, 6, 7))
    columns = gc.nn.unfold(x, (2, 3), stride, padding, dilation)
    direct = gc.nn.conv2d(x, weights, stride, padding, dilation)
    found, wanted = compute([weights.reshape(4, -1) @ columns, direct], {x: data})
    np.testing.assert_allclose(found, wanted.reshape(2, 4, -1), rtol=1e-12, atol=1e-12)


def test_what_does_not_fit(fails: Callable[..., Any]) -> None:
    x = gc.placeholder(gc.float64, (2, 3))
    with fails(ShapeError, "must be of the shape", op="max_unpool"):
        gc.nn.max_unpool(x, np.zeros((2, 2), int), (4,))
    with fails(ShapeError, "are no positions", op="take_pooled"):
        gc.nn.take_pooled(x, np.zeros(3, int), rank=1)
    with fails(ShapeError, "needs data [N, C, H, W]", op="unfold"):
        gc.nn.unfold(x, 2)
