"""The tile whose rows lie in an image, by itself."""

from __future__ import annotations

import ctypes
from typing import Any

import llvmlite.binding as llvm
import numpy as np
import pytest
from llvmlite import ir

from graphc.codegen.products.window_tile import WindowTile, emit_window_tile
from graphc.codegen.target import Target
from graphc.codegen.translation import object_codes
from graphc.codegen.values import register_type
from graphc.ir.dtypes import DType, float32, float64
from tests.codegen.targets import chosen

TARGETS = chosen()
on_targets = pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)

#: rows of a tile: neighbours, with a stride, places of a window, more than a vector has lanes
OFFSETS = [(0, 1, 2), (0, 2, 4, 6, 8), (0, 1, 2, 30, 31, 32), tuple(range(21)), (0,)]


def loaded(module: ir.Module, name: str, target: Target) -> tuple[Any, int]:
    """The library, which has to live, and the address of a function."""
    image = object_codes({name: module}, target)[name]
    builder = llvm.JITLibraryBuilder().add_object_img(image).export_symbol(name)
    library = builder.link(llvm.create_lljit_compiler(), name)
    return library, library[name]


def empty(name: str, target: Target) -> ir.Module:
    module = ir.Module(name=name)
    module.triple = target.triple
    return module


@on_targets
@pytest.mark.parametrize("dtype", [float32, float64])
@pytest.mark.parametrize("offsets", OFFSETS, ids=len)
@pytest.mark.parametrize("by_rows", [False, True])
def test_results(offsets: tuple[int, ...], dtype: DType, by_rows: bool, target: Target) -> None:
    lanes = target.vector_bits // dtype.bits
    tile = WindowTile(offsets, 2 if len(offsets) < 7 else 1, lanes, turned=not by_rows)
    element = register_type(dtype)
    module = empty("tile", target)
    emit_window_tile(module, element, tile)
    library, address = loaded(module, tile.name(element), target)
    rng = np.random.default_rng(0)
    for depth in (0, 1, 7):
        table = rng.integers(0, 50, depth)
        image = rng.integers(-9, 9, 60 + max(offsets)).astype(dtype.numpy)
        right = rng.integers(-9, 9, (depth, tile.columns + 3)).astype(dtype.numpy)
        begun = rng.integers(-9, 9, (tile.rows, tile.columns)).astype(dtype.numpy)
        long = -(-tile.rows // lanes) * lanes
        shape = (tile.rows, tile.columns) if by_rows else (tile.columns, long)
        found = np.zeros(shape, dtype.numpy)
        numbers = [ctypes.c_int64] * 2
        call = ctypes.CFUNCTYPE(
            None, *[ctypes.c_void_p] * 3, *numbers, ctypes.c_void_p, ctypes.c_int64,
            ctypes.c_void_p, ctypes.c_int64,
        )(address)  # fmt: skip
        call(
            image.ctypes.data, table.ctypes.data, right.ctypes.data, tile.columns + 3, depth,
            begun.ctypes.data, tile.columns, found.ctypes.data, shape[1],
        )  # fmt: skip
        left = image[np.add.outer(np.asarray(offsets), table)]
        expected = begun + left @ right[:, : tile.columns]
        np.testing.assert_array_equal(found if by_rows else found[:, : tile.rows].T, expected)
    del library


def test_names_tell_tiles_apart() -> None:
    element, tile = ir.FloatType(), WindowTile((0, 1), 2, 16)
    tiles = [tile, tile.narrow, tile.by_rows, WindowTile((0, 2), 2, 16)]
    names = {one.name(element) for one in (*tiles,)} | {tile.name(ir.DoubleType())}
    assert len(names) == 5
