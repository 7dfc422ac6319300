"""Linear algebra: products of matrices and vectors, parts of matrices, and their factors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from graphc.api.blame import fail_attribute, fail_shape
from graphc.api.broadcasting import broadcast_nodes, common_shape, fitted
from graphc.api.contraction import contract, diagonal_of
from graphc.api.factorizations import (
    EighResult,
    QRResult,
    SlogdetResult,
    SVDResult,
    cholesky,
    det,
    eigh,
    eigvalsh,
    inv,
    qr,
    slogdet,
    solve,
    svd,
    svdvals,
    triangular_solve,
)
from graphc.api.manipulation import matrix_transpose, reshaped, sliced
from graphc.api.operands import TensorLike, graph_of, to_node, to_nodes
from graphc.api.shapes import as_axis, as_int, filled, is_several, size_node
from graphc.ir.dims import Size, is_nonnegative, maximum, minimum, unify
from graphc.ir.dtypes import int64
from graphc.ir.node import Node
from graphc.ops import ops
from graphc.ops.labelled_products import Term

if TYPE_CHECKING:
    from graphc.api.tensor import Tensor

__all__ = [
    "EighResult",
    "QRResult",
    "SVDResult",
    "SlogdetResult",
    "cholesky",
    "det",
    "diagonal",
    "eigh",
    "eigvalsh",
    "inv",
    "matmul",
    "matrix_transpose",
    "outer",
    "qr",
    "slogdet",
    "solve",
    "svd",
    "svdvals",
    "tensordot",
    "triangular_solve",
    "tril",
    "triu",
    "vecdot",
]


def matmul(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """Matrix product over the last dim of x1 and the last but one of x2.

    Leading dims are a stack of matrices, and broadcast. A vector on the left counts as a row, one
    on the right as a column, and that dim does not appear in the result.
    """
    graph, (left, right) = graph_of("matmul", x1, x2), to_nodes("matmul", x1, x2)
    if not left.shape or not right.shape:
        fail_shape("matmul", f"needs at least one dim, not {left.type} and {right.type}")
    is_row, is_column = len(left.shape) == 1, len(right.shape) == 1
    if unify(left.shape[-1], right.shape[0 if is_column else -2]) is None:
        fail_shape(
            "matmul", f"{left.type} and {right.type} do not fit: as many columns as rows are needed"
        )
    rows = reshaped(left, (1, *left.shape)) if is_row else left
    columns = reshaped(right, (*right.shape, 1)) if is_column else right
    result = _product(rows, columns)
    *lead, height, width = result.shape
    shape = (*lead, *([] if is_row else [height]), *([] if is_column else [width]))
    return graph.tensor(reshaped(result, shape))


def _product(left: Node, right: Node) -> Node:
    """The product of stacks of matrices."""
    if len(right.shape) == 2:
        return ops.matmul(left, right)
    lead = common_shape("matmul", [left.shape[:-2], right.shape[:-2]])
    return ops.matmul(
        fitted(left, (*lead, *left.shape[-2:])), fitted(right, (*lead, *right.shape[-2:]))
    )


def tensordot(
    x1: TensorLike, x2: TensorLike, /, *, axes: int | tuple[Sequence[int], Sequence[int]] = 2
) -> Tensor:
    """Sum of products over pairs of axes: those given, or the last of x1 with the first of x2."""
    graph, (left, right) = graph_of("tensordot", x1, x2), to_nodes("tensordot", x1, x2)
    ranks = len(left.shape), len(right.shape)
    if is_several(axes):
        if len(axes) != 2:
            fail_attribute("tensordot", f"axes must be a number or a pair of lists, not {axes!r}")
        pairs = [
            [as_axis("tensordot", k, rank) for k in part]
            for part, rank in zip(axes, ranks, strict=True)
        ]
    else:
        count = as_int("tensordot", axes, "axes")
        pairs = [list(range(ranks[0] - count, ranks[0])), list(range(count))]
    if len(pairs[0]) != len(pairs[1]) or not all(
        set(part) <= set(range(rank)) for part, rank in zip(pairs, ranks, strict=True)
    ):
        fail_attribute("tensordot", f"the axes {axes} do not fit {left.type} and {right.type}")
    of_left = [f"l{k}" for k in range(ranks[0])]
    of_right = [f"r{k}" for k in range(ranks[1])]
    for first, second in zip(*pairs, strict=True):
        of_right[second] = of_left[first]
    output = [k for k in of_left if k not in of_right] + [k for k in of_right if k not in of_left]
    terms = [Term(left, tuple(of_left)), Term(right, tuple(of_right))]
    return graph.tensor(contract("tensordot", terms, tuple(output)))


def vecdot(x1: TensorLike, x2: TensorLike, /, *, axis: int = -1) -> Tensor:
    """Sum of products along an axis, counted after broadcasting the other dims."""
    graph, nodes = graph_of("vecdot", x1, x2), to_nodes("vecdot", x1, x2)
    left, right = broadcast_nodes("vecdot", nodes)
    along = as_axis("vecdot", axis, len(left.shape))
    return graph.tensor(ops.sum(ops.mul(left, right), axes=(along,)))


def outer(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """All products of an element of one vector with one of another."""
    graph, (left, right) = graph_of("outer", x1, x2), to_nodes("outer", x1, x2)
    if len(left.shape) != 1 or len(right.shape) != 1:
        fail_shape("outer", f"needs two vectors, not {left.type} and {right.type}")
    shape = (*left.shape, *right.shape)
    column = reshaped(left, (*left.shape, 1))
    return graph.tensor(ops.mul(fitted(column, shape), fitted(right, shape)))


def tril(x: TensorLike, /, *, k: int = 0) -> Tensor:
    """Matrices with zeros above the diagonal, or the k-th one above it."""
    return _triangle("tril", x, k, lower=True)


def triu(x: TensorLike, /, *, k: int = 0) -> Tensor:
    """Matrices with zeros below the diagonal, or the k-th one above it."""
    return _triangle("triu", x, k, lower=False)


def _triangle(op: str, x: TensorLike, k: int, lower: bool) -> Tensor:
    graph, node = graph_of(op, x), to_node(op, x)
    rank = len(node.shape)
    if rank < 2:
        fail_shape(op, f"needs at least two dims, not {node.type}")
    row, column = (ops.iota(shape=node.shape, axis=rank - n, dtype=int64) for n in (2, 1))
    moved = ops.add(row, fitted(size_node(as_int(op, k, "k")), node.shape))
    kept = ops.le(column, moved) if lower else ops.ge(column, moved)
    return graph.tensor(ops.where(kept, node, filled(node.shape, 0, node.dtype)))


def diagonal(x: TensorLike, /, *, offset: int = 0) -> Tensor:
    """The diagonals of the matrices in the last two dims, or those `offset` above them."""
    graph, node = graph_of("diagonal", x), to_node("diagonal", x)
    if len(node.shape) < 2:
        fail_shape("diagonal", f"needs at least two dims, not {node.type}")
    down, right = max(-as_int("diagonal", offset, "offset"), 0), max(offset, 0)
    height, width = node.shape[-2:]
    size = minimum(_left_over(height, down), _left_over(width, right))
    rank = len(node.shape)
    corner = sliced(sliced(node, rank - 2, down, size), rank - 1, right, size)
    return graph.tensor(diagonal_of("diagonal", corner, rank - 2, rank - 1))


def _left_over(size: Size, start: int) -> Size:
    return size - start if is_nonnegative(size - start) else maximum(size - start, 0)
