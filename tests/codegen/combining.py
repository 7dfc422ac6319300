"""The order in which reductions are promised to combine, followed with NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.ir.dtypes import DType

Array = np.ndarray[Any, Any]

#: Partial results of a reduction along the last axis, which fix its order.
PARTIALS = 64
#: Rows combined in order before blocks of them are, and elements of a vector before chunks are.
BLOCK, CHUNK = 64, 4096


def identity_of(name: str, dtype: DType) -> Any:
    values = {"sum": -0.0 if dtype.is_float else 0, "prod": 1, "any": False, "all": True}
    values |= {"max": dtype.lowest, "min": dtype.highest}
    return dtype.numpy.type(values[name])


COMBINE: dict[str, np.ufunc] = {
    "sum": np.add, "prod": np.multiply, "max": np.maximum, "min": np.minimum,
    "any": np.logical_or, "all": np.logical_and,
}  # fmt: skip


def in_order(name: str, x: Array, dtype: DType) -> Array:
    """Combined along the first axis, element after element."""
    total = np.full(x.shape[1:], identity_of(name, dtype))
    with np.errstate(all="ignore"):
        for row in x:
            total = COMBINE[name](total, row)
    return finished(name, total, dtype)


def in_lanes(name: str, x: Array, dtype: DType) -> Array:
    """All elements of x [rows, columns] combined: a partial result for each column modulo 64, and
    those put together as a tree of halves."""
    partial = np.full(PARTIALS, identity_of(name, dtype))
    with np.errstate(all="ignore"):
        for row in x:
            for start in range(0, len(row), PARTIALS):
                part = row[start : start + PARTIALS]
                partial[: len(part)] = COMBINE[name](partial[: len(part)], part)
        while len(partial) > 1:
            half = len(partial) // 2
            partial = COMBINE[name](partial[:half], partial[half:])
    return finished(name, partial[0], dtype)


def in_blocks(name: str, x: Array, dtype: DType) -> Array:
    """What is left of each block of rows [blocks, ...], its rows combined in order.

    Not yet finished: a sum of nothing but -0.0 is still -0.0.
    """
    blocks = []
    with np.errstate(all="ignore"):
        for start in range(0, len(x), BLOCK):
            total = np.full(x.shape[1:], identity_of(name, dtype), dtype.numpy)
            for row in x[start : start + BLOCK]:
                total = np.asarray(COMBINE[name](total, row))
            blocks.append(total)
    return np.reshape(np.asarray(blocks, dtype.numpy), (len(blocks), *x.shape[1:]))


def by_columns(name: str, x: Array, dtype: DType, *, split: bool = True) -> Array:
    """Combined along the first axis: in blocks of rows, whose results are combined in order.

    `split` tells whether the number of rows is above a block's, or unknown when compiling.
    """
    return in_order(name, in_blocks(name, x, dtype) if split else x, dtype)


def by_chunks(name: str, x: Array, dtype: DType, *, split: bool = True) -> Array:
    """A vector combined: by lanes in chunks, whose results are combined by lanes again."""
    if split:
        parts = [x[start : start + CHUNK] for start in range(0, len(x), CHUNK)]
        x = np.asarray([in_lanes(name, part[None], dtype) for part in parts], dtype.numpy)
    return in_lanes(name, x[None], dtype)


def by_rows(name: str, x: Array, dtype: DType, *, split: bool = True) -> Array:
    """A matrix combined: each row by lanes, then rows in blocks, then the blocks by lanes."""
    rows = np.asarray([in_lanes(name, row[None], dtype) for row in x], dtype.numpy)
    return in_lanes(name, (in_blocks(name, rows, dtype) if split else rows)[None], dtype)


def finished(name: str, total: Any, dtype: DType) -> Array:
    """A sum of floats is never -0.0."""
    with_sign = total + dtype.numpy.type(0) if name == "sum" and dtype.is_float else total
    return np.asarray(with_sign, dtype.numpy)
