"""A tile that reads operands where they lie, by itself, between fences."""

from __future__ import annotations

import ctypes
from typing import Any

import llvmlite.binding as llvm
import numpy as np
import pytest
from llvmlite import ir

from graphc.codegen.products.direct_tile import DirectTile, declare, emit
from graphc.codegen.products.tile import TileShape
from graphc.codegen.target import Target
from graphc.codegen.translation import object_codes
from graphc.codegen.values import register_type
from graphc.ir.dtypes import DType, float32, float64
from tests.codegen.fences import Fenced, fenced_copy
from tests.codegen.targets import chosen

TARGETS = chosen()
DEPTH = 5


class Called:
    """A tile as a function of arrays, and what it is told beside them."""

    def __init__(self, tile: DirectTile, dtype: DType, target: Target) -> None:
        self.tile, self.dtype = tile, dtype
        module = ir.Module(name="tile")
        module.triple = target.triple
        function = declare(module, register_type(dtype), tile)
        assert declare(module, register_type(dtype), tile) is function
        if tile.shared:
            emit(function, register_type(dtype), tile)
        function.linkage = "external"
        image = object_codes({"tile": module}, target)["tile"]
        compiler = llvm.create_lljit_compiler(use_jit_link=False)
        builder = llvm.JITLibraryBuilder().add_object_img(image).export_symbol(function.name)
        self.loaded = builder.link(compiler, function.name)
        kinds = [ctypes.c_int64 if kind == "i64" else ctypes.c_void_p
                 for kind in (str(arg.type) for arg in function.args)]  # fmt: skip
        self.function = ctypes.CFUNCTYPE(None, *kinds)(self.loaded[function.name])

    def __call__(self, **given: Any) -> None:
        self.function(*(given[name] for name in self.tile.parameters()))


def check(
    tile: DirectTile, dtype: DType, target: Target, rows: int, *, behind: bool, width: int = 0
) -> None:
    """Run on memory that has no more than exists."""
    rng = np.random.default_rng(rows)
    columns, kind = width or tile.columns, dtype.numpy
    left = rng.integers(-9, 9, (rows, DEPTH)).astype(kind)
    right = rng.integers(-9, 9, (DEPTH, columns)).astype(kind)
    begun = rng.integers(-9, 9, (rows, columns)).astype(kind)
    lefts, rights, source = (fenced_copy(a, behind=behind) for a in (left, right, begun))
    result = Fenced((rows, columns), kind, behind=behind)
    places = {"left": lefts, "right": rights, "source": source, "target": result.array}
    Called(tile, dtype, target)(
        **{name: array.ctypes.data for name, array in places.items()},
        left_row=DEPTH, left_step=1, right_step=columns, depth=DEPTH, target_row=columns,
        source_row=columns, rows=rows, columns=columns,
    )  # fmt: skip
    expected = left @ right + (begun if tile.begun else 0)
    np.testing.assert_array_equal(result.array, expected)
    result.check()


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
@pytest.mark.parametrize("begun", [False, True])
@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("dtype", [float32, float64], ids=str)
def test_values(dtype: DType, known: bool, begun: bool, target: Target) -> None:
    """With distances that are known and with those that are not, and some columns missing."""
    lanes = target.vector_bits // dtype.bits
    for columns in (2 * lanes, 2 * lanes - 1, lanes + 1, lanes, 1):
        shape = TileShape(3, -(-columns // lanes), lanes)
        sizes = (DEPTH, 1, columns, DEPTH, columns) if known else (None,) * 5
        tile = DirectTile(shape, columns, *sizes, begun=begun)
        for behind in (False, True):
            check(tile, dtype, target, 3, behind=behind)
            check(tile.for_all, dtype, target, 3, behind=behind)


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
@pytest.mark.parametrize("begun", [False, True])
def test_rows_that_do_not_exist_are_not_touched(begun: bool, target: Target) -> None:
    lanes = target.vector_bits // 32
    shape = TileShape(4, 1, lanes)
    tile = DirectTile(shape, lanes - 1, DEPTH, 1, lanes - 1, None, None, begun=begun, cut=True)
    for rows in range(1, 5):
        for behind in (False, True):
            check(tile, float32, target, rows, behind=behind)


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
@pytest.mark.parametrize("begun", [False, True])
@pytest.mark.parametrize("cut", [False, True])
def test_columns_that_do_not_exist_are_not_touched(cut: bool, begun: bool, target: Target) -> None:
    lanes = target.vector_bits // 32
    tile = DirectTile(
        TileShape(3, 2, lanes), 2 * lanes, None, 1, None, None, None, begun, cut, open=True
    )
    for width in (1, lanes - 1, lanes, lanes + 1, 2 * lanes):
        for rows in (1, 2, 3) if cut else (3,):
            for behind in (False, True):
                check(tile, float32, target, rows, behind=behind, width=width)


def test_what_is_asked_for_ahead_need_not_exist() -> None:
    target = TARGETS["host"]
    lanes = target.vector_bits // 32
    tile = DirectTile(TileShape(2, 1, lanes), lanes, None, None, None, None, None, ahead=1 << 20)
    check(tile, float32, target, 2, behind=False)


def test_names_tell_tiles_apart() -> None:
    tile = DirectTile(TileShape(4, 1, 16), 16, 5, 1, 16, 5, 16)
    others = [
        DirectTile(TileShape(5, 1, 16), 16, 5, 1, 16, 5, 16),
        DirectTile(TileShape(4, 1, 16), 15, 5, 1, 16, 5, 16),
        DirectTile(TileShape(4, 1, 16), 16, None, 1, 16, 5, 16),
        DirectTile(TileShape(4, 1, 16), 16, 5, 1, 16, 5, 16, begun=True),
        DirectTile(TileShape(4, 1, 16), 16, 5, 1, 16, 5, 16, cut=True),
        DirectTile(TileShape(4, 1, 16), 16, 5, 1, 16, 5, 16, ahead=32),
        DirectTile(TileShape(4, 1, 16), 16, 5, 1, 16, 5, 16, open=True),
    ]
    assert len({one.name for one in (tile, *others)}) == 1 + len(others)
