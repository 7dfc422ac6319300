from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import AttributeValueError, DTypeError, ShapeError
from tests.api.differences import check_gradients

pytestmark = pytest.mark.usefixtures("graph")

Array = np.ndarray[Any, Any]

SIZES = [
    ((5,), (10,)), ((5,), (3,)), ((4,), (4,)), ((1,), (3,)), ((6,), (1,)), ((3, 4), (7, 2)),
    ((3, 4), (6, 8)), ((2, 3, 4), (5, 6, 2)),
]  # fmt: skip


def nearest(x: Array, targets: Any) -> Array:
    for axis, target in enumerate(targets, start=2):
        size = x.shape[axis]
        x = x.take([int((i + 0.5) * size / target) for i in range(target)], axis)
    return x


def linear(x: Array, targets: Any, align_corners: bool) -> Array:
    """NumPy's own linear interpolation along one axis after the other."""
    for axis, target in enumerate(targets, start=2):
        size = x.shape[axis]
        if align_corners:
            places = np.linspace(0, size - 1, target)
        else:
            places = (np.arange(target) + 0.5) * size / target - 0.5

        def along(line: Array, at: Array = places, size: int = size) -> Array:
            return np.interp(at, np.arange(size), line)

        x = np.apply_along_axis(along, axis, x)
    return x


@pytest.mark.parametrize(("sizes", "targets"), SIZES)
def test_against_numpy(sizes: Any, targets: Any, compute: Any) -> None:
    data = np.random.default_rng(0).normal(size=(2, 3, *sizes))
    for dims in (data.shape, ("n", 3, *"hwd"[: len(sizes)])):
        x = gc.placeholder(gc.float64, dims)
        found = compute(
            [
                gc.nn.resize(x, targets),
                gc.nn.resize(x, targets, mode="linear"),
                gc.nn.resize(x, targets, mode="linear", align_corners=True),
            ],
            {x: data},
        )
        expected = [
            nearest(data, targets), linear(data, targets, False), linear(data, targets, True)
        ]  # fmt: skip
        for mine, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(mine, other, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("sizes", "targets"), SIZES)
@pytest.mark.parametrize(("mode", "corners"), [("nearest", 0), ("linear", 0), ("linear", 1)])
def test_gradients(sizes: Any, targets: Any, mode: Any, corners: int, compute: Any) -> None:
    x = np.random.default_rng(0).normal(size=(2, 1, *sizes))
    check_gradients(
        compute,
        lambda x: gc.nn.resize(x, targets, mode=mode, align_corners=bool(corners)) ** 2,
        [x],
    )


@pytest.mark.parametrize(
    ("scale", "expected"), [(2, (1, 1, "2*h", 12)), (0.5, (1, 1, "h//2", 3)), ((3, 0.7), None)]
)
def test_scales(scale: Any, expected: Any, compute: Any) -> None:
    x = gc.placeholder(gc.float32, (1, 1, "h", 6))
    y = gc.nn.resize(x, scale=scale)
    assert y.shape == (expected or (1, 1, "3*h", 4))
    data = np.arange(24.0).reshape(1, 1, 4, 6)
    found = compute(y, {x: data})
    np.testing.assert_array_equal(found, nearest(data, found.shape[2:]))


def test_integers_keep_their_dtype(compute: Any) -> None:
    x = gc.placeholder(gc.uint8, (1, 1, 2))
    np.testing.assert_array_equal(
        compute(gc.nn.resize(x, size=5), {x: [[[3, 200]]]}).ravel(), [3, 3, 200, 200, 200]
    )


@pytest.mark.parametrize("batch", [0, 1, 3])
@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
def test_batches_of_every_size(batch: int, mode: Any, compute: Any) -> None:
    x = gc.placeholder(gc.float32, ("n", 2, "h", "w"))
    y = gc.nn.resize(x, ("rows", 7), mode=mode)
    size = gc.placeholder(gc.float32, ("rows",))
    feeds = {x: np.ones((batch, 2, 4, 5)), size: np.zeros(3)}
    found, _ = compute([y, size + 1], feeds)
    np.testing.assert_allclose(found, np.ones((batch, 2, 3, 7)), rtol=1e-6)


@pytest.mark.parametrize(
    ("given", "error", "text"),
    [
        ({"x": (2, 3)}, ShapeError, "batch, channels and spatial dims"),
        ({}, AttributeValueError, "either a size or a scale"),
        ({"size": 4, "scale": 2}, AttributeValueError, "either a size or a scale"),
        ({"size": (4, 4, 4)}, AttributeValueError, "does not fit 2 spatial dims"),
        ({"size": 0}, ShapeError, "cannot make 0 elements of 8"),
        ({"scale": 0}, AttributeValueError, "positive number"),
        ({"scale": "big"}, AttributeValueError, "positive number"),
        ({"size": 4, "mode": "cubic"}, AttributeValueError, "'nearest' or 'linear', not 'cubic'"),
        ({"size": 4, "mode": "trilinear"}, AttributeValueError, "needs 3 spatial dims, not 2"),
        ({"size": 4, "align_corners": True}, AttributeValueError, "no meaning"),
        ({"size": 4, "mode": "linear", "dtype": gc.int8}, DTypeError, "not int8"),
    ],
)
def test_arguments_that_do_not_fit(
    given: dict[str, Any], error: Any, text: str, fails: Callable[..., Any]
) -> None:
    given = dict(given)
    x = gc.placeholder(given.pop("dtype", gc.float32), given.pop("x", (1, 1, 8, 8)))
    with fails(error, text, op="resize"):
        gc.nn.resize(x, **given)
