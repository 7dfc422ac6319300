"""QR factors.

Derivatives after Seeger, Hetzel, Dai and Lawrence, "Auto-differentiating linear algebra", 2017,
and for wide matrices Roberts and Roberts, "QR and LQ decomposition matrix backpropagation
algorithms for square, wide, and deep matrices", 2020. They divide by the diagonal of r: where
columns are dependent they are infinite or NaN.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from graphc.errors import GradientError
from graphc.ir import dims
from graphc.ir.dims import Size
from graphc.ir.dtypes import FLOATS
from graphc.ir.inference import Inference
from graphc.ir.lowering import Library
from graphc.ir.node import Node
from graphc.ir.opdef import Arg, Array, AttrKind, Kind, Sample
from graphc.ir.routines import Steps, leading
from graphc.ir.types import Shape, TensorType
from graphc.ops.algebra import add, sub
from graphc.ops.contraction import transposed
from graphc.ops.declaring import attr, member_by_member, ops, structured
from graphc.ops.matrices import (
    flat,
    for_each,
    in_lower,
    lower,
    matrix_type,
    mirrored,
    packed,
    packed_type,
    unpacked,
)

#: Columns that LAPACK takes at a time.
_BLOCK = 32


def qr_parts(shape: Shape, complete: bool) -> tuple[Shape, ...]:
    """What `qr` packs of such a matrix: q', and r; a = q r."""
    m, n = shape
    k = m if complete else dims.minimum(m, n)
    return (k, m), (k, n)


def _qr_steps(node: Node, steps: Steps) -> None:
    """LAPACK is given the matrix by columns and leaves q by columns, which is q' by rows."""
    *_, m, n = node.inputs[0].shape
    least = dims.minimum(m, n)
    (k, _), _ = qr_parts((m, n), attr(node, "complete"))
    size = leading(dims.maximum(n, k)) * leading(dims.minimum(least, _BLOCK))
    work, tau, q = steps.room(size), steps.room(least), steps.result
    by_columns = steps.room(m * n)
    flops = 2 * m * n * least
    steps.fill(by_columns, (n, m), lambda j, i: steps.read(0, i, j))
    steps.call("geqrf", m, n, by_columns, leading(m), tau, work, size, flops=flops)
    steps.fill(q.at(k * m), (k, n), lambda i, j: in_lower(j, i, by_columns.element(j * m + i)))
    steps.fill(q, (least, m), lambda j, i: by_columns.element(j * m + i))
    steps.call("orgqr", m, k, least, q, leading(m), tau, work, size, flops=flops)


def _reference(attrs: dict[str, Any], x: Array) -> Array:
    mode: Literal["complete", "reduced"] = "complete" if attrs["complete"] else "reduced"
    m, n = x.shape[-2:]

    def one(matrix: Array) -> Array:
        q, r = np.linalg.qr(matrix, mode)
        return flat(q.T, r)

    return for_each(one, ((m if attrs["complete"] else min(m, n)) * (m + n),), x)


def _type(inference: Inference) -> TensorType:
    matrix = matrix_type(inference)
    return packed_type(matrix, qr_parts(matrix.shape[-2:], attr(inference, "complete")))


# Derivatives ---------------------------------------------------------------------------------


def _square_columns(result: Node) -> Size:
    """How many columns of the matrix q is made from; GradientError if there are too few for it."""
    *_, m, n = result.inputs[0].shape
    if attr(result, "complete") and not dims.is_nonnegative(n - m):
        raise GradientError(
            f"of q's {m} columns those beyond the matrix' {n} are not determined by it, "
            "and have no derivative",
            op="qr", location=result.location,
        )  # fmt: skip
    return dims.minimum(m, n)


def _over(x: Node, r: Node) -> Node:
    """x times the inverse of the upper triangular r."""
    found = ops.triangular_solve(r, transposed(x), lower=False, transposed=True, unit=False)
    return transposed(found)


def _columns(x: Node, start: Size, count: Size) -> Node:
    *lead, m, n = x.shape
    if count == n:
        return x
    return ops.slice(
        x, start=(*[0] * len(lead), 0, start), step=(1,) * len(x.shape), shape=(*lead, m, count)
    )


def _first_vjp(q: Node, r: Node, of_q: Node, of_r: Node) -> Node:
    """The cotangent of the columns that q is made from, and with them a square r."""
    inner = sub(ops.matmul(r, transposed(of_r)), ops.matmul(transposed(of_q), q))
    total = add(of_q, ops.matmul(q, mirrored(inner)))
    found = ops.triangular_solve(r, transposed(total), lower=False, transposed=False, unit=False)
    return transposed(found)


def _qr_vjp(result: Node, g: Node) -> tuple[Node | None, ...]:
    (a,) = result.inputs
    *lead, m, n = a.shape
    k = _square_columns(result)
    parts = qr_parts((m, n), attr(result, "complete"))
    (q_rows, r), (of_q_rows, of_r) = unpacked(result, parts), unpacked(g, parts)
    q, of_q = transposed(q_rows), transposed(of_q_rows)
    if k == n:
        return (_first_vjp(q, r, of_q, of_r),)
    rest, of_rest = _columns(a, k, n - k), _columns(of_r, k, n - k)
    of_q = add(of_q, ops.matmul(rest, transposed(of_rest)))
    first = _first_vjp(q, _columns(r, 0, k), of_q, _columns(of_r, 0, k))
    return (ops.concat(first, ops.matmul(q, of_rest), axis=len(lead) + 1),)


def _first_jvp(q: Node, r: Node, tangent: Node) -> tuple[Node, Node]:
    moved = _over(tangent, r)
    inner = ops.matmul(transposed(q), moved)
    below = lower(inner, strict=True)
    turn = sub(below, transposed(below))
    of_q = add(ops.matmul(q, turn), sub(moved, ops.matmul(q, inner)))
    return of_q, ops.matmul(sub(inner, turn), r)


def _qr_jvp(result: Node, tangents: tuple[Node | None, ...]) -> Node:
    (a,), (tangent,) = result.inputs, tangents
    assert tangent is not None
    *lead, m, n = a.shape
    k = _square_columns(result)
    q_rows, r = unpacked(result, qr_parts((m, n), attr(result, "complete")))
    q = transposed(q_rows)
    of_q, of_r = _first_jvp(q, _columns(r, 0, k), _columns(tangent, 0, k))
    if k != n:
        rest, of_a = _columns(a, k, n - k), _columns(tangent, k, n - k)
        of_rest = add(ops.matmul(transposed(of_q), rest), ops.matmul(transposed(q), of_a))
        of_r = ops.concat(of_r, of_rest, axis=len(lead) + 1)
    return packed([transposed(of_q), of_r], len(lead))


structured(
    "qr", "q' and r of a = q r, where q is orthogonal and r upper triangular; packed.",
    Kind.FACTORIZATION, attrs={"complete": AttrKind.BOOL}, infer=_type, reference=_reference,
    vjp=_qr_vjp, jvp=_qr_jvp, batch=member_by_member, lowering=Library(1, _qr_steps), dtypes=FLOATS,
    samples=tuple(
        Sample((Arg(shape, diagonal=3.0),), {"complete": complete})
        for shape, complete in (
            ((3, 3), False), ((4, 2), False), ((2, 4), False), ((1, 1), False), ((0, 0), False),
            ((2, 4, 3), False), ((2, 3, 3), True), ((0, 2, 2), False),
        )
    ),
    cost=60,
)  # fmt: skip
