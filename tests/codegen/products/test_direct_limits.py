"""Limits for reading in place follow the caches, and change no bit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from graphc.codegen.caches import Caches
from graphc.codegen.products.direct_limits import MOST_SECOND, limits
from graphc.codegen.products.direct_plan import direct
from graphc.codegen.target import current_target
from graphc.ir import scalar
from graphc.ir.dtypes import float32
from graphc.schedule.statements import Axis, Product, Store
from tests.codegen.products.checking import Given, known
from tests.codegen.products.test_direct import CASES, sizes_of
from tests.codegen.products.test_direct_plan import WIDE
from tests.codegen.products.test_same_bits import numbers
from tests.codegen.running import Program

KILO, MEGA = 1 << 10, 1 << 20


@pytest.mark.parametrize(
    ("second", "operand", "copied", "way"),
    [
        (256 * KILO, 256 * KILO, 64 * KILO, 16 * KILO),
        (MEGA, MEGA, 256 * KILO, 64 * KILO),
        (1280 * KILO, 1280 * KILO, 320 * KILO, 64 * KILO),
        (2 * MEGA, 2 * MEGA, 512 * KILO, 128 * KILO),
        (16 * MEGA, MOST_SECOND, MOST_SECOND // 4, MOST_SECOND // 16),
    ],
)
def test_limits_follow_the_second_level(second: int, operand: int, copied: int, way: int) -> None:
    found = limits(Caches(second, 64 * MEGA))
    assert (found.operand, found.copied, found.way) == (operand, copied, way)
    assert (found.sums, found.strip, found.far) == (operand // 2, operand // 4, 2 * operand)


@pytest.mark.parametrize(
    ("steps", "distance", "expected"),
    [
        (256, 2048, True), (257, 2048, False), (128, 4096, True), (129, 12288, False),
        (10_000, 4, True), (10_000, 36, True), (8, 1 << 20, True), (9, 1 << 20, False),
        (1000, 0, True),
    ],
)  # fmt: skip
def test_steps_that_stay(steps: int, distance: int, expected: bool) -> None:
    """Half the ways of each line that multiples of the distance come to."""
    assert limits(Caches(MEGA, MEGA)).is_spread(steps, distance) is expected


def product(rows: int, steps: int, columns: int) -> Product:
    """A product of whole matrices."""
    row, column, step = (Axis(f"${k}", n) for k, n in enumerate((rows, columns, steps)))
    left = scalar.load("a0", steps * row.position + step.position, float32)
    right = scalar.load("a1", columns * step.position + column.position, float32)
    place = columns * row.position + column.position
    store = Store("a2", place, scalar.local("%r0", float32))
    return Product(
        "%r0", float32, row, column, (row,), (column,), (step,), left, right, (store,)
    )  # fmt: skip


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ((64, 64, 64), [64, 64, 64]),
        ((64, 600, 300), [None, 600, 600]),
        ((64, 600, 600), [None, 256, 600]),
        ((200, 1000, 800), [None, None, 256]),
    ],
)
def test_steps_in_a_panel_follow_the_caches(sizes: Any, expected: list[int | None]) -> None:
    """None where all is packed."""
    found = []
    for second in (256 * KILO, MEGA, 2 * MEGA):
        made = direct(product(*sizes), replace(WIDE, caches=Caches(second, 32 * MEGA)))
        found.append(None if made is None else made.depth)
    assert found == expected


@pytest.mark.parametrize("second", [1, 256 * KILO, 2 * MEGA])
def test_caches_change_no_bit(second: int) -> None:
    target = current_target()
    other = replace(target, caches=Caches(second, 4 * second))
    for name in ("deep", "nothing known"):
        x = Given(float32)
        outputs = CASES[name](x)
        first, second_ = (Program(x.nodes, outputs, one) for one in (target, other))
        for sizes in sizes_of(x)[-2:]:
            shapes = (known(node.shape, sizes) for node in x.nodes)
            feeds = [numbers(shape, float32, seed) for seed, shape in enumerate(shapes)]
            for one, two in zip(first(*feeds), second_(*feeds), strict=True):
                np.testing.assert_array_equal(one.view(np.uint8), two.view(np.uint8))
