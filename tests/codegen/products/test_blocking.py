"""Blocks for the caches, and axes cut into panels."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from graphc.codegen.caches import Caches
from graphc.codegen.products.blocking import (
    LEAST_DEPTH,
    LEFT_BYTES,
    MOST_DEPTH,
    PASSING_BYTES,
    blocking,
    cut,
    most_depth,
)
from graphc.codegen.products.tile import tile_shape
from graphc.codegen.target import Target
from graphc.ir import dims, scalar
from graphc.ir.dims import symbol
from graphc.ir.dtypes import DType, float32, float64
from graphc.schedule.statements import Axis, Product

X86, ARM = "x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"
TARGETS = [Target(X86, "", "", bits) for bits in (128, 256, 512)] + [Target(ARM, "", "", 128)]
n, k = symbol("n"), symbol("k")


#: Of no machine, small ones, large ones, and those of Target by itself.
CACHES = [
    Caches(1, 1), Caches(70_001, 70_001), Caches(256 << 10, 2 << 20), Caches(12 << 20, 1 << 30),
    Caches(),
]  # fmt: skip


@pytest.mark.parametrize("caches", CACHES, ids=str)
@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.triple[:4])
@pytest.mark.parametrize("dtype", [float32, float64], ids=str)
@pytest.mark.parametrize("steps", [1, 300, 5000, n])
def test_blocks_hold_whole_tiles_and_fit(
    steps: Any, dtype: DType, target: Target, caches: Caches
) -> None:
    target = replace(target, caches=caches)
    most = most_depth(target)
    assert LEAST_DEPTH <= most <= MOST_DEPTH
    for rows in (1, 7, 100, 1000, n):
        for width in (1, 7, 64, 1000, 100_000, n):
            tile = tile_shape(rows, width, dtype.bits, target)
            for passes in (False, True):
                found = blocking(product(rows, width, steps, dtype), tile, target, passes)
                assert 0 < found.depth <= most
                assert found.rows > 0 and found.rows % tile.rows == 0
                assert found.columns > 0 and found.columns % tile.columns == 0
                held = dtype.itemsize * found.depth * found.rows
                assert held <= min(caches.second / 2, LEFT_BYTES) or found.rows == tile.rows
                held = dtype.itemsize * found.depth * found.columns
                assert held <= PASSING_BYTES or found.columns == tile.columns
                if isinstance(width, int):
                    assert found.columns < width + tile.columns


def test_depth_follows_the_second_level() -> None:
    sizes = [most_depth(replace(TARGETS[2], caches=Caches(second=k << 10))) for k in (256, 1024)]
    assert sizes == [128, 512]


def product(rows: Any, columns: Any, steps: Any, dtype: DType) -> Product:
    row, column, depth = axes(rows, columns, steps)
    zero = scalar.const(0.0, dtype)
    return Product("%r0", dtype, row, column, (row,), (column,), (depth,), zero, zero, ())


def axes(*extents: Any) -> tuple[Axis, ...]:
    return tuple(Axis(f"${place}", extent) for place, extent in enumerate(extents))


# extents and the most positions of a panel; how many axes lie outside, the run, the size inside
CUTS = [
    ((10,), 512, 0, 512, 1), ((n,), 512, 0, 512, 1), ((3, 3), 512, 0, 170, 3),
    ((130, 3, 3), 512, 0, 44, 9), ((n, 32, 34), 512, 1, 11, 34), ((n, 2, 701), 512, 2, 351, 1),
    ((5, n), 512, 1, 512, 1), ((5, n, 3), 512, 1, 170, 3), ((4, 512), 512, 0, 1, 512),
    ((4, 1, 512), 512, 0, 1, 512), ((4, 2, 512), 512, 1, 1, 512), ((4, 513), 512, 1, 257, 1),
    ((1000,), 640, 0, 500, 1), ((64, 3, 3), 512, 0, 32, 9),
]  # fmt: skip


@pytest.mark.parametrize(("extents", "most", "outer", "run", "size"), CUTS)
def test_cuts(extents: Any, most: int, outer: int, run: int, size: int) -> None:
    given = axes(*extents)
    found = cut(given, most)
    assert (*found.outer, found.axis, *found.whole) == given
    assert (len(found.outer), found.run, found.size) == (outer, run, size)
    assert found.run * found.size <= most


def test_panels_are_of_a_multiple_where_that_is_possible() -> None:
    assert cut(axes(28, 28), 504, 32).run == 16
    assert cut(axes(1000), 512, 32).run == 512
    assert cut(axes(28, 27), 504, 32).run == 14


def test_panels_of_a_multiple_are_even_as_well() -> None:
    """All but the last are of one size, and it has at most a unit for each of them less."""
    assert cut(axes(1024), 896, 32).run == 512
    assert cut(axes(512), 168, 14).run == 140


@pytest.mark.parametrize("unit", [1, 32])
@pytest.mark.parametrize("extents", [case[0] for case in CUTS], ids=str)
def test_panels_take_every_position_once_and_in_order(extents: Any, unit: int) -> None:
    """Positions in a panel are numbered in the order in which they are taken."""
    known = {"n": 5}
    sizes = [e if isinstance(e, int) else known[str(e)] for e in extents]
    given = axes(*sizes)
    found = cut(given, 40, unit)
    taken: list[int] = []
    for outside in counted(found.outer):
        for base in range(0, sizes[len(found.outer)], found.run):
            count = min(found.run, sizes[len(found.outer)] - base)
            panel = {**outside, found.base: base, found.count: count}
            assert dims.evaluate(found.within.extent, panel) == count
            pairs = []
            for inside in counted(found.whole):
                for position in range(count):
                    here = {**panel, **inside, found.within.name: position}
                    moved = {name: dims.evaluate(p, here) for name, p in found.positions.items()}
                    pairs.append((dims.evaluate(found.place, here), number(here | moved, given)))
            assert sorted(place for place, _ in pairs) == list(range(count * found.size))
            taken += [position for _, position in sorted(pairs)]
    assert taken == list(range(math.prod(sizes)))


def counted(given: tuple[Axis, ...]) -> list[dict[str, int]]:
    """All positions along axes."""
    found: list[dict[str, int]] = [{}]
    for axis in given:
        extent = axis.extent
        assert isinstance(extent, int)
        found = [{**one, axis.name: place} for one in found for place in range(extent)]
    return found


def number(positions: dict[str, int], given: tuple[Axis, ...]) -> int:
    """A position along several axes as one number."""
    total = 0
    for axis in given:
        assert isinstance(axis.extent, int)
        total = total * axis.extent + (positions[axis.name] if axis.extent != 1 else 0)
    return total
