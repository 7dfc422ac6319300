"""Whether results of two programs are the same, up to a workload's tolerance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.workload import Array, Workload
from graphc.errors import BenchmarkError


class DifferenceError(BenchmarkError):
    """Results that are not the same."""


def largest_difference(found: Sequence[Array], wanted: Sequence[Array]) -> float:
    """The largest difference, relative to the largest magnitude in the wanted array concerned.

    NaN if there is one in either. DifferenceError for another number of arrays, another shape or
    another dtype.
    """
    if len(found) != len(wanted):
        raise DifferenceError(f"{len(found)} results instead of {len(wanted)}")
    differences = [_difference(k, a, b) for k, (a, b) in enumerate(zip(found, wanted, strict=True))]
    return float(np.max(differences, initial=0.0))


def _difference(position: int, found: Array, wanted: Array) -> float:
    if found.shape != wanted.shape or found.dtype != wanted.dtype:
        raise DifferenceError(
            f"result {position} is {found.dtype}{list(found.shape)} instead of "
            f"{wanted.dtype}{list(wanted.shape)}"
        )
    if not wanted.size:
        return 0.0
    exact = wanted.astype(np.float64)
    distance = float(np.max(np.abs(found.astype(np.float64) - exact)))
    scale = float(np.max(np.abs(exact)))
    return distance / scale if scale else distance


def check(
    found: Sequence[Array], wanted: Sequence[Array], workload: Workload, dtype: str, of: str
) -> float:
    """The largest difference; DifferenceError if it exceeds the workload's tolerance."""
    tolerance = workload.tolerance.get(dtype, 0.0)
    difference = largest_difference(found, wanted)
    if not difference <= tolerance:  # not so for NaN either
        raise DifferenceError(
            f"differs from {of} by {difference:.3g}, where {tolerance:g} is tolerated"
        )
    return difference
