"""LU factors, and systems solved with factors that are at hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from graphc.api.blame import blamed
from graphc.api.broadcasting import repeated_to
from graphc.api.gathering import index_node, take_along_axis
from graphc.api.manipulation import reshaped
from graphc.api.matrices import matrix_node, system_nodes
from graphc.api.operands import TensorLike, graph_of, to_nodes
from graphc.ir import dims
from graphc.ir.dtypes import int64
from graphc.ir.node import Node
from graphc.ir.types import Shape
from graphc.ops import ops
from graphc.ops.algebra import add
from graphc.ops.contraction import transposed
from graphc.ops.lu import lu_parts, moving
from graphc.ops.matrices import columns_of, identity_like, lower, rows_of, unpacked, upper

if TYPE_CHECKING:
    from graphc.api.tensor import Tensor


class LUResult(NamedTuple):
    """Factors with x = P @ L @ U: a permutation, a unit lower and an upper triangular matrix."""

    P: Tensor
    L: Tensor
    U: Tensor


class LUFactors(NamedTuple):
    """L below the diagonal (its ones left out) and U above it, with x[permutation] = L @ U."""

    LU: Tensor
    permutation: Tensor


def lu(x: TensorLike, /) -> LUResult:
    """Factors of matrices (..., m, n), found by elimination that takes the largest pivots.

    P is (..., m, m), L (..., m, k) and U (..., k, n), where k is min(m, n). Derivatives need
    pivots that are not 0: else they are infinite or NaN.
    """
    graph, node = graph_of("lu", x), matrix_node("lu", x)
    both, permutation = _factors("lu", node)
    rows = moving(permutation, both.dtype)  # row i of it times x is row permutation[i] of x
    k = dims.minimum(*both.shape[-2:])
    left = lower(columns_of(both, 0, k), strict=True)
    unit = add(left, identity_like(left))
    return LUResult(*map(graph.tensor, (transposed(rows), unit, upper(rows_of(both, 0, k)))))


def lu_factor(x: TensorLike, /) -> LUFactors:
    """Packed factors (..., m, n), and the permutation (..., m), as int64; see `lu`.

    Those of square matrices are what `lu_solve` takes.
    """
    graph, node = graph_of("lu_factor", x), matrix_node("lu_factor", x)
    both, permutation = _factors("lu_factor", node)
    return LUFactors(graph.tensor(both), graph.tensor(ops.astype(permutation, dtype=int64)))


def lu_solve(
    factors: tuple[TensorLike, TensorLike], x: TensorLike, /, *, transpose: bool = False
) -> Tensor:
    """The solution of a @ y = x, or of a.T @ y = x, from what `lu_factor` made of a.

    x is one vector (n,) or (..., n, k), and leading dims broadcast. A pivot of 0 divides as IEEE
    says: infinities or NaN, no error.
    """
    op = "lu_solve"
    graph, (both, b) = graph_of(op, *factors, x), to_nodes(op, factors[0], x)
    both, b, is_vector = system_nodes(op, both, b)
    *lead, n, _ = b.shape
    order = repeated_to(op, index_node(op, factors[1]), (*lead, n))
    with blamed(op):
        if transpose:
            y = _divided(both, _divided(both, b, lower=False, turned=True), lower=True, turned=True)
            found = _ordered(graph.tensor(y), graph.tensor(ops.argsort(order, axis=len(lead))))
        else:
            y = _ordered(graph.tensor(b), graph.tensor(order))
            found = _divided(both, _divided(both, y, lower=True), lower=False)
    return graph.tensor(reshaped(found, found.shape[:-1]) if is_vector else found)


def cholesky_solve(x1: TensorLike, x2: TensorLike, /, *, upper: bool = False) -> Tensor:
    """The solution x of a @ x = x2, from the factor x1 that `cholesky` made of a.

    The factor comes first, as the matrix does in `solve`. Shapes are those of `solve`; one triangle
    of the factor is read, and a 0 on its diagonal divides as IEEE says.
    """
    op = "cholesky_solve"
    graph, (factor, b) = graph_of(op, x1, x2), to_nodes(op, x1, x2)
    factor, b, is_vector = system_nodes(op, factor, b)
    with blamed(op):
        for turned in (bool(upper), not upper):
            b = ops.triangular_solve(factor, b, lower=not upper, transposed=turned, unit=False)
    return graph.tensor(reshaped(b, b.shape[:-1]) if is_vector else b)


def _factors(op: str, node: Node) -> tuple[Node, Node]:
    """L and U in one matrix, and the permutation.

    The op's factors are those of LAPACK, which sees the transpose: x' = l u p is x = p' u' l'.
    """
    with blamed(op):
        packed = ops.lu(transposed(node))
    both, permutation, _, _ = unpacked(packed, lu_parts(node.shape[-1], node.shape[-2]))
    return transposed(both), permutation


def _divided(both: Node, b: Node, *, lower: bool, turned: bool = False) -> Node:
    return ops.triangular_solve(both, b, lower=lower, unit=lower, transposed=turned)


def _ordered(rows: Tensor, order: Tensor) -> Node:
    """Row order[k] of matrices at row k."""
    shape: Shape = (*order.shape, 1)
    places = order.graph.tensor(reshaped(order.node, shape))
    return take_along_axis(rows, places, axis=-2).node
