from __future__ import annotations

import pytest

from benchmarks.driver.limits import Limits, best_of, copy_bandwidth, largest_cache
from benchmarks.workload import Work

LIMITS = Limits(2, 40e9, {"float32": 400e9, "float64": 200e9})


@pytest.mark.parametrize(
    ("work", "dtype", "seconds"),
    [
        (Work(40_000_000), "float32", 1e-3),
        (Work(40, 400_000_000), "float32", 1e-3),
        (Work(40, 400_000_000), "float64", 2e-3),
        (Work(40_000_000, 10**18), "int32", 1e-3),  # whole numbers are not multiplied and added
    ],
)
def test_the_limit_is_what_takes_longer(work: Work, dtype: str, seconds: float) -> None:
    assert LIMITS.least_seconds(work, dtype) == pytest.approx(seconds)


def test_no_work_no_limit() -> None:
    assert LIMITS.least_seconds(None, "float32") is None


def test_disturbed_probes_do_not_count() -> None:
    disturbed = Limits(2, 50e9, {"float32": 100e9, "float64": 100e9})
    assert best_of([LIMITS, disturbed]) == Limits(2, 50e9, {"float32": 400e9, "float64": 200e9})


def test_the_probes_measure_something() -> None:
    assert copy_bandwidth(2, 1 << 20, repeats=2) > 1e8
    assert largest_cache() > 1 << 15
