"""Integer operations that LLVM leaves undefined somewhere, defined everywhere."""

from __future__ import annotations

from llvmlite import ir

from graphc.codegen.values import constant_like, intrinsic
from graphc.ir.dtypes import DType


def from_float(builder: ir.IRBuilder, target: DType, type_: ir.Type, value: ir.Value) -> ir.Value:
    """A float cut towards zero; beyond the integer's range its ends, and 0 for NaN.

    LLVM's own saturating conversion takes vectors apart.
    """
    low, high = target.lowest, target.highest  # high + 1 is a power of two, exact in a float
    below = builder.fcmp_ordered("<", value, constant_like(value, float(low)))
    above = builder.fcmp_ordered(">=", value, constant_like(value, float(high + 1)))
    number = builder.fcmp_ordered("ord", value, value)
    inside = builder.and_(number, builder.not_(builder.or_(below, above)))
    safe = builder.select(inside, value, constant_like(value, 0.0))
    convert = builder.fptosi if target.kind == "i" else builder.fptoui
    whole = convert(safe, type_)
    ends = builder.select(below, constant_like(whole, low), whole)
    return builder.select(above, constant_like(whole, high), ends)


def shift(
    builder: ir.IRBuilder, dtype: DType, value: ir.Value, count: ir.Value, *, left: bool
) -> ir.Value:
    """A shift by a count of any size: by the width or more nothing but the sign is left."""
    width = constant_like(count, dtype.bits)
    inside = builder.icmp_unsigned("<", count, width)
    safe = builder.select(inside, count, constant_like(count, 0))
    zero = constant_like(value, 0)
    if left:
        return builder.select(inside, builder.shl(value, safe), zero)
    if dtype.kind == "u":
        return builder.select(inside, builder.lshr(value, safe), zero)
    sign = builder.ashr(value, constant_like(value, dtype.bits - 1))
    return builder.select(inside, builder.ashr(value, safe), sign)


def divide_floor(
    builder: ir.IRBuilder, dtype: DType, x: ir.Value, y: ir.Value
) -> tuple[ir.Value, ir.Value]:
    """(quotient rounded down, remainder with the divisor's sign)."""
    if dtype.is_float:
        return _divide_floats(builder, x, y)
    zero, one = constant_like(x, 0), constant_like(x, 1)
    by_zero = builder.icmp_signed("==", y, zero)
    safe = builder.select(by_zero, one, y)
    if dtype.kind == "u":
        quotient, rest = builder.udiv(x, safe), builder.urem(x, safe)
    else:
        quotient, rest = _divide_signed(builder, x, safe)
    return builder.select(by_zero, zero, quotient), builder.select(by_zero, zero, rest)


def _divide_signed(builder: ir.IRBuilder, x: ir.Value, y: ir.Value) -> tuple[ir.Value, ir.Value]:
    zero, one, minus = constant_like(x, 0), constant_like(x, 1), constant_like(x, -1)
    by_minus = builder.icmp_signed("==", y, minus)  # the least integer / -1 would trap
    safe = builder.select(by_minus, one, y)
    quotient, rest = builder.sdiv(x, safe), builder.srem(x, safe)
    differ = builder.icmp_signed("<", builder.xor(rest, safe), zero)
    lower = builder.and_(differ, builder.icmp_signed("!=", rest, zero))
    quotient = builder.select(lower, builder.sub(quotient, one), quotient)
    rest = builder.select(lower, builder.add(rest, safe), rest)
    return (
        builder.select(by_minus, builder.neg(x), quotient),
        builder.select(by_minus, zero, rest),
    )


def _divide_floats(builder: ir.IRBuilder, x: ir.Value, y: ir.Value) -> tuple[ir.Value, ir.Value]:
    """Python's divmod of floats, which NumPy follows: the remainder is exact before rounding.

    The quotient is computed from the remainder and rounded to the nearest integer below.
    """
    zero, one = constant_like(x, 0.0), constant_like(x, 1.0)
    rest = builder.frem(x, y)
    exact = builder.fcmp_ordered("==", rest, zero)
    differ = builder.xor(builder.fcmp_ordered("<", rest, zero), builder.fcmp_ordered("<", y, zero))
    lower = builder.and_(differ, builder.fcmp_ordered("!=", rest, zero))
    quotient = builder.fdiv(builder.fsub(x, rest), y)
    quotient = builder.select(lower, builder.fsub(quotient, one), quotient)
    rest = builder.select(lower, builder.fadd(rest, y), rest)
    rest = builder.select(exact, intrinsic(builder, "llvm.copysign", x.type, zero, y), rest)
    whole = intrinsic(builder, "llvm.floor", x.type, quotient)
    far = builder.fcmp_ordered(">", builder.fsub(quotient, whole), constant_like(x, 0.5))
    whole = builder.select(far, builder.fadd(whole, one), whole)
    plain = builder.fdiv(x, y)
    signed_zero = intrinsic(builder, "llvm.copysign", x.type, zero, plain)
    is_zero = builder.fcmp_ordered("==", quotient, zero)
    whole = builder.select(is_zero, signed_zero, whole)
    by_zero = builder.fcmp_ordered("==", y, zero)
    nan = constant_like(x, float("nan"))
    return builder.select(by_zero, plain, whole), builder.select(by_zero, nan, rest)


def power(builder: ir.IRBuilder, dtype: DType, base: ir.Value, exponent: ir.Value) -> ir.Value:
    """x**y by repeated squaring; negative powers are the reciprocal cut towards zero."""
    zero, one = constant_like(base, 0), constant_like(base, 1)
    result, square, left = one, base, exponent
    for _ in range(dtype.bits - (dtype.kind == "i")):
        odd = _is_odd(builder, left)
        result = builder.select(odd, builder.mul(result, square), result)
        square = builder.mul(square, square)
        left = builder.lshr(left, one)
    if dtype.kind == "u":
        return result
    minus = constant_like(base, -1)
    sign = builder.select(_is_odd(builder, exponent), minus, one)
    reciprocal = builder.select(
        builder.icmp_signed("==", base, one),
        one,
        builder.select(builder.icmp_signed("==", base, minus), sign, zero),
    )
    return builder.select(builder.icmp_signed("<", exponent, zero), reciprocal, result)


def _is_odd(builder: ir.IRBuilder, value: ir.Value) -> ir.Value:
    one = constant_like(value, 1)
    return builder.icmp_signed("==", builder.and_(value, one), one)
