"""Elements at computed positions, and by masks."""

from __future__ import annotations

from typing import Any

import graphc as gc
from conformance.table.entries import by_rows, plain


def _gathered(input: Any, dim: int, index: Any) -> Any:
    """Dims other than the one that is gathered from may be shorter in the index."""
    if input.ndim == 0 or index.size == 0:
        return gc.take(gc.flatten(input), index)
    return gc.take_along_axis(_cut_to(input, index, dim), index, axis=dim)


def _cut_to(input: Any, index: Any, dim: int) -> Any:
    along = dim % input.ndim
    return input[tuple(slice(None if k == along else n) for k, n in enumerate(index.shape))]


def _selected(input: Any, dim: int, index: Any) -> Any:
    return gc.take(input, gc.reshape(index, (index.size,)), axis=dim)


def _taken(input: Any, index: Any) -> Any:
    return gc.take(gc.flatten(input), index)


def _along(input: Any, indices: Any, dim: int | None = None) -> Any:
    if dim is None:
        return gc.take(gc.flatten(input), gc.flatten(indices))
    return gc.take_along_axis(input, indices, axis=dim)


def _item(input: Any, key: Any) -> Any:
    """A list of slices and lists counts as several indices, one of integers as an array."""
    several = isinstance(key, list) and not all(isinstance(part, int) for part in key)
    return input[tuple(key) if several else key]


def _masked_fill(input: Any, mask: Any, value: Any) -> Any:
    return gc.where(mask, value, input)


def _added(input: Any, dim: int, index: Any, source: Any, *, alpha: float = 1) -> Any:
    source = gc.multiply(source, alpha)
    if input.ndim:
        return gc.scatter_add(input, index, source, axis=dim)
    return gc.scatter_add(gc.reshape(input, (1,)), index, gc.reshape(source, (1,)))[0]


def _embedded(indices: Any, weight: Any) -> Any:
    return gc.take(weight, indices, axis=0)


TABLE = plain({
    "__getitem__": _item,
    "gather": _gathered,
    "index_add": _added,
    "index_select": by_rows(_selected),
    "masked_fill": _masked_fill,
    "take": _taken,
    "take_along_dim": _along,
})  # fmt: skip
