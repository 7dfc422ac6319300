"""The register tile: its shape for a target, and a tile of any rows and columns by itself."""

from __future__ import annotations

import ctypes
from typing import Any

import llvmlite.binding as llvm
import numpy as np
import pytest
from llvmlite import ir

from graphc.codegen.products.tile import (
    LATE,
    MOST_ROWS,
    TileShape,
    emit_tile,
    tile_name,
    tile_shape,
)
from graphc.codegen.target import Target
from graphc.codegen.translation import object_codes
from graphc.codegen.values import register_type
from graphc.ir.dims import symbol
from graphc.ir.dtypes import DType, float32, float64
from tests.codegen.fences import Fenced, fenced_copy
from tests.codegen.targets import chosen

TARGETS = chosen()
n = symbol("n")
X86, ARM = "x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"
WIDE, NARROW = Target(X86, "", "", 512), Target(X86, "", "", 256)
PLAIN, OTHER = Target(X86, "", "", 128), Target(ARM, "", "", 128)


@pytest.mark.parametrize(
    ("target", "rows", "columns", "bits", "expected"),
    [
        (WIDE, n, n, 32, TileShape(14, 2, 16)),
        (WIDE, n, n, 64, TileShape(14, 2, 8)),
        (WIDE, n, 16, 32, TileShape(28, 1, 16)),
        (WIDE, n, 17, 32, TileShape(14, 2, 16)),
        (WIDE, n, 8, 64, TileShape(28, 1, 8)),
        (WIDE, 100, 100, 32, TileShape(10, 2, 16)),
        (WIDE, 64, n, 32, TileShape(13, 2, 16)),
        (WIDE, 3, n, 32, TileShape(3, 2, 16)),
        (WIDE, 1, 1, 32, TileShape(1, 1, 16)),
        (NARROW, n, n, 32, TileShape(6, 2, 8)),
        (NARROW, n, 8, 32, TileShape(12, 1, 8)),
        (PLAIN, n, n, 64, TileShape(6, 2, 2)),
        (OTHER, n, n, 32, TileShape(14, 2, 4)),
    ],
)
def test_shapes(target: Target, rows: Any, columns: Any, bits: int, expected: TileShape) -> None:
    assert tile_shape(rows, columns, bits, target) == expected


@pytest.mark.parametrize("target", [WIDE, NARROW, PLAIN, OTHER], ids=str)
@pytest.mark.parametrize("columns", [1, 40, n])
def test_tiles_fit_into_registers(target: Target, columns: Any) -> None:
    for bits in (32, 64):
        for rows in (*range(1, 200), 1000, n):
            shape = tile_shape(rows, columns, bits, target)
            assert 1 <= shape.low.rows <= shape.rows
            assert shape.lanes * bits == target.vector_bits
            assert shape.columns < 64, "masks are made in 64 bits"
            results = shape.rows * shape.vectors
            assert results <= 2 * MOST_ROWS[target.vector_registers] < target.vector_registers
            assert results + shape.vectors + 1 <= target.vector_registers


def test_rows_are_taken_evenly() -> None:
    """The last tile is not much less full than the others."""
    for rows in range(1, 500):
        tile = tile_shape(rows, n, 32, WIDE).rows
        assert -(-rows // tile) * tile - rows < tile
        tiles = -(-rows // tile)
        assert tiles * (tile + 1) <= -(-rows // 14) * 15


# A tile by itself ---------------------------------------------------------------------------


#: Elements from row to row of the left operand.
ROW = 11


class Tile:
    """A tile as a function of arrays."""

    def __init__(self, dtype: DType, shape: TileShape, by_depth: bool, target: Target) -> None:
        self.dtype, self.shape, self.by_depth = dtype, shape, by_depth
        left_row = 1 if by_depth else ROW
        element = register_type(dtype)
        module = ir.Module(name="tile")
        module.triple = target.triple
        emit_tile(module, element, shape, left_row)
        image = object_codes({"tile": module}, target)["tile"]
        name = tile_name(element, shape, left_row)
        compiler = llvm.create_lljit_compiler(use_jit_link=False)
        builder = llvm.JITLibraryBuilder().add_object_img(image).export_symbol(name)
        self.loaded = builder.link(compiler, name)
        place, number = ctypes.c_void_p, ctypes.c_int64
        arguments = [place, number, place, number, number, number, place, number, place]
        arguments += [number] * 3 + [place, number]
        self.function = ctypes.CFUNCTYPE(None, *arguments)(self.loaded[name])

    def __call__(self, begun: Fenced, depth: int, rows: int, columns: int, seed: int) -> None:
        """Run on memory that ends where the tile may no longer read, and check it all."""
        rng = np.random.default_rng(seed)
        shape, dtype = self.shape, self.dtype.numpy
        left = rng.integers(-9, 9, (shape.rows, depth)).astype(dtype)
        apart = np.zeros((shape.rows, ROW), dtype)
        if not self.by_depth:
            apart[:, :depth] = left
        right = rng.integers(-9, 9, (depth, shape.columns)).astype(dtype)
        lefts = fenced_copy(np.ascontiguousarray(left.T) if self.by_depth else apart)
        left_step = shape.rows if self.by_depth else 1
        rights = fenced_copy(right)
        start = rng.integers(-9, 9, (rows, columns)).astype(dtype)
        begun.array[...] = start
        result = Fenced((rows, columns), dtype)
        operands = (lefts, left_step, rights, shape.columns, depth, 0)
        results = (begun.array, columns, result.array, columns, rows, columns)
        given = (*operands, *results, result.array, columns)
        self.function(*(a.ctypes.data if isinstance(a, np.ndarray) else a for a in given))
        expected = start + left[:rows] @ right[:, :columns]
        np.testing.assert_array_equal(result.array, expected)
        result.check()
        begun.check()


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
@pytest.mark.parametrize("by_depth", [False, True])
@pytest.mark.parametrize("vectors", [1, 2])
@pytest.mark.parametrize("dtype", [float32, float64], ids=str)
def test_only_existing_rows_and_columns_are_touched(
    dtype: DType, vectors: int, by_depth: bool, target: Target
) -> None:
    """For every number of rows and columns that a tile may have; results have no gaps."""
    lanes = target.vector_bits // dtype.bits
    shape, depth = TileShape(5, vectors, lanes), 7
    tile = Tile(dtype, shape, by_depth, target)
    for rows in range(1, shape.rows + 1):
        for columns in range(1, shape.columns + 1):
            begun = Fenced((rows, columns), dtype.numpy)
            tile(begun, depth, rows, columns, seed=rows + columns)
            begun = Fenced((rows, columns), dtype.numpy, behind=True)
            tile(begun, depth, rows, columns, seed=rows * columns)


@pytest.mark.parametrize("depth", [0, 1, 2, LATE, LATE + 1, LATE + 2, 300])
def test_any_depth(depth: int) -> None:
    """None leaves what was begun; a long one is interrupted to ask for the next results."""
    target = TARGETS["host"]
    shape = TileShape(3, 2, target.vector_bits // 32)
    tile = Tile(float32, shape, True, target)
    tile(Fenced((3, shape.columns), np.float32), depth, 3, shape.columns, seed=1)
