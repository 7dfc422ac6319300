"""Logic on bools and bit patterns on integers."""

from __future__ import annotations

import numpy as np

from graphc.ir.dtypes import INTEGERS, bool_
from graphc.ir.opdef import Array
from graphc.ops.declaring import DISCRETE, elementwise, scalar_element

BITS = (bool_, *INTEGERS)

_LOGICAL: tuple[tuple[str, str, np.ufunc, int, str], ...] = (
    ("logical_and", "and", np.logical_and, 2, "Whether both hold."),
    ("logical_or", "or", np.logical_or, 2, "Whether one holds or both."),
    ("logical_xor", "xor", np.logical_xor, 2, "Whether exactly one holds."),
    ("logical_not", "not", np.logical_not, 1, "Whether it does not hold."),
)
for _name, _scalar, _reference, _arity, _doc in _LOGICAL:
    elementwise(
        _name, _doc, arity=_arity, dtypes=(bool_,), reference=_reference, derivative=DISCRETE,
        lowering=scalar_element(_scalar), exact=True, commutative=_arity == 2,
    )  # fmt: skip

_BITWISE: tuple[tuple[str, str, np.ufunc, int, str], ...] = (
    ("bitwise_and", "and", np.bitwise_and, 2, "Bits set in both."),
    ("bitwise_or", "or", np.bitwise_or, 2, "Bits set in one or both."),
    ("bitwise_xor", "xor", np.bitwise_xor, 2, "Bits set in exactly one."),
    ("bitwise_invert", "not", np.bitwise_not, 1, "Every bit changed."),
)
for _name, _scalar, _reference, _arity, _doc in _BITWISE:
    elementwise(
        _name, _doc, arity=_arity, dtypes=BITS, reference=_reference, derivative=DISCRETE,
        lowering=scalar_element(_scalar), exact=True, commutative=_arity == 2,
    )  # fmt: skip


def _in_width(x: Array, y: Array) -> Array:
    return np.asarray((y >= 0) & (y < x.dtype.itemsize * 8))


def _shift_left(x: Array, y: Array) -> Array:
    return np.where(_in_width(x, y), np.left_shift(x, np.where(_in_width(x, y), y, 0)), 0).astype(
        x.dtype
    )


def _shift_right(x: Array, y: Array) -> Array:
    inside = _in_width(x, y)
    beyond = np.where(x < 0, -1, 0)
    return np.where(inside, np.right_shift(x, np.where(inside, y, 0)), beyond).astype(x.dtype)


elementwise(
    "shift_left", "Bits moved up; 0 when moved by the width or more (or by less than 0).",
    arity=2, dtypes=INTEGERS, reference=_shift_left, derivative=DISCRETE, low=0, high=6,
    exact=True, cost=3,
)  # fmt: skip
elementwise(
    "shift_right",
    "Bits moved down, keeping the sign; only the sign is left beyond the width (or below 0).",
    arity=2, dtypes=INTEGERS, reference=_shift_right, derivative=DISCRETE, low=0, high=6,
    exact=True, cost=3,
)  # fmt: skip
