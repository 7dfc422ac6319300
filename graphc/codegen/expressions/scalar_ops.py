"""Scalar operations as LLVM IR, the same for one element and for a vector of them."""

from __future__ import annotations

from collections.abc import Callable

from llvmlite import ir

from graphc.codegen.expressions import integers
from graphc.codegen.values import constant_like, intrinsic, lane_count, register_type, shaped
from graphc.codegen.vecmath import registry as vecmath
from graphc.errors import CompileError
from graphc.ir.dtypes import DType
from graphc.ir.scalar import Expr

Emit = Callable[[ir.IRBuilder, DType, list[ir.Value]], ir.Value]

_COMPARISONS = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
_INTRINSICS = {
    "sqrt": "llvm.sqrt", "floor": "llvm.floor", "ceil": "llvm.ceil", "trunc": "llvm.trunc",
    "round": "llvm.roundeven", "copysign": "llvm.copysign",
}  # fmt: skip


def emit_operation(builder: ir.IRBuilder, expr: Expr, args: list[ir.Value]) -> ir.Value:
    """The operation of an expression on its arguments' values, all scalar or all of one width."""
    name, dtype = expr.name, expr.args[0].dtype
    if name in _COMPARISONS:
        return _compare(builder, _COMPARISONS[name], dtype, args)
    if name in _SPECIAL:
        return _SPECIAL[name](builder, dtype, args)
    if name in _INTRINSICS:
        return intrinsic(builder, _INTRINSICS[name], args[0].type, *args)
    if name == "cast":
        return _cast(builder, dtype, expr.dtype, args[0])
    if name in vecmath.FUNCTIONS and dtype.is_float:
        return vecmath.call(builder, name, *args)
    raise CompileError(f"the code generator has no scalar operation {name!r} on {dtype.name}")


def _compare(builder: ir.IRBuilder, sign: str, dtype: DType, args: list[ir.Value]) -> ir.Value:
    if dtype.is_float:
        ordered = builder.fcmp_unordered if sign == "!=" else builder.fcmp_ordered
        return ordered(sign, *args)
    compare = builder.icmp_signed if dtype.kind == "i" else builder.icmp_unsigned
    return compare(sign, *args)


def _by_kind(floating: str, integer: str) -> Emit:
    def emit(builder: ir.IRBuilder, dtype: DType, args: list[ir.Value]) -> ir.Value:
        return getattr(builder, floating if dtype.is_float else integer)(*args)

    return emit


def _neg(builder: ir.IRBuilder, dtype: DType, args: list[ir.Value]) -> ir.Value:
    return builder.fneg(args[0]) if dtype.is_float else builder.neg(args[0])


def _abs(builder: ir.IRBuilder, dtype: DType, args: list[ir.Value]) -> ir.Value:
    if dtype.is_float:
        return intrinsic(builder, "llvm.fabs", args[0].type, *args)
    if dtype.kind == "u":
        return args[0]
    negative = builder.icmp_signed("<", args[0], constant_like(args[0], 0))
    return builder.select(negative, builder.neg(args[0]), args[0])


def _extreme(floating: str, sign: str) -> Emit:
    def emit(builder: ir.IRBuilder, dtype: DType, args: list[ir.Value]) -> ir.Value:
        if dtype.is_float:
            return intrinsic(builder, floating, args[0].type, *args)
        return builder.select(_compare(builder, sign, dtype, args), *args)

    return emit


def _fma(builder: ir.IRBuilder, dtype: DType, args: list[ir.Value]) -> ir.Value:
    if dtype.is_float:
        return intrinsic(builder, "llvm.fma", args[0].type, *args)
    return builder.add(builder.mul(args[0], args[1]), args[2])


def _div(builder: ir.IRBuilder, dtype: DType, args: list[ir.Value]) -> ir.Value:
    return builder.fdiv(*args)


def _not(builder: ir.IRBuilder, dtype: DType, args: list[ir.Value]) -> ir.Value:
    return builder.xor(args[0], constant_like(args[0], -1))


def _select(builder: ir.IRBuilder, dtype: DType, args: list[ir.Value]) -> ir.Value:
    return builder.select(*args)


def _pow(builder: ir.IRBuilder, dtype: DType, args: list[ir.Value]) -> ir.Value:
    if dtype.is_float:
        return vecmath.call(builder, "pow", *args)
    return integers.power(builder, dtype, *args)


_SPECIAL: dict[str, Emit] = {
    "add": _by_kind("fadd", "add"),
    "sub": _by_kind("fsub", "sub"),
    "mul": _by_kind("fmul", "mul"),
    "div": _div,
    "neg": _neg,
    "abs": _abs,
    "maximum": _extreme("llvm.maximum", ">"),
    "minimum": _extreme("llvm.minimum", "<"),
    "fma": _fma,
    "and": lambda builder, dtype, args: builder.and_(*args),
    "or": lambda builder, dtype, args: builder.or_(*args),
    "xor": lambda builder, dtype, args: builder.xor(*args),
    "not": _not,
    "select": _select,
    "shift_left": lambda builder, dtype, args: integers.shift(builder, dtype, *args, left=True),
    "shift_right": lambda builder, dtype, args: integers.shift(builder, dtype, *args, left=False),
    "floor_divide": lambda builder, dtype, args: integers.divide_floor(builder, dtype, *args)[0],
    "remainder": lambda builder, dtype, args: integers.divide_floor(builder, dtype, *args)[1],
    "pow": _pow,
}


def _cast(builder: ir.IRBuilder, source: DType, target: DType, value: ir.Value) -> ir.Value:
    type_ = shaped(register_type(target), lane_count(value))
    if target.is_bool:
        return _compare(builder, "!=", source, [value, constant_like(value, 0)])
    if source.is_float:
        return _cast_float(builder, source, target, type_, value)
    if target.is_float:
        signed = source.kind == "i"
        return builder.sitofp(value, type_) if signed else builder.uitofp(value, type_)
    if source.bits > target.bits:
        return builder.trunc(value, type_)
    if source.bits == target.bits:
        return value
    return builder.sext(value, type_) if source.kind == "i" else builder.zext(value, type_)


def _cast_float(
    builder: ir.IRBuilder, source: DType, target: DType, type_: ir.Type, value: ir.Value
) -> ir.Value:
    if target.is_float:
        widen = builder.fpext if target.bits > source.bits else builder.fptrunc
        return widen(value, type_)
    return integers.from_float(builder, target, type_, value)
