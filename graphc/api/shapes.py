"""Shapes, axes and dtypes as users write them, and sizes as values of the program."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias, TypeGuard

import numpy as np

from graphc.api.blame import blamed, fail_attribute, fail_shape
from graphc.ir.dim_text import parse_dim
from graphc.ir.dims import Dim, Size
from graphc.ir.dtypes import DType, as_dtype, int64
from graphc.ir.node import Node
from graphc.ir.types import Shape
from graphc.ops import ops

DimLike: TypeAlias = int | str | Dim | np.integer
#: One dim or several.
ShapeLike: TypeAlias = DimLike | Sequence[DimLike]
#: No axis (all of them), one, or several; negative ones count from the last.
AxesLike: TypeAlias = int | Sequence[int] | None


def as_dim(op: str, value: object) -> Size:
    """A dim from an integer, a `Dim` or its text, such as "batch" or "2*batch"."""
    if isinstance(value, Dim):
        return value
    if isinstance(value, str):
        with blamed(op):
            return parse_dim(value)
    if isinstance(value, int | np.integer) and not isinstance(value, bool):
        return int(value)
    fail_shape(op, f"{value!r} is no dim; use an integer, a name, or a dim of another tensor")


def as_shape(op: str, shape: object, least: int = 0) -> Shape:
    """A shape from one dim or a sequence of dims; ShapeError for a size that is too small."""
    found = tuple(as_dim(op, size) for size in as_list(shape))
    for size in found:
        if isinstance(size, int) and size < least:
            fail_shape(op, f"{size} is no size, in the shape {list(found)}")
    return found


def as_int(op: str, value: object, what: str) -> int:
    """A Python integer from one of Python's or NumPy's; AttributeValueError for anything else."""
    if isinstance(value, int | np.integer) and not isinstance(value, bool):
        return int(value)
    fail_attribute(op, f"{what} must be an integer, not {value!r}")


def as_axis(op: str, axis: object, rank: int) -> int:
    """An axis of a tensor of that rank, counted from the first."""
    found = as_int(op, axis, "an axis")
    if not -rank <= found < rank:
        fail_shape(op, f"there is no axis {found} in {rank} dims")
    return found % rank


def as_axes(op: str, axes: AxesLike, rank: int) -> tuple[int, ...]:
    """Axes in ascending order; all of them for None."""
    if axes is None:
        return tuple(range(rank))
    found = [as_axis(op, axis, rank) for axis in as_list(axes)]
    if len(set(found)) != len(found):
        fail_shape(op, f"axes {axes} name one axis twice")
    return tuple(sorted(found))


def is_several(value: object) -> TypeGuard[Sequence[Any]]:
    """Whether the value is a list or tuple, as of axes or sizes, and not one of these."""
    return isinstance(value, list | tuple)


def as_list(value: object) -> list[Any]:
    """The members of a list or tuple, or the value alone."""
    return list(value) if is_several(value) else [value]


def to_dtype(op: str, dtype: object) -> DType:
    """The dtype meant by a graphc dtype, a NumPy dtype or scalar type, or a name."""
    with blamed(op):
        return as_dtype(dtype)


def size_node(size: Size, dtype: DType = int64) -> Node:
    """A size as a number of the program; a `Dim` becomes known when it is fed."""
    if isinstance(size, int):
        return ops.constant(value=np.asarray(size, dtype.numpy))
    number = ops.size(dim=(size,))
    return number if dtype is int64 else ops.astype(number, dtype=dtype)


def filled(shape: Shape, value: bool | int | float, dtype: DType) -> Node:
    """A tensor of one value."""
    single = ops.constant(value=np.asarray(value, dtype.numpy))
    return single if shape == () else ops.broadcast_to(single, shape=shape)
