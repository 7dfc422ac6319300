"""Comparisons, tests of floating-point numbers, and the choice between two values."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from graphc.ir import scalar
from graphc.ir.dtypes import ALL, FLOATS, bool_
from graphc.ir.inference import Inference
from graphc.ir.node import Node
from graphc.ir.opdef import Arg, Array, Kind, OpDef, Sample, declare
from graphc.ir.scalar import Expr
from graphc.ir.types import TensorType
from graphc.ops.declaring import (
    DISCRETE,
    Factor,
    elementwise,
    formula_element,
    member_by_member,
    ops,
    vjp_of_factors,
    zeros_like,
)

_COMPARISONS: tuple[tuple[str, np.ufunc, str], ...] = (
    ("eq", np.equal, "Whether equal; NaN equals nothing."),
    ("ne", np.not_equal, "Whether different; NaN differs from everything."),
    ("lt", np.less, "Whether less; false with NaN."),
    ("le", np.less_equal, "Whether less or equal; false with NaN."),
    ("gt", np.greater, "Whether greater; false with NaN."),
    ("ge", np.greater_equal, "Whether greater or equal; false with NaN."),
)
for _name, _reference, _doc in _COMPARISONS:
    elementwise(
        _name, _doc, arity=2, dtypes=ALL, reference=_reference, derivative=DISCRETE,
        result=bool_, exact=True, commutative=_name in ("eq", "ne"),
    )  # fmt: skip


def _isnan(x: Expr) -> Expr:
    return scalar.compare("ne", x, x)


def _isfinite(x: Expr) -> Expr:
    return scalar.compare("lt", scalar.same("abs", x), scalar.const(np.inf, x.dtype))


def _isinf(x: Expr) -> Expr:
    return scalar.compare("eq", scalar.same("abs", x), scalar.const(np.inf, x.dtype))


_TESTS: tuple[tuple[str, np.ufunc, Callable[[Expr], Expr], str], ...] = (
    ("isnan", np.isnan, _isnan, "Whether not a number."),
    ("isfinite", np.isfinite, _isfinite, "Whether neither infinite nor NaN."),
    ("isinf", np.isinf, _isinf, "Whether infinite."),
)
for _name, _reference, _formula, _doc in _TESTS:
    elementwise(
        _name, _doc, dtypes=FLOATS, reference=_reference, derivative=DISCRETE,
        lowering=formula_element(_formula), result=bool_, exact=True,
    )  # fmt: skip


def _where_type(inference: Inference) -> TensorType:
    condition, then, otherwise = inference.tensors
    inference.require_kind(0, "b", "a bool condition")
    dtype = inference.same_dtype(1, 2)
    shape = inference.same_shape(then.shape, otherwise.shape)
    return TensorType(dtype, inference.same_shape(shape, condition.shape))


def _where_reference(attrs: object, condition: Array, then: Array, otherwise: Array) -> Array:
    return np.where(condition, then, otherwise)


_FACTORS: tuple[Factor, ...] = (
    lambda g, r, c, x, y: None,
    lambda g, r, c, x, y: ops.where(c, g, zeros_like(g)),
    lambda g, r, c, x, y: ops.where(c, zeros_like(g), g),
)


def _where_jvp(result: Node, tangents: tuple[Node | None, ...]) -> Node:
    """The tangent of the branch that is taken; what the other one's is does not matter."""
    still = zeros_like(result)
    then, otherwise = (still if tangent is None else tangent for tangent in tangents[1:])
    return ops.where(result.inputs[0], then, otherwise)


def _where_args(shape: tuple[int, ...]) -> Sample:
    return Sample((Arg(shape, dtype=bool_), Arg(shape), Arg(shape)))


where: OpDef = declare(
    OpDef(
        "where", Kind.ELEMENTWISE, 3, {}, _where_type,
        _where_reference,
        vjp_of_factors(_FACTORS),
        _where_jvp,
        member_by_member,
        formula_element(scalar.select), ALL,
        tuple(_where_args(shape) for shape in ((), (0,), (1,), (7,), (3, 35))),
        "The second input where the first is true, else the third.", exact=True,
    )
)  # fmt: skip
