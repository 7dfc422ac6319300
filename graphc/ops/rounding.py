"""Rounding to integers, within floating point."""

from __future__ import annotations

import numpy as np

from graphc.ir.dtypes import FLOATS
from graphc.ops.declaring import STEP, elementwise

_JUMPS = tuple(half / 2 for half in range(-5, 6))

for _name, _reference, _doc in (
    ("floor", np.floor, "The greatest integer that is not greater."),
    ("ceil", np.ceil, "The least integer that is not less."),
    ("trunc", np.trunc, "The integer part, towards zero."),
    ("round", np.rint, "The nearest integer; halves go to the even one."),
):
    elementwise(
        _name, _doc, dtypes=FLOATS, reference=_reference, derivative=STEP, avoid=_JUMPS,
        exact=True,
    )  # fmt: skip
