"""The overlap checker finds what is planted, for layouts that no planner makes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from graphc.memory.live import LiveRange
from graphc.memory.overlap import outside, overlaps
from graphc.memory.plan import Layout, MemoryPlan

# (size, first, last, offset) of each temporary, and what is found
PLANTED = [
    ([(64, 0, 1, 0), (64, 0, 1, 64)], []),
    ([(64, 0, 1, 0), (64, 0, 1, 63)], [(0, 0, 1), (1, 0, 1)]),
    ([(64, 0, 1, 0), (64, 1, 2, 0)], [(1, 0, 1)]),
    ([(64, 0, 1, 0), (64, 2, 3, 0)], []),
    ([(64, 0, 0, 0), (1, 0, 0, 63)], [(0, 0, 1)]),
    ([(64, 0, 0, 128), (64, 0, 0, 100)], [(0, 1, 0)]),
    ([(256, 0, 0, 0), (64, 0, 0, 64), (64, 0, 0, 192)], [(0, 0, 1), (0, 0, 2)]),  # both inside
    ([(256, 0, 0, 0), (64, 0, 0, 64), (64, 0, 0, 256)], [(0, 0, 1)]),
    ([(0, 0, 9, 0), (64, 0, 9, 0)], []),  # nothing overlaps nothing
    ([], []),
]


@pytest.mark.parametrize(("placed", "found"), PLANTED)
def test_planted_overlaps(
    placed: list[tuple[int, int, int, int]], found: list[tuple[int, int, int]]
) -> None:
    ranges = [LiveRange(size, first, last) for size, first, last, _ in placed]
    offsets = tuple(offset for *_, offset in placed)
    layout = Layout(offsets, tuple(size for size, *_ in placed), 1024)
    assert overlaps(ranges, layout) == found


@pytest.mark.parametrize(
    ("offset", "size", "total", "found"),
    [(0, 64, 64, []), (64, 64, 64, [0]), (1, 64, 64, [0]), (-64, 64, 640, [0]), (64, 0, 64, [])],
)
def test_outside_the_arena(offset: int, size: int, total: int, found: list[int]) -> None:
    assert outside(Layout((offset,), (size,), total)) == found


RANGES = st.lists(
    st.builds(
        lambda size, first, more: LiveRange(64 * size, first, first + more),
        st.integers(1, 20), st.integers(0, 8), st.integers(0, 4),
    ),
    min_size=2, max_size=15,
)  # fmt: skip


@settings(derandomize=True, database=None, max_examples=300, deadline=None)
@given(RANGES, st.data())
def test_one_temporary_put_onto_another_is_found(
    ranges: list[LiveRange], data: st.DataObject
) -> None:
    """A right layout with one offset changed, so that two that are in use together meet."""
    layout = MemoryPlan(tuple(ranges)).layout({})
    moved, onto = data.draw(st.permutations(range(len(ranges))))[:2]
    first = max(ranges[moved].first, ranges[onto].first)
    last = min(ranges[moved].last, ranges[onto].last)
    assume(first <= last)
    low = layout.offsets[onto] - layout.sizes[moved] + 1
    high = layout.offsets[onto] + layout.sizes[onto] - 1
    offsets = list(layout.offsets)
    offsets[moved] = data.draw(st.integers(low, high))
    found = overlaps(ranges, replace(layout, offsets=tuple(offsets)))
    for kernel in range(first, last + 1):
        assert any(at == kernel for at, *_ in found)
