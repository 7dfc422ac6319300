"""From what a user feeds to the array that machine code reads."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.codegen.executable import Input
from graphc.errors import FeedError
from graphc.ir.dtypes import as_dtype

Array = np.ndarray[Any, Any]


def as_input(declared: Input, value: Any) -> Array:
    """A contiguous array in native byte order, of the dtype that the input declares.

    Arrays (and NumPy scalars) must have that dtype; another layout or byte order is converted.
    Python numbers and lists take it if they fit. FeedError says what is wrong otherwise.
    """
    if isinstance(value, np.ndarray | np.generic):
        array = np.asarray(value)
        if array.dtype.newbyteorder("=") != declared.dtype.numpy:
            _refuse(declared, f"an array of {_name(array.dtype)}", _advice(declared, array))
        return np.ascontiguousarray(array, declared.dtype.numpy).reshape(array.shape)
    return _from_python(declared, value)


def _from_python(declared: Input, value: Any) -> Array:
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise FeedError(
            f"{declared.name} is fed something that is no array: {error}",
            location=declared.location,
        ) from None
    kinds = {"b": "b", "i": "iuf", "u": "iuf", "f": "f"}
    if array.size and declared.dtype.kind not in kinds.get(array.dtype.kind, ""):
        _refuse(declared, f"{type(value).__name__} {_short(value)}", "")
    if array.size and declared.dtype.is_integer:
        info = np.iinfo(declared.dtype.numpy)
        if array.min() < info.min or array.max() > info.max:
            _refuse(declared, f"numbers out of its range ({_short(value)})", "")
    return np.ascontiguousarray(array, declared.dtype.numpy).reshape(array.shape)


def _refuse(declared: Input, what: str, advice: str) -> None:
    raise FeedError(
        f"{declared.name} is declared as {declared.dtype.name}, but is fed {what}{advice}",
        location=declared.location,
    )


def _advice(declared: Input, array: Array) -> str:
    return f"; convert it with .astype(np.{declared.dtype.numpy})"


def _name(dtype: np.dtype[Any]) -> str:
    try:
        return as_dtype(dtype).name
    except TypeError:
        return str(dtype)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
