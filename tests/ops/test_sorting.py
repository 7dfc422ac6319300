"""Order among NaN, equal elements and signed zeros."""

from __future__ import annotations

import numpy as np

from tests.ops.applying import apply

INF, NAN = np.inf, np.nan


def test_nan_comes_last() -> None:
    x = [1.0, NAN, -INF, NAN, INF]
    np.testing.assert_array_equal(apply("sort", x, axis=0), [-INF, 1, INF, NAN, NAN])
    np.testing.assert_array_equal(apply("argsort", x, axis=0), [2, 0, 4, 1, 3])


def test_equal_elements_stay_in_order() -> None:
    x = [1.0, 0.0, 1.0, -0.0, 1.0]
    np.testing.assert_array_equal(apply("argsort", x, axis=0), [1, 3, 0, 2, 4])
    np.testing.assert_array_equal(np.signbit(apply("sort", x, axis=0)[:2]), [False, True])
