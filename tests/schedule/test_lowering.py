"""The kernels of small programs, word for word."""

from __future__ import annotations

import textwrap
from dataclasses import replace

import pytest

from graphc.compiler import compile_graph
from graphc.errors import CompileError
from graphc.ir.dtypes import float32
from graphc.ir.graph import extract
from graphc.ir.parser import parse_graph
from graphc.ops import ops
from graphc.schedule.kernel import Workspace
from graphc.schedule.lowering import own_results, schedule

# title: a program without its braces, and its kernels
KERNELS = {
    "an elementwise chain in one loop": (
        """
        (%x: f32[n, 8]) -> f32[n, 8]
        %0: f32[n, 8] = tanh(%x)
        %1: f32[n, 8] = mul(%0, %x)
        return %1
        """,
        """
        kernel(a0: f32[8*n], out a1: f32[8*n]) {
          for $1 < 8*n vector $1:
            a1[$1] = mul(tanh(a0[$1]), a0[$1])
        }
        """,
    ),
    "a broadcast is an index": (
        """
        (%x: f32[n, 8], %b: f32[8], %c: f32[n, 1]) -> f32[n, 8]
        %0: f32[n, 8] = broadcast_to(%b, shape=[n, 8])
        %1: f32[n, 8] = broadcast_to(%c, shape=[n, 8])
        %2: f32[n, 8] = add(%x, %0)
        %3: f32[n, 8] = mul(%2, %1)
        return %3
        """,
        """
        kernel(a0: f32[8*n], a1: f32[8], a2: f32[n], out a3: f32[8*n]) {
          for $0 < n, $1 < 8 vector $1:
            a3[8*$0 + $1] = mul(add(a0[8*$0 + $1], a1[$1]), a2[$0])
        }
        """,
    ),
    "matmul, bias and relu": (
        """
        (%x: f32[n, 64], %w: f32[64, 10], %b: f32[10]) -> f32[n, 10]
        %0: f32[n, 10] = matmul(%x, %w)
        %1: f32[n, 10] = broadcast_to(%b, shape=[n, 10])
        %2: f32[n, 10] = add(%0, %1)
        %3: f32[] = constant(value=0.0)
        %4: f32[n, 10] = broadcast_to(%3, shape=[n, 10])
        %5: f32[n, 10] = maximum(%2, %4)
        return %5
        """,
        """
        kernel(a0: f32[64*n], a1: f32[640], a2: f32[10], out a3: f32[10*n]) {
          for $0 < n, $1 < 10 vector $1:
            for $2 < 64: r0 = dot(a0[64*$0 + $2], a1[$1 + 10*$2])
            a3[10*$0 + $1] = maximum(add(r0, a2[$1]), 0x0.0p+0)
        }
        """,
    ),
    "a transposed feed": (
        """
        (%x: f32[n, 8], %g: f32[n, 3]) -> f32[8, 3]
        %0: f32[8, n] = permute_dims(%x, axes=[1, 0])
        %1: f32[8, 3] = matmul(%0, %g)
        return %1
        """,
        """
        kernel(a0: f32[8*n], a1: f32[3*n], out a2: f32[24]) {
          for $0 < 8, $1 < 3 vector $1:
            for $2 < n: r0 = dot(a0[$0 + 8*$2], a1[$1 + 3*$2])
            a2[3*$0 + $1] = r0
        }
        """,
    ),
    "a stack of products": (
        """
        (%x: f32[b, n, 8], %y: f32[b, 8, 3]) -> f32[b, n, 3]
        %0: f32[b, n, 3] = matmul(%x, %y)
        return %0
        """,
        """
        kernel(a0: f32[8*b*n], a1: f32[24*b], out a2: f32[3*b*n]) {
          for $0 < b, $1 < n, $2 < 3 vector $2:
            for $3 < 8: r0 = dot(a0[8*$0*n + 8*$1 + $3], a1[24*$0 + $2 + 3*$3])
            a2[3*$0*n + 3*$1 + $2] = r0
        }
        """,
    ),
    "a sum along the last axis keeps lanes": (
        """
        (%x: f32[n, 8]) -> f32[n]
        %0: f32[n] = sum(%x, axes=[1])
        return %0
        """,
        """
        kernel(a0: f32[8*n], out a1: f32[n]) {
          for $0 < n vector $1:
            for $1 < 8: r0 = lanes sum(a0[8*$0 + $1])
            a1[$0] = r0
        }
        """,
    ),
    "a sum along the first axis has its lanes side by side": (
        """
        (%x: f32[n, 8]) -> f32[8]
        %0: f32[8] = sum(%x, axes=[0])
        return %0
        """,
        """
        kernel(a0: f32[8*n], out a1: f32[8]) {
          for $0 < 8 vector $0:
            for $1 < n: r0 = sum(a0[$0 + 8*$1])
            a1[$0] = r0
        }
        """,
    ),
    "views on the way to a sum": (
        """
        (%x: f32[n, 6]) -> f32[3, 2]
        %0: f32[n, 3, 2] = reshape(%x, shape=[n, 3, 2])
        %1: f32[n, 3, 2] = flip(%0, axes=[1])
        %2: f32[3, 2] = sum(%1, axes=[0])
        return %2
        """,
        """
        kernel(a0: f32[6*n], out a1: f32[6]) {
          for $0 < 3, $1 < 2 vector $1:
            for $2 < n: r0 = sum(a0[-2*$0 + $1 + 6*$2 + 4])
            a1[2*$0 + $1] = r0
        }
        """,
    ),
    "a slice backwards": (
        """
        (%x: f32[n, 9]) -> f32[n, 4]
        %0: f32[n, 4] = slice(%x, start=[0, 8], step=[1, -2], shape=[n, 4])
        return %0
        """,
        """
        kernel(a0: f32[9*n], out a1: f32[4*n]) {
          for $0 < n, $1 < 4 vector $1:
            a1[4*$0 + $1] = a0[9*$0 - 2*$1 + 8]
        }
        """,
    ),
    "padding reads only what is there": (
        """
        (%x: f32[n]) -> f32[n + 3]
        %0: f32[n + 3] = pad(%x, low=[1], high=[2], value=0.5)
        return %0
        """,
        """
        kernel(a0: f32[n], out a1: f32[n + 3]) {
          for $0 < n + 3 vector $0:
            t0 = and(ge($0 - 1, 0), lt($0 - 1, n))
            a1[$0] = select(t0, a0[$0 - 1] if t0, 0x1.0000000000000p-1)
        }
        """,
    ),
    "a gather checks positions and reads where they are right": (
        """
        (%x: f32[5, 3], %i: i32[n]) -> f32[n, 3]
        %0: f32[n, 3] = gather(%x, %i, axes=[0], position=0)
        %1: f32[n, 3] = exp(%0)
        return %1
        """,
        """
        kernel(a0: i32[n], a1: f32[15], out a2: f32[3*n]) {
          for $0 < n, $1 < 3 vector $1:
            t0 = i64(a0[$0])
            a2[3*$0 + $1] = exp(a1[$1 + 3*[checked(i64(a0[$0]), 5)]] if and(ge(t0, neg(5)), lt(t0, 5)))
        }
        """,  # noqa: E501
    ),
    "a scan runs along its axis for every column": (
        """
        (%x: f32[n, 3]) -> f32[n, 3]
        %0: f32[n, 3] = cumsum(%x, axis=0)
        return %0
        """,
        """
        kernel(a0: f32[3*n], out a1: f32[3*n]) {
          for $0 < 3 vector $0:
            for $1 < n: a1[$0 + 3*$1] = running sum(a0[$0 + 3*$1])
        }
        """,
    ),
    "a sort has room for keys and places": (
        """
        (%x: f32[n, 3]) -> i64[n, 3]
        %0: i64[n, 3] = argsort(%x, axis=0)
        return %0
        """,
        """
        kernel(a0: f32[3*n], out a1: f32[2*n], out a2: i64[2*n], out a3: i64[3*n]) {
          for $0 < 3:
            for $1 < n: a3[$0 + 3*$1] = argsort(a0[$0 + 3*$1]) using a1, a2
        }
        """,
    ),
    "two results in one kernel": (
        """
        (%x: f32[n]) -> (f32[n], f32[n])
        %0: f32[n] = exp(%x)
        %1: f32[n] = sin(%0)
        return %0, %1
        """,
        """
        kernel(a0: f32[n], out a1: f32[n], out a2: f32[n]) {
          for $0 < n vector $0:
            t0 = exp(a0[$0])
            a1[$0] = t0
            a2[$0] = sin(t0)
        }
        """,
    ),
    "nothing but a number": (
        """
        () -> f32[]
        %0: f32[] = constant(value=2.5)
        return %0
        """,
        """
        kernel(out a0: f32[1]) {
          a0[0] = 0x1.4000000000000p+1
        }
        """,
    ),
}


def kernels(program: str) -> str:
    head, *lines = textwrap.dedent(program).strip().splitlines()
    graph = parse_graph("\n".join([f"graph @test{head} {{", *lines, "}"]))
    made = compile_graph(graph, stop="kernels").schedule
    assert made is not None
    return "\n".join(str(launch.kernel) for launch in made.launches)


@pytest.mark.parametrize("title", KERNELS)
def test_kernels(title: str) -> None:
    program, expected = KERNELS[title]
    assert kernels(program) == textwrap.dedent(expected).strip()


def test_shared_text_means_a_shared_kernel() -> None:
    """The same work on other buffers of the same shapes."""
    program = """
        (%x: f32[n], %y: f32[n]) -> (f32[], f32[])
        %0: f32[] = sum(%x, axes=[0])
        %1: f32[n] = cumsum(%y, axis=0)
        %2: f32[] = sum(%1, axes=[0])
        return %0, %2
    """
    head, *lines = textwrap.dedent(program).strip().splitlines()
    graph = parse_graph("\n".join([f"graph @test{head} {{", *lines, "}"]))
    made = compile_graph(graph, stop="kernels").schedule
    assert made is not None
    assert (len(made.launches), len(made.distinct())) == (3, 2)


def test_a_launch_names_what_stands_behind_arguments() -> None:
    x = ops.placeholder(shape=(5, 3), dtype=float32, name="x")
    made = compile_graph(extract("sorted", [ops.sort(x, axis=0)]), stop="kernels").schedule
    assert made is not None
    (launch,) = made.launches
    assert len(launch.operands) == len(launch.kernel.arguments)
    assert launch.operands[0] is x
    spaces = [operand for operand in launch.operands if isinstance(operand, Workspace)]
    assert [(str(space.dtype), space.size) for space in spaces] == [("f32", 10), ("i64", 10)]
    (result,) = launch.nodes
    assert launch.operands[-1] is result


# Results of their own -----------------------------------------------------------------------


def test_every_result_is_a_node_of_its_own() -> None:
    x = ops.placeholder(shape=(3,), dtype=float32, name="x")
    v = ops.variable(shape=(3,), dtype=float32, trainable=True, name="v")
    power = ops.exp(x)
    graph = own_results(extract("g", [x, v, power, power], [(v, power)]))
    results = [*graph.outputs, *(value for _, value in graph.updates)]
    assert len(set(results)) == len(results) == 5
    assert [node.op.name for node in results] == [
        "identity", "identity", "exp", "identity", "identity",
    ]  # fmt: skip


def test_own_results_leaves_others_alone() -> None:
    x = ops.placeholder(shape=(3,), dtype=float32, name="x")
    graph = extract("g", [ops.exp(x), ops.sin(x)])
    assert own_results(graph).outputs == graph.outputs


def test_what_has_no_lowering_is_an_error() -> None:
    x = ops.placeholder(shape=(3,), dtype=float32, name="x")
    node = ops.exp(x)
    bare = replace(node, op=replace(node.op, lowering=None))
    with pytest.raises(CompileError, match="exp: has no lowering"):
        schedule(extract("g", [bare]))
