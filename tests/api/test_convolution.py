from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import AttributeValueError, DTypeError, GuardError, ShapeError
from tests.api.differences import check_gradients

pytestmark = pytest.mark.usefixtures("graph")

Array = np.ndarray[Any, Any]
CONV = {1: gc.nn.conv1d, 2: gc.nn.conv2d, 3: gc.nn.conv3d}
TRANSPOSED = {1: gc.nn.conv_transpose1d, 2: gc.nn.conv_transpose2d, 3: gc.nn.conv_transpose3d}

#: sizes of data, of the kernel, stride, padding as given, as pairs, dilation, groups
TABLE: list[tuple[Any, ...]] = [
    ((7,), (3,), 1, 0, [(0, 0)], 1, 1),
    ((7,), (2,), 2, 1, [(1, 1)], 1, 2),
    ((9,), (3,), (3,), [(2, 0)], [(2, 0)], 2, 1),
    ((8,), (3,), 2, "same", [(0, 1)], 1, 1),
    ((7,), (4,), 1, "same", [(1, 2)], 1, 1),
    ((5, 6), (3, 2), 1, "valid", [(0, 0), (0, 0)], 1, 1),
    ((5, 6), (3, 3), 1, 1, [(1, 1), (1, 1)], 1, 3),
    ((6, 7), (2, 3), (2, 1), (1, 2), [(1, 1), (2, 2)], (1, 2), 1),
    ((6, 5), (3, 1), (1, 3), [(0, 2), (1, 0)], [(0, 2), (1, 0)], (2, 1), 2),
    ((5, 9), (3, 3), 2, "same", [(1, 1), (1, 1)], 1, 1),
    ((4, 3, 5), (2, 3, 2), 1, (0, 1, 1), [(0, 0), (1, 1), (1, 1)], 1, 1),
    ((4, 5, 4), (2, 1, 2), (1, 2, 2), 0, [(0, 0)] * 3, (2, 1, 1), 2),
]
table = pytest.mark.parametrize(
    ("sizes", "kernel", "stride", "padding", "pairs", "dilation", "groups"), TABLE
)


def each(value: Any, rank: int) -> tuple[int, ...]:
    return tuple(value) if isinstance(value, tuple) else (value,) * rank


def convolved(x: Array, w: Array, stride: Any, pairs: Any, dilation: Any, groups: int) -> Array:
    """Every element of the result by its own sum over the window it looks at."""
    rank = x.ndim - 2
    strides, dilations = each(stride, rank), each(dilation, rank)
    x = np.pad(x, [(0, 0), (0, 0), *pairs])
    reach = [d * (k - 1) for d, k in zip(dilations, w.shape[2:], strict=True)]
    counts = [len(range(0, n - r, s)) for n, r, s in zip(x.shape[2:], reach, strides, strict=True)]
    result = np.zeros((len(x), len(w), *counts), x.dtype)
    inputs, outputs = w.shape[1], len(w) // groups
    for place in product(*map(range, counts)):
        start = [y * s for y, s in zip(place, strides, strict=True)]
        parts = zip(start, reach, dilations, strict=True)
        window = x[(..., *(slice(a, a + r + 1, d) for a, r, d in parts))]
        for o in range(len(w)):
            first = o // outputs * inputs
            seen = window[:, first : first + inputs]
            result[(slice(None), o, *place)] = np.sum(seen * w[o], axis=tuple(range(1, x.ndim)))
    return result


def draw(sizes: Any, kernel: Any, groups: int, seed: int = 0) -> tuple[Array, Array]:
    """Data of two channels a group, and weights for three outputs a group."""
    rng = np.random.default_rng(seed)
    x, w = (2, 2 * groups, *sizes), (3 * groups, 2, *kernel)
    return rng.normal(size=x), rng.normal(size=w)


@table
def test_against_sums_over_windows(
    sizes: Any, kernel: Any, stride: Any, padding: Any, pairs: Any, dilation: Any, groups: int,
    compute: Any,
) -> None:  # fmt: skip
    x, w = draw(sizes, kernel, groups)
    function = CONV[len(sizes)]
    expected = convolved(x, w, stride, pairs, dilation, groups)
    for dims in (x.shape, ("n", x.shape[1], *"hwd"[: len(sizes)])):
        data = gc.placeholder(gc.float64, dims)
        y = function(data, w, stride, padding, dilation, groups)
        np.testing.assert_allclose(compute(y, {data: x}), expected, rtol=1e-12, atol=1e-12)


@table
def test_gradients(
    sizes: Any, kernel: Any, stride: Any, padding: Any, pairs: Any, dilation: Any, groups: int,
    compute: Any,
) -> None:  # fmt: skip
    x, w = draw(sizes, kernel, groups)
    conv = CONV[len(sizes)]
    check_gradients(compute, lambda x, w: conv(x, w, stride, padding, dilation, groups), [x, w])


@table
def test_transposed_convolution_is_the_adjoint(
    sizes: Any, kernel: Any, stride: Any, padding: Any, pairs: Any, dilation: Any, groups: int,
    compute: Any,
) -> None:  # fmt: skip
    """<conv(x, w), g> == <x, conv_transpose(g, w)>, with output_padding to come to x's size."""
    x, w = draw(sizes, kernel, groups)
    g = np.random.default_rng(1).normal(size=convolved(x, w, stride, pairs, dilation, groups).shape)
    rank = len(sizes)
    parts = zip(
        g.shape[2:], sizes, kernel, each(stride, rank), each(dilation, rank), pairs, strict=True
    )
    extra = tuple(
        size + low + high - d * (k - 1) - 1 - (count - 1) * s
        for count, size, k, s, d, (low, high) in parts
    )
    numbers = padding if not isinstance(padding, str) else pairs
    for dims in (g.shape, ("n", g.shape[1], *"hwd"[:rank])):
        data = gc.placeholder(gc.float64, dims)
        y = TRANSPOSED[rank](data, w, stride, numbers, extra, dilation, groups)
        back = compute(y, {data: g})
        assert back.shape == x.shape
        left = np.sum(convolved(x, w, stride, pairs, dilation, groups) * g)
        np.testing.assert_allclose(np.sum(back * x), left, rtol=1e-10)


def test_gradients_of_transposed_convolution(compute: Any) -> None:
    rng = np.random.default_rng(0)
    x, w, bias = rng.normal(size=(2, 4, 3, 4)), rng.normal(size=(4, 3, 3, 2)), rng.normal(size=6)
    check_gradients(
        compute,
        lambda x, w, b: gc.nn.conv_transpose2d(x, w, (2, 3), 1, 1, (1, 2), 2, bias=b),
        [x, w, bias],
    )


def test_depthwise(compute: Any) -> None:
    """As many groups as channels: each channel by itself."""
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(2, 3, 6, 6)), rng.normal(size=(3, 1, 3, 3))
    data = gc.placeholder(gc.float64, ("n", 3, 6, 6))
    found = compute(gc.nn.conv2d(data, w, padding=1, groups=3), {data: x})
    for c in range(3):
        alone = convolved(x[:, c : c + 1], w[c : c + 1], 1, [(1, 1)] * 2, 1, 1)
        np.testing.assert_allclose(found[:, c : c + 1], alone, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("batch", [0, 1, 3])
def test_batches_of_every_size(batch: int, compute: Any) -> None:
    data = gc.placeholder(gc.float32, ("n", 2, "h", "w"))
    w = gc.constant(np.ones((3, 2, 3, 3), np.float32))
    y = gc.nn.conv2d(data, w, padding="same", stride=2)
    (dx,) = gc.gradients(gc.sum(y), data)
    assert y.shape == ("n", 3, "(h + 1)//2", "(w + 1)//2")
    value, slope = compute([y, dx], {data: np.ones((batch, 2, 5, 8))})
    assert value.shape == (batch, 3, 3, 4)
    assert slope.shape == (batch, 2, 5, 8)


def test_bias_and_dtypes(compute: Any) -> None:
    x = gc.placeholder(gc.int32, (1, 1, 3))
    y = gc.nn.conv1d(x, np.array([[[1, 2]], [[0, 1]]], np.int8), bias=np.array([10, 20], np.int8))
    assert y.dtype is gc.int32
    np.testing.assert_array_equal(
        compute(y, {x: [[[1, 2, 3]]]}), [[[1 + 4 + 10, 2 + 6 + 10], [22, 23]]]
    )
    with pytest.raises(DTypeError, match="astype"):
        gc.nn.conv1d(x, np.ones((1, 1, 2), np.float32))


ARGUMENTS: list[tuple[dict[str, Any], type[gc.errors.GraphcError], str]] = [
    ({"x": (2, 3, 8)}, ShapeError, "x needs 4 dims, 2 of them spatial, not f32[2, 3, 8]"),
    ({"w": (4, 3, 3)}, ShapeError, "w needs 4 dims, 2 of them spatial"),
    ({"w": (4, 2, 3, 3)}, ShapeError, "w's dim 1 must fit the 3 channels a group of x"),
    ({"w": (4, 3, 9, 3)}, ShapeError, "over 9 elements is larger than spatial dim 0, which has 8"),
    ({"w": (4, 3, 3, 3), "dilation": 4}, ShapeError, "over 9 elements"),
    ({"groups": 2}, AttributeValueError, "3 channels do not divide into 2 groups"),
    ({"groups": 3, "w": (4, 1, 3, 3)}, AttributeValueError, "4 outputs do not divide into 3"),
    ({"groups": 0}, AttributeValueError, "groups must be at least 1"),
    ({"stride": 0}, AttributeValueError, "stride must be at least 1"),
    ({"stride": (1, 2, 1)}, AttributeValueError, "one for each of 2 dims"),
    ({"stride": 1.5}, AttributeValueError, "stride must be an integer, not 1.5"),
    ({"padding": -1}, AttributeValueError, "must not be negative"),
    ({"padding": "full"}, AttributeValueError, "numbers, 'same' or 'valid', not 'full'"),
    ({"padding": (1, 2, 3)}, AttributeValueError, "(before, after) for each"),
    ({"padding": ((1, 2, 3), 1)}, AttributeValueError, "(before, after) for each"),
    ({"bias": np.ones(3, np.float32)}, ShapeError, "one number for each of 4 outputs"),
]


@pytest.mark.parametrize(("given", "error", "text"), ARGUMENTS)
def test_arguments_that_do_not_fit(
    given: dict[str, Any], error: Any, text: str, fails: Callable[..., Any]
) -> None:
    given = dict(given)
    x = gc.placeholder(gc.float32, given.pop("x", (2, 3, 8, 8)))
    w = gc.placeholder(gc.float32, given.pop("w", (4, 3, 3, 3)))
    with fails(error, text, op="conv2d"):
        gc.nn.conv2d(x, w, **given)


@pytest.mark.parametrize(
    ("given", "error", "text"),
    [
        ({"w": (4, 2, 3, 3)}, ShapeError, "w's dim 0 must fit the 3 channels of x"),
        ({"output_padding": 1}, AttributeValueError, "less than the stride or the dilation"),
        ({"output_padding": -1}, AttributeValueError, "at least 0"),
        ({"padding": "same"}, AttributeValueError, "must be one number"),
        ({"padding": 5}, ShapeError, "leaves nothing of the result"),
        ({"groups": 2}, AttributeValueError, "3 channels do not divide into 2 groups"),
    ],
)
def test_arguments_of_transposed_convolution(
    given: dict[str, Any], error: Any, text: str, fails: Callable[..., Any]
) -> None:
    given = dict(given)
    x = gc.placeholder(gc.float32, (2, 3, 8, 8))
    w = gc.placeholder(gc.float32, given.pop("w", (3, 2, 3, 3)))
    with fails(error, text, op="conv_transpose2d"):
        gc.nn.conv_transpose2d(x, w, **given)


def test_a_window_that_does_not_fit_is_an_error_when_fed(graph: gc.Graph) -> None:
    x = gc.placeholder(gc.float32, (1, 1, "h"), name="x")
    y = gc.nn.conv1d(x, np.ones((1, 1, 3), np.float32))
    with gc.Session(graph) as session:
        data = np.ones((1, 1, 3), np.float32)
        np.testing.assert_array_equal(session.run(y, {x: data}), [[[3]]])
        with pytest.raises(GuardError, match=r"h - 3 is -1 by x \(axis 2\)"):
            session.run(y, {x: data[:, :, :2]})
