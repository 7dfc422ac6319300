"""Triangular systems.

Derivatives after Giles, "Collected matrix derivative results for forward and reverse mode
algorithmic differentiation", 2008.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.ir import scalar
from graphc.ir.dtypes import FLOATS, int32
from graphc.ir.inference import Inference
from graphc.ir.lowering import Library
from graphc.ir.node import Node
from graphc.ir.opdef import Arg, Array, AttrKind, Kind, Sample
from graphc.ir.routines import Area, Steps, leading
from graphc.ir.scalar import Expr
from graphc.ir.types import Shape, TensorType
from graphc.ops.algebra import neg, sub
from graphc.ops.batching import right_sides
from graphc.ops.contraction import transposed
from graphc.ops.declaring import attr, ops, structured
from graphc.ops.matrices import for_each, lower, matrix_type, upper
from graphc.ops.matrices import square_type as _square_type

#: Columns of a right side that are worked on together: enough to make up for reading the matrix.
COLUMNS = 256


def system_type(inference: Inference) -> TensorType:
    """The solution of a system: square matrices on the left, as many rows on the right."""
    left, right = _square_type(inference, 0), matrix_type(inference, 1)
    inference.same_dtype()
    if left.rank != right.rank:
        inference.fail("needs two matrices, or two stacks of as many dims")
    lead = inference.same_shape(left.shape[:-2], right.shape[:-2], "leading dims")
    size = inference.same_dim(left.shape[-1], right.shape[-2], "rows of both sides")
    return right.with_shape((*lead, size, right.shape[-1]))


def failed(returned: Expr) -> Expr:
    """Whether a routine has said that something is wrong."""
    return scalar.compare("ne", returned, scalar.const(0, int32))


# Triangular systems --------------------------------------------------------------------------


def right_side(node: Node, steps: Steps, k: int) -> Area:
    """The columns of the result that are worked on, filled with those of the k-th input."""
    *_, rows, columns = node.shape
    piece = steps.columns
    steps.fill_at(
        steps.result, (rows, piece.count),
        lambda i, j: i * columns + piece.start + j,
        lambda i, j: steps.read(k, i, piece.start + j),
    )  # fmt: skip
    return steps.result.at(piece.start)


def divide(
    steps: Steps, a: Area, x: Area, shape: Shape, *, lower: bool, transposed: bool, unit: bool
) -> None:
    """Put a^-1 x, or a'^-1 x if transposed, in the place of x; a triangle of `a` is read.

    `shape` is that of all of x, of which the columns of `steps` begin at the area. By columns the
    lower triangle is the upper one, and x a' = b' what was a x = b.
    """
    rows, columns = shape
    half, diagonal = "U" if lower else "l", "u" if unit else "n"
    if columns == 1:
        steps.call(
            "trsv", half, "N" if transposed else "T", diagonal, rows, a, leading(rows), x, 1,
            flops=rows * rows,
        )  # fmt: skip
        return
    steps.call(
        "trsm", "R", half, "T" if transposed else "N", diagonal, steps.columns.count, rows, 1.0, a,
        leading(rows), x, leading(columns), flops=rows * rows * steps.columns.most,
    )  # fmt: skip


def _solve_steps(node: Node, steps: Steps) -> None:
    divide(
        steps, steps.given(0), right_side(node, steps, 1), node.shape[-2:],
        lower=attr(node, "lower"), transposed=attr(node, "transposed"), unit=attr(node, "unit"),
    )  # fmt: skip


def _substitute(attrs: dict[str, Any], a: Array, b: Array) -> Array:
    """One row after another, from the corner in which the triangle begins."""
    size = b.shape[0]
    is_lower = attrs["lower"]
    a = np.tril(a) if is_lower else np.triu(a)
    if attrs["transposed"]:
        a, is_lower = a.T, not is_lower
    x = np.zeros_like(b)
    order = range(size) if is_lower else range(size - 1, -1, -1)
    for done, i in enumerate(order):
        known = list(order[:done])
        x[i] = b[i] - a[i, known] @ x[known]
        if not attrs["unit"]:
            x[i] = x[i] / a[i, i]
    return x


def _solve_reference(attrs: dict[str, Any], a: Array, b: Array) -> Array:
    return for_each(lambda *one: _substitute(attrs, *one), b.shape[-2:], a, b)


def _part(result: Node, a: Node) -> Node:
    """Of matrices like the op's first input, what the op reads."""
    strict = attr(result, "unit")
    return lower(a, strict=strict) if attr(result, "lower") else upper(a, strict=strict)


def _with(result: Node, b: Node, *, transposed: bool) -> Node:
    attrs = {**result.attrs, "transposed": transposed}
    return ops.triangular_solve(result.inputs[0], b, **attrs)


def _solve_vjp(result: Node, g: Node) -> tuple[Node | None, ...]:
    is_transposed = attr(result, "transposed")
    right = _with(result, g, transposed=not is_transposed)
    left, other = (result, right) if is_transposed else (right, result)
    return _part(result, neg(ops.matmul(left, transposed(other)))), right


def _solve_jvp(result: Node, tangents: tuple[Node | None, ...]) -> Node:
    of_a, of_b = tangents
    change = of_b
    if of_a is not None:
        part = _part(result, of_a)
        part = transposed(part) if attr(result, "transposed") else part
        moved = ops.matmul(part, result)
        change = neg(moved) if of_b is None else sub(of_b, moved)
    assert change is not None
    return _with(result, change, transposed=attr(result, "transposed"))


_SYSTEMS = (((3, 3), (3, 4)), ((1, 1), (1, 1)), ((0, 0), (0, 2)), ((2, 5, 5), (2, 5, 1)))

triangular_solve = structured(
    "triangular_solve",
    "The solution x of a x = b, or of a' x = b if transposed, where only a triangle of a is read.",
    Kind.FACTORIZATION, arity=2,
    attrs={"lower": AttrKind.BOOL, "transposed": AttrKind.BOOL, "unit": AttrKind.BOOL},
    infer=system_type, reference=_solve_reference, vjp=_solve_vjp, jvp=_solve_jvp,
    batch=right_sides,
    lowering=Library(2, _solve_steps, columns=COLUMNS), dtypes=FLOATS,
    samples=tuple(
        Sample(
            (Arg(a, diagonal=3.0), Arg(b)),
            {"lower": is_lower, "transposed": is_transposed, "unit": unit},
        )
        for (a, b), is_lower, is_transposed, unit in (
            (_SYSTEMS[0], True, False, False), (_SYSTEMS[0], True, True, False),
            (_SYSTEMS[0], False, False, False), (_SYSTEMS[0], False, True, True),
            (_SYSTEMS[1], True, False, False), (_SYSTEMS[2], True, False, False),
            (_SYSTEMS[3], True, False, True), (_SYSTEMS[3], False, False, False),
        )
    ),
    cost=20,
)  # fmt: skip
