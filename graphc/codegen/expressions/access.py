"""Rows of neighbouring elements between memory and registers."""

from __future__ import annotations

from collections.abc import Sequence

from llvmlite import ir

from graphc.codegen.expressions.strides import pick, shuffled
from graphc.codegen.values import (
    I1,
    I8,
    I32,
    I64,
    VOID,
    is_vector,
    lane_order,
    overloaded,
    shaped,
    splat_constant,
    suffix,
    undefined,
    zeros,
)
from graphc.ir.dtypes import DType, bool_

#: How far apart elements are read as rows even if each has its own condition.
CLOSE = 4


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
    return overloaded(builder, name, type_, start, ir.Constant(I32, align), mask, zeros(type_))


def load_rows(
    builder: ir.IRBuilder, type_: ir.Type, start: ir.Value, count: int, align: int
) -> list[ir.Value]:
    """Rows that lie one after another from an address on."""
    places = (ir.Constant(I64, k * type_.count) for k in range(count))
    starts = [builder.gep(start, [place], source_etype=type_.element) for place in places]
    return [load_row(builder, type_, address, None, align) for address in starts]


def load_picked(
    builder: ir.IRBuilder, type_: ir.Type, start: ir.Value, wanted: Sequence[int], align: int
) -> ir.Value:
    """Elements at distances from an address, one for each lane, and nothing read beyond them.

    The distances reach from 0 to at least the number of lanes. The last row ends where they end.
    """
    lanes, span = type_.count, max(wanted) + 1
    begins = [*range(0, span - lanes, lanes), span - lanes]
    rows = []
    for begin in begins:
        address = builder.gep(start, [ir.Constant(I64, begin)], source_etype=type_.element)
        rows.append(load_row(builder, type_, address, None, align))
    overlap = lanes * len(begins) - span
    whole = span - span % lanes if overlap else span
    return pick(builder, rows, [w if w < whole else w + overlap for w in wanted])


def load_apart(
    builder: ir.IRBuilder, type_: ir.Type, start: ir.Value, step: int, mask: ir.Value
) -> ir.Value:
    """Elements `step` apart from an address on, under a mask: rows, of which no more is read."""
    lanes, rows = type_.count, []
    for k in range(step):
        places = range(k * lanes, (k + 1) * lanes)
        numbers = [lanes if p % step else p // step for p in places]
        own = shuffled(builder, mask, zeros(mask.type), numbers)
        address = builder.gep(start, [ir.Constant(I64, k * lanes)], source_etype=type_.element)
        rows.append(load_row(builder, type_, address, own, 1))
    return pick(builder, rows, [step * lane for lane in range(lanes)])


def store_row(
    builder: ir.IRBuilder, row: ir.Value, start: ir.Value, mask: ir.Value | None, align: int
) -> None:
    """Neighbouring elements to an address on, only where the mask is true."""
    if mask is None:
        builder.store(row, start, align=align)
        return
    name = f"llvm.masked.store.{suffix(row.type)}.p0"
    overloaded(builder, name, VOID, row, start, ir.Constant(I32, align), mask)


def store_apart(
    builder: ir.IRBuilder, row: ir.Value, start: ir.Value, step: int, mask: ir.Value | None,
    align: int,
) -> None:  # fmt: skip
    """Elements to places `step` apart from an address on, where a mask is true: rows with gaps."""
    if step == 1:
        store_row(builder, row, start, mask, align)
        return
    lanes, mask = row.type.count, every_lane(mask, row.type.count)
    none = zeros(mask.type)
    for k in range(step):
        places = range(k * lanes, (k + 1) * lanes)
        own = shuffled(builder, mask, none, [lanes if p % step else p // step for p in places])
        spread = shuffled(builder, row, row, [None if p % step else p // step for p in places])
        address = builder.gep(start, [ir.Constant(I64, k * lanes)], source_etype=row.type.element)
        store_row(builder, spread, address, own, align)


def reversed_lanes(builder: ir.IRBuilder, row: ir.Value) -> ir.Value:
    """The lanes in reverse order."""
    count = row.type.count
    order = lane_order(range(count - 1, -1, -1))
    return builder.shuffle_vector(row, undefined(row.type), order)


def load_row_either_way(
    builder: ir.IRBuilder, type_: ir.Type, start: ir.Value, mask: ir.Value | None, align: int,
    backwards: bool,
) -> ir.Value:  # fmt: skip
    """Neighbouring elements from an address on, the last of them first if read `backwards`."""
    if not backwards:
        return load_row(builder, type_, start, mask, align)
    mask = None if mask is None else reversed_lanes(builder, mask)
    return reversed_lanes(builder, load_row(builder, type_, start, mask, align))


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
