from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import AttributeValueError, DTypeError, ShapeError
from tests.api.differences import check_gradients

pytestmark = pytest.mark.usefixtures("graph")

Array = np.ndarray[Any, Any]
MAX = {1: gc.nn.max_pool1d, 2: gc.nn.max_pool2d, 3: gc.nn.max_pool3d}
AVG = {1: gc.nn.avg_pool1d, 2: gc.nn.avg_pool2d, 3: gc.nn.avg_pool3d}

#: sizes of data, size of a window, stride, padding as given, as pairs
TABLE: list[tuple[Any, ...]] = [
    ((7,), 2, None, 0, [(0, 0)]),
    ((8,), 3, 1, 1, [(1, 1)]),
    ((9,), (3,), 2, [(0, 2)], [(0, 2)]),
    ((6, 8), 2, None, 0, [(0, 0)] * 2),
    ((7, 9), 3, 2, 1, [(1, 1)] * 2),
    ((5, 6), (2, 3), (1, 2), "same", [(0, 1), (0, 1)]),
    ((4, 5, 4), (2, 3, 2), (2, 1, 1), (0, 1, 1), [(0, 0), (1, 1), (1, 1)]),
]
table = pytest.mark.parametrize(("sizes", "size", "stride", "padding", "pairs"), TABLE)


def each(value: Any, rank: int) -> tuple[int, ...]:
    return tuple(value) if isinstance(value, tuple) else (value,) * rank


def pooled(x: Array, size: Any, stride: Any, pairs: Any, combine: Any, fill: float) -> Array:
    """Every window by itself."""
    rank = len(pairs)
    kernel = each(size, rank)
    strides = kernel if stride is None else each(stride, rank)
    padded = np.pad(x, [*[(0, 0)] * (x.ndim - rank), *pairs], constant_values=fill)
    starts = [
        range(0, n - k + 1, s)
        for n, k, s in zip(padded.shape[-rank:], kernel, strides, strict=True)
    ]
    axes = tuple(range(-rank, 0))
    rows = [
        combine(padded[(..., *(slice(a, a + k) for a, k in zip(at, kernel, strict=True)))], axes)
        for at in product(*starts)
    ]
    return np.stack(rows, -1).reshape(*x.shape[:-rank], *map(len, starts))


def distinct(shape: tuple[int, ...]) -> Array:
    """Numbers that are apart, so that none tie and small steps change no maximum."""
    return np.random.default_rng(0).permutation(np.prod(shape)).reshape(shape) / 10 - 3


@table
@pytest.mark.parametrize("lead", [(2, 3), (2,), ()])
def test_against_windows_taken_singly(
    sizes: Any, size: Any, stride: Any, padding: Any, pairs: Any, lead: Any, compute: Any
) -> None:
    x, rank = distinct((*lead, *sizes)), len(sizes)
    inside = pooled(np.ones(sizes), size, stride, pairs, np.sum, 0)
    expected = [
        pooled(x, size, stride, pairs, np.max, -np.inf),
        pooled(x, size, stride, pairs, np.mean, 0),
        pooled(x, size, stride, pairs, np.sum, 0) / inside,
    ]
    for dims in (x.shape, ("n", "c")[: len(lead)] + tuple("hwd"[:rank])):
        data = gc.placeholder(gc.float64, dims)
        found = compute(
            [
                MAX[rank](data, size, stride, padding),
                AVG[rank](data, size, stride, padding),
                AVG[rank](data, size, stride, padding, count_include_pad=False),
            ],
            {data: x},
        )
        for mine, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(mine, other, rtol=1e-12, atol=1e-14)


@table
def test_gradients(
    sizes: Any, size: Any, stride: Any, padding: Any, pairs: Any, compute: Any
) -> None:
    rank = len(sizes)
    x = distinct((2, 2, *sizes))
    check_gradients(compute, lambda x: MAX[rank](x, size, stride, padding) ** 2, [x])
    check_gradients(compute, lambda x: AVG[rank](x, size, stride, padding) ** 2, [x])
    options = {"count_include_pad": False}
    check_gradients(compute, lambda x: AVG[rank](x, size, stride, padding, **options) ** 2, [x])


@pytest.mark.parametrize(
    ("stride", "expected"),
    [(None, [0.5, 0.5, 0, 1]), (1, [0.5, 0.5 + 1, 0, 1])],
)
def test_ties_share_the_derivative(stride: Any, expected: list[float], compute: Any) -> None:
    x = gc.placeholder(gc.float64, (1, 1, 4))
    (slope,) = gc.gradients(gc.sum(gc.nn.max_pool1d(x, 2, stride)), x)
    found = compute(slope, {x: [[[2.0, 2.0, 0.0, 1.0]]]})
    np.testing.assert_array_equal(found[0, 0], expected)


def test_padding_is_below_everything_and_nan_stays(compute: Any) -> None:
    x = gc.placeholder(gc.float32, (4,))
    y = gc.nn.max_pool1d(x, 3, 1, 1)
    np.testing.assert_array_equal(compute(y, {x: [-5, -6, -7, -8]}), [-5, -5, -6, -7])
    np.testing.assert_array_equal(compute(y, {x: [1, 2, np.nan, 4]}), [2, np.nan, np.nan, np.nan])
    np.testing.assert_array_equal(compute(y, {x: [-np.inf] * 4}), [-np.inf] * 4)


@pytest.mark.parametrize("dtype", [gc.int8, gc.uint8, gc.int64])
def test_maxima_of_integers(dtype: gc.DType, compute: Any) -> None:
    x = gc.placeholder(dtype, (3,))
    y = gc.nn.max_pool1d(x, 2, 1, [(1, 0)])
    low = np.iinfo(dtype.numpy).min
    np.testing.assert_array_equal(compute(y, {x: [low, low, 5]}), [low, low, 5])


@pytest.mark.parametrize("keepdims", [False, True])
def test_global_pools(keepdims: bool, compute: Any) -> None:
    data = distinct((2, 3, 4, 5))
    x = gc.placeholder(gc.float64, ("n", 3, "h", "w"))
    found = compute(
        [f(x, keepdims=keepdims) for f in (gc.nn.global_max_pool, gc.nn.global_avg_pool)],
        {x: data},
    )
    np.testing.assert_allclose(found[0], data.max((2, 3), keepdims=keepdims))
    np.testing.assert_allclose(found[1], data.mean((2, 3), keepdims=keepdims))


@pytest.mark.parametrize("batch", [0, 1, 3])
def test_batches_of_every_size(batch: int, compute: Any) -> None:
    x = gc.placeholder(gc.float32, ("n", 2, "h", "w"))
    y = gc.nn.max_pool2d(x, 3, 2, padding="same")
    (slope,) = gc.gradients(gc.sum(y), x)
    assert y.shape == ("n", 2, "(h + 1)//2", "(w + 1)//2")
    value, back = compute([y, slope], {x: np.zeros((batch, 2, 4, 5))})
    assert value.shape == (batch, 2, 2, 3)
    np.testing.assert_allclose(back.sum(), value.size, rtol=1e-6)


@pytest.mark.parametrize(
    ("given", "error", "text"),
    [
        ({"x": (8,)}, ShapeError, "needs 2 spatial dims"),
        ({"size": 9}, ShapeError, "larger than spatial dim 0, which has 8"),
        ({"size": 0}, AttributeValueError, "size must be at least 1"),
        ({"size": (2, 2, 2)}, AttributeValueError, "one for each of 2 dims"),
        ({"padding": 2}, AttributeValueError, "padding 2 must be less than the size 2"),
        ({"padding": "full"}, AttributeValueError, "'same' or 'valid'"),
        ({"stride": 0}, AttributeValueError, "stride must be at least 1"),
        ({"dtype": gc.bool}, DTypeError, "not bool"),
    ],
)
@pytest.mark.parametrize("name", ["max_pool2d", "avg_pool2d"])
def test_arguments_that_do_not_fit(
    name: str, given: dict[str, Any], error: Any, text: str, fails: Callable[..., Any]
) -> None:
    given = {"size": 2, **given}
    function = getattr(gc.nn, name)
    x = gc.placeholder(given.pop("dtype", gc.float32), given.pop("x", (1, 1, 8, 8)))
    with fails(error, text, op=name):
        function(x, **given)


def test_means_are_of_floats(fails: Callable[..., Any]) -> None:
    x = gc.placeholder(gc.int32, (1, 1, 8))
    with fails(DTypeError, "needs floating point, not int32", op="avg_pool1d"):
        gc.nn.avg_pool1d(x, 2)


def test_global_pools_need_spatial_dims(fails: Callable[..., Any]) -> None:
    x = gc.placeholder(gc.float32, (2, 3))
    with fails(ShapeError, "batch, channels and spatial dims", op="global_avg_pool"):
        gc.nn.global_avg_pool(x)


@pytest.mark.parametrize(
    ("sizes", "size", "stride", "padding", "starts"),
    [
        ((7,), 2, 2, 0, [0, 2, 4, 6]),
        ((7,), 3, 2, 1, [-1, 1, 3, 5]),  # the windows end with the padding
        ((8,), 3, 2, 1, [-1, 1, 3, 5, 7]),
        ((6,), 2, 4, 1, [-1, 3]),  # one more would begin in padding
        ((5,), 3, 3, 0, [0, 3]),
    ],
)
def test_ceil_mode(
    sizes: Any, size: int, stride: int, padding: int, starts: list[int], compute: Any
) -> None:
    data = distinct((2, *sizes))
    x = gc.placeholder(gc.float64, ("n", *sizes))
    n = sizes[0]
    parts = [(max(a, 0), min(a + size, n), min(a + size, n + padding) - a) for a in starts]
    settings: Any = {"stride": stride, "padding": padding, "ceil_mode": True}
    found = compute(
        [
            gc.nn.max_pool1d(x, size, **settings),
            gc.nn.avg_pool1d(x, size, **settings),
            gc.nn.avg_pool1d(x, size, **settings, count_include_pad=False),
        ],
        {x: data},
    )
    sums = np.stack([data[:, a:b].sum(-1) for a, b, _ in parts], -1)
    maxima = np.stack([data[:, a:b].max(-1) for a, b, _ in parts], -1)
    np.testing.assert_array_equal(found[0], maxima)
    np.testing.assert_allclose(found[1], sums / [count for *_, count in parts])
    np.testing.assert_allclose(found[2], sums / [b - a for a, b, _ in parts])
    check_gradients(compute, lambda x: gc.nn.max_pool1d(x, size, **settings), [data])


def test_dilated_windows(compute: Any) -> None:
    data = distinct((2, 9))
    x = gc.placeholder(gc.float64, ("n", 9))
    found = compute(gc.nn.max_pool1d(x, 3, 1, 0, 2), {x: data})
    parts = [data[:, :5], data[:, 2:7], data[:, 4:]]
    np.testing.assert_array_equal(found, np.max(parts, 0))


def test_ceil_mode_needs_known_sizes(fails: Callable[..., Any]) -> None:
    x = gc.placeholder(gc.float64, ("n", "w"))
    with fails(ShapeError, "known sizes", op="max_pool1d"):
        gc.nn.max_pool1d(x, 2, ceil_mode=True)
