"""Indices out of range, reported when a kernel runs."""

from __future__ import annotations

from llvmlite import ir

from graphc.codegen.values import I1, I32, I64, any_lane, is_vector


def report(
    builder: ir.IRBuilder,
    status: ir.Value,
    bad: ir.Value,
    raw: ir.Value,
    extent: ir.Value,
    site: int,
) -> None:
    """Where the condition holds in some lane, note the first such index, if it is the first."""
    none_yet = builder.icmp_signed("==", builder.load(status, typ=I64), I64(0))
    failed = builder.and_(any_lane(builder, bad), none_yet)
    with builder.if_then(failed, likely=False):
        shown = raw
        if is_vector(raw):
            bits = builder.bitcast(bad, ir.IntType(bad.type.count))
            first = builder.cttz(bits, I1(True))
            lane = builder.zext(first, I32) if bad.type.count < 32 else first
            shown = builder.extract_element(raw, lane)
        for k, value in enumerate((I64(site + 1), shown, extent)):
            place = builder.gep(status, [ir.Constant(I64, k)], source_etype=I64)
            builder.store(value, place)
