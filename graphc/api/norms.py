"""Norms of vectors and matrices, and condition numbers.

Where a norm is 0 its gradient is 0, and so is that of an element that is 0, except in the norms of
singular values, which have some subgradient. Equal largest or smallest parts share a gradient.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, TypeAlias

from graphc.api.blame import blamed, fail_attribute, fail_shape
from graphc.api.manipulation import permuted, reshaped
from graphc.api.matrices import as_square, check_float, matrix_node
from graphc.api.operands import TensorLike, graph_of, to_node
from graphc.api.shapes import AxesLike, as_axes, as_axis, as_list, is_several
from graphc.ir.dims import is_nonnegative, product
from graphc.ir.node import Node
from graphc.ops import ops
from graphc.ops.algebra import div, equal, mul, where
from graphc.ops.declaring import scalar_like
from graphc.ops.matrices import identity_like, spread_over

if TYPE_CHECKING:
    from graphc.api.tensor import Tensor

#: Which norm of a matrix: of its elements or singular values by name, else by a number.
MatrixOrder: TypeAlias = float | Literal["fro", "nuc"]

_OF_MATRICES = (1, -1, 2, -2, math.inf, -math.inf)


def vector_norm(
    x: TensorLike, /, *, axis: AxesLike = None, keepdims: bool = False, ord: float = 2
) -> Tensor:
    """The norm over axes (all of them unless told otherwise), which count as one vector.

    `ord` p is sum(abs(x)**p)**(1/p); inf and -inf are the largest and smallest abs(x), and 0 counts
    the elements that are not 0. Sums of powers may overflow, as NumPy's do. 0 over nothing, for
    negative p inf.
    """
    op = "vector_norm"
    graph, node = graph_of(op, x), _float_node(op, x)
    axes = as_axes(op, axis, len(node.shape))
    found = _of_vectors(node, axes, _checked_order(op, ord))
    return graph.tensor(_with_axes(found, node, axes, keepdims))


def matrix_norm(
    x: TensorLike, /, *, axis: tuple[int, int] = (-2, -1), keepdims: bool = False,
    ord: MatrixOrder = "fro",
) -> Tensor:  # fmt: skip
    """The norm of matrices, whose rows and columns are counted by the two axes.

    | ord | the norm |
    |---|---|
    | "fro" | square root of the sum of squares |
    | "nuc" | sum of the singular values |
    | 2, -2 | the largest and the smallest singular value |
    | 1, -1 | the largest and the smallest sum of abs(x) down a column |
    | inf, -inf | the largest and the smallest sum of abs(x) along a row |
    """
    op = "matrix_norm"
    graph, node = graph_of(op, x), _float_node(op, x)
    return graph.tensor(_of_matrices(op, node, axis, ord, keepdims))


def norm(
    x: TensorLike, /, ord: MatrixOrder | None = None, axis: AxesLike = None, *,
    keepdims: bool = False,
) -> Tensor:  # fmt: skip
    """`vector_norm` over one axis, `matrix_norm` over two, as `numpy.linalg.norm` has it.

    Without an axis, x must be a vector or a matrix; without `ord` as well, the square root of the
    sum of all squares is taken.
    """
    graph, node = graph_of("norm", x), _float_node("norm", x)
    rank = len(node.shape)
    if axis is None and ord is None:
        axes = tuple(range(rank))
        return graph.tensor(_with_axes(_of_vectors(node, axes, 2), node, axes, keepdims))
    chosen = list(range(rank)) if axis is None else as_list(axis)
    if len(chosen) not in (1, 2):
        fail_shape("norm", f"needs one axis or two, not {len(chosen)} of {node.type}")
    if len(chosen) == 2:
        order: MatrixOrder = "fro" if ord is None else ord
        return graph.tensor(_of_matrices("norm", node, chosen, order, keepdims))
    axes = as_axes("norm", chosen, rank)
    found = _of_vectors(node, axes, 2 if ord is None else _checked_order("norm", ord))
    return graph.tensor(_with_axes(found, node, axes, keepdims))


def cond(x: TensorLike, /, p: MatrixOrder | None = None) -> Tensor:
    """The condition numbers (...) of matrices, in a norm of `matrix_norm`.

    For None and 2 the largest singular value divided by the smallest, for -2 the other way round.
    Else the norm of a square matrix times that of its inverse. inf for a singular matrix, where the
    gradient is 0.
    """
    graph, node = graph_of("cond", x), matrix_node("cond", x)
    check_float("cond", node)
    if p is None or p in (2, -2):
        return graph.tensor(_ratio(node, is_reversed=p == -2))
    _check_matrix_order("cond", p)
    node = as_square("cond", node)
    with blamed("cond"):
        is_singular = equal(ops.det_sign(node), 0.0)
        spread = spread_over(is_singular, node)
        regular = ops.where(spread, identity_like(node), node)
        inverse = ops.solve(regular, identity_like(node), transposed=False)
    sizes = [_of_last_two(part, p) for part in (regular, inverse)]
    return graph.tensor(where(is_singular, math.inf, mul(*sizes)))


def _ratio(matrix: Node, *, is_reversed: bool) -> Node:
    values = ops.svdvals(matrix)
    above, below = _largest(values, -1), _smallest(values, -1)
    if is_reversed:
        above, below = below, above
    is_zero = equal(below, 0.0)
    return where(is_zero, math.inf, div(above, where(is_zero, 1.0, below)))


# Operands ------------------------------------------------------------------------------------


def _float_node(op: str, x: TensorLike) -> Node:
    node = to_node(op, x)
    check_float(op, node)
    return node


def _checked_order(op: str, order: object) -> float:
    if isinstance(order, bool) or not isinstance(order, int | float) or math.isnan(order):
        fail_attribute(op, f"ord must be a number for vectors, not {order!r}")
    return order


def _check_matrix_order(op: str, order: object) -> None:
    if order not in ("fro", "nuc", *_OF_MATRICES) or isinstance(order, bool):
        fail_attribute(
            op, f"ord must be 'fro', 'nuc', 1, 2, inf or one of their negatives, not {order!r}"
        )


def _with_axes(found: Node, node: Node, axes: tuple[int, ...], keepdims: bool) -> Node:
    if not keepdims:
        return found
    return reshaped(found, tuple(1 if k in axes else n for k, n in enumerate(node.shape)))


# Norms ---------------------------------------------------------------------------------------


def _of_vectors(node: Node, axes: tuple[int, ...], order: float) -> Node:
    if order == math.inf:
        return _largest(ops.abs(node), *axes)
    if order == -math.inf:
        return _smallest(ops.abs(node), *axes)
    if order == 0:
        return _sum(ops.astype(ops.ne(node, scalar_like(node, 0.0)), dtype=node.dtype), *axes)
    if order == 1:
        return _sum(ops.abs(node), *axes)
    if order == 2:
        return _root(_sum(mul(node, node), *axes))
    size = ops.abs(node)
    is_zero = equal(size, 0.0)
    powers = ops.pow(where(is_zero, 1.0, size), scalar_like(size, order))
    total = _sum(where(is_zero, 0.0 if order > 0 else math.inf, powers), *axes)
    return _root(total, order)


def _root(total: Node, order: float = 2) -> Node:
    """The root of a sum of powers; where that is 0, its derivative is 0 as well."""
    is_zero = equal(total, 0.0)
    positive = where(is_zero, 1.0, total)
    root = ops.sqrt(positive) if order == 2 else ops.pow(positive, scalar_like(total, 1 / order))
    return where(is_zero, 0.0 if order > 0 else math.inf, root)


def _of_matrices(op: str, node: Node, axis: object, order: MatrixOrder, keepdims: bool) -> Node:
    _check_matrix_order(op, order)
    if not is_several(axis) or len(axis) != 2:
        fail_shape(op, f"needs two axes, not {axis!r}")
    rank = len(node.shape)
    row, column = (as_axis(op, k, rank) for k in axis)
    if row == column:
        fail_shape(op, f"axes {axis} name one axis twice")
    others = tuple(k for k in range(rank) if k not in (row, column))
    with blamed(op):
        found = _of_last_two(permuted(node, (*others, row, column)), order)
    return _with_axes(found, node, (row, column), keepdims)


def _of_last_two(node: Node, order: MatrixOrder) -> Node:
    if order == "fro":
        return _root(_sum(mul(node, node), -2, -1))
    if order == "nuc":
        return _sum(ops.svdvals(node), -1)
    over = _largest if order > 0 else _smallest
    if abs(order) == 2:
        return over(ops.svdvals(node), -1)
    return over(_sum(ops.abs(node), -2 if abs(order) == 1 else -1), -1)


def _sum(node: Node, *axes: int) -> Node:
    return ops.sum(node, axes=_counted(node, axes)) if axes else node


def _smallest(node: Node, *axes: int) -> Node:
    return ops.min(node, axes=_counted(node, axes)) if axes else node


def _largest(node: Node, *axes: int) -> Node:
    """The maximum of numbers that are not negative; 0 over nothing."""
    if not axes:
        return node
    found = ops.max(node, axes=_counted(node, axes))
    size = product(node.shape[k] for k in axes)
    return found if is_nonnegative(size - 1) else ops.maximum(found, scalar_like(found, 0.0))


def _counted(node: Node, axes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(k % len(node.shape) for k in axes)
