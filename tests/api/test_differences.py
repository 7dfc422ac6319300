from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import AttributeValueError, DTypeError
from tests.api.differences import check_gradients

pytestmark = pytest.mark.usefixtures("graph")

DATA = np.random.default_rng(0).normal(size=(4, 5))


@pytest.mark.parametrize("n", [0, 1, 2, 4, 6])
@pytest.mark.parametrize("axis", [0, -1])
def test_diff(n: int, axis: int, compute: Any) -> None:
    expected = np.diff(DATA, n, axis)
    for shape in ((4, 5), ("m", "n")):
        x = gc.placeholder(gc.float64, shape)
        found = compute(gc.diff(x, axis=axis, n=n), {x: DATA})
        np.testing.assert_allclose(found, expected)


def test_diff_of_what_is_joined_and_of_bool(compute: Any) -> None:
    x, b = gc.placeholder(gc.float64, (4, 5)), gc.placeholder(gc.bool_, (3,))
    joined = gc.diff(x, axis=0, prepend=np.ones((1, 5)), append=np.zeros((2, 5)))
    expected = np.diff(DATA, axis=0, prepend=np.ones((1, 5)), append=np.zeros((2, 5)))
    np.testing.assert_allclose(compute(joined, {x: DATA}), expected)
    assert gc.diff(x, n=0, append=np.zeros((4, 1))).shape == (4, 5)
    assert compute(gc.diff(b), {b: [True, False, False]}).tolist() == [True, False]


@pytest.mark.parametrize("axis", [0, 1])
def test_areas(axis: int, compute: Any) -> None:
    y, x = gc.placeholder(gc.float64, ("m", 5)), gc.placeholder(gc.float64, ("m", 5))
    line = np.linspace(0.0, 2.0, DATA.shape[axis]) ** 2
    full = np.cumsum(np.abs(DATA) + 0.1, axis)
    for places, given in ((None, None), (line, line), (full, x)):
        expected = np.trapezoid(DATA, places, dx=1.0, axis=axis)
        feeds = {y: DATA, x: full} if given is x else {y: DATA}
        area = gc.trapezoid(y, given, axis=axis)
        np.testing.assert_allclose(compute(area, feeds), expected)
        running = compute(gc.cumulative_trapezoid(y, given, axis=axis), feeds)
        assert running.shape[axis] == DATA.shape[axis] - 1
        np.testing.assert_allclose(np.take(running, -1, axis), expected)
    wider = compute(gc.trapezoid(y, dx=0.5, axis=axis), {y: DATA})
    np.testing.assert_allclose(wider, np.trapezoid(DATA, dx=0.5, axis=axis))
    check_gradients(compute, lambda y, x: gc.trapezoid(y, x, axis=axis), [DATA, full])


def test_what_does_not_fit(fails: Callable[..., Any]) -> None:
    x = gc.placeholder(gc.int32, (4,))
    with fails(AttributeValueError, "n must be at least 0", op="diff"):
        gc.diff(x, n=-1)
    with fails(DTypeError, "floating point", op="trapezoid"):
        gc.trapezoid(x)
