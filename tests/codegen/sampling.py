"""Lengths, values and comparisons that tests of generated code share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphc.ir.dims import symbol
from graphc.ir.dtypes import DType, float32
from graphc.ir.node import Node
from graphc.ops import ops
from tests.codegen.running import Program

Array = np.ndarray[Any, Any]
Compile = Callable[[list[Node], list[Node]], Program]

n = symbol("n")
#: Every length up to several vectors, and some beyond; and a few around a vector's.
LENGTHS = (*range(71), 127, 128, 129, 255, 256, 257, 1000)
FEW = (0, 1, 2, 15, 16, 17, 63, 64, 65, 129)


def placeholder(*shape: Any, dtype: DType = float32, name: str = "x") -> Node:
    return ops.placeholder(shape=shape, dtype=dtype, name=name)


def numbers(shape: tuple[int, ...], dtype: DType, seed: int = 0) -> Array:
    """Random values over the whole range of integers; floats of very different sizes."""
    rng = np.random.default_rng((seed, *shape))
    if dtype.is_bool:
        return np.asarray(rng.integers(0, 2, shape), bool)
    if dtype.is_integer:
        limits = np.iinfo(dtype.numpy)
        return np.asarray(rng.integers(limits.min, limits.max, shape, dtype.numpy, endpoint=True))
    return np.asarray(rng.normal(size=shape) * 10.0 ** rng.integers(-3, 4, shape), dtype.numpy)


def assert_same(got: Array, expected: Array) -> None:
    """Equal to the bit, signs of zeros included; any NaN equals any."""
    np.testing.assert_array_equal(got, expected)
    if got.dtype.kind == "f":
        number = ~np.isnan(got)
        np.testing.assert_array_equal(np.signbit(got[number]), np.signbit(expected[number]))


def special(shape: tuple[int, ...], dtype: DType, seed: int) -> Array:
    """Numbers, among them -0.0; in some rows infinities and NaN as well."""
    x = numbers(shape, dtype, seed)
    if dtype.is_float and x.size:
        rng = np.random.default_rng(seed)
        x = np.where(rng.integers(0, 3, shape) == 0, -0.0, x).astype(dtype.numpy)
        if seed % 3 == 0:
            x.flat[rng.integers(0, x.size)] = (np.inf, -np.inf, np.nan)[seed // 3 % 3]
    return x
