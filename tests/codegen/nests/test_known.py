"""What constants and bounds decide."""

from __future__ import annotations

import pytest

from graphc.codegen.nests.known import simplified
from graphc.ir import scalar
from graphc.ir.dims import symbol
from graphc.ir.dtypes import bool_, float32, int64
from graphc.ir.scalar import Expr

ROW = scalar.index(symbol("$0", 9))
YES, NO = scalar.const(True, bool_), scalar.const(False, bool_)
OPEN = scalar.compare("lt", ROW, scalar.const(5, int64))
X, Y = scalar.load("a0", 0, float32), scalar.load("a1", 0, float32)
NAN = scalar.const(float("nan"), float32)


def number(value: int) -> Expr:
    return scalar.const(value, int64)


CASES = [
    (scalar.compare("lt", number(2), number(3)), YES),
    (scalar.compare("ge", number(2), number(3)), NO),
    (scalar.compare("eq", NAN, NAN), NO),
    (scalar.compare("ne", NAN, NAN), YES),
    (scalar.compare("lt", ROW, number(10)), YES),
    (scalar.compare("ge", ROW, number(0)), YES),
    (scalar.compare("ge", ROW, number(10)), NO),
    (OPEN, OPEN),
    (scalar.logical_and(YES, OPEN), OPEN),
    (scalar.logical_and(OPEN, NO), NO),
    (scalar.op("or", bool_, OPEN, YES), YES),
    (scalar.op("or", bool_, NO, OPEN), OPEN),
    (scalar.op("not", bool_, NO), YES),
    (scalar.select(YES, X, Y), X),
    (scalar.select(NO, X, Y), Y),
    (scalar.select(OPEN, X, Y), scalar.select(OPEN, X, Y)),
    (scalar.load("a0", 0, float32, YES), X),
    (scalar.load("a0", 0, float32, NO), scalar.const(0, float32)),
]


@pytest.mark.parametrize(("expr", "expected"), CASES, ids=[str(case[0]) for case in CASES])
def test_simplified(expr: Expr, expected: Expr) -> None:
    assert simplified(expr) is expected
