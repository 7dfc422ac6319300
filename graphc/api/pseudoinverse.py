"""Matrices of any rank: pseudoinverses, ranks and least squares, from singular values."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from graphc.api.blame import blamed
from graphc.api.broadcasting import fitted, repeated_to
from graphc.api.manipulation import reshaped
from graphc.api.matrices import check_float, matrix_node, symmetric_node, system_nodes
from graphc.api.operands import TensorLike, graph_of, to_node, to_nodes, with_dtype
from graphc.api.shapes import filled, size_node
from graphc.ir.dims import Size, is_nonnegative, maximum
from graphc.ir.dtypes import int64
from graphc.ir.node import Node
from graphc.ops import ops
from graphc.ops.algebra import mul, square, sub
from graphc.ops.contraction import transposed
from graphc.ops.matrices import identity_like, unpacked
from graphc.ops.spectra import svd_parts

if TYPE_CHECKING:
    from graphc.api.tensor import Tensor


class LstsqResult(NamedTuple):
    """A solution of least squares, and what is known of the system."""

    solution: Tensor
    residuals: Tensor
    rank: Tensor
    singular_values: Tensor


def pinv(x: TensorLike, /, *, rtol: TensorLike | None = None, hermitian: bool = False) -> Tensor:
    """The pseudoinverses (..., n, m) of matrices (..., m, n), after Moore and Penrose.

    Singular values up to rtol (...) times the largest count as 0; rtol is max(m, n) times the
    dtype's epsilon unless told otherwise. With `hermitian`, x counts as (x + x.T)/2, and its
    eigenvalues are taken. The gradient is that of matrices that keep their rank. NaN or infinity
    gives NaN; LinAlgError when it runs if LAPACK finds no values.
    """
    graph = graph_of("pinv", x, rtol)
    node = symmetric_node("pinv", x) if hermitian else matrix_node("pinv", x)
    check_float("pinv", node)
    m, n = node.shape[-2:]
    turned = not hermitian and is_nonnegative(m - n)  # from the smaller identity
    one = identity_like(_square(node, n if turned else m))
    with blamed("pinv"):
        found = ops.least_squares(
            node, _tolerance("pinv", node, rtol), one, transposed=turned, symmetric=bool(hermitian)
        )
    return graph.tensor(transposed(found) if turned else found)


def matrix_rank(
    x: TensorLike, /, *, rtol: TensorLike | None = None, hermitian: bool = False
) -> Tensor:
    """How many singular values of matrices are above rtol times the largest, as int64.

    For rtol and `hermitian` see `pinv`. A matrix with a NaN or infinity has rank 0.
    """
    graph = graph_of("matrix_rank", x, rtol)
    node = symmetric_node("matrix_rank", x) if hermitian else matrix_node("matrix_rank", x)
    check_float("matrix_rank", node)
    with blamed("matrix_rank"):
        values = ops.abs(ops.eigvalsh(node)) if hermitian else ops.svdvals(node)
    return graph.tensor(_rank(values, _tolerance("matrix_rank", node, rtol)))


def lstsq(x1: TensorLike, x2: TensorLike, /, *, rtol: TensorLike | None = None) -> LstsqResult:
    """The shortest of those x that make x1 @ x - x2 shortest, by columns.

    x1 is (..., m, n); x2 is one vector (m,) or (..., m, k), and leading dims broadcast. Besides the
    solution (..., n, k): the squared lengths of what is left (..., k), for any rank; the rank of
    x1, and its singular values (..., min(m, n)). For rtol, gradient and errors see `pinv`.
    """
    op = "lstsq"
    graph, (a, b) = graph_of(op, x1, x2, rtol), to_nodes(op, x1, x2)
    a, b, is_vector = system_nodes(op, a, b)
    check_float(op, a)
    tolerance = _tolerance(op, a, rtol)
    with blamed(op):
        x = ops.least_squares(a, tolerance, b, transposed=False, symmetric=False)
        values, _, _ = unpacked(ops.svd(a), svd_parts(*a.shape[-2:]))  # of which x is made
    left = ops.sum(square(sub(b, ops.matmul(a, x))), axes=(len(a.shape) - 2,))
    if is_vector:
        x, left = reshaped(x, x.shape[:-1]), reshaped(left, left.shape[:-1])
    found = (x, left, _rank(values, tolerance), values)
    return LstsqResult(*map(graph.tensor, found))


def _tolerance(op: str, matrix: Node, rtol: TensorLike | None) -> Node:
    """The fraction of the largest singular value up to which others count as 0, by matrix."""
    *lead, m, n = matrix.shape
    if rtol is None:
        epsilon = filled((), float(np.finfo(matrix.dtype.numpy).eps), matrix.dtype)
        number = mul(size_node(maximum(m, n), matrix.dtype), epsilon)
    else:
        number = to_node(op, rtol, matrix.dtype)
        check_float(op, number)
        number = with_dtype(number, matrix.dtype)
    return repeated_to(op, number, tuple(lead))


def _rank(values: Node, tolerance: Node) -> Node:
    """How many of the values count."""
    along = len(values.shape) - 1
    least = mul(ops.max(values, axes=(along,)), tolerance)
    least = fitted(reshaped(least, (*least.shape, 1)), values.shape)
    return ops.sum(ops.astype(ops.gt(values, least), dtype=int64), axes=(along,))


def _square(node: Node, size: Size) -> Node:
    """Matrices of that size, as many and of the dtype as those of the node."""
    return filled((*node.shape[:-2], size, size), 0, node.dtype)
