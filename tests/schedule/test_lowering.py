"""The kernels of small programs, word for word."""

from __future__ import annotations

import textwrap
from dataclasses import replace

import pytest

import graphc as gc
from graphc.compiler import compile_graph
from graphc.errors import CompileError, DimError
from graphc.ir.dim_text import parse_dim
from graphc.ir.dims import symbol
from graphc.ir.dtypes import float32
from graphc.ir.graph import extract
from graphc.ir.node import Node
from graphc.ops import ops
from graphc.schedule.keeping import is_buffer
from graphc.schedule.kernel import Workspace
from graphc.schedule.lowering import own_results, schedule
from graphc.schedule.stages import SCRATCH_BYTES
from graphc.schedule.statements import Fold, Loop, Sort
from tests.properties.random_graphs import Twins, script_of
from tests.schedule.interface_kernels import INTERFACE_KERNELS
from tests.schedule.point_kernels import POINT_KERNELS
from tests.schedule.programs import kernels_of, parsed, scheduled
from tests.schedule.row_kernels import ROW_KERNELS

KERNELS = POINT_KERNELS | ROW_KERNELS


@pytest.mark.parametrize("title", KERNELS)
def test_kernels(title: str) -> None:
    program, expected = KERNELS[title]
    assert kernels_of(parsed(program)) == textwrap.dedent(expected).strip()


@pytest.mark.parametrize("title", INTERFACE_KERNELS)
def test_kernels_of_the_interface(title: str) -> None:
    build, expected = INTERFACE_KERNELS[title]
    with gc.Graph():
        graph = extract("test", [tensor.node for tensor in build()])
    assert kernels_of(graph) == textwrap.dedent(expected).strip()


# Launches -----------------------------------------------------------------------------------


def test_shared_text_means_a_shared_kernel() -> None:
    """The same work on other buffers of the same shapes: both steps of a sum, and a scan."""
    program = """
        (%x: f32[n], %y: f32[n]) -> (f32[], f32[])
        %0: f32[] = sum(%x, axes=[0])
        %1: f32[n] = cumsum(%y, axis=0)
        %2: f32[] = sum(%1, axes=[0])
        return %0, %2
    """
    made = scheduled(parsed(program))
    assert (len(made.launches), len(made.distinct())) == (5, 3)


def test_a_launch_names_what_stands_behind_arguments() -> None:
    x = ops.placeholder(shape=(symbol("n"), 3), dtype=float32, name="x")
    (launch,) = scheduled(extract("sorted", [ops.sort(x, axis=0)])).launches
    assert len(launch.operands) == len(launch.kernel.arguments)
    assert launch.operands[0] is x
    spaces = [operand for operand in launch.operands if isinstance(operand, Workspace)]
    assert [(str(space.dtype), str(space.size)) for space in spaces] == [
        ("f32", "2*n"), ("i64", "2*n")
    ]  # fmt: skip
    (result,) = launch.nodes
    assert launch.operands[-1] is result


@pytest.mark.parametrize(
    ("shape", "shared"), [((9, 200), True), ((9, 5000), False), ((200,), False)], ids=str
)
def test_threads_share_lines_that_are_sorted_in_little_room(
    shape: tuple[int, ...], shared: bool
) -> None:
    x = ops.placeholder(shape=shape, dtype=float32, name="x")
    (launch,) = scheduled(extract("sorted", [ops.sort(x, axis=len(shape) - 1)])).launches
    assert launch.kernel.parallel is shared


SEEDS = pytest.mark.parametrize("seed", range(60))


@SEEDS
def test_memory_is_written_once_and_before_it_is_read(seed: int) -> None:
    """By one launch, which computes it; reading may begin in that launch."""
    graph = Twins(script_of(seed)).graph()
    made = compile_graph(graph, stop="kernels")
    assert made.prepared is not None and made.schedule is not None
    filled: set[Node | Workspace] = {node for node in made.prepared.nodes if is_buffer(node)}
    for launch in made.schedule.launches:
        pairs = list(zip(launch.operands, launch.kernel.arguments, strict=True))
        written = {operand for operand, argument in pairs if argument.written}
        assert not written & filled
        assert all(w in launch.nodes for w in written if not isinstance(w, Workspace))
        filled |= written
        assert filled.issuperset(launch.operands)
    assert filled.issuperset(made.prepared.roots)


@SEEDS
def test_names_in_kernels_are_declared(seed: int) -> None:
    """Buffers in the head of the kernel, axes and results around where they are used."""
    for launch in scheduled(Twins(script_of(seed)).graph()).launches:
        kernel = launch.kernel
        known = {argument.name for argument in kernel.arguments}
        known |= {room.name for room in kernel.scratch}
        for expr in kernel.expressions():
            assert expr.name != "load" or expr.source in known
        for statement in kernel.statements():
            target = getattr(statement, "target", None)
            assert target is None or target in known
        loops = [s.axis.name for s in kernel.statements() if isinstance(s, Loop | Sort)]
        folds = [s for s in kernel.statements() if isinstance(s, Fold)]
        results = [reduction.result for fold in folds for reduction in fold.reductions]
        assert len(set(loops)) == len(loops) and len(set(results)) == len(results)
        assert kernel.scratch == () or sum(room.size for room in kernel.scratch) <= SCRATCH_BYTES


def test_no_dim_can_be_called_as_a_local_is() -> None:
    """Locals and axes have names that are no names of dims."""
    program, _ = KERNELS["dims that are called as locals are"]
    (launch,) = scheduled(parsed(program)).launches
    folds = [s for s in launch.kernel.statements() if isinstance(s, Fold)]
    loops = [s for s in launch.kernel.statements() if isinstance(s, Loop)]
    for name in [fold.reductions[0].result for fold in folds] + [s.axis.name for s in loops]:
        with pytest.raises(DimError):
            parse_dim(name)


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
