from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import DTypeError, GraphError

pytestmark = pytest.mark.usefixtures("graph")

OPERATORS: list[tuple[Callable[[Any, Any], Any], str]] = [
    (operator.add, "fi"),
    (operator.sub, "fi"),
    (operator.mul, "fi"),
    (operator.truediv, "f"),
    (operator.floordiv, "fi"),
    (operator.mod, "fi"),
    (operator.pow, "f"),
    (operator.and_, "ib"),
    (operator.or_, "ib"),
    (operator.xor, "ib"),
    (operator.lshift, "i"),
    (operator.rshift, "i"),
    (operator.lt, "fi"),
    (operator.le, "fi"),
    (operator.gt, "fi"),
    (operator.ge, "fi"),
    (operator.eq, "fib"),
    (operator.ne, "fib"),
]
KINDS = {"f": (gc.float64, 2.5), "i": (gc.int32, 3), "b": (gc.bool, True)}


@pytest.mark.parametrize(("apply", "kinds"), OPERATORS)
def test_binary_operators_both_ways(
    apply: Callable[[Any, Any], Any], kinds: str, compute: Any
) -> None:
    for kind in kinds:
        dtype, number = KINDS[kind]
        x = gc.placeholder(dtype, ("n",))
        data = np.array([1, 2, 3, 5]).astype(dtype.numpy)
        for other in (x, number, data, data[0], data.tolist()):
            array = data if other is x else np.asarray(other, dtype.numpy)
            np.testing.assert_allclose(compute(apply(x, other), {x: data}), apply(data, array))
            np.testing.assert_allclose(compute(apply(other, x), {x: data}), apply(array, data))


@pytest.mark.parametrize("apply", [operator.neg, operator.pos, operator.abs])
def test_unary_operators(apply: Callable[[Any], Any], compute: Any) -> None:
    x = gc.placeholder(gc.float32, ("n",))
    data = np.array([-1.5, -0.0, 2], np.float32)
    np.testing.assert_array_equal(compute(apply(x), {x: data}), apply(data))


@pytest.mark.parametrize(("dtype", "data"), [(gc.int8, [-1, 0, 7]), (gc.bool, [True, False])])
def test_invert(dtype: gc.DType, data: Any, compute: Any) -> None:
    x = gc.placeholder(dtype, ("n",))
    np.testing.assert_array_equal(compute(~x, {x: data}), ~np.asarray(data, dtype.numpy))


def test_matrix_product_both_ways(compute: Any) -> None:
    x = gc.placeholder(gc.float64, ("n", 3))
    data, other = np.arange(6.0).reshape(2, 3), np.arange(12.0).reshape(3, 4)
    np.testing.assert_array_equal(compute(x @ other, {x: data}), data @ other)
    np.testing.assert_array_equal(compute(other.T @ x.mT, {x: data}), other.T @ data.T)


def test_numpy_leaves_the_operation_to_the_tensor() -> None:
    x = gc.placeholder(gc.float32, ("n", 3))
    for left in (np.ones(3, np.float32), np.float32(2), np.ones((1, 3), np.float32)):
        for result in (left + x, left * x, left < x, left == x):
            assert isinstance(result, gc.Tensor)
            assert result.shape == ("n", 3)


def test_what_a_tensor_tells_of_itself() -> None:
    x = gc.placeholder(gc.float32, ("batch", 64), name="x")
    assert x.shape == ("batch", 64)
    assert x.size == "64*batch"
    assert (x.ndim, x.dtype, x.name) == (2, gc.float32, "x")
    assert repr(x) == "<gc.Tensor %x f32[batch, 64] placeholder>"
    y = x * 2
    assert y.name is None
    assert repr(y) == "<gc.Tensor f32[batch, 64] mul>"
    assert y.location is not None
    assert y.location.file == __file__
    w = gc.variable(np.zeros(3, np.float32), name="w", trainable=False)
    assert repr(w) == "<gc.Variable %w f32[3] variable>"
    assert not w.trainable


def test_methods(compute: Any) -> None:
    x = gc.placeholder(gc.float32, ("n", 4))
    data = np.arange(8, dtype=np.float32).reshape(2, 4)
    made = [
        x.sum(axis=0),
        x.mean(axis=1, keepdims=True),
        x.max(),
        x.min(axis=-1),
        x.astype(gc.int32),
        x.reshape(-1, 2),
        x.reshape((-1, 2)),
        x.reshape(-1),
    ]
    expected = [
        data.sum(axis=0),
        data.mean(axis=1, keepdims=True),
        data.max(),
        data.min(axis=-1),
        data.astype(np.int32),
        data.reshape(-1, 2),
        data.reshape(-1, 2),
        data.reshape(-1),
    ]
    for result, wanted in zip(compute(made, {x: data}), expected, strict=True):
        np.testing.assert_array_equal(result, wanted, strict=True)


def test_tensors_are_keys_by_identity() -> None:
    x, y = gc.placeholder(gc.float32, ()), gc.placeholder(gc.float32, ())
    table = {x: 1, y: 2}
    assert (table[x], table[y]) == (1, 2)
    assert x in [x]


def test_iteration_over_a_known_first_dim(compute: Any) -> None:
    x = gc.placeholder(gc.float32, (3, "n"))
    data = np.arange(6, dtype=np.float32).reshape(3, 2)
    assert len(x) == 3
    first, second, third = x
    np.testing.assert_array_equal(compute([first, second, third], {x: data}), data)


@pytest.mark.parametrize(
    ("apply", "op", "message"),
    [
        (bool, "bool", "choose with gc.where, or with gc.cond"),
        (lambda x: 1 if x > 0 else 2, "bool", "choose with gc.where, or with gc.cond"),
        (lambda x: 0 < x < 1, "bool", "choose with gc.where, or with gc.cond"),
        (len, "len", "is known only when it is fed"),
        (list, "iter", "is known only when it is fed"),
        (lambda x: len(gc.sum(x)), "len", "has no dims"),
        (np.asarray, "array", "run it in a session"),
        (lambda x: operator.setitem(x, 0, 1.0), "index", "gc.put(x, key, values) is a tensor"),
        (lambda x: x.T.T.T[0].T, "T", "needs a matrix"),
    ],
)
def test_what_a_graph_cannot_know(apply: Any, op: str, message: str) -> None:
    x = gc.placeholder(gc.float32, ("n", 3), name="x")
    with pytest.raises(GraphError) as caught:
        apply(x)
    assert message in caught.value.message
    assert caught.value.op == op
    assert caught.value.location is not None


def test_numpy_functions_are_refused() -> None:
    x = gc.placeholder(gc.float32, (3,))
    with pytest.raises(TypeError, match="__array_ufunc__"):
        np.exp(x)  # type: ignore[call-overload]


def test_integers_are_not_divided(fails: Callable[..., Any]) -> None:
    i = gc.placeholder(gc.int32, (3,))
    with fails(DTypeError, "needs floating point, not int32", op="divide"):
        i / 2
