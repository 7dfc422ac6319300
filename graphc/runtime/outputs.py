"""Arrays that a user gives for results (`out=`): what they are for, and whether they can be it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from graphc.errors import AttributeValueError, DTypeError, ShapeError
from graphc.ir.dtypes import DType
from graphc.runtime.fetches import Fetches

Array = np.ndarray[Any, Any]


@dataclass
class Given:
    """The array for each output, None where there is none.

    `again` holds those for outputs that stand in the fetches more than once, which get copies.
    """

    arrays: list[Any]
    again: list[tuple[Any, int]] = field(default_factory=list)

    def results(self, fetches: Fetches, values: Sequence[Array]) -> Any:
        """The values in the form of the fetches, put into the arrays if that is not done yet."""
        for number, array in enumerate(self.arrays):
            if array is not None and array is not values[number]:
                np.copyto(array, values[number])
        for array, number in self.again:
            if array is not None:
                np.copyto(array, values[number])
        pairs = zip(self.arrays, values, strict=True)
        chosen = [value if array is None else array for array, value in pairs]
        return fetches.results(chosen, [array for array, _ in self.again])


def given(fetches: Fetches, out: Any) -> Given:
    """What is given for each output. AttributeValueError if it is not of the fetches' form."""
    found = Given([None] * len(fetches.tensors))
    if out is not None:
        _collect(fetches.form, out, found, set())
    return found


def _collect(form: Any, out: Any, found: Given, seen: set[int]) -> None:
    if form is None:
        if out is not None:
            raise AttributeValueError("out= has None where an operation is fetched")
    elif isinstance(form, int):
        if out is not None and not isinstance(out, np.ndarray):
            raise AttributeValueError(f"out= takes NumPy arrays, not {type(out).__name__}")
        if form not in seen:
            found.arrays[form] = out
        else:
            found.again.append((out, form))
        seen.add(form)
    elif isinstance(form, dict):
        if not isinstance(out, Mapping) or out.keys() != form.keys():
            raise AttributeValueError(f"out= needs a dict with the keys {list(form)}, as fetched")
        for key, inner in form.items():
            _collect(inner, out[key], found, seen)
    else:
        if not isinstance(out, list | tuple) or len(out) != len(form):
            raise AttributeValueError(f"out= needs a list of {len(form)}, as many as are fetched")
        for inner, part in zip(form, out, strict=True):
            _collect(inner, part, found, seen)


def check(
    fetches: Fetches,
    found: Given,
    dtypes: Sequence[DType],
    shapes: Sequence[tuple[int, ...]],
    feeds: Sequence[Array],
) -> None:
    """Whether results can be written to the arrays that are given.

    DTypeError and ShapeError for another dtype or shape, AttributeValueError for what cannot be
    written, is not contiguous, or shares memory with a feed or another of them.
    """
    first = [(array, k) for k, array in enumerate(found.arrays)]
    known = [(array, k) for array, k in (*first, *found.again) if array is not None]
    for place, (array, k) in enumerate(known):
        name = f"the array given as out= for {fetches.tensors[k]!r}"
        _check_one(name, array, dtypes[k], shapes[k])
        if any(np.may_share_memory(array, feed) for feed in feeds):
            raise AttributeValueError(f"{name} shares memory with a feed; give one of its own")
        if any(np.may_share_memory(array, other) for other, _ in known[:place]):
            raise AttributeValueError(f"{name} shares memory with another; give one of its own")


def _check_one(name: str, array: Array, dtype: DType, shape: tuple[int, ...]) -> None:
    if isinstance(array, np.ma.MaskedArray):
        raise AttributeValueError(f"{name} is masked; give its .data")
    if array.dtype != dtype.numpy:
        raise DTypeError(f"{name} is of {array.dtype}; make it with dtype=np.{dtype.numpy}")
    if array.shape != shape:
        raise ShapeError(f"{name} has the shape {list(array.shape)}, not {list(shape)}")
    flags = array.flags
    if not flags.writeable:
        raise AttributeValueError(f"{name} is read-only")
    if not (flags.c_contiguous and flags.aligned):
        raise AttributeValueError(f"{name} is not contiguous; make it with np.empty({shape})")
