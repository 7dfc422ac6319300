"""Blocks for the caches, and axes cut into panels."""

from __future__ import annotations

import math
from typing import Any

import pytest

from graphc.codegen.products.blocking import (
    LEFT_BYTES,
    MOST_DEPTH,
    RIGHT_BYTES,
    TILE_BYTES,
    blocking,
    cut,
)
from graphc.codegen.products.tile import tile_shape
from graphc.codegen.target import Target
from graphc.ir import dims
from graphc.ir.dims import symbol
from graphc.schedule.kernel import Axis

X86, ARM = "x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"
TARGETS = [Target(X86, "", "", bits) for bits in (128, 256, 512)] + [Target(ARM, "", "", 128)]
n, k = symbol("n"), symbol("k")


@pytest.mark.parametrize("target", TARGETS, ids=str)
@pytest.mark.parametrize("itemsize", [4, 8])
def test_blocks_hold_whole_tiles_and_fit(itemsize: int, target: Target) -> None:
    for rows in (1, 7, 100, n):
        for width in (1, 7, 64, 1000, 100_000, n):
            tile = tile_shape(rows, width, 8 * itemsize, target)
            found = blocking(itemsize, tile, width)
            assert 0 < found.depth <= MOST_DEPTH
            assert found.rows > 0 and found.rows % tile.rows == 0
            assert found.columns > 0 and found.columns % tile.columns == 0
            assert itemsize * found.depth * tile.columns <= TILE_BYTES
            assert itemsize * found.depth * found.rows <= LEFT_BYTES
            assert itemsize * found.depth * found.columns <= RIGHT_BYTES
            if isinstance(width, int):
                assert found.columns < width + tile.columns


def axes(*extents: Any) -> tuple[Axis, ...]:
    return tuple(Axis(f"${place}", extent) for place, extent in enumerate(extents))


# extents and the most positions of a panel; how many axes lie outside, the run, the size inside
CUTS = [
    ((10,), 512, 0, 512, 1), ((n,), 512, 0, 512, 1), ((3, 3), 512, 0, 170, 3),
    ((130, 3, 3), 512, 0, 56, 9), ((n, 32, 34), 512, 1, 15, 34), ((n, 2, 701), 512, 2, 512, 1),
    ((5, n), 512, 1, 512, 1), ((5, n, 3), 512, 1, 170, 3), ((4, 512), 512, 0, 1, 512),
    ((4, 1, 512), 512, 0, 1, 512), ((4, 2, 512), 512, 1, 1, 512), ((4, 513), 512, 1, 512, 1),
]  # fmt: skip


@pytest.mark.parametrize(("extents", "most", "outer", "run", "size"), CUTS)
def test_cuts(extents: Any, most: int, outer: int, run: int, size: int) -> None:
    given = axes(*extents)
    found = cut(given, most)
    assert (*found.outer, found.axis, *found.whole) == given
    assert (len(found.outer), found.run, found.size) == (outer, run, size)
    assert found.run * found.size <= most


@pytest.mark.parametrize("extents", [case[0] for case in CUTS], ids=str)
def test_panels_take_every_position_once_and_in_order(extents: Any) -> None:
    """Positions in a panel are numbered in the order in which they are taken."""
    known = {"n": 5}
    sizes = [e if isinstance(e, int) else known[str(e)] for e in extents]
    given = axes(*sizes)
    found = cut(given, 40)
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
