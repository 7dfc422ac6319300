"""What kernels need for themselves has its place in the arena."""

from __future__ import annotations

import pytest

from graphc.codegen.kernels import function_name
from graphc.compiler import Compilation, compile_graph
from graphc.ir.dims import symbol
from graphc.ir.dtypes import float32, float64
from graphc.ir.graph import extract
from graphc.ir.node import Node
from graphc.memory.overlap import Place, races, stale
from graphc.memory.rooms import with_room
from graphc.ops import ops
from graphc.schedule.kernel import Kernel, Launch, Schedule, Workspace
from tests.memory.test_overlap import KERNEL, buffers, launch

m, n = symbol("m"), symbol("n")


def test_one_room_for_all_that_need_any() -> None:
    kernels = [Kernel((), KERNEL.arguments, (), parallel=False) for _ in range(4)]
    sizes = dict(zip(map(id, kernels), (0, 64, 256, 0), strict=True))
    made = tuple(launch(kernel, *buffers(2)) for kernel in kernels)
    rooms = [one.room for one in with_room(Schedule(made), lambda k: sizes[id(k)]).launches]
    assert [room and room.size for room in rooms] == [None, 256, 256, None]
    assert rooms[1] is rooms[2]


def compiled(*outputs: Node) -> Compilation:
    return compile_graph(extract("rooms", list(outputs)), stop="memory")


def product(rows: object, columns: object) -> Node:
    left = ops.placeholder(shape=(rows, 40), dtype=float32)
    return ops.matmul(left, ops.placeholder(shape=(40, columns), dtype=float32))


def test_the_room_of_products() -> None:
    """As large as the largest needs, from the first of them to the last."""
    first = ops.tanh(product(m, n))
    last = ops.matmul(ops.cumsum(first, axis=0), ops.placeholder(shape=(n, 600), dtype=float32))
    made = compiled(ops.cumsum(last, axis=0))
    assert made.schedule is not None and made.rooms is not None
    assert made.plan is not None and made.slots is not None
    launches = made.schedule.launches
    sizes = [made.rooms[function_name(one.kernel)] for one in launches]
    assert [size > 0 for size in sizes] == [one.room is not None for one in launches]
    assert [size > 0 for size in sizes] == [True, False, True, False]
    (room,) = {one.room for one in launches if one.room}
    assert room.size == max(sizes) and room.size % 64 == 0
    live = made.plan.ranges[made.slots[room].index]
    assert (live.size, live.first, live.last) == (room.size, 0, 2)


def test_no_room_where_none_is_needed() -> None:
    x = ops.placeholder(shape=(m, n), dtype=float64)
    made = compiled(ops.exp(x), ops.sum(x, axes=(1,)))
    assert made.schedule is not None and made.plan is not None
    assert all(one.room is None for one in made.schedule.launches)
    assert made.plan.ranges == ()


# The independent check -----------------------------------------------------------------------


@pytest.mark.parametrize(("start", "found"), [(128, []), (0, [0]), (96, []), (64, [])])
def test_values_over_which_a_room_goes(start: int, found: list[int]) -> None:
    """b = f(a), then c = f(a) by a kernel with a room, which may lie where nothing is needed."""
    a, b, c = made = buffers(3)
    room = Workspace(float32, 16)
    launches = (launch(KERNEL, a, b), roomy(launch(KERNEL, a, c), room))
    places = {buffer: Place("arena", 64 * k, 64 * k + 64) for k, buffer in enumerate(made)}
    places[c] = Place("arena", 512, 576)
    places[room] = Place("arena", start, start + 64)
    assert stale(Schedule(launches), places) == [(1, made[k]) for k in found]


def test_a_room_in_the_way_of_what_runs_beside() -> None:
    a, b, c, d = made = buffers(4)
    room = Workspace(float32, 16)
    launches = (
        roomy(launch(KERNEL, a, b), room), roomy(launch(KERNEL, c, d, True), room)
    )  # fmt: skip
    places = {buffer: Place("arena", 64 * k, 64 * k + 64) for k, buffer in enumerate(made)}
    places[room] = Place("arena", 256, 320)
    assert races(Schedule(launches), places) == []
    places[room] = Place("arena", 128, 192)
    assert (0, 1) in races(Schedule(launches), places)


def roomy(one: Launch, room: Workspace) -> Launch:
    return Launch(one.kernel, one.operands, (), "", (), beside=one.beside, room=room)
