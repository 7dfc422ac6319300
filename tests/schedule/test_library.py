"""Kernels that call a library: what they look like, and how they are cut."""

from __future__ import annotations

import numpy as np
import pytest

from graphc.api.shapes import filled
from graphc.autodiff.reverse import cotangents
from graphc.codegen.nests.routines import imported
from graphc.compiler import Compilation, compile_graph
from graphc.ir import dims
from graphc.ir.dims import Size, symbol
from graphc.ir.dtypes import float32, float64
from graphc.ir.graph import extract
from graphc.ir.node import Node
from graphc.ops import ops
from graphc.ops.triangular import COLUMNS
from graphc.schedule.calls import REACHED, WAIT, Call, Check
from graphc.schedule.kernel import Kernel, Launch
from graphc.schedule.statements import Loop, walk
from graphc.schedule.work import work


def matrices(*shape: Size) -> Node:
    return ops.placeholder(shape=shape, dtype=float64, name="x")


def compiled(*nodes: Node) -> Compilation:
    return compile_graph(extract("test", nodes), stop="memory")


def launch_of(node: Node) -> Launch:
    schedule = compiled(node).schedule
    assert schedule is not None
    (launch,) = schedule.launches
    return launch


def kernel_of(node: Node) -> Kernel:
    return launch_of(node).kernel


def test_the_text_of_a_call() -> None:
    text = str(kernel_of(ops.cholesky(matrices(symbol("b"), 4, 4))))
    assert text.splitlines() == [
        "kernel(out a0: f64[16*b], a1: f64[16*b]) {",
        "  parallel for $0 < b:",
        "    for $1 < 4:",
        "      vector for $2 < 4:",
        "        a0[16*$0 + 4*$1 + $2] = select(le($2, $1), a1[16*$0 + 4*$1 + $2], 0x0.0p+0)",
        "    fold %r0 = lanes sum:",
        "      vector for $3 < 16:",
        "        %r0 <- mul(a0[16*$0 + $3], 0x0.0p+0)",
        "    t0 = eq(%r0, 0x0.0p+0)",
        "    %r1 = potrf<f64>(U, 4, &a0[16*$0], 4) if t0",
        "    %r2 = laset<f64>(U, 4, 4, nan, nan, &a0[16*$0], 4) if not(t0)",
        "    check checked(select(ne(%r1, 0), add($0, 1), 0), 1)",
        "}",
    ]


def test_one_matrix_is_no_loop() -> None:
    kernel = kernel_of(ops.cholesky(matrices(4, 4)))
    assert not kernel.parallel
    assert [type(s) for s in kernel.body][-3:] == [Call, Call, Check]


@pytest.mark.parametrize("lead", [(3,), (2, 3), ("b",), (2, "b")])
def test_dims_of_a_stack_are_one_parallel_loop(lead: tuple[int | str, ...]) -> None:
    sizes = tuple(symbol(size) if isinstance(size, str) else size for size in lead)
    kernel = kernel_of(ops.cholesky(matrices(*sizes, 4, 4)))
    (loop,) = kernel.body
    assert kernel.parallel
    assert isinstance(loop, Loop)
    assert loop.axis.extent == np.prod(sizes)


def test_what_is_computed_for_a_routine_is_part_of_its_kernel() -> None:
    x = matrices(symbol("b"), 4, 4)
    kernel = kernel_of(ops.cholesky(ops.add(ops.mul(x, x), x)))
    assert "fma" in str(kernel)


def test_small_rooms_are_on_the_stack_and_large_ones_in_memory() -> None:
    small = kernel_of(ops.eigh(matrices(symbol("b"), 4, 4)))
    assert [room.dtype.short for room in small.scratch] == ["f64", "i32"]
    large = kernel_of(ops.eigh(matrices(symbol("b"), symbol("n"), symbol("n"))))
    assert not large.scratch
    assert [argument.dtype.short for argument in large.arguments if argument.written] == [
        "f64", "f64", "i32"
    ]  # fmt: skip


def test_a_matrix_in_memory_is_handed_on_as_it_lies_there() -> None:
    a, b = matrices(3, 4, 4), ops.placeholder(shape=(3, 4, 2), dtype=float64, name="b")
    attrs = {"lower": True, "transposed": False, "unit": False}
    kernel = kernel_of(ops.triangular_solve(a, b, **attrs))
    assert len(kernel.arguments) == 3
    assert not kernel.scratch
    copied = kernel_of(ops.triangular_solve(ops.neg(a), b, **attrs))
    assert [room.size for room in copied.scratch] == [16]


def test_columns_of_a_right_side_are_shared_out() -> None:
    attrs = {"lower": True, "transposed": False, "unit": False}

    def kernel(count: Size) -> Kernel:
        b = ops.placeholder(shape=(400, count), dtype=float64, name="b")
        return kernel_of(ops.triangular_solve(matrices(400, 400), b, **attrs))

    assert not kernel(COLUMNS).parallel
    (loop,) = kernel(2 * COLUMNS).body
    assert isinstance(loop, Loop)
    assert loop.axis.extent == 2
    (call,) = (s for s in loop.body if isinstance(s, Call))
    assert call.given[4] == COLUMNS
    assert str(call.given[9]) == f"&a1[{COLUMNS}*{loop.axis.name}]"
    (loop,) = kernel(symbol("c")).body
    assert isinstance(loop, Loop)
    assert dims.evaluate(loop.axis.extent, {"c": 0}) == 1
    assert dims.evaluate(loop.axis.extent, {"c": 2 * COLUMNS + 1}) == 3


def test_what_all_blocks_of_columns_read_is_computed_once() -> None:
    a, b = matrices(40, 40), ops.placeholder(shape=(40, 600), dtype=float64, name="b")
    schedule = compiled(
        ops.triangular_solve(ops.neg(a), b, lower=True, transposed=False, unit=False)
    ).schedule
    assert schedule is not None
    assert [launch.nodes[0].op.name for launch in schedule.launches] == ["neg", "triangular_solve"]


def test_solving_and_its_gradient_share_the_factors() -> None:
    a, b = matrices(3, 4, 4), ops.placeholder(shape=(3, 4, 2), dtype=float64, name="b")
    x = ops.solve(a, b, transposed=False)
    back = ops.solve(a, x, transposed=True)
    schedule = compiled(x, back, ops.det(a)).schedule
    assert schedule is not None
    names = [launch.nodes[0].op.name for launch in schedule.launches]
    assert sorted(names) == ["lu", "lu_solve", "lu_solve", "prod"]


def test_least_squares_with_a_gradient_takes_one_decomposition() -> None:
    a, b = matrices(3, 4, 2), ops.placeholder(shape=(3, 4, 2), dtype=float64, name="b")
    x = ops.least_squares(a, filled((3,), 1e-9, float64), b, transposed=False, symmetric=False)
    schedule = compiled(x, *cotangents([x], [a, b], [x]), ops.svd(a)).schedule
    assert schedule is not None
    names = [node.op.name for launch in schedule.launches for node in launch.nodes]
    assert names.count("svd") == 1


def test_a_result_does_not_take_the_memory_of_what_a_routine_reads() -> None:
    a = matrices(4, 4)
    made = compiled(ops.cholesky(ops.cumsum(a, axis=0)))
    assert made.sharing is not None
    assert made.sharing.pairs == ()


def test_work_grows_with_the_stack_and_the_matrices() -> None:
    launch = launch_of(ops.cholesky(matrices(symbol("b"), symbol("n"), symbol("n"))))
    size = launch.sized(work(launch.kernel))

    def at(b: int, n: int) -> int:
        return dims.evaluate(size, {"b": b, "n": n})

    assert at(20, 50) == 2 * at(10, 50)
    assert 7 < at(1, 2000) / at(1, 1000) < 9
    assert 7 < at(20, 2000) / at(20, 1000) < 9


def test_a_large_matrix_is_worked_on_by_several_tasks() -> None:
    (loop,) = kernel_of(ops.cholesky(matrices(2, 256, 256))).body
    assert isinstance(loop, Loop)
    assert loop.axis.extent == 2 * 4 * 4
    calls = [s.routine for s in walk(loop.body) if isinstance(s, Call)]
    assert calls == [
        WAIT, WAIT, "gemm", WAIT, "trsm", REACHED, "syrk", "potrf", REACHED, "laset"
    ]  # fmt: skip


@pytest.mark.parametrize("shape", [(128, 128), (40, 256, 256)])
def test_small_matrices_and_many_are_worked_on_by_one_task_each(shape: tuple[int, ...]) -> None:
    for node in (ops.cholesky(matrices(*shape)), ops.lu(matrices(*shape))):
        kernel = kernel_of(node)
        calls = [s.routine for s in kernel.statements() if isinstance(s, Call)]
        assert WAIT not in calls
        assert kernel.parallel == (len(shape) > 2)


def test_names_of_routines_follow_the_dtype() -> None:
    x = ops.placeholder(shape=(4, 4), dtype=float32, name="x")
    kernels = [kernel_of(ops.cholesky(x)), kernel_of(ops.cholesky(matrices(4, 4)))]
    assert imported(kernels) == (
        "scipy_LAPACKE_dlaset_work", "scipy_LAPACKE_dpotrf_work",
        "scipy_LAPACKE_slaset_work", "scipy_LAPACKE_spotrf_work",
    )  # fmt: skip
