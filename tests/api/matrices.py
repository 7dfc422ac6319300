"""Matrices to try linear algebra on, and functions run in sessions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import graphc as gc
from graphc.ir.dtypes import as_dtype

Array = np.ndarray[Any, Any]


def drawn(shape: tuple[int, ...], dtype: gc.DType, seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(size=shape).astype(dtype.numpy)


def positive(shape: tuple[int, ...], dtype: gc.DType) -> Array:
    x = drawn(shape, gc.float64)
    x = x @ np.swapaxes(x, -1, -2) + (1 + shape[-1]) * np.eye(shape[-1])
    return x.astype(dtype.numpy)


def symmetric(shape: tuple[int, ...], dtype: gc.DType) -> Array:
    x = drawn(shape, dtype)
    return x + np.swapaxes(x, -1, -2)


def regular(shape: tuple[int, ...], dtype: gc.DType) -> Array:
    x = drawn(shape, gc.float64) + 2 * (1 + np.sqrt(shape[-1])) * np.eye(shape[-1])
    return x.astype(dtype.numpy)


class Program:
    """A function in a session, compiled for shapes, or for any of as many dims if `symbolic`."""

    def __init__(self, function: Callable[..., Any], *, symbolic: bool = False) -> None:
        self.function, self.symbolic = function, symbolic
        self.steps: dict[tuple[Any, ...], Callable[..., Any]] = {}

    def __call__(self, *arrays: Array) -> Any:
        key = tuple(array.ndim if self.symbolic else array.shape for array in arrays)
        if key not in self.steps:
            self.steps[key] = self._compiled(arrays)
        return self.steps[key](*arrays)

    def _compiled(self, arrays: Sequence[Array]) -> Callable[..., Any]:
        with gc.Graph() as graph:
            inputs = []
            for k, array in enumerate(arrays):
                named = tuple(f"x{k}_{axis}" for axis in range(array.ndim))
                shape = named if self.symbolic else array.shape
                inputs.append(gc.placeholder(as_dtype(array.dtype), shape, name=f"x{k}"))
            fetches = self.function(*inputs)
        fetches = list(fetches) if isinstance(fetches, tuple) else fetches
        return gc.Session(graph, threads=2).make_callable(fetches, inputs)


def run(function: Callable[..., Any], *arrays: Array) -> Any:
    """The function's results in a session of its own."""
    return Program(function)(*arrays)


def check_close(got: Array, expected: Array, units: float = 300.0) -> None:
    expected = np.asarray(expected)
    assert got.dtype == expected.dtype
    assert got.shape == expected.shape
    scale = np.max(np.abs(expected), initial=1.0)
    tolerance = units * np.finfo(got.dtype).eps * scale
    np.testing.assert_allclose(got, expected, rtol=0, atol=tolerance)


def transposed(x: Array) -> Array:
    return np.swapaxes(x, -1, -2)


def check_orthogonal(columns: Array) -> None:
    products = transposed(columns) @ columns
    identity = np.eye(columns.shape[-1], dtype=columns.dtype)
    check_close(products, np.broadcast_to(identity, products.shape))
