"""Linear algebra: products of matrices and vectors, parts of matrices, their factors and norms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from graphc.api.blame import fail_attribute, fail_shape
from graphc.api.broadcasting import broadcast_nodes, common_shape, fitted
from graphc.api.contraction import contract, dot_labels
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
from graphc.api.lu import LUFactors, LUResult, cholesky_solve, lu, lu_factor, lu_solve
from graphc.api.manipulation import matrix_transpose, reshaped
from graphc.api.matrix_exponential import matrix_exp
from graphc.api.matrix_parts import (
    block_diag,
    diag,
    diagonal,
    trace,
    tril,
    tril_indices,
    triu,
    triu_indices,
    vander,
)
from graphc.api.matrix_products import cross, kron, matrix_power, multi_dot, tensorinv, tensorsolve
from graphc.api.norms import cond, matrix_norm, norm, vector_norm
from graphc.api.operands import TensorLike, graph_of, to_nodes
from graphc.api.other_names import no_attribute
from graphc.api.pseudoinverse import LstsqResult, lstsq, matrix_rank, pinv
from graphc.api.shapes import as_axis, as_int, is_several
from graphc.ir.dims import unify
from graphc.ir.node import Node
from graphc.ops import ops
from graphc.ops.labelled_products import Term

if TYPE_CHECKING:
    from graphc.api.tensor import Tensor

__all__ = [
    "EighResult",
    "LUFactors",
    "LUResult",
    "LstsqResult",
    "QRResult",
    "SVDResult",
    "SlogdetResult",
    "block_diag",
    "cholesky",
    "cholesky_solve",
    "cond",
    "cross",
    "det",
    "diag",
    "diagonal",
    "eigh",
    "eigvalsh",
    "inv",
    "kron",
    "lstsq",
    "lu",
    "lu_factor",
    "lu_solve",
    "matmul",
    "matrix_exp",
    "matrix_norm",
    "matrix_power",
    "matrix_rank",
    "matrix_transpose",
    "matvec",
    "multi_dot",
    "norm",
    "outer",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "svd",
    "svdvals",
    "tensordot",
    "tensorinv",
    "tensorsolve",
    "trace",
    "triangular_solve",
    "tril",
    "tril_indices",
    "triu",
    "triu_indices",
    "vander",
    "vecdot",
    "vector_norm",
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


def matvec(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """Matrices times vectors: x1 of shape [..., m, n] and x2 of shape [..., n] give [..., m].

    Leading dims are stacks of matrices and of vectors, and broadcast.
    """
    graph, (left, right) = graph_of("matvec", x1, x2), to_nodes("matvec", x1, x2)
    if len(left.shape) < 2 or not right.shape:
        fail_shape("matvec", f"needs matrices and vectors, not {left.type} and {right.type}")
    if unify(left.shape[-1], right.shape[-1]) is None:
        fail_shape(
            "matvec", f"{left.type} and {right.type} do not fit: the last dims must be equal"
        )
    stacks = dot_labels(len(left.shape) - 2), dot_labels(len(right.shape) - 1)
    common_shape("matvec", [left.shape[:-2], right.shape[:-1]])
    terms = [Term(left, (*stacks[0], "m", "n")), Term(right, (*stacks[1], "n"))]
    return graph.tensor(contract("matvec", terms, (*max(stacks, key=len), "m")))


def tensordot(
    x1: TensorLike, x2: TensorLike, /, *, axes: int | tuple[Sequence[int], Sequence[int]] = 2
) -> Tensor:
    """Sum of products over pairs of axes: those given, or the last of x1 with the first of x2.

    The result has the other dims of x1 and then those of x2.
    """
    graph, (left, right) = graph_of("tensordot", x1, x2), to_nodes("tensordot", x1, x2)
    summed = _tensordot_axes(axes, left, right)
    of_left = tuple(f"l{k}" for k in range(len(left.shape)))
    partners = dict(zip(summed[1], summed[0], strict=True))
    of_right = tuple(
        f"l{partners[k]}" if k in partners else f"r{k}" for k in range(len(right.shape))
    )
    output = (
        *(k for k in of_left if k not in of_right),
        *(k for k in of_right if k not in of_left),
    )
    terms = [Term(left, of_left), Term(right, of_right)]
    return graph.tensor(contract("tensordot", terms, output))


def _tensordot_axes(axes: object, left: Node, right: Node) -> tuple[list[int], list[int]]:
    """The axes of both sides that are summed over, in pairs."""
    ranks = len(left.shape), len(right.shape)
    if not is_several(axes):
        count = as_int("tensordot", axes, "axes")
        if not 0 <= count <= min(ranks):
            fail_attribute("tensordot", f"the axes {axes} do not fit {left.type} and {right.type}")
        return list(range(ranks[0] - count, ranks[0])), list(range(count))
    if len(axes) != 2 or not all(map(is_several, axes)):
        fail_attribute("tensordot", f"axes must be a number or a pair of lists, not {axes!r}")
    of_left, of_right = (
        [as_axis("tensordot", k, rank) for k in part]
        for part, rank in zip(axes, ranks, strict=True)
    )
    if len(of_left) != len(of_right) or any(len(set(k)) < len(k) for k in (of_left, of_right)):
        fail_attribute("tensordot", f"the axes {axes} are no pairs of axes, each named once")
    return of_left, of_right


def vecdot(x1: TensorLike, x2: TensorLike, /, *, axis: int = -1) -> Tensor:
    """Sum of products along an axis, counted after broadcasting the other dims.

    Both tensors must have that axis, of one size.
    """
    graph, nodes = graph_of("vecdot", x1, x2), to_nodes("vecdot", x1, x2)
    ranks = [len(node.shape) for node in nodes]
    along = as_axis("vecdot", axis, max(ranks))
    from_last = max(ranks) - along
    if from_last > min(ranks):
        fail_shape(
            "vecdot", f"{nodes[ranks.index(min(ranks))].type} has no axis {axis} of the other"
        )
    sizes = [node.shape[-from_last] for node in nodes]
    if unify(*sizes) is None:
        fail_shape("vecdot", f"the axes must be of one size, but {sizes[0]} is not {sizes[1]}")
    left, right = broadcast_nodes("vecdot", nodes)
    return graph.tensor(ops.sum(ops.mul(left, right), axes=(along,)))


def outer(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """All products of an element of one vector with one of another."""
    graph, (left, right) = graph_of("outer", x1, x2), to_nodes("outer", x1, x2)
    if len(left.shape) != 1 or len(right.shape) != 1:
        fail_shape("outer", f"needs two vectors, not {left.type} and {right.type}")
    shape = (*left.shape, *right.shape)
    column = reshaped(left, (*left.shape, 1))
    return graph.tensor(ops.mul(fitted(column, shape), fitted(right, shape)))


if not TYPE_CHECKING:  # for a type checker there are no other names

    def __getattr__(name: str) -> object:
        raise no_attribute(__name__, name)
