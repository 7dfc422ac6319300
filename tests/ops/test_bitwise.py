"""Shifts beyond the width."""

from __future__ import annotations

import numpy as np
import pytest

from graphc.ir.dtypes import INTEGERS, DType, int8, uint8
from tests.ops.applying import apply


@pytest.mark.parametrize("name, value, by, expected", [
    ("shift_left", [1, 1, 1, 1, -1], [7, 8, 100, -1, 3], [-128, 0, 0, 0, -8]),
    ("shift_right", [-128, -128, 127, 127, -1], [7, 8, 8, -1, -1], [-1, -1, 0, 0, -1]),
])  # fmt: skip
def test_shifts_of_signed_numbers(
    name: str, value: list[int], by: list[int], expected: list[int]
) -> None:
    np.testing.assert_array_equal(apply(name, value, by, of=int8), expected)


def test_shifts_of_unsigned_numbers() -> None:
    np.testing.assert_array_equal(
        apply("shift_left", [255, 255, 1], [1, 8, 7], of=uint8), [254, 0, 128]
    )
    np.testing.assert_array_equal(apply("shift_right", [255, 255], [7, 8], of=uint8), [1, 0])


@pytest.mark.parametrize("dtype", INTEGERS, ids=str)
@pytest.mark.parametrize("name", ["shift_left", "shift_right"])
def test_a_shift_by_the_width_leaves_nothing(name: str, dtype: DType) -> None:
    assert apply(name, 5, dtype.bits, of=dtype) == 0
