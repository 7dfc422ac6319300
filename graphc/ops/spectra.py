"""Eigenvalues of symmetric matrices, and singular values.

Derivatives after Giles, "Collected matrix derivative results for forward and reverse mode
algorithmic differentiation", 2008, and Townsend, "Differentiating the singular value
decomposition", 2016. They have 1/(x[j] - x[i]) for pairs of values; of a pair of equal ones it is
taken as 0: their vectors do not turn into one another. That is right for values, for the space
that vectors of equal values span, and for the polar factor u v', but not for a function of a
matrix, v' diag(f(x)) v, of which the slope of f between two equal values is lost.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphc.errors import LinAlgError
from graphc.ir import dims, scalar
from graphc.ir.dims import Size
from graphc.ir.dtypes import FLOATS, bool_, int32
from graphc.ir.inference import Inference
from graphc.ir.lowering import Library
from graphc.ir.node import Node
from graphc.ir.opdef import Arg, Array, Kind, Sample
from graphc.ir.routines import Area, Steps, leading
from graphc.ir.scalar import Expr
from graphc.ir.types import Shape, TensorType
from graphc.ops.algebra import add, div, equal, mul, sub, where
from graphc.ops.contraction import transposed
from graphc.ops.declaring import member_by_member, ops, scalar_like, structured
from graphc.ops.matrices import (
    columns_scaled,
    diagonal_matrix,
    diagonal_of,
    flat,
    for_each,
    halved,
    in_lower,
    matrix_type,
    mirrored,
    packed,
    packed_type,
    rows_scaled,
    square_type,
    unpacked,
)
from graphc.ops.triangular import failed

_NAN = float("nan")
_DIVERGED = "has values that LAPACK could not find"

#: Columns that LAPACK takes at a time; with less room it takes fewer.
_BLOCK = 32


def _blocks(size: Size) -> Size:
    return dims.minimum(size, _BLOCK)


def _or_nan(steps: Steps, finite: Expr, area: Area, size: Size) -> None:
    """NaN in all of an area where a matrix is not finite: LAPACK may not end with one that is."""
    steps.call(
        "laset", "A", size, 1, _NAN, _NAN, area, leading(size), flops=0,
        where=scalar.op("not", bool_, finite),
    )  # fmt: skip


def _differences(values: Node) -> Node:
    """1/(x[j] - x[i]) at row i and column j; 0 for equal ones."""
    *lead, size = values.shape
    shape = (*lead, size, size)
    row = ops.broadcast_to(ops.reshape(values, shape=(*lead, 1, size)), shape=shape)
    column = ops.broadcast_to(ops.reshape(values, shape=(*lead, size, 1)), shape=shape)
    return _inverse(sub(row, column))


def _inverse(x: Node) -> Node:
    """1/x, and 0 for 0."""
    is_zero = equal(x, 0.0)
    return where(is_zero, 0.0, div(scalar_like(x, 1.0), where(is_zero, 1.0, x)))


# Eigenvalues ---------------------------------------------------------------------------------


def eigh_parts(n: Size) -> tuple[Shape, ...]:
    """What `eigh` packs: the values, ascending, and the vectors, which are rows."""
    return (n,), (n, n)


def _eigh_steps(node: Node, steps: Steps) -> None:
    n: Size = node.inputs[0].shape[-1]
    values, vectors = steps.result, steps.result.at(n)
    finite = _symmetric(steps, vectors, n)
    size = 1 + 6 * n + 2 * n * n
    _syevd(steps, "V", n, vectors, values, size, finite)
    _or_nan(steps, finite, values, n + n * n)


def _eigvalsh_steps(node: Node, steps: Steps) -> None:
    n: Size = node.shape[-1]
    matrix = steps.room(n * n)
    finite = _symmetric(steps, matrix, n)
    _syevd(steps, "N", n, matrix, steps.result, 1 + 2 * n + n * _blocks(n), finite)
    _or_nan(steps, finite, steps.result, n)


def _symmetric(steps: Steps, area: Area, n: Size) -> Expr:
    steps.fill(area, (n, n), lambda i, j: in_lower(i, j, steps.read(0, i, j)))
    return steps.is_finite(area, n * n)


def _syevd(
    steps: Steps, what: str, n: Size, matrix: Area, values: Area, size: Size, finite: Expr
) -> None:
    count = 3 + 5 * n
    returned = steps.call(
        "syevd", what, "U", n, matrix, leading(n), values, steps.room(size), size,
        steps.room(count, int32), count, flops=(9 if what == "V" else 3) * n * n * n, where=finite,
    )  # fmt: skip
    steps.fail_if(failed(returned))


def _found(find: Callable[[], Any]) -> Any:
    try:
        return find()
    except np.linalg.LinAlgError:
        raise LinAlgError(f"a matrix {_DIVERGED}") from None


def _eigh(x: Array) -> Array:
    if not np.all(np.isfinite(np.tril(x))):
        return np.full(x.size + x.shape[0], _NAN, x.dtype)
    values, vectors = _found(lambda: np.linalg.eigh(x))
    return flat(values, vectors.T)


def _eigvalsh(x: Array) -> Array:
    if not np.all(np.isfinite(np.tril(x))):
        return np.full(x.shape[0], _NAN, x.dtype)
    return np.asarray(_found(lambda: np.linalg.eigvalsh(x)))


def _eigh_type(inference: Inference) -> TensorType:
    matrix = square_type(inference)
    return packed_type(matrix, eigh_parts(matrix.shape[-1]))


def _values_type(inference: Inference) -> TensorType:
    matrix = square_type(inference)
    return matrix.with_shape(matrix.shape[:-1])


def _eigh_vjp(result: Node, g: Node) -> tuple[Node | None, ...]:
    parts = eigh_parts(result.inputs[0].shape[-1])
    values, rows = unpacked(result, parts)
    of_values, of_rows = unpacked(g, parts)
    turned = mul(_differences(values), ops.matmul(rows, transposed(of_rows)))
    return (_from_symmetric(rows, add(turned, diagonal_matrix(of_values))),)


def _from_symmetric(rows: Node, inner: Node) -> Node:
    """The cotangent of a lower triangle from that of a matrix in the basis of the rows."""
    outer = ops.matmul(transposed(rows), ops.matmul(inner, rows))
    return halved(add(outer, transposed(outer)))


def _in_basis(rows: Node, tangent: Node) -> Node:
    return ops.matmul(rows, ops.matmul(mirrored(tangent), transposed(rows)))


def _eigh_jvp(result: Node, tangents: tuple[Node | None, ...]) -> Node:
    (tangent,) = tangents
    assert tangent is not None
    values, rows = unpacked(result, eigh_parts(result.inputs[0].shape[-1]))
    inner = _in_basis(rows, tangent)
    turned = ops.matmul(transposed(mul(_differences(values), inner)), rows)
    return packed([diagonal_of(inner), turned], len(values.shape) - 1)


def _vectors(matrix: Node) -> Node:
    return unpacked(ops.eigh(matrix), eigh_parts(matrix.shape[-1]))[1]


def _eigvalsh_vjp(result: Node, g: Node) -> tuple[Node | None, ...]:
    return (_from_symmetric(_vectors(result.inputs[0]), diagonal_matrix(g)),)


def _eigvalsh_jvp(result: Node, tangents: tuple[Node | None, ...]) -> Node:
    (tangent,) = tangents
    assert tangent is not None
    return diagonal_of(_in_basis(_vectors(result.inputs[0]), tangent))


_SYMMETRIC = tuple(
    Sample((Arg(shape, diagonal=3.0),))
    for shape in ((3, 3), (1, 1), (0, 0), (2, 5, 5), (0, 2, 2), (2, 3, 2, 2))
)

eigh = structured(
    "eigh", "Eigenvalues of a symmetric matrix, ascending, and its vectors, as rows; packed.",
    Kind.FACTORIZATION, attrs={}, infer=_eigh_type,
    reference=lambda attrs, x: for_each(_eigh, (x.shape[-1] * (x.shape[-1] + 1),), x),
    vjp=_eigh_vjp, jvp=_eigh_jvp, batch=member_by_member,
    lowering=Library(1, _eigh_steps, _DIVERGED), dtypes=FLOATS,
    samples=_SYMMETRIC, cost=100,
)  # fmt: skip

eigvalsh = structured(
    "eigvalsh", "Eigenvalues of a symmetric matrix, ascending; its lower triangle is read.",
    Kind.FACTORIZATION, attrs={}, infer=_values_type,
    reference=lambda attrs, x: for_each(_eigvalsh, x.shape[-1:], x),
    vjp=_eigvalsh_vjp, jvp=_eigvalsh_jvp, batch=member_by_member,
    lowering=Library(1, _eigvalsh_steps, _DIVERGED),
    dtypes=FLOATS, samples=_SYMMETRIC, cost=60,
)  # fmt: skip


# Singular values -----------------------------------------------------------------------------


def svd_parts(m: Size, n: Size) -> tuple[Shape, ...]:
    """What `svd` packs: the values, descending, u and v', so that a = u diag(values) v'."""
    k = dims.minimum(m, n)
    return (k,), (m, k), (k, n)


def _gesdd(steps: Steps, node: Node, what: str, values: Area, u: Area, v: Area) -> Expr:
    """Of our matrix, stored by rows, LAPACK sees the transpose: its u is our v."""
    *_, m, n = node.inputs[0].shape
    least, most = dims.minimum(m, n), dims.maximum(m, n)
    matrix = steps.room(m * n)
    steps.fill(matrix, (m, n), lambda i, j: steps.read(0, i, j))
    finite = steps.is_finite(matrix, m * n)
    size = 7 * least + most + (m + n) * _blocks(least) + 1
    if what != "N":
        size = size + 4 * least * least
    returned = steps.call(
        "gesdd", what, n, m, matrix, leading(n), values, v, leading(n), u, leading(least),
        steps.room(size), size, steps.room(8 * least, int32),
        flops=(20 if what != "N" else 4) * most * least * least, where=finite,
    )  # fmt: skip
    steps.fail_if(failed(returned))
    return finite


def _svd_steps(node: Node, steps: Steps) -> None:
    *_, m, n = node.inputs[0].shape
    k = dims.minimum(m, n)
    values = steps.result
    finite = _gesdd(steps, node, "S", values, values.at(k), values.at(k + m * k))
    _or_nan(steps, finite, values, k + m * k + k * n)


def _svdvals_steps(node: Node, steps: Steps) -> None:
    values = steps.result
    finite = _gesdd(steps, node, "N", values, values, values)
    _or_nan(steps, finite, values, node.shape[-1])


def _svd(x: Array) -> Array:
    m, n = x.shape
    if not np.all(np.isfinite(x)):
        return np.full(min(m, n) * (1 + m + n), _NAN, x.dtype)
    u, values, v = _found(lambda: np.linalg.svd(x, full_matrices=False))
    return flat(values, u, v)


def _svdvals(x: Array) -> Array:
    if not np.all(np.isfinite(x)):
        return np.full(min(x.shape), _NAN, x.dtype)
    return np.asarray(_found(lambda: np.linalg.svd(x, compute_uv=False)))


def _svd_type(inference: Inference) -> TensorType:
    matrix = matrix_type(inference)
    return packed_type(matrix, svd_parts(*matrix.shape[-2:]))


def _svdvals_type(inference: Inference) -> TensorType:
    *lead, m, n = matrix_type(inference).shape
    return inference.tensor(0).with_shape((*lead, dims.minimum(m, n)))


def _sums(values: Node) -> Node:
    """1/(s[j] + s[i]) at row i and column j; 0 for two zeros."""
    *lead, size = values.shape
    row = ops.broadcast_to(ops.reshape(values, shape=(*lead, 1, size)), shape=(*lead, size, size))
    return _inverse(add(row, transposed(row)))


def _skew(x: Node) -> Node:
    """The part of square matrices that changes its sign when they are transposed."""
    return mul(sub(x, transposed(x)), 0.5)


def _even(x: Node) -> Node:
    """The symmetric part of square matrices."""
    return mul(add(x, transposed(x)), 0.5)


def _svd_vjp(result: Node, g: Node) -> tuple[Node | None, ...]:
    *_, m, n = result.inputs[0].shape
    parts = svd_parts(m, n)
    values, u, v = unpacked(result, parts)
    of_values, of_u, of_v = unpacked(g, parts)
    inverse = _inverse(values)
    left, right = ops.matmul(transposed(u), of_u), ops.matmul(of_v, transposed(v))
    same = mul(_differences(values), _skew(sub(left, right)))
    opposite = mul(_sums(values), _skew(add(left, right)))
    inner = add(add(same, opposite), diagonal_matrix(of_values))
    total = ops.matmul(u, ops.matmul(inner, v))
    if m != n:  # what of u and v leaves the space of their vectors
        off = columns_scaled(sub(of_u, ops.matmul(u, left)), inverse)
        total = add(total, ops.matmul(off, v))
        off = rows_scaled(sub(of_v, ops.matmul(right, v)), inverse)
        total = add(total, ops.matmul(u, off))
    return (total,)


def _svd_jvp(result: Node, tangents: tuple[Node | None, ...]) -> Node:
    (tangent,) = tangents
    assert tangent is not None
    *_, m, n = result.inputs[0].shape
    parts = svd_parts(m, n)
    values, u, v = unpacked(result, parts)
    inverse = _inverse(values)
    across, down = ops.matmul(tangent, transposed(v)), ops.matmul(transposed(u), tangent)
    inner = ops.matmul(down, transposed(v))
    same = mul(_differences(values), _even(inner))
    opposite = mul(_sums(values), _skew(inner))
    of_u = ops.matmul(u, add(same, opposite))
    of_v = ops.matmul(sub(opposite, same), v)
    if m != n:
        of_u = add(of_u, columns_scaled(sub(across, ops.matmul(u, inner)), inverse))
        of_v = add(of_v, rows_scaled(sub(down, ops.matmul(inner, v)), inverse))
    return packed([diagonal_of(inner), of_u, of_v], len(values.shape) - 1)


def _bases(matrix: Node) -> tuple[Node, Node]:
    _, u, v = unpacked(ops.svd(matrix), svd_parts(*matrix.shape[-2:]))
    return u, v


def _svdvals_vjp(result: Node, g: Node) -> tuple[Node | None, ...]:
    u, v = _bases(result.inputs[0])
    return (ops.matmul(columns_scaled(u, g), v),)


def _svdvals_jvp(result: Node, tangents: tuple[Node | None, ...]) -> Node:
    (tangent,) = tangents
    assert tangent is not None
    u, v = _bases(result.inputs[0])
    rank = len(u.shape)
    return ops.sum(mul(u, ops.matmul(tangent, transposed(v))), axes=(rank - 2,))


_RECTANGLES = tuple(
    Sample((Arg(shape, diagonal=3.0),))
    for shape in ((3, 3), (4, 2), (2, 4), (1, 1), (0, 3), (3, 0), (2, 4, 3), (0, 2, 2))
)

svd = structured(
    "svd", "Singular values, descending, with u and v' of a = u diag(values) v'; packed.",
    Kind.FACTORIZATION, attrs={}, infer=_svd_type,
    reference=lambda attrs, x: for_each(
        _svd, (min(x.shape[-2:]) * (1 + x.shape[-2] + x.shape[-1]),), x
    ),
    vjp=_svd_vjp, jvp=_svd_jvp, batch=member_by_member,
    lowering=Library(1, _svd_steps, _DIVERGED), dtypes=FLOATS,
    samples=_RECTANGLES, cost=200,
)  # fmt: skip

svdvals = structured(
    "svdvals", "Singular values, descending.", Kind.FACTORIZATION, attrs={}, infer=_svdvals_type,
    reference=lambda attrs, x: for_each(_svdvals, (min(x.shape[-2:]),), x),
    vjp=_svdvals_vjp, jvp=_svdvals_jvp, batch=member_by_member,
    lowering=Library(1, _svdvals_steps, _DIVERGED),
    dtypes=FLOATS, samples=_RECTANGLES, cost=100,
)  # fmt: skip
