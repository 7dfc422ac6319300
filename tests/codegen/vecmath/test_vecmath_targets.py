"""Every function has the same bits on this machine and on one with narrower vectors."""

from __future__ import annotations

import numpy as np
import pytest

from graphc.ir.dims import symbol
from graphc.ir.dtypes import float32, float64
from graphc.ops import ops
from tests.codegen.running import Program
from tests.codegen.targets import LESSER, target_named
from tests.codegen.vecmath.vecmath_jit import Array
from tests.codegen.vecmath.vecmath_row import sample
from tests.codegen.vecmath.vecmath_session import BY_NAME

DTYPES = {32: float32, 64: float64}


def results(name: str, bits: int, cpu: str, points: tuple[Array, ...]) -> Array:
    n = symbol("n")
    inputs = [
        ops.placeholder(shape=(n,), dtype=DTYPES[bits], name=f"x{i}") for i in range(len(points))
    ]
    [result] = Program(inputs, [getattr(ops, name)(*inputs)], target_named(cpu))(*points)
    return result


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("name", BY_NAME)
def test_a_lesser_cpu_computes_the_same(name: str, bits: int) -> None:
    points = sample(BY_NAME[name], bits, seed=6, count=200)
    mine, other = (results(name, bits, cpu, points) for cpu in ("", LESSER))
    np.testing.assert_array_equal(mine, other)
    numbers = ~np.isnan(mine)
    np.testing.assert_array_equal(np.signbit(mine[numbers]), np.signbit(other[numbers]))
