"""A builder that does not emit what is known already.

Sizes and positions are often constants: there is much to be multiplied by 1 and compared with what
is known. LLVM would find that out, but writing it down and reading it take longer.
"""

from __future__ import annotations

from collections.abc import Sequence

from llvmlite import ir

from graphc.codegen.values import I1, I64

_COMPARED = {
    "<": int.__lt__, "<=": int.__le__, ">": int.__gt__, ">=": int.__ge__,
    "==": int.__eq__, "!=": int.__ne__,
}  # fmt: skip


def known(value: ir.Value) -> int | None:
    """The number that a 64-bit integer or a truth value is, if that is known."""
    if type(value) is not ir.Constant or (value.type is not I64 and value.type is not I1):
        return None
    return int(value.constant or 0)


class Builder(ir.IRBuilder):  # type: ignore[misc]
    """Writes instructions, but for sums, products and choices of 64-bit integers that are known."""

    def add(
        self, lhs: ir.Value, rhs: ir.Value, name: str = "", flags: Sequence[str] = ()
    ) -> ir.Value:
        a, b = known(lhs), known(rhs)
        if lhs.type is not I64 or (a is None and b is None):
            return super().add(lhs, rhs, name, flags)
        if a is not None and b is not None:
            return _number(a + b)
        if a == 0 or b == 0:
            return rhs if a == 0 else lhs
        return super().add(lhs, rhs, name, flags)

    def sub(
        self, lhs: ir.Value, rhs: ir.Value, name: str = "", flags: Sequence[str] = ()
    ) -> ir.Value:
        b = known(rhs)
        if lhs.type is not I64 or b is None:
            return super().sub(lhs, rhs, name, flags)
        a = known(lhs)
        if a is not None:
            return _number(a - b)
        return lhs if b == 0 else super().sub(lhs, rhs, name, flags)

    def mul(
        self, lhs: ir.Value, rhs: ir.Value, name: str = "", flags: Sequence[str] = ()
    ) -> ir.Value:
        a, b = known(lhs), known(rhs)
        if lhs.type is not I64 or (a is None and b is None):
            return super().mul(lhs, rhs, name, flags)
        if a is not None and b is not None:
            return _number(a * b)
        if a == 0 or b == 0:
            return I64(0)
        if a == 1 or b == 1:
            return rhs if a == 1 else lhs
        return super().mul(lhs, rhs, name, flags)

    def icmp_signed(self, cmpop: str, lhs: ir.Value, rhs: ir.Value, name: str = "") -> ir.Value:
        a, b = known(lhs), known(rhs)
        if a is None or b is None or lhs.type is not I64:
            return super().icmp_signed(cmpop, lhs, rhs, name)
        return I1(int(_COMPARED[cmpop](a, b)))

    def select(
        self, cond: ir.Value, lhs: ir.Value, rhs: ir.Value, name: str = "",
        flags: Sequence[str] = (),
    ) -> ir.Value:  # fmt: skip
        holds = known(cond)
        if holds is None:
            return super().select(cond, lhs, rhs, name, flags)
        return lhs if holds else rhs

    def gep(
        self, ptr: ir.Value, indices: Sequence[ir.Value], inbounds: bool = False, name: str = "",
        source_etype: ir.Type | None = None,
    ) -> ir.Value:  # fmt: skip
        if len(indices) == 1 and known(indices[0]) == 0 and source_etype is not None:
            return ptr
        return super().gep(ptr, indices, inbounds, name, source_etype)

    def cbranch(self, cond: ir.Value, truebr: ir.Block, falsebr: ir.Block) -> ir.Value:
        if known(cond):
            return self.branch(truebr)
        return super().cbranch(cond, truebr, falsebr)


def _number(value: int) -> ir.Value:
    """A 64-bit integer, wrapped around as the machine does."""
    return I64((value + (1 << 63)) % (1 << 64) - (1 << 63))
