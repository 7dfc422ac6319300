"""Running sums, products and maxima: which lines are turned, and the order of their elements."""

from __future__ import annotations

import textwrap
from typing import Any

import numpy as np
import pytest

from graphc.ir.dims import symbol
from graphc.ir.dtypes import float32, float64, int32
from graphc.ir.graph import extract
from graphc.ops import ops
from tests.native import compile_native
from tests.schedule.programs import kernels_of, parsed

n = symbol("n")

PROGRAM = """
(%x: f32[512, 1000]) -> f32[512, 1000]
%0: f32[512, 1000] = cumsum(%x, axis=1)
return %0
"""

KERNEL = """
kernel(a0: f32[512000], out a1: f32[512000]) scratch s0: f32[8192], s1: f32[64] {
  parallel for $0 < 8:
    vector for $8 < 64:
      s1[$8] = -0x0.0p+0
    for $1 < 8:
      for $2 < -max(-128, 128*$1 - 1000):
        vector for $3 < 64:
          s0[64*$2 + $3] = a0[64000*$0 + 128*$1 + $2 + 1000*$3]
      for $4 < -max(-128, 128*$1 - 1000):
        vector for $5 < 64:
          s1[$5] sum= s0[64*$4 + $5]
          s0[64*$4 + $5] = s1[$5]
      for $6 < 64:
        vector for $7 < -max(-128, 128*$1 - 1000):
          a1[64000*$0 + 128*$1 + 1000*$6 + $7] = s0[$6 + 64*$7]
}
"""


def test_lines_in_one_piece_are_turned() -> None:
    assert kernels_of(parsed(PROGRAM)) == textwrap.dedent(KERNEL).strip()


@pytest.mark.parametrize(("shape", "axis"), [((7, 1000), 1), ((512, 31), 1), ((512, 1000), 0)])
def test_others_are_not(shape: tuple[int, ...], axis: int) -> None:
    """Few lines, short ones, and lines that lie side by side."""
    x = ops.placeholder(shape=shape, dtype=float32, name="x")
    assert "scratch" not in kernels_of(extract("g", [ops.cumsum(x, axis=axis)]))


@pytest.mark.parametrize("dtype", [float32, float64, int32])
@pytest.mark.parametrize("lines", [8, 65, 300, n])
def test_every_line_is_one_chain(lines: Any, dtype: Any) -> None:
    """To the bit, for any number of lines and steps."""
    rng = np.random.default_rng(0)
    for steps in (32, 300):
        x = ops.placeholder(shape=(lines, steps), dtype=dtype, name="x")
        run = compile_native([ops.cumsum(x, axis=1), ops.cumprod(x, axis=1)])
        for height in (1, 40, 130) if lines is n else (lines,):
            values = rng.normal(1, 0.5, (height, steps)).astype(dtype.numpy)
            sums, products = run({x: values})
            np.testing.assert_array_equal(sums, values.cumsum(1, dtype=dtype.numpy))
            np.testing.assert_array_equal(products, values.cumprod(1, dtype=dtype.numpy))


def test_lines_of_several_dims() -> None:
    x = ops.placeholder(shape=(3, 5, 70, 1), dtype=int32, name="x")
    values = np.random.default_rng(1).integers(-99, 99, (3, 5, 70, 1), np.int32)
    run = compile_native([ops.cumsum(x, axis=2)])
    (found,) = run({x: values})
    np.testing.assert_array_equal(found, values.cumsum(2, dtype=np.int32))
