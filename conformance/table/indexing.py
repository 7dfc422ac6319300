"""Elements at computed positions, and by masks."""

from __future__ import annotations

import math
from typing import Any

import graphc as gc
from conformance.table.entries import by_rows, plain, refuse


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


def _at_rows(function: Any) -> Any:
    """A function of a tensor, a dim, an index and values, for which scalars are vectors."""

    def apply(input: Any, dim: int, index: Any, source: Any, *args: Any, **kwargs: Any) -> Any:
        if input.ndim:
            return function(input, dim, index, source, *args, **kwargs)
        line = gc.reshape(input, (1,))
        if isinstance(source, gc.Tensor) and source.ndim == 0:
            source = gc.reshape(source, (1,))
        index = gc.reshape(index, (index.size,))
        return gc.reshape(function(line, dim, index, source, *args, **kwargs), ())

    return apply


def _scattered(input: Any, dim: int, index: Any, src: Any, reduce: Any = None) -> Any:
    """The index may be shorter than the source, and than the input along other dims."""
    refuse(reduce == "multiply", "products of what is scattered")
    mode = {None: "set", "add": "add"}[reduce]
    return _put_at(input, dim, index, src, mode)


def _put_at(input: Any, dim: int, index: Any, source: Any, mode: Any) -> Any:
    if index.size == 0:
        return gc.identity(input)
    if isinstance(source, gc.Tensor) and source.ndim:
        source = source[tuple(slice(n) for n in index.shape)]
    places = [gc.arange(n) for n in index.shape]
    grid = gc.meshgrid(*places, indexing="ij")
    grid[dim] = index
    return gc.put(input, tuple(grid), source, mode=mode)


def _scatter_added(input: Any, dim: int, index: Any, src: Any) -> Any:
    return _put_at(input, dim, index, src, "add")


_EMPTY = {"sum": 0.0, "mean": 0.0, "amax": -math.inf, "amin": math.inf}
_MODES = {"sum": "add", "mean": "add", "amax": "max", "amin": "min"}


def _scatter_reduced(
    input: Any, dim: int, index: Any, src: Any, reduce: Any, *, include_self: bool = True
) -> Any:
    refuse(reduce == "prod", "products of what is scattered")
    if reduce == "mean" and include_self:
        return _put_at(input, dim, index, src, "mean")
    base = input if include_self else _put_at(input, dim, index, _EMPTY[reduce], "set")
    found = _put_at(base, dim, index, src, _MODES[reduce])
    if reduce != "mean":
        return found
    counts = _put_at(gc.zeros_like(input), dim, index, 1.0, "add")
    return found / gc.maximum(counts, 1)


def _index_reduced(
    input: Any, dim: int, index: Any, source: Any, reduce: Any, *, include_self: bool = True
) -> Any:
    """The index holds for whole slices."""
    shape = [1] * input.ndim
    shape[dim] = index.shape[0]
    wide = gc.broadcast_to(gc.reshape(index, shape), source.shape)
    return _scatter_reduced(input, dim, wide, source, reduce, include_self=include_self)


def _key(input: Any, dim: int, index: Any) -> Any:
    return (*(slice(None),) * (dim % input.ndim), index)


def _filled(input: Any, dim: int, index: Any, value: Any) -> Any:
    return gc.put(input, _key(input, dim, index), value)


def _copied(input: Any, dim: int, index: Any, source: Any) -> Any:
    return gc.put(input, _key(input, dim, index), source)


def _put(input: Any, index: Any, source: Any, accumulate: bool = False) -> Any:
    """Positions count the elements of the whole."""
    source = gc.reshape(source, index.shape)
    found = gc.put(gc.flatten(input), index, source, mode="add" if accumulate else "set")
    return gc.reshape(found, input.shape)


def _index_put(input: Any, indices: Any, values: Any, accumulate: bool = False) -> Any:
    return gc.put(input, tuple(indices), values, mode="add" if accumulate else "set")


def _masked_scatter(input: Any, mask: Any, source: Any) -> Any:
    """The elements of the source one after the other, where the mask is true."""
    shape = gc.broadcast_arrays(input, mask)[0].shape
    wide = gc.flatten(gc.broadcast_to(mask, shape))
    places = gc.maximum(gc.cumulative_sum(gc.astype(wide, gc.int64)) - 1, 0)
    taken = gc.reshape(gc.take(gc.flatten(source), places), shape)
    return gc.where(mask, taken, input)


def _masked_index(input: Any, mask: Any, indices: Any, fill: float) -> Any:
    """Where the mask is false, positions may lie outside."""
    pairs = zip(indices, input.shape, strict=True)
    inside = [gc.where(mask, gc.clip(index, 0, n - 1), 0) for index, n in pairs]
    return gc.where(mask, input[tuple(inside)], fill)


def _selected_put(input: Any, src: Any, dim: int, index: int) -> Any:
    return gc.put(input, _key(input, dim, index), src)


def _sliced_put(
    input: Any, src: Any, dim: int = 0, start: Any = None, end: Any = None, step: int = 1
) -> Any:
    return gc.put(input, _key(input, dim, slice(start, end, step)), src)


def _diagonal_put(input: Any, src: Any, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Any:
    turned = gc.moveaxis(input, (dim1, dim2), (-2, -1))
    down, right, size = max(-offset, 0), max(offset, 0), src.shape[-1]
    key = (..., gc.arange(down, down + size), gc.arange(right, right + size))
    return gc.moveaxis(gc.put(turned, key, src), (-2, -1), (dim1, dim2))


def _windows(input: Any, dimension: int, size: int, step: int) -> Any:
    """Windows along a dim, the places in them in a new last one."""
    if input.ndim == 0:
        return gc.reshape(input, (1,)) if size else gc.reshape(input, (1,))[:0]
    along = dimension % input.ndim
    count = (input.shape[along] - size) // step + 1
    places = [[start * step + k for k in range(size)] for start in range(count)]
    found = gc.take(input, gc.constant(places, dtype=gc.int64), axis=along)
    return gc.moveaxis(found, along + 1, -1)


def _strided(input: Any, size: Any, stride: Any, storage_offset: int = 0) -> Any:
    """Elements at distances in memory, where the input's lie in row-major order."""
    places = sum(
        (gc.reshape(gc.arange(n) * step, (-1,) + (1,) * (len(size) - k - 1))
         for k, (n, step) in enumerate(zip(size, stride, strict=True))),
        gc.zeros((), dtype=gc.int64),
    )  # fmt: skip
    return gc.take(gc.flatten(input), gc.broadcast_to(places + (storage_offset or 0), tuple(size)))


TABLE = plain({
    "__getitem__": _item,
    "_unsafe_masked_index": _masked_index,
    "as_strided as_strided_copy": _strided,
    "diagonal_scatter": _diagonal_put,
    "gather": _gathered,
    "index_add": _added,
    "index_copy": _at_rows(_copied),
    "index_fill": _at_rows(_filled),
    "index_put": _index_put,
    "index_reduce.mean index_reduce.prod": _at_rows(_index_reduced),
    "index_reduce.amax index_reduce.amin": _at_rows(_index_reduced),
    "index_select": by_rows(_selected),
    "masked_fill": _masked_fill,
    "masked_scatter": _masked_scatter,
    "put": _put,
    "scatter": _at_rows(_scattered),
    "scatter_add": _at_rows(_scatter_added),
    "scatter_reduce.sum scatter_reduce.mean scatter_reduce.prod": _at_rows(_scatter_reduced),
    "scatter_reduce.amax scatter_reduce.amin": _at_rows(_scatter_reduced),
    "select_scatter": _selected_put,
    "slice_scatter": _sliced_put,
    "take": _taken,
    "take_along_dim": _along,
    "unfold unfold_copy": _windows,
})  # fmt: skip
