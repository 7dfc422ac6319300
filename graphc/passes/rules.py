"""Algebra as data: what may be written in place of what, with every bit kept under IEEE 754.

Exact means: for all inputs, NaN, infinities, signed zeros and subnormals included, both sides
have the same bits (which NaN it is apart). So `x + 0` is not `x` for floats: -0.0 + 0.0 is 0.0.
A power counts as correctly rounded, as the standard has it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from graphc.errors import DeclarationError
from graphc.ir.node import Node
from graphc.ir.opdef import OpDef
from graphc.passes.patterns import Call, Found, Term, build, commuted, parse

FLOATS, INTEGERS, SIGNED = "f", "iu", "if"
BITS = "biu"


@dataclass(frozen=True)
class Rule:
    """Wherever the pattern stands, the replacement may stand; `patterns` tells their language.

    `kinds` are the kinds of dtype (`b`, `u`, `i`, `f`) of the root's last operand for which it
    holds, `where` a further condition on what was found. Rules that are not exact are not part
    of the canonical form.
    """

    pattern: str
    replacement: str
    kinds: str = "biuf"
    exact: bool = True
    where: Callable[[Found], bool] | None = None
    note: str = ""

    @property
    def name(self) -> str:
        return f"{self.pattern} -> {self.replacement}"

    @cached_property
    def root(self) -> Call:
        """The pattern, read."""
        term = parse(self.pattern)
        if not isinstance(term, Call):
            raise DeclarationError(f"the rule {self.name} must start with an op")
        return term

    @cached_property
    def result(self) -> Term:
        """The replacement, read."""
        return parse(self.replacement)

    @cached_property
    def _orders(self) -> list[Call]:
        return commuted(self.root)

    def concerns(self, op: OpDef) -> bool:
        return op is self.root.op

    def apply(self, node: Node) -> Node | None:
        if node.inputs[-1].dtype.kind not in self.kinds:
            return None
        for order in self._orders:
            found: Found = {}
            if order.match(node, found) and (self.where is None or self.where(found)):
                return build(self.result, found, node)
        return None


def has_exact_reciprocal(found: Found) -> bool:
    """Whether C is a power of two of which the reciprocal is a normal number."""
    value = found["C"]
    assert isinstance(value, np.ndarray)
    if not np.isfinite(value) or abs(np.frexp(value)[0]) != 0.5:
        return False
    with np.errstate(all="ignore"):
        reciprocal = abs(1 / value)
    return bool(np.isfinite(reciprocal) and reciprocal >= np.finfo(value.dtype).tiny)


_SIGNS = (
    Rule("neg(neg(x))", "x", SIGNED),
    Rule("add(x, neg(y))", "sub(x, y)", SIGNED),
    Rule("sub(x, neg(y))", "add(x, y)", SIGNED),
    Rule("neg(sub(x, y))", "sub(y, x)", "i", note="for floats x - x would change its sign"),
    Rule("mul(neg(x), neg(y))", "mul(x, y)", SIGNED),
    Rule("mul(neg(x), C)", "mul(x, -C)", SIGNED),
    Rule("neg(mul(x, C))", "mul(x, -C)", SIGNED),
    Rule("div(neg(x), neg(y))", "div(x, y)", FLOATS),
    Rule("div(neg(x), C)", "div(x, -C)", FLOATS),
    Rule("neg(div(x, C))", "div(x, -C)", FLOATS),
    Rule("abs(neg(x))", "abs(x)", SIGNED),
    Rule("abs(abs(x))", "abs(x)", "iuf"),
    Rule("abs(x)", "x", "u"),
    Rule("sign(sign(x))", "sign(x)", "iuf"),
)

_UNITS = (
    Rule("add(x, -0.0)", "x", FLOATS),
    Rule("add(x, 0)", "x", INTEGERS, note="for floats -0.0 would become 0.0"),
    Rule("sub(x, 0)", "x", "iuf"),
    Rule("sub(x, C)", "add(x, -C)", "iuf"),
    Rule("sub(0, x)", "neg(x)", "i", note="for floats 0.0 - 0.0 is not -0.0"),
    Rule("sub(-0.0, x)", "neg(x)", FLOATS),
    Rule("sub(x, x)", "0", INTEGERS),
    Rule("mul(x, 1)", "x", "iuf"),
    Rule("mul(x, -1)", "neg(x)", SIGNED),
    Rule("mul(x, 0)", "0", INTEGERS),
    Rule("div(x, 1)", "x", FLOATS),
    Rule("div(x, -1)", "neg(x)", FLOATS),
    Rule("div(x, C)", "mul(x, 1 / C)", FLOATS, where=has_exact_reciprocal),
    Rule("floor_divide(x, 1)", "x", INTEGERS),
    Rule("remainder(x, 1)", "0", INTEGERS),
    Rule("add(add(x, A), B)", "add(x, A + B)", INTEGERS),
    Rule("mul(mul(x, A), B)", "mul(x, A * B)", INTEGERS),
)

_POWERS = (
    Rule("pow(x, 0)", "1", "iuf", note="of NaN too"),
    Rule("pow(x, 1)", "x", "iuf"),
    Rule("pow(x, 2)", "mul(x, x)", "iuf"),
    Rule("pow(x, -1)", "div(1, x)", FLOATS),
)

_FMAS = (
    Rule("fma(neg(x), neg(y), z)", "fma(x, y, z)", FLOATS),
    Rule("fma(neg(x), C, z)", "fma(x, -C, z)", FLOATS),
    Rule("fma(C, neg(x), z)", "fma(x, -C, z)", FLOATS),
    Rule("fma(x, 1, z)", "add(x, z)", FLOATS),
    Rule("fma(1, x, z)", "add(x, z)", FLOATS),
    Rule("fma(x, -1, z)", "sub(z, x)", FLOATS),
    Rule("fma(-1, x, z)", "sub(z, x)", FLOATS),
    Rule("fma(x, y, -0.0)", "mul(x, y)", FLOATS),
)

_ROUNDINGS = tuple(
    Rule(f"{outer}({inner}(x))", f"{inner}(x)", FLOATS)
    for outer in ("floor", "ceil", "trunc", "round")
    for inner in ("floor", "ceil", "trunc", "round")
)

_CHOICES = (
    Rule("maximum(x, x)", "x", "iuf"),
    Rule("minimum(x, x)", "x", "iuf"),
    Rule("maximum(maximum(x, y), y)", "maximum(x, y)", "iuf"),
    Rule("minimum(minimum(x, y), y)", "minimum(x, y)", "iuf"),
    Rule("where(c, x, x)", "x"),
    Rule("where(True, x, y)", "x"),
    Rule("where(False, x, y)", "y"),
    Rule("where(logical_not(c), x, y)", "where(c, y, x)"),
    Rule("where(c, where(c, x, y), z)", "where(c, x, z)"),
    Rule("where(c, x, where(c, y, z))", "where(c, x, z)"),
    Rule("neg(where(c, x, C))", "where(c, neg(x), -C)", SIGNED),
    Rule("neg(where(c, C, x))", "where(c, -C, neg(x))", SIGNED),
    Rule("where(c, True, False)", "c", "b"),
    Rule("where(c, False, True)", "logical_not(c)", "b"),
)

_COMPARISONS = (
    Rule("eq(x, x)", "True", BITS, note="NaN does not equal itself"),
    Rule("ne(x, x)", "False", BITS),
    Rule("le(x, x)", "True", BITS),
    Rule("ge(x, x)", "True", BITS),
    Rule("lt(x, x)", "False"),
    Rule("gt(x, x)", "False"),
    Rule("eq(x, True)", "x", "b"),
    Rule("eq(x, False)", "logical_not(x)", "b"),
    Rule("ne(x, True)", "logical_not(x)", "b"),
    Rule("ne(x, False)", "x", "b"),
)

_LOGIC = (
    Rule("logical_not(logical_not(x))", "x"),
    Rule("logical_not(eq(x, y))", "ne(x, y)"),
    Rule("logical_not(ne(x, y))", "eq(x, y)"),
    Rule("logical_and(x, x)", "x"),
    Rule("logical_and(x, True)", "x"),
    Rule("logical_and(x, False)", "False"),
    Rule("logical_or(x, x)", "x"),
    Rule("logical_or(x, True)", "True"),
    Rule("logical_or(x, False)", "x"),
    Rule("logical_xor(x, x)", "False"),
    Rule("logical_xor(x, True)", "logical_not(x)"),
    Rule("logical_xor(x, False)", "x"),
)

_BITWISE = (
    Rule("bitwise_invert(bitwise_invert(x))", "x"),
    Rule("bitwise_and(x, x)", "x"),
    Rule("bitwise_and(x, 0)", "0", INTEGERS),
    Rule("bitwise_or(x, x)", "x"),
    Rule("bitwise_or(x, 0)", "x", INTEGERS),
    Rule("bitwise_xor(x, x)", "0", INTEGERS),
    Rule("bitwise_xor(x, 0)", "x", INTEGERS),
    Rule("shift_left(x, 0)", "x", INTEGERS),
    Rule("shift_right(x, 0)", "x", INTEGERS),
)

#: All rules of the canonical form, in the order in which they are tried.
RULES: tuple[Rule, ...] = (
    *_SIGNS,
    *_UNITS,
    *_POWERS,
    *_FMAS,
    *_ROUNDINGS,
    *_CHOICES,
    *_COMPARISONS,
    *_LOGIC,
    *_BITWISE,
)
