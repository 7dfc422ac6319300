"""Operations on constants, carried out: what is left of conditions once positions are known."""

from __future__ import annotations

import operator

from graphc.ir import dims, scalar
from graphc.ir.dims import Size
from graphc.ir.dtypes import bool_, int64
from graphc.ir.scalar import Expr

_COMPARISONS = {
    "eq": operator.eq, "ne": operator.ne, "lt": operator.lt, "le": operator.le,
    "gt": operator.gt, "ge": operator.ge,
}  # fmt: skip


def simplified(expr: Expr) -> Expr:
    """The expression, whose parts are simplified, without what its constants decide."""
    if expr.name in _COMPARISONS and all(arg.name == "const" for arg in expr.args):
        left, right = map(scalar.constant_value, expr.args)
        return scalar.const(_COMPARISONS[expr.name](left, right), bool_)
    if expr.name in ("lt", "ge"):
        return _by_bounds(expr)
    if expr.name in ("and", "or") and expr.dtype is bool_:
        return _joined(expr)
    if expr.name == "not" and expr.dtype is bool_ and expr.args[0].name == "const":
        return scalar.const(not scalar.constant_value(expr.args[0]), bool_)
    if expr.name == "select" and expr.args[0].name == "const":
        return expr.args[1] if scalar.constant_value(expr.args[0]) else expr.args[2]
    if expr.name == "load" and expr.args and expr.args[0].name == "const":
        if not scalar.constant_value(expr.args[0]):
            return scalar.const(0, expr.dtype)
        return scalar.load(expr.source, expr.offset, expr.dtype)
    return expr


def _by_bounds(expr: Expr) -> Expr:
    """A comparison of positions that the bounds of their axes decide."""
    if not any(arg.name == "index" for arg in expr.args):
        return expr
    left, right = map(position_of, expr.args)
    if left is None or right is None:
        return expr
    if dims.is_nonnegative(left - right):
        return scalar.const(expr.name == "ge", bool_)
    if dims.is_nonnegative(right - left - 1):
        return scalar.const(expr.name == "lt", bool_)
    return expr


def position_of(expr: Expr) -> Size | None:
    """The position that an expression is, if the program does not compute it."""
    if expr.name == "index":
        position: Size = expr.data
        return None if scalar.opaque_values(position) else position
    is_number = expr.name == "const" and expr.dtype is int64
    return int(scalar.constant_value(expr)) if is_number else None


def _joined(expr: Expr) -> Expr:
    """A conjunction or disjunction of which one side may be known."""
    for side, other in (expr.args, expr.args[::-1]):
        if side.name == "const":
            decides = bool(scalar.constant_value(side)) == (expr.name == "or")
            return side if decides else other
    return expr
