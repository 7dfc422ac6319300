"""What is told of loops by their bodies; sums over many short rows."""

from __future__ import annotations

import numpy as np
import pytest

from graphc.codegen.nests.shapes import LIGHT, is_light, runs_straight
from graphc.ir import scalar
from graphc.ir.dims import Size
from graphc.ir.dtypes import DType, float32, float64, int8
from graphc.ir.opdef import REGISTRY
from graphc.ir.scalar import Expr
from graphc.schedule.statements import Axis, Loop, Store
from tests.codegen.combining import COMBINE, by_columns
from tests.codegen.sampling import FEW, Compile, assert_same, n, placeholder, special

AXIS = Axis("$0", 100)
AT = AXIS.position


def storing(value: Expr, offset: Size = AT) -> Loop:
    return Loop(AXIS, (Store("a1", offset, value),), vector=True)


def at(offset: Size) -> Expr:
    return scalar.load("a0", offset, float32)


def test_straight_loops() -> None:
    for value in (at(AT), at(AT + 3), at(7), scalar.same("add", at(AT), at(2))):
        assert runs_straight(storing(value))
    for value in (at(2 * AT), at(-AT + 99), at(AT // 2)):
        assert not runs_straight(storing(value))
    assert not runs_straight(storing(at(AT), 2 * AT))
    assert not runs_straight(storing(scalar.cast(scalar.index(AT), float32)))


def test_light_loops() -> None:
    value = at(AT)
    assert is_light(storing(value))
    for _ in range(LIGHT):
        value = scalar.same("mul", value, value)
    assert not is_light(storing(value))
    assert not is_light(storing(scalar.same("exp", at(AT))))


@pytest.mark.parametrize("width", [1, 2, 3, 8, 17, 63, 64, 65])
@pytest.mark.parametrize("dtype", [float32, float64, int8], ids=str)
def test_short_rows_combined(width: int, dtype: DType, program: Compile) -> None:
    names = [name for name in COMBINE if dtype in REGISTRY[name].dtypes]
    x = placeholder(n, width, dtype=dtype)
    run = program([x], [REGISTRY[name](x, axes=(0,)) for name in names])
    for length in (*FEW, 200):
        values = special((length, width), dtype, length)
        for name, got in zip(names, run(values), strict=True):
            assert_same(got, np.asarray(by_columns(name, values, dtype)))
