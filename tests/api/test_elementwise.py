from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import DTypeError

pytestmark = pytest.mark.usefixtures("graph")

UNARY: dict[str, tuple[Any, str, float, float]] = {  # function: NumPy's, kinds, from, to
    "abs": (np.abs, "fi", -2, 2),
    "acos": (np.arccos, "f", -0.9, 0.9),
    "acosh": (np.arccosh, "f", 1.1, 4),
    "asin": (np.arcsin, "f", -0.9, 0.9),
    "asinh": (np.arcsinh, "f", -3, 3),
    "atan": (np.arctan, "f", -3, 3),
    "atanh": (np.arctanh, "f", -0.9, 0.9),
    "bitwise_invert": (np.invert, "ib", -5, 5),
    "cbrt": (np.cbrt, "f", -2, 2),
    "ceil": (np.ceil, "fi", -3, 3),
    "cos": (np.cos, "f", -3, 3),
    "cosh": (np.cosh, "f", -2, 2),
    "exp": (np.exp, "f", -2, 2),
    "exp2": (np.exp2, "f", -2, 2),
    "expm1": (np.expm1, "f", -2, 2),
    "floor": (np.floor, "fi", -3, 3),
    "isfinite": (np.isfinite, "fi", -3, 3),
    "isinf": (np.isinf, "fi", -3, 3),
    "isnan": (np.isnan, "fi", -3, 3),
    "log": (np.log, "f", 0.1, 3),
    "log10": (np.log10, "f", 0.1, 3),
    "log1p": (np.log1p, "f", -0.5, 3),
    "log2": (np.log2, "f", 0.1, 3),
    "logical_not": (np.logical_not, "b", 0, 2),
    "negative": (np.negative, "fi", -3, 3),
    "positive": (np.positive, "fi", -3, 3),
    "reciprocal": (np.reciprocal, "f", 0.5, 3),
    "round": (np.round, "fi", -3, 3),
    "sign": (np.sign, "fi", -3, 3),
    "sin": (np.sin, "f", -3, 3),
    "sinh": (np.sinh, "f", -2, 2),
    "sqrt": (np.sqrt, "f", 0, 3),
    "square": (np.square, "fi", -3, 3),
    "tan": (np.tan, "f", -1, 1),
    "tanh": (np.tanh, "f", -2, 2),
    "trunc": (np.trunc, "fi", -3, 3),
    "rsqrt": (lambda x: 1 / np.sqrt(x), "f", 0.1, 3),
    "sigmoid": (lambda x: 1 / (1 + np.exp(-x)), "f", -3, 3),
}
BINARY: dict[str, tuple[Any, str]] = {
    "add": (np.add, "fi"),
    "atan2": (np.arctan2, "f"),
    "bitwise_and": (np.bitwise_and, "ib"),
    "bitwise_left_shift": (np.left_shift, "i"),
    "bitwise_or": (np.bitwise_or, "ib"),
    "bitwise_right_shift": (np.right_shift, "i"),
    "bitwise_xor": (np.bitwise_xor, "ib"),
    "divide": (np.divide, "f"),
    "equal": (np.equal, "fib"),
    "floor_divide": (np.floor_divide, "fi"),
    "greater": (np.greater, "fi"),
    "greater_equal": (np.greater_equal, "fi"),
    "hypot": (np.hypot, "f"),
    "less": (np.less, "fi"),
    "less_equal": (np.less_equal, "fi"),
    "logaddexp": (np.logaddexp, "f"),
    "logical_and": (np.logical_and, "b"),
    "logical_or": (np.logical_or, "b"),
    "logical_xor": (np.logical_xor, "b"),
    "maximum": (np.maximum, "fi"),
    "minimum": (np.minimum, "fi"),
    "multiply": (np.multiply, "fi"),
    "not_equal": (np.not_equal, "fib"),
    "pow": (np.power, "fi"),
    "remainder": (np.remainder, "fi"),
    "subtract": (np.subtract, "fi"),
}
DTYPES = {"f": (gc.float32, gc.float64), "i": (gc.int8, gc.int32, gc.int64), "b": (gc.bool,)}


def _drawn(dtype: gc.DType, low: float, high: float, shape: tuple[int, ...], seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    return rng.uniform(low, high, shape).astype(dtype.numpy)


@pytest.mark.parametrize("name", UNARY)
def test_unary_functions_against_numpy(name: str, compute: Any) -> None:
    numpy_function, kinds, low, high = UNARY[name]
    for dtype in (dtype for kind in kinds for dtype in DTYPES[kind]):
        x = gc.placeholder(dtype, ("n", 5))
        data = _drawn(dtype, low, high, (4, 5))
        result = compute(getattr(gc, name)(x), {x: data})
        expected = numpy_function(data)
        assert result.dtype == expected.dtype
        np.testing.assert_allclose(result, expected, rtol=4 * np.finfo(np.float32).eps)


@pytest.mark.parametrize("name", BINARY)
def test_binary_functions_against_numpy(name: str, compute: Any) -> None:
    numpy_function, kinds = BINARY[name]
    for dtype in (dtype for kind in kinds for dtype in DTYPES[kind]):
        x, y = gc.placeholder(dtype, ("n", 1)), gc.placeholder(dtype, (5,))
        a, b = _drawn(dtype, 0.5, 4, (4, 1)), _drawn(dtype, 1, 4, (5,), seed=1)
        result = compute(getattr(gc, name)(x, y), {x: a, y: b})
        expected = numpy_function(a, b)
        assert result.dtype == expected.dtype
        np.testing.assert_allclose(result, expected, rtol=4 * np.finfo(np.float32).eps)


@pytest.mark.parametrize(
    ("name", "dtype", "message"),
    [
        ("add", gc.bool, "needs floating point or signed integers or uint8, not bool"),
        ("divide", gc.int8, "needs floating point, not int8"),
        ("negative", gc.uint8, "needs floating point or signed integers, not uint8"),
        ("logical_and", gc.int8, "needs bool, not int8"),
        (
            "sqrt",
            gc.int32,
            "needs floating point, not int32; convert with gc.astype (given i32[3])",
        ),
        ("bitwise_xor", gc.float32, "needs signed integers or uint8 or bool, not float32"),
        ("floor", gc.bool, "needs floating point, not bool"),
    ],
)
def test_dtypes_that_a_function_does_not_take(
    name: str, dtype: gc.DType, message: str, fails: Callable[..., Any]
) -> None:
    x = gc.placeholder(dtype, (3,))
    operands = [x, x] if name in BINARY else [x]
    with fails(DTypeError, message, op=name):
        getattr(gc, name)(*operands)


def test_where_takes_the_chosen_side(compute: Any) -> None:
    x = gc.placeholder(gc.float32, ("n", 1))
    result = gc.where(x > 0, x, [[1.5, -1.5]])
    data = np.array([[2], [-2], [np.nan]], np.float32)
    np.testing.assert_array_equal(
        compute(result, {x: data}), np.where(data > 0, data, np.float32([[1.5, -1.5]]))
    )
    assert gc.where(x > 0, 1, 0).dtype is gc.int64
    assert gc.where(x > 0, 1.0, 0).dtype is gc.float32
    assert gc.where(x > 0, 1, x).dtype is gc.float32


def test_where_needs_a_bool_condition(fails: Callable[..., Any]) -> None:
    x = gc.placeholder(gc.float32, (3,))
    with fails(DTypeError, "needs a bool condition, not float32", op="where"):
        gc.where(x, 1.0, 0.0)


def test_fma_rounds_once(compute: Any) -> None:
    a = np.float32(1 + 2**-12)
    x = gc.placeholder(gc.float32, ())
    once, twice = compute([gc.fma(x, x, -1), x * x - 1], {x: a})
    assert float(once) == np.float32(np.float64(a) * np.float64(a) - 1)
    assert once != twice


def test_functions_are_documented_under_their_own_names() -> None:
    for name in UNARY | BINARY:
        function = getattr(gc, name)
        assert function.__name__ == name
        assert function.__doc__
