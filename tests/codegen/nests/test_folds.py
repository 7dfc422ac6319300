"""Reductions under way: the positions that they keep."""

from __future__ import annotations

import numpy as np
import pytest

from graphc.ir.dims import Size, symbol
from graphc.ir.dtypes import DType, float32, float64, int8
from graphc.ir.opdef import REGISTRY
from graphc.ops import ops
from tests.native import compile_native

n = symbol("n")


@pytest.mark.parametrize("name", ["argmax", "argmin"])
@pytest.mark.parametrize("dtype", [float32, float64, int8], ids=str)
@pytest.mark.parametrize("width", [2, 17, 64, 65, 200, n], ids=str)
def test_positions_of_extremes(name: str, dtype: DType, width: Size) -> None:
    """Held in 32 bits where that is known to do; the first of equals, and the first NaN."""
    x = ops.placeholder(shape=(6, width), dtype=dtype, name="x")
    run = compile_native([REGISTRY[name](x, axis=1)])
    for length in [width] if isinstance(width, int) else (1, 63, 200):
        values = np.random.default_rng(7).integers(-3, 4, (6, length)).astype(dtype.numpy)
        if dtype.is_float:
            values[1] = -np.inf
            values[2] = np.inf
            values[3, length // 2 :] = np.nan
            values[4] = np.where(np.arange(length) % 2, 0.0, -0.0)
        (got,) = run({x: values})
        np.testing.assert_array_equal(got, getattr(np, name)(values, axis=1))
