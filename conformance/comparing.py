"""When two arrays count as equal.

Both programs compute in float64, but in other orders and with other approximations: a difference
is allowed of `relative` times the number and of `absolute` times the largest magnitude in its
array, or 1 if that is larger, since elements near 0 are often what is left of larger ones. A wrong
formula is off by far more. Gradients are compared more loosely, as they go through more steps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from conformance.case import Array


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far numbers may be apart."""

    relative: float
    absolute: float

    def times(self, slack: float) -> Tolerance:
        """The tolerance, wider by a factor."""
        return Tolerance(self.relative * slack, self.absolute * slack)


VALUES = Tolerance(1e-9, 1e-12)
GRADIENTS = Tolerance(1e-7, 1e-10)
#: For arrays that an operator makes of float32.
_SINGLE = Tolerance(1e-5, 1e-6)


def difference(found: Array, wanted: Array, tolerance: Tolerance) -> str:
    """What is wrong with an array; nothing if it agrees."""
    if found.dtype != wanted.dtype:
        return f"dtype {found.dtype} instead of {wanted.dtype}"
    if found.shape != wanted.shape:
        return f"shape {list(found.shape)} instead of {list(wanted.shape)}"
    if wanted.dtype.kind != "f":
        return _first(found, wanted, found != wanted)
    return _of_floats(found, wanted, _SINGLE if wanted.dtype == np.float32 else tolerance)


def _of_floats(found: Array, wanted: Array, tolerance: Tolerance) -> str:
    """NaN must stand where NaN stands, and infinities be the same."""
    finite = np.isfinite(wanted)
    apart = np.where(np.isnan(wanted), ~np.isnan(found), found != wanted)
    scale = max(1.0, float(np.max(np.abs(wanted[finite]), initial=0.0)))
    allowed = tolerance.relative * np.abs(wanted[finite]) + tolerance.absolute * scale
    # A NaN or infinity beside a finite number is further away than any tolerance.
    near = np.isfinite(found[finite]) & (np.abs(found[finite] - wanted[finite]) <= allowed)
    apart[finite] = ~near
    return _first(found, wanted, apart)


def _first(found: Array, wanted: Array, apart: Array) -> str:
    if not apart.any():
        return ""
    place = tuple(int(k) for k in np.argwhere(apart)[0])
    count = f"{np.count_nonzero(apart)} of {apart.size}"
    return f"{found[place]!s} instead of {wanted[place]!s} at {list(place)} ({count})"
