"""Functions that combine the elements along axes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from graphc.api.blame import fail_shape
from graphc.api.broadcasting import fitted
from graphc.api.matrices import check_float
from graphc.api.operands import TensorLike, graph_of, to_node, with_dtype
from graphc.api.shapes import AxesLike, as_axes, as_axis, filled, size_node, to_dtype
from graphc.ir.dims import product
from graphc.ir.dtypes import DType, bool_, int64
from graphc.ir.node import Node
from graphc.ir.types import Shape
from graphc.ops import ops

if TYPE_CHECKING:
    from graphc.api.tensor import Tensor


def sum(
    x: TensorLike, /, axis: AxesLike = None, *, dtype: object = None, keepdims: bool = False
) -> Tensor:
    """Sum over axes (all of them unless told otherwise); 0 over nothing.

    Integers and bool are added up as int64, which uint8 fits too, unless a dtype is given;
    float32 stays float32. The order of additions is fixed.
    """
    return _accumulated("sum", "sum", x, axis, dtype, keepdims)


def prod(
    x: TensorLike, /, axis: AxesLike = None, *, dtype: object = None, keepdims: bool = False
) -> Tensor:
    """Product over axes (all of them unless told otherwise); 1 over nothing.

    Integers and bool are multiplied as int64 unless a dtype is given; float32 stays float32.
    """
    return _accumulated("prod", "prod", x, axis, dtype, keepdims)


def max(x: TensorLike, /, axis: AxesLike = None, *, keepdims: bool = False) -> Tensor:
    """Maximum over axes, NaN if there is one; the dtype's least value over nothing.

    Elements that tie share the derivative equally.
    """
    return _reduced("max", x, axis, keepdims)


def min(x: TensorLike, /, axis: AxesLike = None, *, keepdims: bool = False) -> Tensor:
    """Minimum over axes, NaN if there is one; the dtype's greatest value over nothing.

    Elements that tie share the derivative equally.
    """
    return _reduced("min", x, axis, keepdims)


def any(x: TensorLike, /, axis: AxesLike = None, *, keepdims: bool = False) -> Tensor:
    """Whether some element over axes is true, or not 0; false over nothing."""
    return _decided("any", x, axis, keepdims)


def all(x: TensorLike, /, axis: AxesLike = None, *, keepdims: bool = False) -> Tensor:
    """Whether every element over axes is true, or not 0; true over nothing."""
    return _decided("all", x, axis, keepdims)


def count_nonzero(x: TensorLike, /, axis: AxesLike = None, *, keepdims: bool = False) -> Tensor:
    """How many elements over axes are true, or not 0, as int64."""
    op = "count_nonzero"
    graph, node = graph_of(op, x), to_node(op, x)
    ones = ops.astype(_as_bool(node), dtype=int64)
    return graph.tensor(_over("sum", ones, as_axes(op, axis, len(node.shape)), keepdims))


def mean(x: TensorLike, /, axis: AxesLike = None, *, keepdims: bool = False) -> Tensor:
    """Mean over axes (all of them unless told otherwise) of floats; NaN over nothing."""
    graph, node = graph_of("mean", x), to_node("mean", x)
    axes = as_axes("mean", axis, len(node.shape))
    return graph.tensor(_mean("mean", node, axes, keepdims))


def var(
    x: TensorLike, /, axis: AxesLike = None, *, correction: float = 0.0, keepdims: bool = False
) -> Tensor:
    """Mean square distance from the mean over axes, of floats.

    The sum of squares is divided by the number of elements less the correction (1 for the
    unbiased estimate); NaN if that is not positive, and if an element is infinite or NaN.
    """
    graph, node = graph_of("var", x), to_node("var", x)
    return graph.tensor(_var("var", node, axis, correction, keepdims))


def std(
    x: TensorLike, /, axis: AxesLike = None, *, correction: float = 0.0, keepdims: bool = False
) -> Tensor:
    """Square root of `var`. Its derivative is not finite where all elements are equal."""
    graph, node = graph_of("std", x), to_node("std", x)
    return graph.tensor(ops.sqrt(_var("std", node, axis, correction, keepdims)))


def argmax(x: TensorLike, /, axis: int | None = None, *, keepdims: bool = False) -> Tensor:
    """Position, as int64, of the first maximum along an axis, or of the first NaN.

    Without an axis, the position among all elements in row-major order.
    """
    return _position("argmax", x, axis, keepdims)


def argmin(x: TensorLike, /, axis: int | None = None, *, keepdims: bool = False) -> Tensor:
    """Position, as int64, of the first minimum along an axis, or of the first NaN.

    Without an axis, the position among all elements in row-major order.
    """
    return _position("argmin", x, axis, keepdims)


def cumulative_sum(
    x: TensorLike, /, *, axis: int | None = None, dtype: object = None,
    include_initial: bool = False,
) -> Tensor:  # fmt: skip
    """Running sum along an axis, each element included; integers add up as int64.

    The axis may be left out of one dim. With include_initial, a 0 stands first.
    """
    return _running("cumulative_sum", "cumsum", x, axis, dtype, 0.0 if include_initial else None)


def cumulative_prod(
    x: TensorLike, /, *, axis: int | None = None, dtype: object = None,
    include_initial: bool = False,
) -> Tensor:  # fmt: skip
    """Running product along an axis, each element included; integers multiply as int64.

    The axis may be left out of one dim. With include_initial, a 1 stands first.
    """
    return _running("cumulative_prod", "cumprod", x, axis, dtype, 1.0 if include_initial else None)


def _over(op: str, node: Node, axes: tuple[int, ...], keepdims: bool) -> Node:
    """The reduction over axes; those of none are left out of the program."""
    result = getattr(ops, op)(node, axes=axes) if axes else node
    return _with_kept(result, node.shape, axes, keepdims)


def _with_kept(result: Node, shape: Shape, axes: tuple[int, ...], keepdims: bool) -> Node:
    """The result of a reduction with the axes as dims of size 1, if they are to be kept."""
    return ops.reshape(result, shape=_kept(shape, axes)) if keepdims and axes else result


def _kept(shape: Shape, axes: tuple[int, ...]) -> Shape:
    return tuple(1 if axis in axes else size for axis, size in enumerate(shape))


def _reduced(op: str, x: TensorLike, axis: AxesLike, keepdims: bool) -> Tensor:
    graph, node = graph_of(op, x), to_node(op, x)
    return graph.tensor(_over(op, node, as_axes(op, axis, len(node.shape)), keepdims))


def _accumulated(
    name: str, op: str, x: TensorLike, axis: AxesLike, dtype: object, keepdims: bool
) -> Tensor:
    graph, node = graph_of(name, x), to_node(name, x)
    wide = with_dtype(node, _accumulator(name, node, dtype))
    return graph.tensor(_over(op, wide, as_axes(name, axis, len(node.shape)), keepdims))


def _accumulator(name: str, node: Node, dtype: object) -> DType:
    if dtype is not None:
        return to_dtype(name, dtype)
    return node.dtype if node.dtype.is_float else int64


def _decided(op: str, x: TensorLike, axis: AxesLike, keepdims: bool) -> Tensor:
    graph, node = graph_of(op, x), to_node(op, x)
    axes = as_axes(op, axis, len(node.shape))
    return graph.tensor(_over(op, _as_bool(node), axes, keepdims))


def _as_bool(node: Node) -> Node:
    return with_dtype(node, bool_)


def _mean(op: str, node: Node, axes: tuple[int, ...], keepdims: bool) -> Node:
    """The sum over axes divided by their number of elements."""
    check_float(op, node)
    return _per_element(_over("sum", node, axes, keepdims), node.shape, axes)


def _var(op: str, node: Node, axis: AxesLike, correction: float, keepdims: bool) -> Node:
    check_float(op, node)
    axes = as_axes(op, axis, len(node.shape))
    total = ops.squared_deviations(node, axes=axes)
    return _per_element(_with_kept(total, node.shape, axes, keepdims), node.shape, axes, correction)


def _per_element(total: Node, shape: Shape, axes: tuple[int, ...], less: float = 0.0) -> Node:
    """What was added up over axes, divided by their number of elements, less a correction.

    NaN where a correction leaves none.
    """
    count = size_node(product(shape[axis] for axis in axes), total.dtype)
    if less:
        count = ops.sub(count, filled((), less, total.dtype))
        none = ops.le(count, filled((), 0, total.dtype))
        count = ops.where(none, filled((), math.nan, total.dtype), count)
    return ops.div(total, fitted(count, total.shape))


def _position(op: str, x: TensorLike, axis: int | None, keepdims: bool) -> Tensor:
    graph, node = graph_of(op, x), to_node(op, x)
    rank = len(node.shape)
    if axis is None:
        line = node if rank == 1 else ops.reshape(node, shape=(product(node.shape),))
        result = getattr(ops, op)(line, axis=0)
        return graph.tensor(ops.reshape(result, shape=(1,) * rank) if keepdims else result)
    found = as_axis(op, axis, rank)
    result = getattr(ops, op)(node, axis=found)
    shape = _kept(node.shape, (found,))
    return graph.tensor(ops.reshape(result, shape=shape) if keepdims else result)


def _running(
    name: str, op: str, x: TensorLike, axis: int | None, dtype: object, initial: float | None
) -> Tensor:
    graph, node = graph_of(name, x), to_node(name, x)
    rank = len(node.shape)
    if axis is None and rank != 1:
        fail_shape(name, f"needs an axis for a tensor of {rank} dims")
    along = as_axis(name, 0 if axis is None else axis, rank)
    result = getattr(ops, op)(with_dtype(node, _accumulator(name, node, dtype)), axis=along)
    if initial is not None:
        low = tuple(int(k == along) for k in range(rank))
        result = ops.pad(result, low=low, high=(0,) * rank, value=initial)
    return graph.tensor(result)
