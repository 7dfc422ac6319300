"""Loops that are taken by their period."""

from __future__ import annotations

import numpy as np
import pytest

from graphc.codegen.nests.periods import MOST_PERIOD, periodic
from graphc.ir import scalar
from graphc.ir.dtypes import DType, float32, float64, int8
from graphc.ops import ops
from graphc.schedule.statements import Axis, Loop, Store
from tests.codegen.sampling import LENGTHS, Compile, assert_same, n, numbers, placeholder

AXIS = Axis("$0", 100)
AT = AXIS.position


def reading(offset: object) -> Loop:
    value = scalar.load("a0", offset, float32)  # type: ignore[arg-type]
    return Loop(AXIS, (Store("a1", AT, value),), vector=True)


@pytest.mark.parametrize("step", [2, 3, 8, 9])
@pytest.mark.parametrize("dtype", [float32, float64, int8], ids=str)
def test_spreading_over_zeros(step: int, dtype: DType, program: Compile) -> None:
    x = placeholder(n, dtype=dtype)
    spread = ops.slice_adjoint(x, start=(1,), step=(step,), shape=(step * n + 2,))
    run = program([x], [spread])
    for length in LENGTHS[:80]:
        values = numbers((length,), dtype)
        expected = np.zeros(step * length + 2, dtype.numpy)
        expected[1 : 1 + step * length : step] = values
        assert_same(run(values)[0], expected)


def test_the_period_is_that_of_all_that_is_read() -> None:
    for offset, period in ((AT // 2, 2), (AT // 2 + AT % 3, 6), (AT // 4 + AT % 2, 4)):
        found = periodic(reading(offset))
        assert found is not None and found.period == period
        assert len(found.stores) == period
        assert found.axis.extent == 100 // period


def test_what_has_no_period() -> None:
    far = MOST_PERIOD + 1
    for offset in (AT, 3 * AT, AT // far, AT // 5 + AT % 7):
        assert periodic(reading(offset)) is None
    assert periodic(Loop(AXIS, reading(AT // 2).body, vector=False)) is None


def test_a_quotient_that_stays_is_left_alone() -> None:
    """Three times the position, halved, moves by 1 and 2 in turn: no distance is the same."""
    found = periodic(reading((3 * AT) // 2))
    assert found is None or all("//" not in str(store.value) for store in found.stores)
