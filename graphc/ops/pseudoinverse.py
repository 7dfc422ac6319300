"""Least squares of any rank.

`least_squares` multiplies by the pseudoinverse, and has derivatives of its own: those of matrices
whose rank stays what it is (Golub and Pereyra, "The differentiation of pseudo-inverses and
nonlinear least squares problems whose variables separate", 1973). They need nothing but further
least squares with the same matrix, so unlike derivatives of singular vectors they are finite where
singular values are equal. Only the scheduler writes the op out in terms of `svd` or `eigh`, and
equal ones of these are done once.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.ir.dtypes import FLOATS
from graphc.ir.inference import Inference
from graphc.ir.lowering import Composite
from graphc.ir.node import Node
from graphc.ir.opdef import Arg, Array, AttrKind, Kind, Sample
from graphc.ir.types import TensorType
from graphc.ops.algebra import add, div, mul, neg, sub, where
from graphc.ops.batching import right_sides
from graphc.ops.contraction import transposed
from graphc.ops.declaring import attr, ops, scalar_like, structured, zeros_like
from graphc.ops.matrices import (
    halved,
    matrix_type,
    mirrored,
    rows_scaled,
    square_type,
    unpacked,
)
from graphc.ops.spectra import eigh_parts, svd_parts


def _type(inference: Inference) -> TensorType:
    take = square_type if attr(inference, "symmetric") else matrix_type
    a, tolerance, b = take(inference, 0), inference.tensor(1), matrix_type(inference, 2)
    inference.same_dtype()
    if a.rank != b.rank:
        inference.fail("needs two matrices, or two stacks of as many dims")
    lead = inference.same_shape(a.shape[:-2], b.shape[:-2], "leading dims")
    lead = inference.same_shape(lead, tolerance.shape, "leading dims")
    rows, columns = a.shape[-2:]
    if attr(inference, "transposed"):
        rows, columns = columns, rows
    inference.same_dim(rows, b.shape[-2], "rows of both sides")
    return b.with_shape((*lead, columns, b.shape[-1]))


# Value ---------------------------------------------------------------------------------------


def _inverse(values: Node, tolerance: Node) -> Node:
    """1/values, and 0 for those that count as 0."""
    rank = len(values.shape)
    sizes = ops.abs(values)
    least = mul(ops.max(sizes, axes=(rank - 1,)), tolerance)
    least = ops.reshape(least, shape=(*least.shape, 1))
    is_kept = ops.gt(sizes, ops.broadcast_to(least, shape=sizes.shape))
    return where(is_kept, div(scalar_like(values, 1.0), where(is_kept, values, 1.0)), 0.0)


def _written_out(node: Node) -> Node:
    """The right side in the basis of one kind of vectors, scaled, and out of that of the other."""
    a, tolerance, b = node.inputs
    if attr(node, "symmetric"):
        values, rows = unpacked(ops.eigh(a), eigh_parts(a.shape[-1]))
        into, out = rows, transposed(rows)
    else:
        values, u, v = unpacked(ops.svd(a), svd_parts(*a.shape[-2:]))
        into, out = (v, u) if attr(node, "transposed") else (transposed(u), transposed(v))
    return ops.matmul(out, rows_scaled(ops.matmul(into, b), _inverse(values, tolerance)))


def _reference(attrs: dict[str, Any], a: Array, tolerance: Array, b: Array) -> Array:
    if attrs["symmetric"]:
        a = np.tril(a) + np.swapaxes(np.tril(a, -1), -1, -2)
    if attrs["transposed"]:
        a = np.swapaxes(a, -1, -2)
    found = np.empty((*b.shape[:-2], a.shape[-1], b.shape[-1]), b.dtype)
    for place in np.ndindex(b.shape[:-2]):
        found[place] = _pseudoinverse(a[place], tolerance[place]) @ b[place]
    return found


def _pseudoinverse(a: Array, tolerance: Array) -> Array:
    if not np.all(np.isfinite(a)):
        return np.full_like(a.T, np.nan)
    with np.errstate(invalid="ignore"):
        return np.linalg.pinv(a, tolerance) if a.size else a.T


# Derivatives ---------------------------------------------------------------------------------


def _again(result: Node, b: Node, *, transposed: bool) -> Node:
    a, tolerance, _ = result.inputs
    return ops.least_squares(a, tolerance, b, **{**result.attrs, "transposed": transposed})


def _matrix(result: Node, a: Node) -> Node:
    """What the op multiplies by the pseudoinverse of, made of its first input or a tangent."""
    a = mirrored(a) if attr(result, "symmetric") else a
    return transposed(a) if attr(result, "transposed") else a


def _vjp(result: Node, g: Node) -> tuple[Node | None, ...]:
    a, tolerance, b = result.inputs
    is_transposed = attr(result, "transposed")
    matrix = _matrix(result, a)
    of_b = _again(result, g, transposed=not is_transposed)
    twice = _again(result, of_b, transposed=is_transposed)
    back = _again(result, result, transposed=not is_transposed)
    residual = sub(b, ops.matmul(matrix, result))
    outside = sub(g, ops.matmul(transposed(matrix), of_b))
    of_a = neg(ops.matmul(of_b, transposed(result)))
    of_a = add(of_a, ops.matmul(residual, transposed(twice)))
    of_a = add(of_a, ops.matmul(back, transposed(outside)))
    if is_transposed:
        of_a = transposed(of_a)
    if attr(result, "symmetric"):
        of_a = halved(add(of_a, transposed(of_a)))
    return of_a, zeros_like(tolerance), of_b


def _jvp(result: Node, tangents: tuple[Node | None, ...]) -> Node:
    a, _, b = result.inputs
    of_a, _, change = tangents
    is_transposed = attr(result, "transposed")
    if of_a is None:
        return zeros_like(result) if change is None else _along(result, change)
    matrix, tangent = _matrix(result, a), _matrix(result, of_a)
    residual = sub(b, ops.matmul(matrix, result))
    turned = ops.matmul(transposed(tangent), residual)
    moved = sub(_again(result, turned, transposed=not is_transposed), ops.matmul(tangent, result))
    change = moved if change is None else add(change, moved)
    back = _again(result, result, transposed=not is_transposed)
    grown = ops.matmul(transposed(tangent), back)
    inside = _along(result, sub(change, ops.matmul(matrix, grown)))
    return add(inside, grown)


def _along(result: Node, b: Node) -> Node:
    return _again(result, b, transposed=attr(result, "transposed"))


least_squares = structured(
    "least_squares",
    "The shortest of those x that make a x - b shortest, or a' x - b if transposed; of a's "
    "singular values those up to the tolerance, times the largest, count as 0. Only the lower "
    "triangle of a is read if symmetric.",
    Kind.FACTORIZATION, arity=3,
    attrs={"transposed": AttrKind.BOOL, "symmetric": AttrKind.BOOL}, infer=_type,
    reference=_reference, vjp=_vjp, jvp=_jvp, batch=right_sides,
    lowering=Composite(_written_out), dtypes=FLOATS,
    samples=tuple(
        Sample(
            (Arg(a, diagonal=3.0), Arg(a[:-2], low=1e-4, high=1e-3), Arg(b)),
            {"transposed": is_transposed, "symmetric": symmetric},
        )
        for a, b, is_transposed, symmetric in (
            ((3, 3), (3, 2), False, False), ((4, 2), (4, 3), False, False),
            ((2, 4), (2, 3), False, False), ((4, 2), (2, 3), True, False),
            ((2, 4, 3), (2, 4, 1), False, False), ((2, 3, 4), (2, 4, 2), True, False),
            ((3, 3), (3, 2), False, True), ((2, 4, 4), (2, 4, 1), True, True),
            ((1, 1), (1, 1), False, False), ((0, 3), (0, 2), False, False),
            ((3, 0), (3, 2), False, False), ((0, 2, 2), (0, 2, 1), False, True),
        )
    ),
    cost=250,
)  # fmt: skip
