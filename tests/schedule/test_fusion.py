"""Which values get memory of their own, why, and how many kernels small programs take."""

from __future__ import annotations

import time

import pytest

from graphc.compiler import compile_graph
from graphc.ir.dtypes import float32
from graphc.ir.graph import Graph, extract
from graphc.ir.node import Node
from graphc.ir.parser import parse_graph
from graphc.ops import ops
from graphc.schedule.fusion import MOST_IN_KERNEL, MOST_STAGES, Fusion, fuse
from graphc.schedule.lowering import own_results
from tests.properties.random_graphs import Twins, script_of

# a program without its braces, and for each kernel the ops computed in it
PROGRAMS = {
    "an elementwise chain": (
        """(%x: f32[n, 8]) -> f32[n, 8]
        %0: f32[n, 8] = exp(%x)
        %1: f32[n, 8] = add(%0, %x)
        %2: f32[n, 8] = tanh(%1)
        return %2""",
        [["tanh"]],
    ),
    "views on the way": (
        """(%x: f32[n, 8]) -> f32[n, 8]
        %0: f32[8, n] = permute_dims(%x, axes=[1, 0])
        %1: f32[8, n] = flip(%0, axes=[0])
        %2: f32[8, n] = neg(%1)
        %3: f32[n, 8] = permute_dims(%2, axes=[1, 0])
        return %3""",
        [["permute_dims"]],
    ),
    "matmul, bias and relu": (
        """(%x: f32[n, 64], %w: f32[64, 10], %b: f32[10]) -> f32[n, 10]
        %0: f32[n, 10] = matmul(%x, %w)
        %1: f32[n, 10] = broadcast_to(%b, shape=[n, 10])
        %2: f32[n, 10] = add(%0, %1)
        %3: f32[] = constant(value=0.0)
        %4: f32[n, 10] = broadcast_to(%3, shape=[n, 10])
        %5: f32[n, 10] = maximum(%2, %4)
        return %5""",
        [["matmul", "maximum"]],
    ),
    "a sum of squares": (
        """(%x: f32[n, 8]) -> f32[n]
        %0: f32[n, 8] = mul(%x, %x)
        %1: f32[n] = sum(%0, axes=[1])
        return %1""",
        [["sum"]],
    ),
    "what follows a sum in its shape": (
        """(%x: f32[n, 8]) -> f32[n]
        %0: f32[n] = sum(%x, axes=[1])
        %1: f32[n] = exp(%0)
        %2: f32[n] = sqrt(%1)
        return %2""",
        [["sum", "sqrt"]],
    ),
    "two results of one shape": (
        """(%x: f32[n, 8]) -> (f32[n, 8], f32[n, 8])
        %0: f32[n, 8] = exp(%x)
        %1: f32[n, 8] = sin(%x)
        return %0, %1""",
        [["exp", "sin"]],
    ),
    "a result that the other reads at the same place": (
        """(%x: f32[n, 8]) -> (f32[n, 8], f32[n, 8])
        %0: f32[n, 8] = exp(%x)
        %1: f32[n, 8] = sin(%0)
        return %0, %1""",
        [["exp", "sin"]],
    ),
    "a result that the other reads elsewhere": (
        """(%x: f32[n, 8]) -> (f32[n, 8], f32[n, 8])
        %0: f32[n, 8] = exp(%x)
        %1: f32[n, 8] = flip(%0, axes=[1])
        return %0, %1""",
        [["exp"], ["flip"]],
    ),
    "a product of what is computed": (
        """(%x: f32[n, 8], %w: f32[8, 3]) -> f32[n, 3]
        %0: f32[n, 8] = tanh(%x)
        %1: f32[n, 3] = matmul(%0, %w)
        return %1""",
        [["tanh"], ["matmul"]],
    ),
    "a product with a transposed left side": (
        """(%x: f32[n, 8], %g: f32[n, 3]) -> f32[8, 3]
        %0: f32[8, n] = permute_dims(%x, axes=[1, 0])
        %1: f32[8, 3] = matmul(%0, %g)
        return %1""",
        [["matmul"]],
    ),
    "a product with a transposed right side": (
        """(%x: f32[n, 8], %w: f32[3, 8]) -> f32[n, 3]
        %0: f32[8, 3] = permute_dims(%w, axes=[1, 0])
        %1: f32[n, 3] = matmul(%x, %0)
        return %1""",
        [["permute_dims"], ["matmul"]],
    ),
    "a scan and a sort": (
        """(%x: f32[n, 8]) -> f32[n, 8]
        %0: f32[n, 8] = exp(%x)
        %1: f32[n, 8] = cumsum(%0, axis=0)
        %2: f32[n, 8] = sort(%1, axis=1)
        return %2""",
        [["cumsum"], ["sort"]],
    ),
    "a feed as it is": (
        """(%x: f32[n]) -> (f32[n], f32[n])
        return %x, %x""",
        [["identity", "identity"]],
    ),
}  # fmt: skip


def parsed(program: str) -> Graph:
    head, *lines = program.splitlines()
    return parse_graph("\n".join([f"graph @test{head} {{", *lines, "}"]))


def fused(graph: Graph) -> Fusion:
    optimized = compile_graph(graph, stop="optimized").optimized
    assert optimized is not None
    return fuse(optimized)


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
        "(%x: f32[n, 3], %y: f32[3, 4]) -> f32[n, 4]\n%0: f32[n, 3] = neg(%x)\n"
        "%1: f32[n, 4] = matmul(%0, %y)\nreturn %1",
        "neg", "is read over and over by matmul",
    ),
    (
        "(%x: f32[n, 3], %y: f32[4, 3]) -> f32[n, 4]\n%0: f32[3, 4] = permute_dims(%y, axes=[1, 0])"
        "\n%1: f32[n, 4] = matmul(%x, %0)\nreturn %1",
        "permute_dims", "is laid out by rows for matmul",
    ),
    (
        "(%x: f32[5], %i: i64[n]) -> f32[n]\n%0: f32[n] = gather(%x, %i, axes=[0], position=0)\n"
        "%1: f32[n] = flip(%0, axes=[0])\nreturn %1",
        "gather", "checks indices and is read in part by flip",
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
    assert {node.op.name for node in reasons} == {"sum", "max"}


# Limits and invariants ----------------------------------------------------------------------


def alternating(x: Node, length: int) -> Node:
    for _ in range(length):
        x = ops.add(ops.sin(x), x)
    return x


def test_long_chains_are_cut() -> None:
    x = ops.placeholder(shape=(8,), dtype=float32, name="x")
    groups = fused(extract("long", [alternating(x, 600)])).groups
    assert 4 <= len(groups) <= 40
    assert all(len(group.nodes) <= MOST_STAGES for group in groups)
    assert all(group.weight <= MOST_IN_KERNEL for group in groups)


def test_fusing_is_linear() -> None:
    x = ops.placeholder(shape=(8,), dtype=float32, name="x")
    short, long = (own_results(extract("g", [alternating(x, k)])) for k in (1000, 8000))
    fuse(short)
    assert elapsed(long) < 4 * 8 * max(elapsed(short), 0.01)


def elapsed(graph: Graph) -> float:
    start = time.perf_counter()
    fuse(graph)
    return time.perf_counter() - start


@pytest.mark.parametrize("seed", range(60))
def test_every_stored_value_is_in_one_kernel_after_its_sources(seed: int) -> None:
    optimized = compile_graph(Twins(script_of(seed)).graph(), stop="optimized").optimized
    assert optimized is not None
    fusion = fuse(optimized)
    order = [node for group in fusion.groups for node in group.nodes]
    assert sorted(map(id, order)) == sorted(map(id, fusion.reasons))
    assert set(optimized.roots) <= fusion.kept <= fusion.reasons.keys()
    place = {node: k for k, node in enumerate(order)}
    home = {node: group for group in fusion.groups for node in group.nodes}
    for node in order:
        for source in read_through(node, fusion):
            assert place[source] < place[node]
            assert home[source] is home[node] or source in fusion.kept


def read_through(node: Node, fusion: Fusion) -> set[Node]:
    """The stored values that the node reads, directly or by recomputing."""
    found: set[Node] = set()
    pending, seen = list(node.inputs), set()
    while pending:
        operand = pending.pop()
        if operand in seen:
            continue
        seen.add(operand)
        if operand in fusion.reasons:
            found.add(operand)
        else:
            pending.extend(operand.inputs)
    return found
