"""The overlap checker finds what is planted, for layouts that no planner makes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from graphc.compiler import compile_graph, symbols
from graphc.ir.dims import symbol
from graphc.ir.dtypes import float32
from graphc.ir.node import Node
from graphc.memory.live import LiveRange, Temporary
from graphc.memory.overlap import Place, outside, overlaps, races, stale
from graphc.memory.plan import Layout, MemoryPlan
from graphc.ops import ops
from graphc.schedule.kernel import Kernel, Launch, Schedule, Workspace
from graphc.schedule.regions import Branch, Repeat, Row, State
from tests.inspection.targets import LOOPS as PROGRAMS_WITH_LOOPS
from tests.inspection.targets import loops
from tests.memory.kernel_text import kernel_of
from tests.memory.variables import check_memory

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


@settings(derandomize=True, database=None, max_examples=300)
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


# Loops and branches --------------------------------------------------------------------------


def node() -> Node:
    return ops.placeholder(shape=(16,), dtype=float32)


def placed(*starts: int) -> tuple[list[Node], dict[Temporary, Place]]:
    """Buffers at these places."""
    made = [node() for _ in starts]
    pairs = zip(made, starts, strict=True)
    return made, {buffer: Place("arena", start, start + 64) for buffer, start in pairs}


# places of x, state, next state, t, u and, for each turn: t = f(state); next = g(t); u = h(next);
# before it state = x, after it u = h(state); what is found to be stale
LOOPS: list[tuple[list[int], list[tuple[int, int]]]] = [
    ([0, 64, 128, 192, 256], []),
    ([64, 64, 128, 192, 256], [(0, 0)]),  # not at once
    ([0, 64, 128, 0, 256], []),  # x is not read again
    ([0, 64, 128, 192, 192], []),  # t is not
    ([0, 64, 128, 192, 64], [(3, 2), (4, 1)]),  # u over the place that the next state has next
    ([0, 64, 128, 64, 256], [(1, 1)]),
    ([0, 64, 64, 192, 256], []),  # in one place: it is not read after it is written over
    ([0, 64, 128, 100, 256], [(1, 1)]),
    ([0, 64, 128, 192, 128], [(3, 2), (4, 1)]),
]


@pytest.mark.parametrize(("starts", "found"), LOOPS)
def test_what_a_turn_leaves_for_the_next_is_not_written_over(
    starts: list[int], found: list[tuple[int, int]]
) -> None:
    made, places = placed(*starts)
    x, state, following, t, u = made
    pairs = [(x, state), (state, t), (t, following), (following, u), (state, u)]
    launches = tuple(Launch(KERNEL, pair, (), "", ()) for pair in pairs)
    loop = Repeat(1, 1, 4, (State(state, following),), (), length=symbol("n"))
    seen = stale(Schedule(launches, regions=(loop,)), places)
    assert set(seen) >= {(number, made[k]) for number, k in found}
    assert bool(seen) == bool(found)
    straight = stale(Schedule(launches), places)
    if starts[4] == starts[1]:  # which one turn alone would not show
        assert (3, following) not in straight


def test_what_a_loop_has_from_before_it_is_not_written_over_in_a_turn() -> None:
    made, places = placed(0, 64, 64)
    x, once, again = made
    launches = tuple(Launch(KERNEL, p, (), "", ()) for p in [(x, once), (once, node()), (x, again)])
    places |= {
        b: Place(b, 0, 64) for launch in launches for b in launch.operands if b not in places
    }
    assert stale(Schedule(launches), places) == []
    loop = Repeat(1, 1, 3, (), (), length=symbol("n"))
    assert stale(Schedule(launches, regions=(loop,)), places) == [(1, once)]


@pytest.mark.parametrize(("start", "found"), [(0, []), (64, [(3, 1)]), (32, [(3, 1)])])
def test_rows_lie_where_their_stack_does(start: int, found: list[tuple[int, int]]) -> None:
    """A stack that a loop fills, something written in every turn or after it, and a reader."""
    made, places = placed(0, 64, start)
    x, stack, other = made
    row, last = node(), node()
    places |= {last: Place("last", 0, 64)}
    pairs = [(x, row), (x, last), (last, other), (stack, last)]
    launches = tuple(Launch(KERNEL, pair, (), "", ()) for pair in pairs)
    loop = Repeat(0, 0, 1, (), (Row(row, stack, True),), length=symbol("n"))
    seen = stale(Schedule(launches, regions=(loop,)), places)
    assert seen == [(number, made[k]) for number, k in found]


# places of x, y, result and t: t = f(x), result = f(t), or else result = f(y); then x' = f(y)
BRANCHES: list[tuple[list[int], list[tuple[int, int]]]] = [
    ([0, 64, 128, 192], []),
    ([0, 64, 128, 64], [(3, 1)]),  # y is read after the branch, whichever was taken
    ([0, 64, 128, 0], [(0, 0)]),
    ([0, 64, 0, 192], []),  # x is not read any more where the result is written
    ([0, 64, 64, 192], [(2, 1), (3, 1)]),
]


@pytest.mark.parametrize(("starts", "found"), BRANCHES)
def test_branches_are_taken_both_ways(starts: list[int], found: list[tuple[int, int]]) -> None:
    made, places = placed(*starts)
    x, y, result, t = made
    bool_ = ops.placeholder(shape=(), dtype=float32)
    end = node()
    places |= {bool_: Place(bool_, 0, 1), end: Place(end, 0, 64)}
    pairs = [(x, t), (t, result), (y, result), (y, end)]
    launches = tuple(Launch(KERNEL, pair, (), "", ()) for pair in pairs)
    branch = Branch(0, 2, 3, bool_)
    seen = stale(Schedule(launches, regions=(branch,)), places)
    assert set(seen) == {(number, made[k]) for number, k in found}


@pytest.mark.parametrize("name", PROGRAMS_WITH_LOOPS)
def test_memory_of_programs_with_loops(name: str) -> None:
    made = compile_graph(loops(name).graph)
    for size in (0, 1, 34):
        check_memory(made, dict.fromkeys(symbols(made.graph), size))
