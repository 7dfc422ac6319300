"""Tiles of products that are not packed."""

from __future__ import annotations

from typing import Any

import pytest

from graphc.codegen.products.direct_shape import MOST_CUT, Shapes, has, shapes
from graphc.codegen.products.in_place import Place
from graphc.codegen.products.tile import TileShape
from graphc.codegen.target import Target
from graphc.ir.dims import Size, maximum, minimum, symbol

b = symbol("b")
WIDE = Target("x86_64-unknown-linux-gnu", "", "", 512)
NARROW = Target("x86_64-unknown-linux-gnu", "", "", 256)
ARM = Target("aarch64-unknown-linux-gnu", "", "", 128)


def shape(
    rows: Size, columns: int, steps: int, bits: int, target: Target, left: Place | None
) -> TileShape:
    return shapes(rows, columns, columns, steps, bits, target, left).tile


@pytest.mark.parametrize("target", [WIDE, NARROW, ARM], ids=lambda t: f"{t.triple} {t.vector_bits}")
@pytest.mark.parametrize("columns", [1, 16, 33, 1000])
def test_tiles_fit_into_registers(target: Target, columns: int) -> None:
    for bits in (32, 64):
        for rows in (*range(1, 40), 1000, b, minimum(100, b)):
            found = shape(rows, columns, 64, bits, target, None)
            assert found.lanes * bits == target.vector_bits
            assert 1 <= found.rows <= (rows if isinstance(rows, int) else MOST_CUT)
            assert (found.vectors - 1) * found.lanes < columns
            results = found.rows * found.vectors
            assert results + found.vectors + 1 <= target.vector_registers


@pytest.mark.parametrize(
    ("rows", "columns", "expected"),
    [
        (64, 64, TileShape(8, 2, 16)),
        (96, 96, TileShape(12, 2, 16)),
        (48, 48, TileShape(8, 3, 16)),
        (3, 1024, TileShape(3, 4, 16)),
        (1000, 10, TileShape(28, 1, 16)),
    ],
)
def test_shapes(rows: int, columns: int, expected: TileShape) -> None:
    assert shape(rows, columns, 64, 32, WIDE, None) == expected


def test_rows_of_different_pages_are_few() -> None:
    apart = Place("a0", 0, 1024, 1)
    assert shape(1000, 10, 64, 32, WIDE, apart).rows <= 8
    assert shape(1000, 10, 64, 32, WIDE, Place("a0", 0, 1025, 1)).rows > 8


@pytest.mark.parametrize(
    ("rows", "columns", "expected"),
    [
        (100, 100, Shapes(TileShape(5, 4, 16), 3)),
        (48, 96, Shapes(TileShape(12, 2, 16))),
        (7, 33, Shapes(TileShape(7, 3, 16))),
        (512, 520, Shapes(TileShape(8, 3, 16))),
    ],
)
def test_the_last_columns_may_have_a_tile_of_their_own(
    rows: int, columns: int, expected: Shapes
) -> None:
    assert shapes(rows, columns, columns, 100, 32, WIDE, None) == expected
    known = minimum(columns, b)
    assert shapes(rows, known, columns, 100, 32, WIDE, None).last == 0


@pytest.mark.parametrize("target", [WIDE, NARROW, ARM], ids=lambda t: f"{t.triple} {t.vector_bits}")
@pytest.mark.parametrize("rows", [1, 3, 4, 5, 8, 33, 1000, b], ids=str)
def test_columns_that_are_not_known_have_tiles_of_half_the_vectors(
    rows: Size, target: Target
) -> None:
    found = shapes(rows, minimum(512, b), 512, 64, 32, target, None)
    tiles = [found.tile, *found.narrower]
    assert [tile.vectors for tile in tiles] in ([2, 1], [4, 2, 1]) and found.last == 0
    assert len(tiles) == 2 or rows in (1, 3, 4)
    for tile in tiles:
        assert tile.vectors * (tile.rows + 1) + 1 <= target.vector_registers
        assert tile.rows <= (rows if isinstance(rows, int) else 2 * MOST_CUT)


@pytest.mark.parametrize(
    ("size", "least", "expected"),
    [
        (7, 7, True), (6, 7, False), (b, 0, True), (b, 1, False), (b + 3, 3, True),
        (minimum(10, b + 4), 4, True), (minimum(10, b + 4), 5, False),
        (minimum(3, b + 4), 4, False),
        (maximum(b, 6), 6, True),
    ],
)  # fmt: skip
def test_what_is_known_of_a_size(size: Any, least: int, expected: bool) -> None:
    assert has(size, least) is expected
