"""The overlap checker finds what is planted, for layouts that no planner makes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from graphc.ir.dtypes import float32
from graphc.memory.live import LiveRange
from graphc.memory.overlap import Place, outside, overlaps, races, stale
from graphc.memory.plan import Layout, MemoryPlan
from graphc.schedule.kernel import Kernel, Launch, Schedule, Workspace
from tests.memory.kernel_text import kernel_of

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


# Whole programs ------------------------------------------------------------------------------

KERNEL = kernel_of("vector for i < n:\n  b[i] = f(a[i])")  # reads a, writes b
SHARED = replace(KERNEL, arguments=tuple(replace(one, shares=True) for one in KERNEL.arguments))


def buffers(count: int) -> list[Workspace]:
    return [Workspace(float32, 16) for _ in range(count)]


def launch(kernel: Kernel, read: Workspace, written: Workspace, beside: bool = False) -> Launch:
    return Launch(kernel, (read, written), (), "", (), beside=beside)


# kernel and places of the buffers a to d: b = f(a), c = f(b), d = f(a); what is found to be stale
PROGRAMS: list[tuple[Kernel, list[int], list[tuple[int, int]]]] = [
    (KERNEL, [0, 64, 128, 192], []),
    (KERNEL, [0, 64, 128, 128], []),  # c is not read again
    (KERNEL, [0, 64, 0, 192], [(2, 0)]),  # a is, after c was written
    (KERNEL, [0, 64, 32, 192], [(1, 1), (2, 0)]),  # c lies half in a, half in b
    (KERNEL, [0, 64, 128, 0], [(2, 0)]),  # d goes over a, which its kernel does not allow
    (SHARED, [0, 64, 128, 0], []),
    (SHARED, [0, 0, 128, 192], [(2, 0)]),  # b goes over a, which is read once more
    (SHARED, [0, 64, 64, 192], []),
]


@pytest.mark.parametrize(("kernel", "starts", "found"), PROGRAMS)
def test_what_is_read_after_it_was_written_over(
    kernel: Kernel, starts: list[int], found: list[tuple[int, int]]
) -> None:
    made = buffers(4)
    a, b, c, d = made
    schedule = Schedule((launch(kernel, a, b), launch(kernel, b, c), launch(kernel, a, d)))
    places = {
        buffer: Place("arena", start, start + 64)
        for buffer, start in zip(made, starts, strict=True)
    }
    assert stale(schedule, places) == [(number, made[k]) for number, k in found]


@pytest.mark.parametrize(
    ("beside", "starts", "found"),
    [
        ((False, False), [0, 64, 128, 192], []),
        ((False, True), [0, 64, 128, 192], []),
        ((False, True), [0, 64, 0, 192], []),  # both only read there
        ((False, True), [0, 64, 64, 192], [(0, 1)]),  # the second reads what the first writes
        ((False, False), [0, 64, 64, 192], []),
        ((False, True), [0, 64, 128, 0], [(1, 0)]),
        ((False, True), [0, 64, 128, 64], [(0, 1), (1, 0)]),
    ],
)
def test_launches_that_are_in_each_others_way(
    beside: tuple[bool, bool], starts: list[int], found: list[tuple[int, int]]
) -> None:
    made = buffers(4)
    a, b, c, d = made
    launches = launch(KERNEL, a, b, beside[0]), launch(KERNEL, c, d, beside[1])
    places = {
        buffer: Place("arena", start, start + 64)
        for buffer, start in zip(made, starts, strict=True)
    }
    assert races(Schedule(launches), places) == found
