"""Parts of matrices: triangles and diagonals; and matrices made of vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from graphc.api import scope
from graphc.api.blame import fail_attribute, fail_shape
from graphc.api.broadcasting import fitted
from graphc.api.contraction import diagonal_of
from graphc.api.manipulation import reshaped, sliced
from graphc.api.operands import TensorLike, graph_of, to_node, to_nodes
from graphc.api.reductions import sum as total
from graphc.api.shapes import DimLike, as_dim, as_int, filled, size_node
from graphc.ir.dims import Size, is_nonnegative, maximum, minimum
from graphc.ir.dtypes import int64
from graphc.ir.node import Node
from graphc.ops import ops
from graphc.ops.algebra import sub

if TYPE_CHECKING:
    from graphc.api.tensor import Tensor


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
    return graph_of("diagonal", x).tensor(_diagonal("diagonal", x, offset))


def _diagonal(op: str, x: TensorLike, offset: int) -> Node:
    node = to_node(op, x)
    if len(node.shape) < 2:
        fail_shape(op, f"needs at least two dims, not {node.type}")
    down, right = max(-as_int(op, offset, "offset"), 0), max(offset, 0)
    height, width = node.shape[-2:]
    size = minimum(_left_over(height, down), _left_over(width, right))
    rank = len(node.shape)
    corner = sliced(sliced(node, rank - 2, down, size), rank - 1, right, size)
    return diagonal_of(op, corner, rank - 2, rank - 1)


def _left_over(size: Size, start: int) -> Size:
    return size - start if is_nonnegative(size - start) else maximum(size - start, 0)


def trace(x: TensorLike, /, *, offset: int = 0, dtype: object = None) -> Tensor:
    """The sums of the diagonals (see `diagonal`) of matrices; dtypes are those of `gc.sum`."""
    graph, node = graph_of("trace", x), _diagonal("trace", x, offset)
    return total(graph.tensor(node), -1, dtype=dtype)


def diag(x: TensorLike, /, *, k: int = 0) -> Tensor:
    """Square matrices with the numbers (..., n) along the k-th diagonal above the main one.

    All else is 0. They have n + abs(k) rows. What `diagonal` takes from a matrix, this puts there.
    """
    graph, node, shift = graph_of("diag", x), to_node("diag", x), as_int("diag", k, "k")
    if not node.shape:
        fail_shape("diag", f"needs at least one dim, not {node.type}")
    *lead, n = node.shape
    size, rank = n + abs(shift), len(node.shape) + 1
    row = ops.pad(
        node, low=(*[0] * len(lead), max(shift, 0)), high=(*[0] * len(lead), max(-shift, 0)),
        value=0.0,
    )  # fmt: skip
    shape = (*lead, size, size)
    wide = fitted(reshaped(row, (*lead, 1, size)), shape)
    down, right = (ops.iota(shape=shape, axis=rank - j, dtype=int64) for j in (2, 1))
    is_on = ops.eq(ops.add(down, fitted(size_node(shift), shape)), right)
    return graph.tensor(ops.where(is_on, wide, filled(shape, 0, node.dtype)))


def block_diag(*arrays: TensorLike) -> Tensor:
    """A matrix with the given ones along its diagonal, corner to corner, and 0 elsewhere.

    A vector counts as one row, a number as a matrix of one element; dtypes promote.
    """
    op = "block_diag"
    if not arrays:
        fail_attribute(op, "takes one or more tensors")
    graph, nodes = graph_of(op, *arrays), to_nodes(op, *arrays)
    blocks = [reshaped(node, (1,) * (2 - len(node.shape)) + node.shape) for node in nodes]
    for node in blocks:
        if len(node.shape) != 2:
            fail_shape(op, f"needs matrices, not {node.type}")
    rows: list[Node] = []
    for k, node in enumerate(blocks):
        left, right = (_width(part) for part in (blocks[:k], blocks[k + 1 :]))
        rows.append(ops.pad(node, low=(0, left), high=(0, right), value=0.0))
    return graph.tensor(rows[0] if len(rows) == 1 else ops.concat(*rows, axis=0))


def _width(blocks: list[Node]) -> Size:
    width: Size = 0
    for node in blocks:
        width = width + node.shape[1]
    return width


def tril_indices(n_rows: int, n_cols: int | None = None, /, *, k: int = 0) -> tuple[Tensor, Tensor]:
    """Rows and columns of all places that `tril` keeps, row by row, as int64."""
    return _indices("tril_indices", n_rows, n_cols, k)


def triu_indices(n_rows: int, n_cols: int | None = None, /, *, k: int = 0) -> tuple[Tensor, Tensor]:
    """Rows and columns of all places that `triu` keeps, row by row, as int64."""
    return _indices("triu_indices", n_rows, n_cols, k)


def _indices(op: str, n_rows: int, n_cols: int | None, k: int) -> tuple[Tensor, Tensor]:
    rows, columns = (
        as_int(op, n, "a size") for n in (n_rows, n_rows if n_cols is None else n_cols)
    )
    if min(rows, columns) < 0:
        fail_attribute(op, f"{min(rows, columns)} is no size")
    found = (np.tril_indices if op == "tril_indices" else np.triu_indices)(
        rows, as_int(op, k, "k"), columns
    )
    graph = scope.current(op)
    first, second = (ops.constant(value=np.asarray(part, np.int64)) for part in found)
    return graph.tensor(first), graph.tensor(second)


def vander(x: TensorLike, /, n: DimLike | None = None, *, increasing: bool = False) -> Tensor:
    """Powers of numbers: row i (..., n) holds x[i]**(n-1), ..., x[i], 1, or these from 1 on.

    x is (..., m); without n there are as many columns as rows.
    """
    graph, node = graph_of("vander", x), to_node("vander", x)
    if not node.shape:
        fail_shape("vander", f"needs at least one dim, not {node.type}")
    columns = node.shape[-1] if n is None else as_dim("vander", n)
    if isinstance(columns, int) and columns < 0:
        fail_attribute("vander", f"{columns} is no size")
    shape = (*node.shape, columns)
    exponent = ops.iota(shape=shape, axis=len(node.shape), dtype=node.dtype)
    if not increasing:
        exponent = sub(fitted(size_node(columns - 1, node.dtype), shape), exponent)
    return graph.tensor(ops.pow(fitted(reshaped(node, (*node.shape, 1)), shape), exponent))
