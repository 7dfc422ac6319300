"""Rows of neighbouring elements between memory and registers."""

from __future__ import annotations

from llvmlite import ir

from graphc.codegen.values import (
    I1,
    I8,
    I32,
    VOID,
    is_vector,
    overloaded,
    shaped,
    splat_constant,
    suffix,
)
from graphc.ir.dtypes import DType, bool_


def every_lane(mask: ir.Value | None, lanes: int) -> ir.Value:
    """The mask, or one that lets every lane through."""
    if mask is not None:
        return mask
    return splat_constant(ir.VectorType(I1, lanes), ir.Constant(I1, True))


def load_row(
    builder: ir.IRBuilder, type_: ir.Type, start: ir.Value, mask: ir.Value | None, align: int
) -> ir.Value:
    """Neighbouring elements from an address on; under a mask, zero where it is false, unread."""
    if mask is None:
        return builder.load(start, typ=type_, align=align)
    name = f"llvm.masked.load.{suffix(type_)}.p0"
    return overloaded(
        builder, name, type_, start, ir.Constant(I32, align), mask, ir.Constant(type_, None)
    )


def store_row(
    builder: ir.IRBuilder, row: ir.Value, start: ir.Value, mask: ir.Value | None, align: int
) -> None:
    """Neighbouring elements to an address on, only where the mask is true."""
    if mask is None:
        builder.store(row, start, align=align)
        return
    name = f"llvm.masked.store.{suffix(row.type)}.p0"
    overloaded(builder, name, VOID, row, start, ir.Constant(I32, align), mask)


def reversed_lanes(builder: ir.IRBuilder, row: ir.Value) -> ir.Value:
    """The lanes in reverse order."""
    count = row.type.count
    order = ir.Constant(ir.VectorType(I32, count), list(range(count - 1, -1, -1)))
    return builder.shuffle_vector(row, ir.Constant(row.type, ir.Undefined), order)


def from_memory(builder: ir.IRBuilder, dtype: DType, raw: ir.Value) -> ir.Value:
    """An element as it is held in a register."""
    if dtype is not bool_:
        return raw
    zero = ir.Constant(raw.type, None if is_vector(raw) else 0)
    return builder.icmp_unsigned("!=", raw, zero)


def to_memory(builder: ir.IRBuilder, dtype: DType, value: ir.Value) -> ir.Value:
    """An element as it lies in memory."""
    if dtype is not bool_:
        return value
    return builder.zext(value, shaped(I8, value.type.count if is_vector(value) else 1))
