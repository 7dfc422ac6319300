"""Conversions between dtypes at the ends of their ranges."""

from __future__ import annotations

import numpy as np
import pytest

from graphc.ir.dtypes import (
    DType,
    bool_,
    float32,
    float64,
    int8,
    int32,
    int64,
    uint8,
)
from tests.ops.applying import apply

INF, NAN = np.inf, np.nan


@pytest.mark.parametrize("value, dtype, expected", [
    (300.0, int8, 127), (-300.0, int8, -128), (-1.0, uint8, 0), (255.9, uint8, 255),
    (-0.9, int8, 0), (2.9, int32, 2), (-2.9, int32, -2), (1e30, int64, 2**63 - 1),
    (2.0**63, int64, 2**63 - 1), (-(2.0**63), int64, -(2**63)), (2.0**31, int32, 2**31 - 1),
    (NAN, int32, 0), (INF, int32, 2**31 - 1), (-INF, int64, -(2**63)), (INF, uint8, 255),
    (NAN, bool_, True), (0.0, bool_, False), (-0.0, bool_, False), (0.1, bool_, True),
], ids=str)  # fmt: skip
@pytest.mark.parametrize("source", [float32, float64], ids=str)
def test_casts_of_floats_stay_in_range(
    source: DType, value: float, dtype: DType, expected: int
) -> None:
    assert apply("astype", value, of=source, dtype=dtype).item() == expected


def test_casts_between_integers_wrap_around() -> None:
    found = apply("astype", [300, -1, 128], of=int32, dtype=uint8)
    np.testing.assert_array_equal(found, [44, 255, 128])


def test_floats_too_large_become_infinite() -> None:
    np.testing.assert_array_equal(apply("astype", [1e300, -1e300], dtype=float32), [INF, -INF])
