"""Holding the same thing, computed in several ways, against each other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
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

    def gradients(
        self,
        found: Mapping[str, Array],
        by_hand: Iterable[Array],
        plain: Callable[..., Any],
        given: Mapping[str, Array],
    ) -> None:
        """The gradient of plain(**given), against one worked out by hand and differences."""
        for (name, own), other in zip(found.items(), by_hand, strict=True):

            def along(x: Array, name: str = name) -> Any:
                return plain(**{**given, name: x})

            self.compare(f"gradient by {name}, by hand", own, other)
            differences = central_differences(along, given[name])
            self.compare(f"gradient by {name}, by central differences", own, differences, 1e-8)

    def checked(self, report: GradientCheck) -> None:
        """What `gc.check_gradients` finds, which holds derivatives against differences."""
        worst = max(row.error for row in report.rows)
        modes = ", ".join(dict.fromkeys(row.mode for row in report.rows))
        self._note(f"gc.check_gradients ({modes}): difference {worst:.1e}", report.ok)

    def _note(self, text: str, agrees: bool) -> None:
        self.ok &= agrees
        print(f"  {'agree   ' if agrees else 'DISAGREE'}  {text}")

    @property
    def exit_status(self) -> int:
        return 0 if self.ok else 1


def central_differences(f: Callable[..., Any], x: Array, step: float = 1e-5) -> Array:
    """The Jacobian of a function, element of x by element; of shape f(x).shape + x.shape."""
    units = np.eye(x.size).reshape(x.size, *x.shape)
    columns = [(f(x + step * unit) - f(x - step * unit)) / (2 * step) for unit in units]
    found = np.stack(columns, axis=-1)
    return found.reshape(*found.shape[:-1], *x.shape)
