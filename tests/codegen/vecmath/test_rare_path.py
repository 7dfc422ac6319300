"""The slow formula out of line: in the lanes that need it, and in no other."""

from __future__ import annotations

import numpy as np
import pytest
from llvmlite import ir

from graphc.codegen.vecmath import registry
from tests.codegen.vecmath.vecmath_jit import DTYPES, compiled, value_type

RARE = {
    "sin": 1e30,
    "cos": 1e30,
    "tan": 1e30,
    "lgamma": -2.5,
    "digamma": -2.5,
    "sigmoid": -720.0,
}
"""Functions with a slow path, and arguments that take it."""


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("name", RARE)
def test_a_lane_does_not_depend_on_its_neighbours(name: str, bits: int) -> None:
    usual = np.linspace(0.1, 9.7, 16).astype(DTYPES[bits])
    alone = compiled(name, bits, 16)(usual)
    all_rare = compiled(name, bits, 16)(np.full(16, RARE[name], DTYPES[bits]))
    for lane in range(16):
        mixed, expected = usual.copy(), alone.copy()
        mixed[lane], expected[lane] = RARE[name], all_rare[lane]
        np.testing.assert_array_equal(compiled(name, bits, 16)(mixed), expected)


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("name", RARE)
def test_one_value_gives_the_bits_of_a_vector(name: str, bits: int) -> None:
    points = np.concatenate([np.linspace(-9.7, 9.7, 40), [RARE[name]]]).astype(DTYPES[bits])
    np.testing.assert_array_equal(compiled(name, bits, 1)(points), compiled(name, bits, 16)(points))


def test_a_slow_formula_is_emitted_once_per_type() -> None:
    module = ir.Module()
    vector = value_type(64, 4)
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [vector]), name="caller")
    builder = ir.IRBuilder(function.append_basic_block())
    for name in ("sin", "sin", "cos"):
        registry.call(builder, name, function.args[0])
    slow = [other.name for other in module.functions if other.name.endswith("huge.v4f64")]
    assert slow == ["gc.sin.huge.v4f64", "gc.cos.huge.v4f64"]
