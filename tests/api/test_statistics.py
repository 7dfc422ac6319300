from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import DTypeError, ShapeError
from tests.api.differences import check_gradients

pytestmark = pytest.mark.usefixtures("graph")

RNG = np.random.default_rng(0)
DATA = RNG.normal(size=(3, 6))
COUNTS, WEIGHTS = np.array([1, 2, 3, 1, 1, 4]), RNG.uniform(0.2, 2.0, 6)


@pytest.mark.parametrize("correction", [0, 1])
@pytest.mark.parametrize("counts", [None, COUNTS], ids=["once", "counted"])
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["even", "weighted"])
@pytest.mark.parametrize("data", [DATA, DATA[0]], ids=["rows", "one row"])
def test_cov(correction: int, counts: Any, weights: Any, data: Any, compute: Any) -> None:
    x = gc.placeholder(gc.float64, data.shape)
    found = gc.cov(x, correction=correction, frequencies=counts, weights=weights)
    expected = np.cov(data, ddof=correction, fweights=counts, aweights=weights)
    np.testing.assert_allclose(compute(found, {x: data}), expected)


def test_corrcoef(compute: Any) -> None:
    x = gc.placeholder(gc.float64, (3, "n"))
    np.testing.assert_allclose(compute(gc.corrcoef(x), {x: DATA}), np.corrcoef(DATA))
    assert compute(gc.corrcoef(x[0]), {x: DATA}) == pytest.approx(1.0)


def test_slopes(compute: Any) -> None:
    check_gradients(compute, lambda x, w: gc.cov(x, weights=w), [DATA, WEIGHTS])
    check_gradients(compute, lambda x: gc.corrcoef(x)[0, 1:], [DATA])


def test_what_does_not_fit(fails: Callable[..., Any]) -> None:
    with fails(ShapeError, "a vector or a matrix", op="cov"):
        gc.cov(gc.placeholder(gc.float64, (2, 3, 4)))
    with fails(DTypeError, "floating point", op="corrcoef"):
        gc.corrcoef(gc.placeholder(gc.int32, (2, 3)))
