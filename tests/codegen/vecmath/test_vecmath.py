"""Every vector function against mpmath, in ulps, and at its special points, exactly."""

from __future__ import annotations

import functools
import re

import numpy as np
import pytest
from llvmlite import ir

from graphc.codegen.vecmath import registry
from tests.codegen.vecmath.vecmath_jit import (
    DTYPES,
    TARGETS,
    Array,
    assembly,
    compiled,
    loop_module,
)
from tests.codegen.vecmath.vecmath_row import (
    INF,
    NAN,
    Exact,
    Row,
    error_in_ulps,
    exact_values,
    sample,
)
from tests.codegen.vecmath.vecmath_table import ROWS

POINTS_PER_INTERVAL = 600
ALSO_SCALAR = {"exp", "log", "tanh", "pow"}
WITH_BRANCH = {"sigmoid"}
"""Functions that go past a part without calling it."""
CASES = [(row, bits, 16) for row in ROWS for bits in (32, 64)]
CASES += [(row, bits, 1) for row in ROWS if row.name in ALSO_SCALAR for bits in (32, 64)]
every_case = pytest.mark.parametrize(
    ("row", "bits", "width"),
    CASES,
    ids=[f"{row.name}-float{bits}-x{width}" for row, bits, width in CASES],
)


@functools.cache
def oracle(name: str, bits: int) -> tuple[tuple[Array, ...], Exact]:
    """Points of a row and the exact results there, shared by the widths."""
    row = next(row for row in ROWS if row.name == name)
    points = sample(row, bits, seed=20, count=POINTS_PER_INTERVAL)
    return points, exact_values(row, points)


@every_case
def test_errors_stay_within_the_bound(row: Row, bits: int, width: int) -> None:
    points, exact = oracle(row.name, bits)
    errors = error_in_ulps(compiled(row.name, bits, width)(*points), exact)
    worst = int(np.argmax(errors))
    arguments = [float(array[worst]) for array in points]
    assert errors[worst] <= row.bound(bits), f"{errors[worst]} ulp at {arguments}"


@every_case
def test_special_points_are_exact(row: Row, bits: int, width: int) -> None:
    dtype = DTYPES[bits]
    special = list(row.special)
    if row.arity == 1 and not any(np.isnan(point) for point, _ in special):
        special.append((NAN, NAN))
    with np.errstate(over="ignore"):  # float64's largest number is float32's infinity
        points = np.array([point if row.arity > 1 else (point,) for point, _ in special], dtype).T
    expected = np.array([result for _, result in special], dtype)
    got = compiled(row.name, bits, width)(*points)
    np.testing.assert_array_equal(got, expected)
    numbers = ~np.isnan(expected)
    np.testing.assert_array_equal(np.signbit(got[numbers]), np.signbit(expected[numbers]))


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_a_row_lists_zeros_and_infinities(row: Row) -> None:
    if row.arity > 1:
        listed = {str(value) for point, _ in row.special for value in point}
    else:
        listed = {str(point) for point, _ in row.special}
    assert {str(value) for value in (0.0, -0.0, INF, -INF)} <= listed


def test_every_function_has_a_row() -> None:
    assert sorted(row.name for row in ROWS) == sorted(registry.FUNCTIONS)


@pytest.mark.parametrize("target", TARGETS, ids=["host", "haswell", "aarch64"])
@pytest.mark.parametrize("name", sorted(registry.FUNCTIONS))
@pytest.mark.parametrize("bits", [32, 64])
def test_machine_code_needs_no_library_and_no_branch(
    name: str, bits: int, target: tuple[str, str]
) -> None:
    try:
        text = assembly(name, bits, 16, target)
    except RuntimeError:
        pytest.skip("this LLVM was built without the target")
    called = re.findall(r"^\s+(?:call\w*|bl|jal)\s+(.*)$", text, re.MULTILINE)
    # x86-64's large code model calls through a register that was loaded with the address.
    loaded = re.findall(r"^\s+movabsq\s+\$([A-Za-z_][\w.]*)", text, re.MULTILINE)
    assert all("gc." in callee or callee.startswith("*%") for callee in called)
    assert all(symbol.startswith("gc.") for symbol in loaded)
    if not called:  # no part is out of line: only the loop jumps, and past what is rare
        jumps = re.findall(r"^\s+(?:j(?!mp)[a-z]+|b\.\w+|cbn?z|tbn?z)\s", text, re.MULTILINE)
        assert len(jumps) == 1 + (name in WITH_BRANCH)


def test_a_function_is_emitted_once_per_type() -> None:
    module = loop_module("exp", 32, 16)
    builder = ir.IRBuilder(next(iter(module.functions)).entry_basic_block)
    builder.position_before(builder.block.terminator)
    vector = ir.VectorType(ir.FloatType(), 16)
    for type_ in (vector, vector, ir.DoubleType()):
        registry.call(builder, "exp", ir.Constant(type_, ir.Undefined))
    names = [function.name for function in module.functions if function.name.startswith("gc.")]
    assert names == ["gc.exp.v16f32", "gc.exp.f64"]


def test_wrong_arguments_are_refused() -> None:
    module = loop_module("exp", 32, 1)
    builder = ir.IRBuilder(next(iter(module.functions)).entry_basic_block)
    one, wide = ir.Constant(ir.FloatType(), 1.0), ir.Constant(ir.DoubleType(), 1.0)
    with pytest.raises(TypeError, match="pow takes 2 arguments, got 1"):
        registry.call(builder, "pow", one)
    with pytest.raises(TypeError, match="pow got arguments of types"):
        registry.call(builder, "pow", one, wide)
    with pytest.raises(TypeError, match="float or double elements, got i32"):
        registry.call(builder, "exp", ir.Constant(ir.IntType(32), 1))
    with pytest.raises(KeyError, match="nonsense"):
        registry.call(builder, "nonsense", one)
