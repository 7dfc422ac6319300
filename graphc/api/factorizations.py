"""Factors of matrices, systems of equations and determinants, computed by LAPACK.

Leading dims are a stack of matrices, each worked on by itself: what is wrong with one (see the
errors) makes the whole run fail, but NaN in one leaves the others alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, NamedTuple

from graphc.api.blame import blamed, fail_attribute
from graphc.api.manipulation import reshaped, sliced
from graphc.api.matrices import matrix_node, square_node, symmetric_node, system_nodes
from graphc.api.operands import TensorLike, graph_of, to_nodes
from graphc.ir.node import Node
from graphc.ops import ops
from graphc.ops.contraction import transposed
from graphc.ops.matrices import identity_like, unpacked
from graphc.ops.orthogonal import qr_parts
from graphc.ops.spectra import eigh_parts, svd_parts

if TYPE_CHECKING:
    from graphc.api.tensor import Tensor


class QRResult(NamedTuple):
    """Factors with x = Q @ R."""

    Q: Tensor
    R: Tensor


class EighResult(NamedTuple):
    """Eigenvalues, ascending, and the eigenvectors that belong to them, which are columns."""

    eigenvalues: Tensor
    eigenvectors: Tensor


class SVDResult(NamedTuple):
    """Factors with x = U @ diag(S) @ Vh; the singular values S are descending."""

    U: Tensor
    S: Tensor
    Vh: Tensor


class SlogdetResult(NamedTuple):
    """Sign and logarithm of the absolute value of a determinant."""

    sign: Tensor
    logabsdet: Tensor


# Symmetric matrices --------------------------------------------------------------------------


def cholesky(x: TensorLike, /, *, upper: bool = False) -> Tensor:
    """The lower triangular factor L with L @ L.T = x, or the upper one, U.T @ U = x.

    x (..., n, n) counts as the symmetric matrix (x + x.T)/2, and so has a symmetric gradient. A
    matrix with a NaN or infinity gives NaN; one that is not positive definite is a LinAlgError
    when it runs.
    """
    graph, node = graph_of("cholesky", x), symmetric_node("cholesky", x)
    with blamed("cholesky"):
        factor = ops.cholesky(node)
    return graph.tensor(transposed(factor) if upper else factor)


def eigh(x: TensorLike, /) -> EighResult:
    """Eigenvalues (..., n) and eigenvectors (..., n, n) of symmetric matrices.

    x counts as (x + x.T)/2. Vectors are determined up to their sign, those of equal values up to a
    rotation; derivatives leave out what such a rotation would change. NaN or infinity gives NaN.
    LinAlgError when it runs if LAPACK finds no values.
    """
    graph, node = graph_of("eigh", x), symmetric_node("eigh", x)
    with blamed("eigh"):
        values, rows = unpacked(ops.eigh(node), eigh_parts(node.shape[-1]))
    return EighResult(graph.tensor(values), graph.tensor(transposed(rows)))


def eigvalsh(x: TensorLike, /) -> Tensor:
    """Eigenvalues (..., n) of symmetric matrices, ascending; see `eigh`."""
    graph, node = graph_of("eigvalsh", x), symmetric_node("eigvalsh", x)
    with blamed("eigvalsh"):
        return graph.tensor(ops.eigvalsh(node))


# Any matrices --------------------------------------------------------------------------------


def qr(x: TensorLike, /, *, mode: Literal["reduced", "complete"] = "reduced") -> QRResult:
    """Q with orthogonal columns and upper triangular R, with x = Q @ R.

    x is (..., m, n); Q is (..., m, k) and R (..., k, n), where k is min(m, n), or m if complete.
    Derivatives need independent columns (the first k of them if there are more); the columns that
    `complete` adds to Q have none (GradientError).
    """
    graph, node = graph_of("qr", x), matrix_node("qr", x)
    if mode not in ("reduced", "complete"):
        fail_attribute("qr", f"mode must be 'reduced' or 'complete', not {mode!r}")
    complete = mode == "complete"
    with blamed("qr"):
        packed = ops.qr(node, complete=complete)
    q_rows, r = unpacked(packed, qr_parts(node.shape[-2:], complete))
    return QRResult(graph.tensor(transposed(q_rows)), graph.tensor(r))


def svd(x: TensorLike, /, *, full_matrices: bool = True) -> SVDResult:
    """Singular value decomposition: x = U @ diag(S) @ Vh.

    x is (..., m, n), S (..., k) with k = min(m, n). With `full_matrices` U is (..., m, m) and Vh
    (..., n, n), else (..., m, k) and (..., k, n). Vectors are determined up to a common sign, those
    of equal values up to a rotation; derivatives leave out what such a rotation would change, and
    the vectors that `full_matrices` adds have none (GradientError). NaN or infinity gives NaN.
    LinAlgError when it runs if LAPACK finds no values.
    """
    graph, node = graph_of("svd", x), matrix_node("svd", x)
    with blamed("svd"):
        values, u, v = unpacked(ops.svd(node), svd_parts(*node.shape[-2:]))
        if full_matrices:
            u, v = _completed(u), transposed(_completed(transposed(v)))
    return SVDResult(graph.tensor(u), graph.tensor(values), graph.tensor(v))


def _completed(columns: Node) -> Node:
    """Orthogonal columns, with others after them, so that there are as many as rows."""
    *lead, m, k = columns.shape
    if m == k:
        return columns
    parts = qr_parts((m, k), True)
    q = transposed(unpacked(ops.qr(columns, complete=True), parts)[0])
    others = sliced(q, len(lead) + 1, k, m - k)
    return ops.concat(columns, others, axis=len(lead) + 1)


def svdvals(x: TensorLike, /) -> Tensor:
    """Singular values (..., min(m, n)) of matrices (..., m, n), descending; see `svd`."""
    graph, node = graph_of("svdvals", x), matrix_node("svdvals", x)
    with blamed("svdvals"):
        return graph.tensor(ops.svdvals(node))


# Systems and determinants --------------------------------------------------------------------


def solve(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """The solution x of x1 @ x = x2.

    x1 is (..., n, n); x2 is one vector (n,) or (..., n, m), and leading dims broadcast. NaN gives
    NaN; a singular matrix (a pivot that is exactly 0) is a LinAlgError when it runs.
    """
    return _solved("solve", x1, x2, lambda a, b: ops.solve(a, b, transposed=False))


def triangular_solve(
    x1: TensorLike,
    x2: TensorLike,
    /,
    *,
    lower: bool = True,
    transpose: bool = False,
    unit_diagonal: bool = False,
) -> Tensor:
    """The solution x of x1 @ x = x2 (or x1.T @ x = x2), of a triangle of x1 alone.

    Shapes are those of `solve`. The other triangle of x1 counts as 0 and, with `unit_diagonal`,
    the diagonal as 1. A 0 on the diagonal divides as IEEE says: infinities or NaN, no error.
    """
    return _solved(
        "triangular_solve",
        x1,
        x2,
        lambda a, b: ops.triangular_solve(
            a, b, lower=bool(lower), transposed=bool(transpose), unit=bool(unit_diagonal)
        ),
    )


def _solved(
    op: str, x1: TensorLike, x2: TensorLike, solving: Callable[[Node, Node], Node]
) -> Tensor:
    graph, (a, b) = graph_of(op, x1, x2), to_nodes(op, x1, x2)
    a, b, is_vector = system_nodes(op, a, b)
    with blamed(op):
        found = solving(a, b)
    return graph.tensor(reshaped(found, found.shape[:-1]) if is_vector else found)


def inv(x: TensorLike, /) -> Tensor:
    """The inverses of matrices (..., n, n); errors are those of `solve`."""
    graph, node = graph_of("inv", x), square_node("inv", x)
    with blamed("inv"):
        return graph.tensor(ops.solve(node, identity_like(node), transposed=False))


def det(x: TensorLike, /) -> Tensor:
    """The determinants (...) of matrices (..., n, n); 0 for a singular one, 1 for one of size 0.

    The gradient goes through the inverse, so there it is a LinAlgError for a singular matrix.
    """
    graph, node = graph_of("det", x), square_node("det", x)
    with blamed("det"):
        return graph.tensor(ops.det(node))


def slogdet(x: TensorLike, /) -> SlogdetResult:
    """Sign and logarithm of the absolute value of determinants; (0, -inf) for a singular matrix.

    The gradient goes through the inverse, so there it is a LinAlgError for a singular matrix.
    """
    graph, node = graph_of("slogdet", x), square_node("slogdet", x)
    with blamed("slogdet"):
        return SlogdetResult(graph.tensor(ops.det_sign(node)), graph.tensor(ops.logabsdet(node)))
