from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphc as gc

pytestmark = pytest.mark.usefixtures("graph")

DATA = np.array([[3.0, 1.0, 3.0, -2.0], [0.0, 0.0, 1.0, 0.0], [5.0, 4.0, 5.0, 4.0]])


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_sort(axis: int, descending: bool, compute: Any) -> None:
    x = gc.placeholder(gc.float64, ("n", "m"))
    expected = np.sort(DATA, axis)
    found = compute(gc.sort(x, axis=axis, descending=descending), {x: DATA})
    np.testing.assert_array_equal(found, np.flip(expected, axis) if descending else expected)


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_argsort_keeps_the_order_of_equal_elements(
    axis: int, descending: bool, compute: Any
) -> None:
    x = gc.placeholder(gc.float64, ("n", 4))
    found = compute(gc.argsort(x, axis=axis, descending=descending), {x: DATA})
    expected = np.argsort(-DATA if descending else DATA, axis, stable=True)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("size", [0, 1])
def test_little_to_sort(size: int, compute: Any) -> None:
    x = gc.placeholder(gc.float32, ("n",))
    data = np.ones(size)
    for descending in (False, True):
        results = [f(x, descending=descending) for f in (gc.sort, gc.argsort)]
        values, places = compute(results, {x: data})
        np.testing.assert_array_equal(values, data)
        np.testing.assert_array_equal(places, np.arange(size))


def test_nan_counts_as_the_greatest(compute: Any) -> None:
    x = gc.placeholder(gc.float32, (4,))
    found = compute([gc.sort(x), gc.sort(x, descending=True)], {x: [2, np.nan, -np.inf, 1]})
    np.testing.assert_array_equal(found[0], [-np.inf, 1, 2, np.nan])
    np.testing.assert_array_equal(found[1], [np.nan, 2, 1, -np.inf])
