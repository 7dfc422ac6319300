"""From what a user feeds to the array that machine code reads."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.codegen.executable import Input
from graphc.errors import DTypeError, FeedError
from graphc.ir.dtypes import DType, as_dtype

Array = np.ndarray[Any, Any]

#: The kinds of Python numbers that an array of each kind takes.
_TAKES = {"b": "b", "i": "i", "u": "i", "f": "if"}


def as_input(declared: Input, value: Any) -> Array:
    """The array of a feed, by the rules of `as_array`; FeedError says what is wrong with it."""
    try:
        return as_array(value, declared.dtype)
    except DTypeError as reason:
        raise FeedError(
            f"{declared.name} is declared as {declared.dtype.name}, but is fed {reason.message}",
            location=declared.location,
        ) from None


def as_array(value: Any, dtype: DType) -> Array:
    """A contiguous, aligned array in native byte order, of the given dtype; perhaps the value.

    Arrays, NumPy scalars and lists of them must have that dtype; another layout or byte order is
    converted. Python numbers and nested lists of them take it if they fit. DTypeError otherwise:
    its message says what the value is and, where it can, what to do.
    """
    if isinstance(value, np.ndarray | np.generic):
        return _from_array(value, dtype)
    if isinstance(value, bool | int | float | list | tuple):
        types = _leaf_types([value])
        if not any(issubclass(type_, np.ndarray | np.generic) for type_ in types):
            return _from_numbers(value, types, dtype)
    return _from_array(_exported(value), dtype)


def _from_array(value: Array | np.generic, dtype: DType) -> Array:
    masked = sys.modules.get("numpy.ma")  # slow to import; without it there is no such array
    if masked is not None and isinstance(value, masked.MaskedArray):
        raise DTypeError("a masked array; say what stands in its gaps with .filled(number)")
    if value.dtype.newbyteorder("=") != dtype.numpy:
        is_number = value.dtype.kind in "biuf"
        advice = f"; convert it with .astype(np.{dtype.numpy})" if is_number else ""
        raise DTypeError(f"an array of {_name(value.dtype)}{advice}")
    array = np.asarray(value, dtype.numpy, order="C")
    return array if array.flags.aligned else array.copy()


def _from_numbers(value: Any, types: set[type], dtype: DType) -> Array:
    if any(_kind(type_) not in _TAKES[dtype.kind] for type_ in types):
        raise DTypeError(_described(value))
    try:
        with np.errstate(over="raise"):
            return np.array(value, dtype.numpy)
    except (OverflowError, FloatingPointError):
        raise DTypeError(f"numbers out of its range ({_short(value)})") from None
    except ValueError:
        raise DTypeError(f"{_described(value)}, whose rows have different lengths") from None


def _exported(value: Any) -> Array:
    """The array that an object of another library says it is."""
    try:
        array = np.asarray(value)
    except Exception as error:  # whatever the object raises
        reason = getattr(error, "message", error)
        raise DTypeError(f"{_described(value)}, which is no array: {reason}") from None
    if array.dtype.kind in "OSU":
        raise DTypeError(_described(value))
    return array


def _leaf_types(value: Sequence[Any]) -> set[type]:
    """The types of what stands in nested lists and tuples."""
    types = set(map(type, value))
    if not any(issubclass(type_, list | tuple) for type_ in types):
        return types
    parts = (_leaf_types(p) if isinstance(p, list | tuple) else {type(p)} for p in value)
    return set[type]().union(*parts)


def _kind(type_: type) -> str:
    """The kind of a Python number, as in `DType.kind`."""
    kinds = {bool: "b", int: "i", float: "f"}
    return next((kind for number, kind in kinds.items() if issubclass(type_, number)), "?")


def _name(dtype: np.dtype[Any]) -> str:
    try:
        return as_dtype(dtype).name
    except DTypeError:
        return str(dtype)


def _described(value: Any) -> str:
    return f"{type(value).__name__} {_short(value)}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
