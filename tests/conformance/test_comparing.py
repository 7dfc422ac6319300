from __future__ import annotations

import numpy as np
import pytest

from conformance.comparing import GRADIENTS, VALUES, Tolerance, difference

ONE = np.ones(3)
NAN, INF = np.nan, np.inf


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        (ONE, ONE + 5e-10),
        (np.array([NAN, 1.0, -INF]), np.array([NAN, 1.0, -INF])),
        (np.array([1e-13, 5.0]), np.array([0.0, 5.0])),
        (np.array([1e6, 2e-7]), np.array([1e6, 0.0])),
        (np.zeros((0, 2)), np.zeros((0, 2))),
        (np.array([True, False]), np.array([True, False])),
        (ONE.astype(np.float32), (ONE + 1e-6).astype(np.float32)),
    ],
)
def test_equal_arrays(found: np.ndarray, wanted: np.ndarray) -> None:
    assert difference(found, wanted, VALUES) == ""


@pytest.mark.parametrize(
    ("found", "wanted", "reason"),
    [
        (ONE, ONE[:2], "shape [3] instead of [2]"),
        (ONE, ONE.astype(np.float32), "dtype float64 instead of float32"),
        (ONE, ONE + 1e-8, "at [0] (3 of 3)"),
        (np.array([1.0, 0.0]), np.array([1.0, NAN]), "0.0 instead of nan at [1] (1 of 2)"),
        (np.array([1.0, NAN]), np.array([1.0, 0.0]), "nan instead of 0.0"),
        (np.array([INF]), np.array([-INF]), "inf instead of -inf"),
        (np.array([INF]), np.array([1e300]), "inf instead of 1e+300"),
        (np.array([1e300]), np.array([INF]), "1e+300 instead of inf"),
        (np.array([[1, 2]]), np.array([[1, 3]]), "2 instead of 3 at [0, 1] (1 of 2)"),
        (np.array([True]), np.array([False]), "True instead of False"),
        (np.array(2.0), np.array(1.0), "2.0 instead of 1.0 at []"),
    ],
)
def test_different_arrays(found: np.ndarray, wanted: np.ndarray, reason: str) -> None:
    assert reason in difference(found, wanted, VALUES)


def test_derivatives_have_wider_bounds() -> None:
    assert difference(ONE, ONE + 5e-8, VALUES)
    assert not difference(ONE, ONE + 5e-8, GRADIENTS)
    assert not difference(ONE, ONE + 5e-8, VALUES.times(100))
    assert Tolerance(1.0, 2.0).times(3) == Tolerance(3.0, 6.0)
