"""Float32 results against float64 references: errors in ulps, and what is wrong regardless."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
Candidate: TypeAlias = tuple[float, tuple[int, ...]]
"""An error in ulps, and the bit patterns of its arguments."""

KEPT = 12
_BEYOND = 2.0**128
"""What would follow the largest float32: infinities stand for it, and are one ulp from that."""
_EXPONENT = np.int32(0x7F800000)
_LEAST, _LARGEST = np.int32(0x00800000), np.int32(0x7F000000)


def errors_in_ulps(computed: Array, exact: Array) -> Array:
    """Distances in units of the spacing of float32 numbers at the rounded exact result.

    `computed` is float32, `exact` float64. 0 where both are NaN; NaN where one is.
    """
    with np.errstate(all="ignore"):
        rounded = exact.astype(np.float32)
        errors = computed.astype(np.float64)
        errors -= exact
        errors *= 1.0 / _spacing(rounded)
        np.abs(errors, out=errors)
        if not errors.max(initial=0.0) < 2.0**20 or not np.isfinite(rounded).all():
            errors = _errors_at_ends(computed, exact, rounded)
    return errors


def _spacing(rounded: Array) -> Array:
    exponent = np.clip(rounded.view(np.int32) & _EXPONENT, _LEAST, _LARGEST)
    return exponent.view(np.float32).astype(np.float64) * 2.0**-23


def _errors_at_ends(computed: Array, exact: Array, rounded: Array) -> Array:
    """The same where some numbers are infinite or NaN."""
    ends = (np.clip(values, -_BEYOND, _BEYOND) for values in (computed.astype(np.float64), exact))
    errors = np.abs(np.subtract(*ends)) / _spacing(rounded)
    errors[np.isnan(computed) & np.isnan(exact)] = 0.0
    return np.asarray(errors)


@dataclass
class Tally:
    """What was found at some points; tallies add up."""

    points: int = 0
    wrong: Counter[str] = field(default_factory=Counter)
    """How often a NaN, an infinity or a sign is not what the reference says."""
    examples: dict[str, tuple[int, ...]] = field(default_factory=dict)
    worst: list[Candidate] = field(default_factory=list)
    """The largest errors, the largest first, no more than KEPT."""

    def add(self, other: Tally) -> None:
        """Add what was found at other points."""
        self.points += other.points
        self.wrong.update(other.wrong)
        self.examples = other.examples | self.examples
        self.worst = sorted(self.worst + other.worst, reverse=True)[:KEPT]

    def look(self, computed: Array, exact: Array, patterns: tuple[Array, ...]) -> None:
        """Compare results at the points of the patterns (uint32, one array per argument)."""
        errors = errors_in_ulps(computed, exact)
        self.points += computed.size
        with np.errstate(all="ignore"):
            rounded = exact.astype(np.float32)
        if np.count_nonzero((computed.view(np.int32) ^ rounded.view(np.int32)) < 0):
            signs = np.signbit(computed) != np.signbit(exact)
            self._note("sign", signs & ~np.isnan(computed) & ~np.isnan(exact), patterns)
        if not errors.max(initial=0.0) < np.inf:
            self._note("NaN", np.isnan(errors), patterns)
            errors = np.nan_to_num(errors, nan=0.0, posinf=np.inf)
        if not np.isfinite(rounded).all():
            missing = np.isinf(exact) & np.isfinite(computed)
            self._note("infinity", missing, patterns)
        self._keep_worst(errors, patterns)

    def _note(self, kind: str, where: Array, patterns: tuple[Array, ...]) -> None:
        count = int(np.count_nonzero(where))
        if count:
            self.wrong[kind] += count
            first = int(np.argmax(where))
            self.examples.setdefault(kind, tuple(int(array[first]) for array in patterns))

    def _keep_worst(self, errors: Array, patterns: tuple[Array, ...]) -> None:
        if len(self.worst) == KEPT and errors.max(initial=0.0) <= self.worst[-1][0]:
            return
        indices = np.arange(errors.size)
        if errors.size > KEPT:
            indices = np.argpartition(errors, -KEPT)[-KEPT:]
        found = [(float(errors[i]), tuple(int(array[i]) for array in patterns)) for i in indices]
        self.worst = sorted(self.worst + found, reverse=True)[:KEPT]
