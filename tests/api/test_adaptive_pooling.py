from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import AttributeValueError, DTypeError, ShapeError
from tests.api.differences import check_gradients

pytestmark = pytest.mark.usefixtures("graph")

DATA = np.random.default_rng(0).permutation(2 * 5 * 7).reshape(2, 5, 7) / 10.0


def windows(size: int, count: int) -> list[slice]:
    return [slice(k * size // count, -(-(k + 1) * size // count)) for k in range(count)]


@pytest.mark.parametrize("counts", [(2, 3), (5, 7), (1, 1), (7, 4), (None, 2), 3])
@pytest.mark.parametrize("name", ["avg", "max"])
def test_planes(counts: Any, name: str, compute: Any) -> None:
    function = getattr(gc.nn, f"adaptive_{name}_pool2d")
    x = gc.placeholder(gc.float64, ("n", 5, 7))
    pair = counts if isinstance(counts, tuple) else (counts, counts)
    rows, columns = (windows(n, n if k is None else k) for n, k in zip((5, 7), pair, strict=True))
    combine = np.mean if name == "avg" else np.max
    wanted = [[combine(DATA[:, a, b], (1, 2)) for b in columns] for a in rows]
    found = compute(function(x, counts), {x: DATA})
    np.testing.assert_allclose(found, np.moveaxis(wanted, -1, 0))
    check_gradients(compute, lambda x: function(x, counts), [DATA])


@pytest.mark.parametrize("name", ["avg", "max"])
def test_lines_and_spaces(name: str, compute: Any) -> None:
    combine = np.mean if name == "avg" else np.max
    x = gc.placeholder(gc.float64, (2, 5, 7))
    line = getattr(gc.nn, f"adaptive_{name}_pool1d")(x, 3)
    wanted = [combine(DATA[..., part], -1) for part in windows(7, 3)]
    np.testing.assert_allclose(compute(line, {x: DATA}), np.stack(wanted, -1))
    whole = getattr(gc.nn, f"adaptive_{name}_pool3d")(x, 1)
    np.testing.assert_allclose(compute(whole, {x: DATA}), combine(DATA).reshape(1, 1, 1))


def test_what_does_not_fit(fails: Callable[..., Any]) -> None:
    x = gc.placeholder(gc.float64, (3, 4, "w"))
    with fails(ShapeError, "known sizes, not w", op="adaptive_avg_pool1d"):
        gc.nn.adaptive_avg_pool1d(x, 2)
    with fails(AttributeValueError, "one for each of 2 dims", op="adaptive_max_pool2d"):
        gc.nn.adaptive_max_pool2d(x, (1, 2, 3))
    with fails(DTypeError, "floating point", op="adaptive_max_pool1d"):
        gc.nn.adaptive_max_pool1d(gc.placeholder(gc.int32, (4,)), 2)
