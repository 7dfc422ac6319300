"""One op on plain arrays, and derivatives of small functions at a point."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphc.autodiff.reverse import cotangents
from graphc.ir.dtypes import DType, as_dtype, float64
from graphc.ir.node import Node
from graphc.ir.opdef import REGISTRY, Array
from graphc.ops import ops
from graphc.ops.declaring import scalar_like
from tests.ops.differences import Program


def apply(name: str, /, *values: Any, of: DType = float64, **attrs: Any) -> Array:
    """The op's result on arrays; what is not an array becomes one of the dtype `of`."""
    arrays = [v if isinstance(v, np.ndarray) else np.array(v, of.numpy) for v in values]
    inputs = [ops.placeholder(shape=a.shape, dtype=as_dtype(a.dtype)) for a in arrays]
    (result,) = Program(inputs, [REGISTRY[name](*inputs, **attrs)])(arrays)
    assert result is not None
    return result


def gradient(function: Callable[..., Node], *points: Any) -> list[Array]:
    """The gradient of the sum of the function's elements by each of its arguments."""
    inputs, arrays = _placeholders(points)
    result = function(*inputs)
    found = Program(inputs, cotangents([result], inputs, [_ones_like(result)]))(arrays)
    return [np.zeros_like(x) if g is None else g for g, x in zip(found, arrays, strict=True)]


def second_derivatives(function: Callable[..., Node], *points: float) -> list[list[float]]:
    """The Hessian matrix of a scalar function of scalars."""
    inputs, arrays = _placeholders(points)
    result = function(*inputs)
    rows = []
    for first in cotangents([result], inputs, [_ones_like(result)]):
        assert first is not None
        found = Program(inputs, cotangents([first], inputs, [_ones_like(first)]))(arrays)
        rows.append([0.0 if value is None else float(value) for value in found])
    return rows


def _placeholders(points: Sequence[Any]) -> tuple[list[Node], list[Array]]:
    arrays = [np.array(point, np.float64) for point in points]
    return [ops.placeholder(shape=array.shape, dtype=float64) for array in arrays], arrays


def _ones_like(node: Node) -> Node:
    return scalar_like(node, 1.0)
