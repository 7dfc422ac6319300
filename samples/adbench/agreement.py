"""Holding the same thing, computed in several ways, against each other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphc.inspection.gradient_check import GradientCheck

Array = np.ndarray[Any, Any]


class Agreement:
    """Prints how far ways of computing something are apart, and remembers whether all agree."""

    def __init__(self, title: str) -> None:
        self.ok = True
        print(title)

    def compare(self, what: str, found: Any, wanted: Any, tolerance: float = 1e-11) -> None:
        """The largest difference, relative to the largest magnitude of what is wanted."""
        found, wanted = np.asarray(found), np.asarray(wanted)
        assert found.shape == wanted.shape, (what, found.shape, wanted.shape)
        largest = np.abs(wanted).max(initial=np.finfo(wanted.dtype).tiny)
        difference = float(np.abs(found - wanted).max(initial=0) / largest)
        self._note(f"{what}: difference {difference:.1e}", difference <= tolerance)

    def checked(self, what: str, report: GradientCheck) -> None:
        """Derivatives along random directions, held against differences by `gc.check_gradients`."""
        worst = max(row.error for row in report.rows)
        directions = f"{len(report.rows)} along random directions"
        self._note(f"{what}: {directions}, difference {worst:.1e}", report.ok)

    def _note(self, text: str, agrees: bool) -> None:
        self.ok &= agrees
        print(f"  {'agree   ' if agrees else 'DISAGREE'}  {text}")

    @property
    def exit_status(self) -> int:
        return 0 if self.ok else 1


def central_differences(f: Callable[[Array], Array], x: Array, step: float = 1e-5) -> Array:
    """The Jacobian of a function of a vector, column by column; of shape f(x).shape + x.shape."""
    columns = [(f(x + step * e) - f(x - step * e)) / (2 * step) for e in np.eye(len(x))]
    return np.stack(columns, axis=-1)
