"""Reductions at ties, with zeros, with NaN and over nothing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from graphc.errors import ShapeError
from graphc.ir.dtypes import DType, bool_, float32, int8, uint8
from graphc.ir.node import Node
from graphc.ir.opdef import REGISTRY
from graphc.ops import ops
from tests.ops.applying import apply, gradient, second_derivatives

INF, NAN = np.inf, np.nan


@pytest.mark.parametrize("name, x, expected", [
    ("max", [1.0, 3.0, 3.0, 3.0], [0, 1 / 3, 1 / 3, 1 / 3]),
    ("max", [2.0, 2.0], [0.5, 0.5]),
    ("max", [-0.0, 0.0], [0.5, 0.5]),
    ("max", [-INF, -INF], [0.5, 0.5]),
    ("min", [1.0, 3.0, 1.0, 3.0], [0.5, 0, 0.5, 0]),
    ("min", [4.0], [1]),
    ("min", [1.0, NAN], [NAN, NAN]),
])  # fmt: skip
def test_ties_share_the_derivative_of_an_extreme(
    name: str, x: list[float], expected: list[float]
) -> None:
    (found,) = gradient(lambda node: REGISTRY[name](node, axes=(0,)), x)
    np.testing.assert_array_equal(found, expected)


WITH_ZEROS = ([2.0, 3.0, 4.0], [2.0, 0.0, 4.0], [0.0, 3.0, 0.0], [0.0, 0.0, 0.0], [5.0], [0.0], [])


def products_without(x: Sequence[float]) -> list[float]:
    """For each element the product of the others."""
    return [float(np.prod([*x[:k], *x[k + 1 :]])) for k in range(len(x))]


@pytest.mark.parametrize("x", WITH_ZEROS, ids=str)
def test_the_gradient_of_a_product_is_right_with_zeros(x: list[float]) -> None:
    (found,) = gradient(lambda node: ops.prod(node, axes=(0,)), x)
    np.testing.assert_array_equal(found, products_without(x))


@pytest.mark.parametrize("x", WITH_ZEROS, ids=str)
def test_the_gradient_of_running_products_is_right_with_zeros(x: list[float]) -> None:
    (found,) = gradient(lambda node: ops.cumprod(node, axis=0), x)
    expected = np.zeros(len(x))
    for end in range(1, len(x) + 1):
        expected[:end] += products_without(x[:end])
    np.testing.assert_array_equal(found, expected)


def test_second_derivatives_of_a_product_are_right_with_zeros() -> None:
    def product(*factors: Node) -> Node:
        rows = [ops.reshape(factor, shape=(1,)) for factor in factors]
        return ops.prod(ops.concat(*rows, axis=0), axes=(0,))

    found = second_derivatives(product, 0.0, 0.0, 3.0)
    assert found == [[0, 3, 0], [3, 0, 0], [0, 0, 0]]


@pytest.mark.parametrize("name, dtype, expected", [
    ("sum", float32, 0), ("prod", float32, 1), ("max", float32, -INF), ("min", float32, INF),
    ("max", int8, -128), ("min", uint8, 255), ("any", bool_, False), ("all", bool_, True),
])  # fmt: skip
def test_reductions_of_nothing(name: str, dtype: DType, expected: float) -> None:
    assert apply(name, [], of=dtype, axes=(0,)).item() == expected


def test_sums_of_integers_wrap_around() -> None:
    assert apply("sum", [100, 100], of=int8, axes=(0,)).item() == -56


@pytest.mark.parametrize("name", ["max", "min"])
def test_nan_wins(name: str) -> None:
    assert np.isnan(apply(name, [1.0, NAN, -INF, INF], axes=(0,)))


@pytest.mark.parametrize("name, x, position", [
    ("argmax", [1.0, NAN, INF, NAN], 1), ("argmin", [1.0, NAN, -INF], 1),
    ("argmax", [1.0, 3.0, 3.0], 1), ("argmin", [0.0, -0.0], 0),
])  # fmt: skip
def test_the_first_extreme_or_nan_is_found(name: str, x: list[float], position: int) -> None:
    assert apply(name, x, axis=0).item() == position


@pytest.mark.parametrize("name", ["argmax", "argmin"])
def test_nothing_has_no_position(name: str) -> None:
    with pytest.raises(ShapeError, match="no position of an extreme among no elements"):
        apply(name, [[], []], axis=1)
