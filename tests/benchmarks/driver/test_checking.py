from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from benchmarks.driver.checking import DifferenceError, check, largest_difference
from benchmarks.families.registry import WORKLOADS

WORKLOAD = WORKLOADS["fused_elementwise"]  # tolerates 1e-5 in float32


def floats(*numbers: float) -> Any:
    return np.array(numbers, np.float32)


def test_a_difference_is_relative_to_the_largest_magnitude_of_its_array() -> None:
    found = [floats(1, 100), floats(0.5)]
    wanted = [floats(1, 102), floats(1)]
    assert largest_difference(found[:1], wanted[:1]) == pytest.approx(2 / 102)
    assert largest_difference(found, wanted) == pytest.approx(0.5)
    assert largest_difference([floats(0.25)], [floats(0)]) == 0.25
    assert largest_difference([floats()], [floats()]) == 0


def test_what_is_close_enough_passes() -> None:
    assert 0 < check([floats(1 + 5e-6)], [floats(1)], WORKLOAD, "float32", "the reference") < 1e-5


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ([floats(1 + 5e-5)], "differs from the reference by 4.99e-05, where 1e-05 is tolerated"),
        ([floats(np.nan)], "differs from the reference by nan"),
        ([floats(np.inf)], "differs from the reference by inf"),
        ([floats(1, 1)], r"result 0 is float32\[2\] instead of float32\[1\]"),
        ([floats(1).astype(np.float64)], r"result 0 is float64\[1\] instead of float32\[1\]"),
        ([], "0 results instead of 1"),
    ],
)
def test_what_is_not_close_enough_is_told(found: list[Any], message: str) -> None:
    with pytest.raises(DifferenceError, match=message):
        check(found, [floats(1)], WORKLOAD, "float32", "the reference")


def test_whole_numbers_have_to_be_equal() -> None:
    wanted, found = np.array([2**30]), np.array([2**30 + 1])
    check([wanted], [wanted], WORKLOAD, "int64", "it")
    with pytest.raises(DifferenceError):
        check([found], [wanted], WORKLOAD, "int64", "it")
