"""The largest or smallest of many floats, and its position, without asking twice at each.

A maximum that keeps NaN and tells 0.0 from -0.0 takes the machine several operations, each of which
waits for the one before. Here the comparison alone is made in turn; what it misses is noted
beside it: the largest magnitude of bits shows a NaN, and the signs that of a zero.
"""

from __future__ import annotations

from llvmlite import ir

from graphc.codegen.nests.reductions import COMBINERS, Combiner, State, reduced
from graphc.codegen.values import constant_like, is_vector, shaped
from graphc.ir.combiners import identity
from graphc.ir.dtypes import DType


def combiner_for(name: str, dtype: DType) -> Combiner:
    """How a running reduction of a dtype combines."""
    return _FLOAT_EXTREMES[name] if dtype.is_float and name in _FLOAT_EXTREMES else COMBINERS[name]


def _noting(name: str) -> Combiner:
    """States are (value, largest magnitude as bits, signs as bits)."""
    sign, join, neutral = (">", "and_", -1) if name == "max" else ("<", "or_", 0)

    def closer(builder: ir.IRBuilder, new: ir.Value, old: ir.Value) -> ir.Value:
        return builder.select(builder.fcmp_ordered(sign, new, old), new, old)

    def grow(
        builder: ir.IRBuilder, dtype: DType, state: State, element: State,
        position: ir.Value | None,
    ) -> State:  # fmt: skip
        bits = builder.bitcast(element[0], _bits_like(element[0], dtype))
        magnitude = builder.and_(bits, constant_like(bits, (1 << (dtype.bits - 1)) - 1))
        return merge(builder, dtype, state, (element[0], magnitude, bits))

    def merge(builder: ir.IRBuilder, dtype: DType, first: State, second: State) -> State:
        larger = builder.icmp_unsigned(">", second[1], first[1])
        return (
            closer(builder, second[0], first[0]),
            builder.select(larger, second[1], first[1]),
            getattr(builder, join)(first[2], second[2]),
        )

    def result(builder: ir.IRBuilder, dtype: DType, state: State) -> ir.Value:
        value, magnitude, signs = state
        negative = builder.icmp_signed("<", signs, constant_like(signs, 0))
        zeros = builder.select(negative, constant_like(value, -0.0), constant_like(value, 0.0))
        is_zero = builder.fcmp_ordered("==", value, constant_like(value, 0.0))
        value = builder.select(is_zero, zeros, value)
        infinity = 0x7F800000 if dtype.bits == 32 else 0x7FF0000000000000
        is_nan = builder.icmp_unsigned(">", magnitude, constant_like(magnitude, infinity))
        return builder.select(is_nan, constant_like(value, float("nan")), value)

    def types(dtype: DType, lanes: int) -> tuple[ir.Type, ...]:
        element = ir.FloatType() if dtype.bits == 32 else ir.DoubleType()
        bits = shaped(ir.IntType(dtype.bits), lanes)
        return shaped(element, lanes), bits, bits

    def across(builder: ir.IRBuilder, dtype: DType, state: State) -> State:
        value, magnitude, signs = state
        return (
            reduced(builder, f"f{name}", value, ("nnan",)),  # NaN has never been greater
            reduced(builder, "umax", magnitude),
            reduced(builder, join.rstrip("_"), signs),
        )

    return Combiner(
        lambda dtype: (identity(name, dtype), 0, neutral), grow, merge,
        result=result, parts=types, across=across,
    )  # fmt: skip


def _bits_like(value: ir.Value, dtype: DType) -> ir.Type:
    element = ir.IntType(dtype.bits)
    return ir.VectorType(element, value.type.count) if is_vector(value) else element


_FLOAT_EXTREMES = {name: _noting(name) for name in ("max", "min")}
