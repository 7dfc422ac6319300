"""Which values get memory of their own, why, and how many kernels small programs take."""

from __future__ import annotations

import time
import timeit
from collections.abc import Callable

import numpy as np
import pytest

import graphc as gc
from graphc.errors import OutOfRangeError
from graphc.ir.dim_text import parse_dim
from graphc.ir.dtypes import float32, int64
from graphc.ir.graph import Graph, extract
from graphc.ir.lowering import BlockReduce
from graphc.ir.node import Node
from graphc.ops import ops
from graphc.schedule.fusion import FEWEST_ROWS, MOST_IN_ROW, MOST_NODES, MOST_VALUES, fuse
from graphc.schedule.groups import Group
from graphc.schedule.keeping import is_buffer, is_literal
from graphc.schedule.lowering import own_results
from tests.properties.random_graphs import Twins, script_of
from tests.schedule.grouped_programs import PROGRAMS
from tests.schedule.programs import fused, parsed, prepared


@pytest.mark.parametrize("title", PROGRAMS)
def test_kernels_of_small_programs(title: str) -> None:
    program, kernels = PROGRAMS[title]
    groups = fused(parsed(program)).groups
    assert [[node.op.name for node in group.nodes] for group in groups] == kernels


# Reasons ------------------------------------------------------------------------------------

# a program, and the op whose value is computed once, with the reason
REASONS = [
    ("(%x: f32[n]) -> f32[n]\n%0: f32[n] = exp(%x)\nreturn %0", "exp", "is fetched or assigned"),
    (
        "(%x: f32[n, 2]) -> f32[2]\n%0: f32[2] = sum(%x, axes=[0])\n"
        "%1: f32[2] = exp(%0)\nreturn %1",
        "sum", "is a reduction",
    ),
    (
        "(%x: f32[n, 2]) -> f32[2]\n%0: f32[2] = sum(%x, axes=[0])\nreturn %0",
        "block_reduce", "is a reduction",
    ),
    (
        "(%x: f32[n, 2]) -> f32[2]\n%0: f32[n, 2] = cumsum(%x, axis=0)\n"
        "%1: f32[2] = sum(%0, axes=[0])\nreturn %1",
        "cumsum", "is a scan",
    ),
    (
        "(%x: f32[n]) -> (f32[], f32[])\n%0: f32[n] = exp(%x)\n"
        "%1: f32[] = sum(%0, axes=[0])\n%2: f32[] = max(%0, axes=[0])\nreturn %1, %2",
        "exp", "has 2 readers and costs 15 operations an element",
    ),
    (
        "(%x: f32[n]) -> f32[5, n]\n%0: f32[n] = exp(%x)\n"
        "%1: f32[5, n] = broadcast_to(%0, shape=[5, n])\nreturn %1",
        "exp", "is read over and over by broadcast_to and costs 15 operations an element",
    ),
    (
        "(%x: i32[n, 3], %y: i32[3, 4]) -> i32[n, 4]\n%0: i32[n, 3] = neg(%x)\n"
        "%1: i32[n, 4] = matmul(%0, %y)\nreturn %1",
        "neg", "is read over and over by matmul",
    ),
    (
        "(%x: f32[n, 3], %y: f32[3, 4]) -> f32[n, 4]\n%0: f32[n, 3] = exp(%x)\n"
        "%1: f32[n, 4] = matmul(%0, %y)\nreturn %1",
        "exp", "is packed by matmul and costs 15 operations an element",
    ),
    (
        "(%x: i32[n, 3], %y: i32[4, 3]) -> i32[n, 4]\n%0: i32[3, 4] = permute_dims(%y, axes=[1, 0])"
        "\n%1: i32[n, 4] = matmul(%x, %0)\nreturn %1",
        "permute_dims", "is laid out by rows for matmul",
    ),
    (
        "(%x: f32[5], %i: i64[n]) -> f32[n]\n%0: f32[n] = gather(%x, %i, axes=[0], position=0)\n"
        "%1: f32[n] = flip(%0, axes=[0])\nreturn %1",
        "gather", "checks indices, all of them however few are read",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("program", "op", "reason"), REASONS)
def test_why_a_value_is_stored(program: str, op: str, reason: str) -> None:
    reasons = fused(parsed(program)).reasons
    assert {node.op.name: why for node, why in reasons.items()}[op] == reason


@pytest.mark.parametrize(
    "line",
    ["neg(%x)", "mul(%x, %x)", "reshape(%x, shape=[n])", "flip(%x, axes=[0])"],
)
def test_what_is_cheap_is_recomputed(line: str) -> None:
    program = (
        f"(%x: f32[n]) -> (f32[], f32[])\n%0: f32[n] = {line}\n"
        "%1: f32[] = sum(%0, axes=[0])\n%2: f32[] = max(%0, axes=[0])\nreturn %1, %2"
    )
    reasons = fused(parsed(program)).reasons
    assert {node.op.name for node in reasons} == {"chunk_reduce", "sum", "max"}


FOLLOWING = {
    "neg": ops.neg,
    "flip": lambda x: ops.flip(x, axes=(0,)),
    "sum": lambda x: ops.sum(x, axes=(0,)),
    "reshape": lambda x: ops.reshape(x, shape=(2, 4)),
}


@pytest.mark.parametrize(
    ("size", "length", "names", "again"),
    [
        (5, "8", ["neg"], True),
        (5, "8", ["neg", "reshape"], True),
        (5, "n + 6", ["neg"], True),
        (8, "8", ["neg"], False),  # no more elements than what it gathers
        (5, "n", ["neg"], False),
        (5, "8", ["neg", "flip"], False),  # not for sure all of them are read
        (5, "8", ["neg", "sum"], False),
        (5, "8", ["flip"], False),
        (5, "8", ["reshape", "neg"], False),
    ],
)
def test_gathers_that_repeat_elements_are_left_to_elementwise_readers(
    size: int, length: str, names: list[str], again: bool
) -> None:
    x = ops.placeholder(shape=(size,), dtype=float32, name="x")
    at = ops.placeholder(shape=(parse_dim(length),), dtype=int64, name="at")
    node = ops.gather(x, at, axes=(0,), position=0)
    for name in names:
        node = FOLLOWING[name](node)
    reasons = fused(extract("g", [node])).reasons
    assert ("gather" not in {one.op.name for one in reasons}) == again


@pytest.mark.parametrize("bad", [0, 7, 19])
def test_readers_of_gathers_check_all_indices(bad: int) -> None:
    """Natively, also where elements are wanted in another order."""
    rng = np.random.default_rng(0)
    with gc.Graph() as graph:
        table, at = gc.placeholder(gc.float64, (3, 2)), gc.placeholder(gc.int64, (20,))
        scale = gc.placeholder(gc.float64, (20, 2))
        result = gc.permute_dims(scale * gc.take(table, at, axis=0), (1, 0))
    given = {table: rng.normal(size=(3, 2)), scale: rng.normal(size=(20, 2))}
    with gc.Session(graph) as session:
        indices = np.arange(20) % 6 - 3
        found = session.run(result, {**given, at: indices})
        np.testing.assert_array_equal(found, (given[scale] * given[table][indices]).T)
        indices[bad] = 3
        with pytest.raises(OutOfRangeError, match="index 3 is out of range for axis 0"):
            session.run(result, {**given, at: indices})


# Limits and invariants ----------------------------------------------------------------------


def alternating(x: Node, length: int) -> Node:
    for _ in range(length):
        x = ops.add(ops.sin(x), x)
    return x


def test_long_chains_are_cut() -> None:
    x = ops.placeholder(shape=(8,), dtype=float32, name="x")
    groups = fused(extract("long", [alternating(x, 600)])).groups
    assert 4 <= len(groups) <= 40
    assert all(len(group.nodes) <= MOST_VALUES for group in groups)
    assert all(group.weight <= MOST_NODES for group in groups)


def test_fusing_is_linear() -> None:
    x = ops.placeholder(shape=(8,), dtype=float32, name="x")
    short, long = (own_results(extract("g", [alternating(x, k)])) for k in (1000, 8000))
    fuse(short)
    assert elapsed(long) < 4 * 8 * max(elapsed(short), 0.01)


def reduced_with_a_turned_view(length: int) -> list[Node]:
    x, y = (ops.placeholder(shape=(80, 80), dtype=float32, name=name) for name in "xy")
    return [ops.sum(alternating(ops.mul(ops.permute_dims(x, axes=(1, 0)), y), length), axes=(1,))]


def repeated_for_two_products(length: int) -> list[Node]:
    x = ops.placeholder(shape=(80,), dtype=float32, name="x")
    rows = ops.broadcast_to(alternating(x, length), shape=(80, 80))
    return [ops.matmul(rows, ops.placeholder(shape=(80, 8), dtype=float32, name=n)) for n in "vw"]


@pytest.mark.parametrize("made", [reduced_with_a_turned_view, repeated_for_two_products])
def test_formulas_are_gone_through_once_however_they_branch(
    made: Callable[[int], list[Node]],
) -> None:
    short, long = (own_results(extract("g", made(length))) for length in (10, 20))
    fuse(short)
    assert elapsed(long) < 4 * 2 * max(elapsed(short), 0.01)


def elapsed(graph: Graph) -> float:
    """The least of a few runs, in time of this process: others may be at work."""
    return min(timeit.repeat(lambda: fuse(graph), time.process_time, number=1, repeat=3))


@pytest.mark.parametrize(
    ("rows", "count"), [(FEWEST_ROWS - 1, 2), (FEWEST_ROWS, 1)], ids=["few", "enough"]
)
def test_rows_worth_cutting_by(rows: int, count: int) -> None:
    x = ops.placeholder(shape=(rows, 4, 6), dtype=float32, name="x")
    inner = ops.sum(x, axes=(2,))
    assert len(fused(extract("g", [inner, ops.max(inner, axes=(1,))])).groups) == count


@pytest.mark.parametrize(("length", "count"), [(MOST_IN_ROW, 1), (MOST_IN_ROW + 1, 2)])
def test_rows_short_enough_to_keep(length: int, count: int) -> None:
    x = ops.placeholder(shape=(16, length), dtype=float32, name="x")
    highest = ops.reshape(ops.max(x, axes=(1,)), shape=(16, 1))
    below = ops.sub(x, ops.broadcast_to(highest, shape=(16, length)))
    assert len(fused(extract("g", [below])).groups) == count


SEEDS = pytest.mark.parametrize("seed", range(60))


def random_graph(seed: int) -> Graph:
    return prepared(Twins(script_of(seed)).graph())


@SEEDS
def test_every_stored_value_is_in_one_kernel_after_its_sources(seed: int) -> None:
    graph = random_graph(seed)
    fusion = fuse(graph)
    order = [node for group in fusion.groups for node in group.nodes]
    assert sorted(map(id, order)) == sorted(map(id, fusion.reasons))
    assert set(graph.roots) <= fusion.kept <= fusion.reasons.keys()
    place = {node: k for k, node in enumerate(order)}
    home = {node: group for group in fusion.groups for node in group.nodes}
    for node in order:
        for source in read_through(node, set(fusion.reasons)):
            assert place[source] < place[node]
            assert home[source] is home[node] or source in fusion.kept
            assert home[source] is home[node] or home[source].level < home[node].level


@SEEDS
def test_links_name_all_that_is_read(seed: int) -> None:
    """Sources of links are the values in memory that a value is worked out from, no others."""
    graph = random_graph(seed)
    fusion = fuse(graph)
    ends = set(fusion.reasons) | set(filter(is_buffer, graph.nodes))
    for node in fusion.reasons:
        assert fusion.links[node].keys() == read_through(node, ends)


@SEEDS
def test_a_row_needs_its_own_row_only(seed: int) -> None:
    """Within a group: links are aligned in all dims of the domain, which all values have."""
    fusion = fuse(random_graph(seed))
    home = {node: group for group in fusion.groups for node in group.nodes}
    for group in fusion.groups:
        assert 0 <= group.rank <= len(group.shape)
        for node in group.nodes:
            inside = [s for s in fusion.links[node] if home.get(s) is group]
            assert all(fusion.links[node][s].aligned >= group.rank for s in inside)
            assert not any(isinstance(s.op.lowering, BlockReduce) for s in inside)
            assert spans_domain(node, group)


def spans_domain(node: Node, group: Group) -> bool:
    """Whether the group's rows are those of the node, or of what it reduces."""
    shapes = [node.shape, *(operand.shape for operand in node.inputs)]
    return any(shape[: group.rank] == group.domain for shape in shapes)


def read_through(node: Node, ends: set[Node]) -> set[Node]:
    """The values at the ends that the node reads, directly or by recomputing."""
    found: set[Node] = set()
    pending, seen = list(node.inputs), set()
    while pending:
        operand = pending.pop()
        if operand in seen:
            continue
        seen.add(operand)
        if operand in ends:
            found.add(operand)
        elif not is_literal(operand):
            pending.extend(operand.inputs)
    return found
