"""Arrays in the text form: small ones element by element, large ones by a name of their content.

An array is written out only if reading it back gives the same bits; a NaN with another sign or
payload than the usual one sends it to the references.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from graphc.ir.dtypes import as_dtype
from graphc.ir.types import TensorType

Array = np.ndarray[Any, Any]
Nested = bool | int | float | list["Nested"]

#: The most elements that are written out.
INLINE = 16


def type_of_array(array: Array) -> TensorType:
    """The type of an array; DTypeError if graphc has no such dtype."""
    return TensorType(as_dtype(array.dtype), array.shape)


def is_inline(array: Array) -> bool:
    """Whether the array is written out in the text form."""
    if array.size > INLINE:
        return False
    return array.dtype.kind != "f" or _has_only_usual_nans(array)


def _has_only_usual_nans(array: Array) -> bool:
    strange = array[np.isnan(array)]
    usual = np.full_like(strange, np.nan)
    return strange.tobytes() == usual.tobytes()


def content_name(array: Array) -> str:
    """A name that arrays share exactly when they have equal dtype, shape and bits.

    Twelve hex digits of SHA-256 over the type's text and the little-endian elements.
    """
    little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    digest = hashlib.sha256(str(type_of_array(array)).encode())
    digest.update(little.reshape(-1).view(np.uint8).data)
    return f"c_{digest.hexdigest()[:12]}"


def elements_text(array: Array) -> str:
    """The elements as nested lists, a single one bare; `[]` whenever there are none."""
    if array.size == 0:
        return "[]"
    if array.ndim == 0:
        return _element_text(array[()])
    return f"[{', '.join(map(elements_text, array))}]" if array.ndim > 1 else _row_text(array)


def _row_text(array: Array) -> str:
    return f"[{', '.join(_element_text(element) for element in array)}]"


def _element_text(element: Any) -> str:
    if isinstance(element, np.bool_):
        return "true" if element else "false"
    if isinstance(element, np.floating):
        return _float_text(element)
    return str(int(element))


def _float_text(element: np.floating[Any]) -> str:
    """The fewest digits that give the same float, also when they are first read as float64."""
    exact = float(element)
    if isinstance(element, np.float32):
        with np.errstate(over="ignore"):
            for digits in range(1, 10):
                short = float(f"{exact:.{digits}g}")
                if np.float32(short) == element:
                    return repr(short)
    return repr(exact)


def array_of(elements: Nested, type_: TensorType) -> Array:
    """The array that `elements_text` would write so; ValueError tells what does not fit."""
    shape = tuple(size for size in type_.shape if isinstance(size, int))
    if len(shape) != type_.rank:
        raise ValueError(f"an array cannot have the shape of {type_}")
    flat: list[bool | int | float] = []
    if elements != [] or 0 not in shape:
        _flatten(elements, shape, flat)
    for element in flat:
        _check_kind(element, type_)
    array = np.array(flat, type_.dtype.numpy).reshape(shape)
    array.flags.writeable = False
    return array


def _flatten(elements: Nested, shape: tuple[int, ...], flat: list[bool | int | float]) -> None:
    if not shape:
        if isinstance(elements, list):
            raise ValueError("the array has more dims than its type")
        flat.append(elements)
        return
    if not isinstance(elements, list):
        raise ValueError("the array has fewer dims than its type")
    if len(elements) != shape[0]:
        raise ValueError(f"the array has {len(elements)} elements where its type has {shape[0]}")
    for part in elements:
        _flatten(part, shape[1:], flat)


def _check_kind(element: bool | int | float, type_: TensorType) -> None:
    dtype = type_.dtype
    if isinstance(element, bool) or dtype.is_bool:
        fits = isinstance(element, bool) and dtype.is_bool
    elif dtype.is_integer:
        fits = isinstance(element, int) and dtype.lowest <= element <= dtype.highest
    else:
        fits = True
    if not fits:
        text = str(element).lower() if isinstance(element, bool) else str(element)
        raise ValueError(f"{text} is no {dtype.name}")
