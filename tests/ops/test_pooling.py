"""Maxima and sums of windows: read one by one or reduced over, they are the same."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from graphc.autodiff.reverse import cotangents
from graphc.ir.dims import symbol
from graphc.ir.dtypes import float32
from graphc.ir.node import Node
from graphc.ops import ops, pooling
from graphc.ops.covering import covers
from graphc.ops.windows import Windows
from tests.native import run_native

#: (size of a window, stride, padding) along both dims
WINDOWS = [((3, 3), (2, 2), (1, 1)), ((3, 2), (1, 2), (1, 0)), ((2, 5), (3, 2), (0, 2))]


def pooled(op: str, kernel: tuple[int, ...], stride: tuple[int, ...], pad: tuple[int, ...]) -> Node:
    x = ops.placeholder(shape=(symbol("n"), 13, 21), dtype=float32, name="x")
    windows = Windows(stride, pad, pad, (1,) * len(kernel))
    return getattr(ops, op)(x, **windows.attrs, shape=kernel)  # type: ignore[no-any-return]


@pytest.mark.parametrize("op", ["window_max", "window_sum"])
@pytest.mark.parametrize(("kernel", "stride", "pad"), WINDOWS)
def test_one_by_one_or_all_at_once(
    op: str, kernel: tuple[int, ...], stride: tuple[int, ...], pad: tuple[int, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Values and gradients, where several elements of a window tie too."""
    draw = np.random.default_rng(0)
    result = pooled(op, kernel, stride, pad)
    g = ops.placeholder(shape=result.shape, dtype=float32, name="g")
    feeds = {
        result.inputs[0]: draw.integers(-4, 5, (2, 13, 21)).astype(np.float32),
        g: draw.normal(size=(2, *result.shape[1:])).astype(np.float32),
    }
    found = []
    for most in (pooling.MOST, 0):
        monkeypatch.setattr(pooling, "MOST", most)
        (slope,) = cotangents([result], result.inputs, [g])
        assert slope is not None
        found.append(run_native([result, slope], feeds))
    for mine, other in zip(*found, strict=True):
        np.testing.assert_array_equal(mine, other)


@pytest.mark.parametrize(("kernel", "stride", "pad"), WINDOWS)
def test_windows_that_cover_an_element(
    kernel: tuple[int, ...], stride: tuple[int, ...], pad: tuple[int, ...]
) -> None:
    """Each of them is found once, by how far back it begins, and nothing else is."""
    result = pooled("window_sum", kernel, stride, pad)
    counts = [int(n) for n in result.shape[1:]]  # type: ignore[arg-type]
    numbers = 1 + np.arange(np.prod(counts), dtype=np.float32).reshape(1, *counts)
    windows = Windows.of(result)
    attrs = {**windows.attrs, "kernel": kernel, "shape": (13, 21)}
    g = ops.placeholder(shape=numbers.shape, dtype=float32, name="g")
    views = [ops.covering_window(g, **attrs, back=back) for back in covers(windows, kernel)]
    found = run_native(views, {g: numbers})
    for position in product(range(13), range(21)):
        steps = [*zip(position, stride, pad, kernel, strict=True)]
        expected = [
            numbers[0][window]
            for window in product(*map(range, counts))
            if all(0 <= i + p - y * s < k for y, (i, s, p, k) in zip(window, steps, strict=True))
        ]
        seen = [view[0][position] for view in found]
        assert sorted(value for value in seen if value) == sorted(expected)


def test_windows_with_gaps_are_not_read_one_by_one() -> None:
    assert covers(Windows((2,), (0,), (0,), (2,)), (3,)) == []
    assert covers(Windows((2,), (0,), (0,), (1,)), (symbol("k"),)) == []
    assert covers(Windows((2, 1), (0, 0), (0, 0), (1, 1)), (3, 2)) == [
        (0, 0),
        (0, 1),
        (1, 0),
        (1, 1),
    ]
