"""Outcome: what a sample finds, held against what it should find, a line each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass
class Outcome:
    """Prints each finding with its verdict; `status` is for `sys.exit`: 0 if all are right."""

    wrong: list[str] = field(default_factory=list)

    @property
    def status(self) -> int:
        return 1 if self.wrong else 0

    def equal(self, what: str, found: Any, wanted: Any) -> None:
        """Right if shapes and all elements are the same; prints what is found."""
        found, wanted = np.asarray(found), np.asarray(wanted)
        is_right = found.shape == wanted.shape and bool(np.all(found == wanted))
        values = np.array2string(found, precision=6, separator=", ", threshold=8, edgeitems=2)
        self.holds(f"{what}: {values}", is_right, f"wanted {wanted}")

    def near(self, what: str, found: Any, wanted: Any, tolerance: float) -> None:
        """Right if shapes are the same and the error is at most `tolerance`; prints the error.

        The error is the largest difference, relative to the largest magnitude that is wanted.
        """
        found, wanted = np.asarray(found), np.asarray(wanted)
        if found.shape != wanted.shape:
            self.holds(what, False, f"has shape {found.shape}, wanted {wanted.shape}")
            return
        error = float(np.abs(found - wanted).max() / np.abs(wanted).max())
        text = f"found {found}, wanted {wanted}, to {tolerance:.1e}"
        self.holds(f"{what}: error {error:.1e}", error <= tolerance, text)

    def holds(self, what: str, is_right: bool, otherwise: str = "") -> None:
        """Right if told so; `otherwise` is printed if not."""
        print(f"  {'right' if is_right else 'WRONG'}  {what}")
        if not is_right:
            print(f"         {otherwise}")
            self.wrong.append(what)
