"""Edges of arithmetic: wrap-around, division by zero, ties, signed zeros."""

from __future__ import annotations

import numpy as np
import pytest

from graphc.errors import DTypeError
from graphc.ir.dtypes import DType, bool_, float32, float64, int8, int32, uint8
from graphc.ir.opdef import REGISTRY
from graphc.ops import ops
from tests.ops.applying import apply, gradient


@pytest.mark.parametrize("name, left, right, expected", [
    ("floor_divide", [7, -7, 7, -7, 5, -5, 0], [2, 2, -2, -2, 0, 0, 0], [3, -4, -4, 3, 0, 0, 0]),
    ("remainder", [7, -7, 7, -7, 5, -5, 0], [2, 2, -2, -2, 0, 0, 0], [1, 1, -1, -1, 0, 0, 0]),
    ("floor_divide", [-128, -128], [-1, 1], [-128, -128]),
    ("remainder", [-128, -128], [-1, 3], [0, 1]),
    ("add", [127, -128], [1, -1], [-128, 127]),
    ("sub", [-128, 127], [1, -1], [127, -128]),
    ("mul", [100, -128], [3, -1], [44, -128]),
])  # fmt: skip
def test_integers_wrap_around_and_divide_by_zero(
    name: str, left: list[int], right: list[int], expected: list[int]
) -> None:
    np.testing.assert_array_equal(apply(name, left, right, of=int8), expected)


def test_the_least_integer_has_no_opposite() -> None:
    np.testing.assert_array_equal(apply("neg", [-128, 127, 0], of=int8), [-128, -127, 0])
    np.testing.assert_array_equal(apply("abs", [-128, -127, 5], of=int8), [-128, 127, 5])


def test_the_remainder_has_the_sign_of_the_divisor() -> None:
    found = apply("remainder", [5.5, -5.5, 5.5, -5.5], [2.0, 2.0, -2.0, -2.0])
    np.testing.assert_array_equal(found, [1.5, 0.5, -0.5, -1.5])


@pytest.mark.parametrize("name, left, right, expected", [
    ("maximum", 1.0, 2.0, [0, 1]), ("maximum", 2.0, 1.0, [1, 0]), ("maximum", 2.0, 2.0, [0.5, 0.5]),
    ("minimum", 1.0, 2.0, [1, 0]), ("minimum", 2.0, 1.0, [0, 1]),
    ("minimum", 0.0, -0.0, [0.5, 0.5]),
])  # fmt: skip
def test_tied_choices_get_half_the_derivative_each(
    name: str, left: float, right: float, expected: list[float]
) -> None:
    np.testing.assert_array_equal(gradient(REGISTRY[name], left, right), expected)


@pytest.mark.parametrize("name, left, right, negative", [
    ("maximum", 0.0, -0.0, False), ("maximum", -0.0, 0.0, False), ("maximum", -0.0, -0.0, True),
    ("minimum", 0.0, -0.0, True), ("minimum", -0.0, 0.0, True), ("minimum", 0.0, 0.0, False),
])  # fmt: skip
@pytest.mark.parametrize("dtype", [float32, float64], ids=str)
def test_zeros_are_ordered_by_sign(
    dtype: DType, name: str, left: float, right: float, negative: bool
) -> None:
    found = apply(name, [left] * 9, [right] * 9, of=dtype)
    assert np.all(found == 0)
    assert np.all(np.signbit(found) == negative)


def test_the_derivative_of_abs_at_0_is_0() -> None:
    np.testing.assert_array_equal(gradient(ops.abs, [-2.0, -0.0, 0.0, 3.0])[0], [-1, 0, 0, 1])


def test_the_sign_of_zeros_is_plus_zero() -> None:
    found = apply("sign", [-0.0, 0.0, -3.0, np.nan])
    np.testing.assert_array_equal(found, [0, 0, -1, np.nan])
    assert not np.signbit(found[0])


@pytest.mark.parametrize("name, dtypes, message", [
    ("add", (bool_, bool_), "needs numbers, not bool"),
    ("add", (float32, float64), "inputs must have one dtype; convert with gc.astype"),
    ("div", (int32, int32), "needs floating point, not int32"),
    ("neg", (uint8,), "needs signed numbers, not uint8"),
    ("logical_not", (int8,), "needs bool, not int8"),
    ("shift_left", (bool_, bool_), "needs integers, not bool"),
    ("bitwise_and", (float32, float32), "needs integers or bool, not float32"),
])  # fmt: skip
def test_dtypes_that_do_not_fit_are_named(
    name: str, dtypes: tuple[DType, ...], message: str
) -> None:
    inputs = [ops.placeholder(shape=(2,), dtype=dtype) for dtype in dtypes]
    given = ", ".join(f"{dtype}[2]" for dtype in dtypes)
    with pytest.raises(DTypeError) as caught:
        REGISTRY[name](*inputs)
    assert caught.value.message == f"{message} (given {given})"
    assert caught.value.op == name
