"""Tensors made from numbers and shapes."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from graphc.api import scope
from graphc.api.blame import fail_attribute
from graphc.api.broadcasting import fitted, repeated_to
from graphc.api.operands import Array, TensorLike, graph_of, to_array, to_node, with_dtype
from graphc.api.shapes import (
    DimLike,
    ShapeLike,
    as_dim,
    as_int,
    as_shape,
    filled,
    size_node,
    to_dtype,
)
from graphc.api.value import Value
from graphc.ir.dims import Dim, Size, floordiv, is_nonnegative, maximum
from graphc.ir.dtypes import DType, float32, int64
from graphc.ir.node import Node
from graphc.ops import ops
from graphc.ops.structure import saturating_cast

if TYPE_CHECKING:
    from graphc.api.tensor import Tensor

Number: TypeAlias = int | float | np.integer | np.floating


def constant(value: TensorLike, dtype: object = None) -> Tensor:
    """A tensor of known numbers, which are copied.

    NumPy arrays keep their dtype; Python numbers, also in nested lists, become bool, int64 or
    float32. With a dtype the numbers are converted to it; Python numbers must fit it. A dim that
    is known when fed becomes an int64.
    """
    return graph_of("constant", value).tensor(_converted("constant", value, dtype))


asarray = constant


def zeros(shape: ShapeLike, *, dtype: object = float32) -> Tensor:
    """Zeros of a shape, which may have dims that are known when fed."""
    return scope.current("zeros").tensor(
        filled(as_shape("zeros", shape), 0, to_dtype("zeros", dtype))
    )


def ones(shape: ShapeLike, *, dtype: object = float32) -> Tensor:
    """Ones of a shape, which may have dims that are known when fed."""
    return scope.current("ones").tensor(filled(as_shape("ones", shape), 1, to_dtype("ones", dtype)))


def full(shape: ShapeLike, fill_value: TensorLike, *, dtype: object = None) -> Tensor:
    """A shape filled with one number; of the number's dtype unless told otherwise."""
    graph, node = graph_of("full", fill_value), _converted("full", fill_value, dtype)
    return graph.tensor(repeated_to("full", node, as_shape("full", shape)))


def zeros_like(x: TensorLike, /, *, dtype: object = None) -> Tensor:
    """Zeros of a tensor's shape, and of its dtype unless told otherwise."""
    return _filled_like("zeros_like", x, 0, dtype)


def ones_like(x: TensorLike, /, *, dtype: object = None) -> Tensor:
    """Ones of a tensor's shape, and of its dtype unless told otherwise."""
    return _filled_like("ones_like", x, 1, dtype)


def full_like(x: TensorLike, /, fill_value: TensorLike, *, dtype: object = None) -> Tensor:
    """A tensor's shape filled with one number, of the tensor's dtype unless told otherwise."""
    graph, node = graph_of("full_like", x, fill_value), to_node("full_like", x)
    value = _converted("full_like", fill_value, node.dtype if dtype is None else dtype)
    return graph.tensor(repeated_to("full_like", value, node.shape))


def eye(
    n_rows: DimLike, n_cols: DimLike | None = None, /, *, k: int = 0, dtype: object = float32
) -> Tensor:
    """Ones where the column is the row plus k, zeros elsewhere; square without n_cols."""
    rows = as_dim("eye", n_rows)
    shape = (rows, rows if n_cols is None else as_dim("eye", n_cols))
    row, column = (ops.iota(shape=shape, axis=axis, dtype=int64) for axis in (0, 1))
    moved = ops.add(row, fitted(ops.constant(value=_int64(as_int("eye", k, "k"))), shape))
    on_diagonal = ops.eq(moved, column)
    return scope.current("eye").tensor(ops.astype(on_diagonal, dtype=to_dtype("eye", dtype)))


def arange(
    start: Number | Dim, /, stop: Number | Dim | None = None, step: Number = 1, *,
    dtype: object = None,
) -> Tensor:  # fmt: skip
    """Numbers from start, each a step further, before stop; from 0 if only one is given.

    int64 unless one of the three is a float: then float32. start and stop may be dims that are
    known when fed.
    """
    first, last = (0, start) if stop is None else (start, stop)
    graph = scope.current("arange")
    for part in (first, last, step):
        if isinstance(part, bool) or not isinstance(part, int | float | np.number | Dim):
            fail_attribute("arange", f"needs numbers or dims, not {part!r}")
    whole = all(isinstance(part, int | np.integer | Dim) for part in (first, last, step))
    wanted = to_dtype("arange", dtype) if dtype is not None else int64 if whole else float32
    if step == 0:
        fail_attribute("arange", "the step is 0")
    if whole:
        counted = _integer_range(as_dim("", first), as_dim("", last), int(step))
        return graph.tensor(with_dtype(counted, wanted))
    if isinstance(first, Dim) or isinstance(last, Dim):
        fail_attribute("arange", "mixes a dim that is known when fed with a float")
    return graph.tensor(_literal(np.arange(float(first), float(last), float(step)), wanted))


def linspace(
    start: Number, stop: Number, /, num: int, *, dtype: object = float32, endpoint: bool = True
) -> Tensor:
    """num numbers at equal distances from start to stop, stop included if it is the endpoint."""
    values = np.linspace(start, stop, as_int("linspace", num, "num"), endpoint=endpoint)
    return scope.current("linspace").tensor(_literal(values, to_dtype("linspace", dtype)))


def _integer_range(first: Size, last: Size, step: int) -> Node:
    distance = last - first if step > 0 else first - last
    length = distance if is_nonnegative(distance) else maximum(distance, 0)
    shape = (floordiv(length + abs(step) - 1, abs(step)),)
    counted = ops.iota(shape=shape, axis=0, dtype=int64)
    if step != 1:
        counted = ops.mul(counted, fitted(ops.constant(value=_int64(step)), shape))
    return counted if first == 0 else ops.add(counted, fitted(size_node(first), shape))


def _filled_like(op: str, x: TensorLike, value: int, dtype: object) -> Tensor:
    graph, node = graph_of(op, x), to_node(op, x)
    return graph.tensor(
        filled(node.shape, value, node.dtype if dtype is None else to_dtype(op, dtype))
    )


def _converted(op: str, value: TensorLike, dtype: object) -> Node:
    """The value as a node; numbers that are known are converted at once."""
    wanted = None if dtype is None else to_dtype(op, dtype)
    if isinstance(value, Value):
        return value.node if wanted is None else with_dtype(value.node, wanted)
    if isinstance(value, Dim):
        return to_node(op, value, wanted)
    array = to_array(op, value, wanted)
    return ops.constant(value=array) if wanted is None else _literal(array, wanted)


def _literal(array: Array, dtype: DType) -> Node:
    if array.dtype != dtype.numpy:
        with np.errstate(all="ignore"):
            array = saturating_cast(array, dtype)
        array.setflags(write=False)
    return ops.constant(value=array)


def _int64(value: int) -> Array:
    return np.asarray(value, np.int64)
