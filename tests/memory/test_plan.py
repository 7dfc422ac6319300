"""Layouts of temporaries: where they lie, how much is reused, for random live ranges too."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphc.compiler import compile_graph
from graphc.ir.dims import symbol
from graphc.ir.dtypes import float32, float64
from graphc.ir.graph import extract
from graphc.ir.node import Node
from graphc.memory.live import LiveRange, live_ranges
from graphc.memory.overlap import outside, overlaps
from graphc.memory.plan import ALIGNMENT, MemoryPlan
from graphc.ops import ops

n = symbol("n")


def plan_of(*ranges: tuple[int, int, int]) -> MemoryPlan:
    return MemoryPlan(tuple(LiveRange(*one) for one in ranges))


# (size, first, last) of each temporary, its offset, and the arena's size
LAYOUTS = [
    ([], [], 0),
    ([(64, 0, 1)], [0], 64),
    ([(1, 0, 1)], [0], 64),
    ([(64, 0, 1), (64, 1, 2)], [0, 64], 128),  # both in use at kernel 1
    ([(64, 0, 1), (64, 2, 3)], [0, 0], 64),
    ([(64, 0, 3), (128, 0, 1), (128, 2, 3)], [128, 0, 0], 192),
    ([(128, 0, 0), (64, 0, 1), (64, 1, 2)], [0, 128, 0], 192),  # a gap is filled
    ([(0, 0, 5), (64, 0, 5)], [0, 0], 64),  # nothing takes no place
    ([(100, 0, 1), (100, 1, 2), (100, 2, 3)], [0, 128, 0], 256),
]


@pytest.mark.parametrize(("ranges", "offsets", "total"), LAYOUTS)
def test_layout(ranges: list[tuple[int, int, int]], offsets: list[int], total: int) -> None:
    layout = plan_of(*ranges).layout({})
    assert list(layout.offsets) == offsets
    assert layout.total == total


def test_sizes_follow_the_feed() -> None:
    plan = MemoryPlan((LiveRange(4 * n, 0, 1), LiveRange(8 * n + 4, 1, 2)))
    assert plan.layout({"n": 0}).sizes == (0, 64)
    assert plan.layout({"n": 100}).sizes == (448, 832)
    assert plan.layout({"n": 100}).total == 448 + 832


@st.composite
def plans(draw: st.DrawFn) -> MemoryPlan:
    """Ranges of which some are empty, some equal, and some symbolic."""
    count = draw(st.integers(0, 25))
    ranges = []
    for _ in range(count):
        first = draw(st.integers(0, 12))
        size = draw(st.sampled_from((0, 1, 63, 64, 65, 1000, n, 4 * n, n * n + 8)))
        ranges.append(LiveRange(size, first, first + draw(st.integers(0, 6))))
    return MemoryPlan(tuple(ranges))


@settings(derandomize=True, database=None, max_examples=300)
@given(plans(), st.integers(0, 40))
def test_random_ranges_never_overlap(plan: MemoryPlan, size: int) -> None:
    layout = plan.layout({"n": size})
    assert overlaps(plan.ranges, layout) == []
    assert outside(layout) == []
    assert all(offset % ALIGNMENT == 0 for offset in layout.offsets)
    assert layout == plan.layout({"n": size})
    assert peak(plan, size) <= layout.total <= sum(layout.sizes)


def peak(plan: MemoryPlan, size: int) -> int:
    """The most bytes that any kernel has in use, which no layout can go below."""
    sizes = plan.layout({"n": size}).sizes
    last = max((live.last for live in plan.ranges), default=-1)
    in_use = [
        sum(
            bytes_
            for bytes_, live in zip(sizes, plan.ranges, strict=True)
            if live.first <= kernel <= live.last
        )
        for kernel in range(last + 1)
    ]
    return max(in_use, default=0)


# Live ranges of programs ---------------------------------------------------------------------


def chain(length: int) -> Node:
    """Running sums one after another: each is a kernel with a temporary."""
    value = ops.placeholder(shape=(n,), dtype=float64, name="x")
    for _ in range(length):
        value = ops.cumsum(value, axis=0)
    return value


@pytest.mark.parametrize("length", [1, 2, 3, 10, 50])
def test_a_chain_needs_two_buffers(length: int) -> None:
    made = compile_graph(extract("chain", [chain(length)]), stop="kernels")
    assert made.schedule is not None and made.prepared is not None
    given = {*made.prepared.placeholders, *made.prepared.outputs}
    plan = MemoryPlan(tuple(live_ranges(made.schedule, given).values()))
    assert len(plan.ranges) == length - 1
    assert plan.layout({"n": 64}).total == 512 * min(length - 1, 2)


def test_a_chain_in_place_needs_one_buffer() -> None:
    made = compile_graph(extract("chain", [ops.max(chain(9), axes=(0,))]), stop="memory")
    assert made.plan is not None
    sums = [live for live in made.plan.ranges if live.size == 8 * n]
    assert [(live.first, live.last) for live in sums] == [(0, 9)]


def test_a_value_lives_until_its_last_reader() -> None:
    x = ops.placeholder(shape=(n,), dtype=float32, name="x")
    early = ops.cumsum(x, axis=0)
    middle = ops.cumprod(ops.cumsum(early, axis=0), axis=0)
    made = compile_graph(extract("late", [ops.add(middle, early)]), stop="memory")
    assert made.plan is not None and made.schedule is not None
    count = len(made.schedule.launches)
    assert (made.plan.ranges[0].first, made.plan.ranges[0].last) == (0, count - 1)


def test_a_sort_has_memory_of_its_own() -> None:
    """Keys and places, twice each, for one kernel only."""
    x = ops.placeholder(shape=(n,), dtype=float32, name="x")
    made = compile_graph(extract("sorted", [ops.sort(x, axis=0)]), stop="memory")
    assert made.plan is not None
    assert [(str(live.size), live.first, live.last) for live in made.plan.ranges] == [
        ("8*n", 0, 0),
        ("16*n", 0, 0),
    ]


def test_given_buffers_have_no_range() -> None:
    x = ops.placeholder(shape=(n,), dtype=float32, name="x")
    table = ops.constant(value=np.arange(5, dtype=np.float32))
    made = compile_graph(extract("given", [ops.add(x, ops.identity(x)), table]), stop="memory")
    assert made.plan is not None and made.schedule is not None
    assert made.plan.ranges == ()
    everything = live_ranges(made.schedule, set())
    assert len(everything) > 0
