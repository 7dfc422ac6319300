"""Linear systems and determinants, from LU factors.

`solve`, `det`, `logabsdet` and `det_sign` have derivatives of their own (Giles, "Collected matrix
derivative results for forward and reverse mode algorithmic differentiation", 2008). Only the
scheduler writes them out in terms of `lu`, so that what solves with a matrix and what
differentiates it share the factors.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.errors import LinAlgError
from graphc.ir import scalar
from graphc.ir.dims import product
from graphc.ir.dtypes import FLOATS, int32
from graphc.ir.inference import Inference
from graphc.ir.lowering import Composite, Library
from graphc.ir.node import Node
from graphc.ir.opdef import Arg, Array, AttrKind, Kind, NoDerivative, Sample
from graphc.ir.routines import Steps, leading
from graphc.ir.types import TensorType
from graphc.ops.algebra import mul, neg, sub
from graphc.ops.batching import right_sides
from graphc.ops.contraction import transposed
from graphc.ops.declaring import STEP, attr, member_by_member, ops, structured
from graphc.ops.lu import lu_parts
from graphc.ops.matrices import (
    for_each,
    identity_like,
    spread_over,
    square_type,
    unpacked,
)
from graphc.ops.triangular import COLUMNS, divide, right_side, system_type

_SINGULAR = "is singular"
_INNER = NoDerivative("is what solve is computed with, which has the rules", zero=False)


# Systems -------------------------------------------------------------------------------------


def _lu_solve_type(inference: Inference) -> TensorType:
    factors, right = inference.tensor(0), inference.tensor(1)
    inference.same_dtype()
    lead = inference.same_shape(factors.shape[:-1], right.shape[:-2], "leading dims")
    size = sum(map(product, lu_parts(right.shape[-2], right.shape[-2])))
    inference.same_dim(factors.shape[-1], size, "the sizes of the factors and of n rows")
    return right.with_shape((*lead, *right.shape[-2:]))


def _lu_solve_steps(node: Node, steps: Steps) -> None:
    *_, n, columns = node.shape
    factors, x, piece = steps.given(0), right_side(node, steps, 1), steps.columns
    order = steps.room(n, int32)
    one = scalar.const(1, int32)
    steps.fill(
        order, (n,), lambda i: scalar.same("add", scalar.cast(steps.read(0, n * n + i), int32), one)
    )
    is_transposed = attr(node, "transposed")
    moved = (piece.count, n, x, leading(columns), order)
    if is_transposed:
        steps.call("lapmt", 1, *moved, flops=n * piece.most)
    for is_l in (False, True) if is_transposed else (True, False):
        divide(steps, factors, x, (n, columns), lower=is_l, transposed=is_transposed, unit=not is_l)
    if not is_transposed:
        steps.call("lapmt", 0, *moved, flops=n * piece.most)
    zero = scalar.const(0.0, node.dtype)
    steps.fail_if(
        steps.combined("any", n, lambda i: scalar.compare("eq", steps.read(0, n * n + n + i), zero))
    )


def _substituted(attrs: dict[str, Any], factors: Array, b: Array) -> Array:
    n = b.shape[0]
    both, permutation = factors[: n * n].reshape(n, n), factors[n * n : n * n + n].astype(int)
    a = np.zeros_like(both)
    a[:, permutation] = np.tril(both) @ (np.triu(both, 1) + np.eye(n, dtype=both.dtype))
    return _solved(attrs, a, b)


def _solved(attrs: dict[str, Any], a: Array, b: Array) -> Array:
    try:
        return np.linalg.solve(a.T if attrs["transposed"] else a, b)
    except np.linalg.LinAlgError:
        raise LinAlgError(f"a matrix {_SINGULAR}") from None


def _lu_solve_reference(attrs: dict[str, Any], factors: Array, b: Array) -> Array:
    result = np.empty_like(b)
    for place in np.ndindex(b.shape[:-2]):
        result[place] = _substituted(attrs, factors[place], b[place])
    return result


lu_solve = structured(
    "lu_solve", "The solution of a x = b, or of a' x = b if transposed, from the factors of a.",
    Kind.FACTORIZATION, arity=2, attrs={"transposed": AttrKind.BOOL}, infer=_lu_solve_type,
    reference=_lu_solve_reference, vjp=_INNER, jvp=_INNER, batch=right_sides,
    lowering=Library(2, _lu_solve_steps, _SINGULAR, "solve", COLUMNS), dtypes=FLOATS,
    samples=(  # numbers drawn at random are no factors, but for matrices of size 0
        Sample((Arg((1,)), Arg((0, 3))), {"transposed": False}),
        Sample((Arg((2, 1)), Arg((2, 0, 3))), {"transposed": True}),
    ),
    cost=20,
)  # fmt: skip


def _solve_vjp(result: Node, g: Node) -> tuple[Node | None, ...]:
    a, is_transposed = result.inputs[0], attr(result, "transposed")
    right = ops.solve(a, g, transposed=not is_transposed)
    left, other = (result, right) if is_transposed else (right, result)
    return neg(ops.matmul(left, transposed(other))), right


def _solve_jvp(result: Node, tangents: tuple[Node | None, ...]) -> Node:
    a, is_transposed = result.inputs[0], attr(result, "transposed")
    of_a, of_b = tangents
    change = of_b
    if of_a is not None:
        moved = ops.matmul(transposed(of_a) if is_transposed else of_a, result)
        change = neg(moved) if of_b is None else sub(of_b, moved)
    assert change is not None
    return ops.solve(a, change, transposed=is_transposed)


def _solve_written_out(node: Node) -> Node:
    a, b = node.inputs
    return ops.lu_solve(ops.lu(a), b, transposed=attr(node, "transposed"))


solve = structured(
    "solve", "The solution x of a x = b, or of a' x = b if transposed.",
    Kind.FACTORIZATION, arity=2, attrs={"transposed": AttrKind.BOOL}, infer=system_type,
    reference=lambda attrs, a, b: for_each(
        lambda *one: _solved(attrs, *one), b.shape[-2:], a, b
    ),
    vjp=_solve_vjp, jvp=_solve_jvp, batch=right_sides,
    lowering=Composite(_solve_written_out), dtypes=FLOATS,
    samples=tuple(
        Sample((Arg(a, diagonal=4.0), Arg(b)), {"transposed": is_transposed})
        for a, b in (((4, 4), (4, 3)), ((1, 1), (1, 1)), ((0, 0), (0, 2)), ((2, 5, 5), (2, 5, 1)))
        for is_transposed in (False, True)
    ),
    cost=40,
)  # fmt: skip


# Determinants --------------------------------------------------------------------------------


def _number_type(inference: Inference) -> TensorType:
    matrix = square_type(inference)
    return matrix.with_shape(matrix.shape[:-2])


def _inverse_transposed(a: Node) -> Node:
    return ops.solve(a, identity_like(a), transposed=True)


def _slope(a: Node, tangent: Node) -> Node:
    """The trace of a^-1 times the tangent."""
    rank = len(a.shape)
    return ops.sum(mul(_inverse_transposed(a), tangent), axes=(rank - 2, rank - 1))


def _det_vjp(result: Node, g: Node) -> tuple[Node | None, ...]:
    (a,) = result.inputs
    return (mul(_inverse_transposed(a), spread_over(mul(g, result), a)),)


def _det_jvp(result: Node, tangents: tuple[Node | None, ...]) -> Node:
    (tangent,) = tangents
    assert tangent is not None
    return mul(result, _slope(result.inputs[0], tangent))


def _logabsdet_vjp(result: Node, g: Node) -> tuple[Node | None, ...]:
    (a,) = result.inputs
    return (mul(_inverse_transposed(a), spread_over(g, a)),)


def _logabsdet_jvp(result: Node, tangents: tuple[Node | None, ...]) -> Node:
    (tangent,) = tangents
    assert tangent is not None
    return _slope(result.inputs[0], tangent)


def _sign_of_det(x: Array) -> Array:
    sign, log = np.linalg.slogdet(x)  # which has a sign for NaN, too
    return np.asarray(np.where(np.isnan(log), log, sign))


def _diagonal_and_sign(node: Node) -> tuple[Node, Node]:
    a = node.inputs[0]
    _, _, diagonal, sign = unpacked(ops.lu(a), lu_parts(*a.shape[-2:]))
    return diagonal, sign


def _det_written_out(node: Node) -> Node:
    diagonal, sign = _diagonal_and_sign(node)
    return mul(sign, ops.prod(diagonal, axes=(len(diagonal.shape) - 1,)))


def _logabsdet_written_out(node: Node) -> Node:
    diagonal, _ = _diagonal_and_sign(node)
    return ops.sum(ops.log(ops.abs(diagonal)), axes=(len(diagonal.shape) - 1,))


def _det_sign_written_out(node: Node) -> Node:
    diagonal, sign = _diagonal_and_sign(node)
    return mul(sign, ops.prod(ops.sign(diagonal), axes=(len(diagonal.shape) - 1,)))


_SQUARES = tuple(
    Sample((Arg(shape, diagonal=1.0),))
    for shape in ((3, 3), (1, 1), (0, 0), (2, 5, 5), (0, 2, 2), (2, 3, 2, 2))
)

structured(
    "det", "Determinants; that of a matrix of size 0 is 1.", Kind.FACTORIZATION, attrs={},
    infer=_number_type, reference=lambda attrs, x: np.asarray(np.linalg.det(x)),
    vjp=_det_vjp, jvp=_det_jvp, batch=member_by_member,
    lowering=Composite(_det_written_out), dtypes=FLOATS,
    samples=_SQUARES, cost=40,
)  # fmt: skip

structured(
    "logabsdet", "Logarithms of the absolute values of determinants; -inf for a singular matrix.",
    Kind.FACTORIZATION, attrs={}, infer=_number_type,
    reference=lambda attrs, x: np.asarray(np.linalg.slogdet(x)[1]),
    vjp=_logabsdet_vjp, jvp=_logabsdet_jvp, batch=member_by_member,
    lowering=Composite(_logabsdet_written_out),
    dtypes=FLOATS, samples=_SQUARES, cost=40,
)  # fmt: skip

structured(
    "det_sign", "Signs of determinants: 1, -1, or 0 for a singular matrix.",
    Kind.FACTORIZATION, attrs={}, infer=_number_type,
    reference=lambda attrs, x: _sign_of_det(x),
    vjp=STEP, jvp=STEP, batch=member_by_member, lowering=Composite(_det_sign_written_out),
    dtypes=FLOATS, samples=_SQUARES, cost=40,
)  # fmt: skip
