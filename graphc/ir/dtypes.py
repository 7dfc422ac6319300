"""Element types and how they mix."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphc.errors import DTypeError


@dataclass(frozen=True, slots=True, eq=False)
class DType:
    """One element type: its name, its short name in the text form, its kind and its size in bits.

    `kind` is `b` (bool), `u` (unsigned), `i` (signed) or `f` (floating point).
    """

    name: str
    short: str
    kind: str
    bits: int
    numpy: np.dtype[Any]

    def __repr__(self) -> str:
        return f"graphc.{self.name}"

    def __str__(self) -> str:
        return self.short

    def __reduce__(self) -> tuple[Callable[[str], DType], tuple[str]]:
        return from_short, (self.short,)  # dtypes are compared by identity, copies included

    @property
    def itemsize(self) -> int:
        """Bytes an element takes in memory (a bool takes one)."""
        return int(self.numpy.itemsize)

    @property
    def is_float(self) -> bool:
        return self.kind == "f"

    @property
    def is_integer(self) -> bool:
        return self.kind in "iu"

    @property
    def is_bool(self) -> bool:
        return self.kind == "b"

    @property
    def lowest(self) -> float | int | bool:
        """The identity of a maximum: minus infinity, the least integer, or False."""
        if self.is_float:
            return -np.inf
        return False if self.is_bool else int(np.iinfo(self.numpy).min)

    @property
    def highest(self) -> float | int | bool:
        """The identity of a minimum: infinity, the greatest integer, or True."""
        if self.is_float:
            return np.inf
        return True if self.is_bool else int(np.iinfo(self.numpy).max)


def _declare(name: str, short: str, kind: str, bits: int) -> DType:
    return DType(name, short, kind, bits, np.dtype(name))


bool_ = _declare("bool", "bool", "b", 1)
int8 = _declare("int8", "i8", "i", 8)
int16 = _declare("int16", "i16", "i", 16)
int32 = _declare("int32", "i32", "i", 32)
int64 = _declare("int64", "i64", "i", 64)
uint8 = _declare("uint8", "u8", "u", 8)
float32 = _declare("float32", "f32", "f", 32)
float64 = _declare("float64", "f64", "f", 64)

ALL: tuple[DType, ...] = (bool_, int8, int16, int32, int64, uint8, float32, float64)
FLOATS: tuple[DType, ...] = (float32, float64)
INTEGERS: tuple[DType, ...] = (int8, int16, int32, int64, uint8)

_BY_SHORT = {dtype.short: dtype for dtype in ALL}
_BY_NUMPY = {dtype.numpy: dtype for dtype in ALL}


def from_short(short: str) -> DType:
    """The dtype of a short name such as `f32`; DTypeError if there is none."""
    if short not in _BY_SHORT:
        raise DTypeError(f"unknown dtype {short!r}; graphc has {', '.join(_BY_SHORT)}")
    return _BY_SHORT[short]


def as_dtype(value: object) -> DType:
    """The dtype meant by a graphc dtype, a NumPy dtype or scalar type, or a name.

    >>> as_dtype(np.float32), as_dtype("int8")
    (graphc.float32, graphc.int8)
    """
    if isinstance(value, DType):
        return value
    if isinstance(value, str) and value in _BY_SHORT:
        return _BY_SHORT[value]
    try:
        dtype = np.dtype(value).newbyteorder("=")  # type: ignore[call-overload]
    except (TypeError, ValueError):
        dtype = None
    if value is None:  # which NumPy takes to mean float64
        dtype = None
    if dtype not in _BY_NUMPY:
        names = ", ".join(known.name for known in ALL)
        raise DTypeError(f"{value!r} is no graphc dtype; use one of {names}")
    return _BY_NUMPY[dtype]


def of_python_scalar(value: bool | int | float) -> DType:
    """The dtype a Python scalar takes when there is no tensor beside it."""
    if isinstance(value, bool):
        return bool_
    return int64 if isinstance(value, int) else float32


def promote(first: DType, second: DType) -> DType:
    """The common dtype of two tensors by the array API's promotion table.

    Dtypes of different kinds do not mix: DTypeError says to use `astype`.
    Source: array API standard 2024.12, "Type promotion rules".

    >>> promote(uint8, int8)
    graphc.int16
    """
    if first is second:
        return first
    kinds = {first.kind, second.kind}
    if len(kinds) == 1:
        return first if first.bits >= second.bits else second
    if kinds == {"u", "i"}:
        signed, unsigned = (first, second) if first.kind == "i" else (second, first)
        return signed if signed.bits > unsigned.bits else from_short(f"i{unsigned.bits * 2}")
    raise DTypeError(
        f"{first.name} and {second.name} are of different kinds and do not mix; "
        f"convert one of them with gc.astype(x, gc.{_wider(first, second).name})"
    )


def _wider(first: DType, second: DType) -> DType:
    order = "buif"
    return max(first, second, key=lambda dtype: (order.index(dtype.kind), dtype.bits))


def check_python_scalar(value: bool | int | float, dtype: DType) -> None:
    """Refuse a Python scalar that `dtype` cannot hold by kind or by range (DTypeError)."""
    kind = "b" if isinstance(value, bool) else "i" if isinstance(value, int) else "f"
    allowed = {"b": "b", "i": "iuf", "f": "f"}[kind]
    if dtype.kind not in allowed:
        raise DTypeError(
            f"the Python scalar {value!r} does not fit a {dtype.name} tensor; "
            "convert the tensor with gc.astype"
        )
    if dtype.is_integer and not np.iinfo(dtype.numpy).min <= value <= np.iinfo(dtype.numpy).max:
        raise DTypeError(f"the Python scalar {value!r} is out of the range of {dtype.name}")
