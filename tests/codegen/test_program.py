"""Whole programs as one module: shared functions, a fixed result, and checks that end a run."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from llvmlite import ir

from graphc.codegen import program, translation
from graphc.codegen.caching.object_cache import ObjectCache
from graphc.codegen.executable import Executable, Role
from graphc.codegen.kernels import function_name
from graphc.codegen.target import current_target
from graphc.compiler import compile_graph
from graphc.errors import CompileError, OutOfRangeError
from graphc.ir.dims import symbol
from graphc.ir.dtypes import DType, float32, float64, int32, int64
from graphc.ir.graph import Graph, extract
from graphc.ir.node import Node
from graphc.ops import ops
from graphc.runtime.native import Native
from tests.codegen.running import Program
from tests.properties.random_graphs import Twins, script_of

n = symbol("n")


def placeholder(name: str, *shape: object, dtype: DType = float32) -> Node:
    return ops.placeholder(shape=shape, dtype=dtype, name=name)


def executable(graph: Graph) -> Executable:
    made = compile_graph(graph).executable
    assert made is not None
    return made


# Shared functions ---------------------------------------------------------------------------


def layers(count: int) -> Graph:
    """Equal layers: running sums of what came before."""
    value = placeholder("x", n)
    for _ in range(count):
        value = ops.cumsum(value, axis=0)
    return extract("layers", [value])


@pytest.mark.parametrize("count", [1, 2, 10])
def test_equal_kernels_share_a_function(count: int) -> None:
    made = compile_graph(layers(count))
    assert made.executable is not None and made.schedule is not None and made.modules is not None
    assert (made.executable.kernel_count, made.executable.launch_count) == (1, count)
    (kernel,) = made.schedule.distinct()
    assert list(made.modules) == [function_name(kernel), program.ENTRY]
    assert len(made.executable.objects) == 2


def test_an_entry_for_every_launch() -> None:
    """Two scans, and a sum that takes chunks first and then puts their results together."""
    x = placeholder("x", n)
    total = ops.sum(ops.cumsum(x, axis=0), axes=(0,))
    made = compile_graph(extract("g", [total, ops.cumprod(x, axis=0)]))
    assert made.modules is not None and made.executable is not None
    text = str(made.modules[program.ENTRY])
    alone, beside = text.count('@"launch"(ptr %"pool"'), text.count('call void @"join"')
    assert (alone, beside) == (2, 2)
    assert made.executable.launch_count == 4


def test_constants_of_other_dtypes_are_other_kernels() -> None:
    """floor(exp(v)) as an int32, where single and double precision fall on two sides of 310."""
    value = 5.736572265625

    def power(dtype: DType, *shape: int) -> Node:
        number = ops.constant(value=np.full(shape, value, dtype.numpy))
        return ops.astype(ops.floor(ops.exp(number)), dtype=int32)

    single, double = power(float32, 1), power(float64, 1, 1)
    alone = [Program([], [node])()[0].ravel() for node in (single, double)]
    together = [array.ravel() for array in Program([], [single, double])()]
    assert alone == together == [[310], [309]]


# The same code every time -------------------------------------------------------------------


def digest(seed: int) -> str:
    objects = executable(Twins(script_of(seed)).graph()).objects
    return hashlib.sha256(b"".join(objects)).hexdigest()


@pytest.mark.parametrize("seed", range(10))
def test_the_same_object_code_twice(seed: int) -> None:
    assert digest(seed) == digest(seed)


def test_the_same_object_code_in_other_processes() -> None:
    """Whatever the hashes of texts are there, on which the order of sets depends."""
    command = (
        "from tests.codegen.test_program import digest\n"
        "print(*[digest(seed) for seed in range(12)])"
    )
    for hash_seed in ("1", "2"):
        environment = {
            **os.environ,
            "PYTHONHASHSEED": hash_seed,
            "PYTHONPATH": os.pathsep.join(sys.path),
        }
        done = subprocess.run(
            [sys.executable, "-c", command], env=environment, capture_output=True, text=True,
            check=True,
        )  # fmt: skip
        assert done.stdout.split() == [digest(seed) for seed in range(12)]


def test_an_executable_has_no_address_in_it() -> None:
    """Two of one program, made apart, are equal in all that is shipped."""
    one, other = executable(layers(3)), executable(layers(3))
    assert one.objects == other.objects
    assert (one.slots, one.symbols, one.plan) == (other.slots, other.symbols, other.plan)


# Failed checks ------------------------------------------------------------------------------


def reading(source: Node, position: Node) -> Node:
    return ops.gather(source, position, axes=(0,), position=0)


def test_the_first_kernel_that_fails_ends_the_run() -> None:
    """What comes after it does not run, and does not hide its error."""
    x, i = placeholder("x", 5), placeholder("i", n, dtype=int64)
    j = placeholder("j", n, dtype=int64)
    first = ops.cumsum(reading(x, i), axis=0)
    second = ops.scatter_add(first, j, first, axes=(0,), position=0)
    run = Program([x, i, j], [second])
    source, good, bad = np.arange(5, dtype=np.float32), np.array([0, 1]), np.array([0, 77])
    with pytest.raises(OutOfRangeError, match="gather: index 77"):
        run(source, bad, good)
    with pytest.raises(OutOfRangeError, match="scatter_add: index 77"):
        run(source, good, bad)
    with pytest.raises(OutOfRangeError, match="gather: index 77"):
        run(source, bad, bad)
    np.testing.assert_array_equal(run(source, good, good)[0], [0, 2])


def test_a_check_names_its_own_node() -> None:
    """Two checks in one kernel, and a third in a kernel like it."""
    x, i = placeholder("x", 5), placeholder("i", dtype=int64)
    j, k = placeholder("j", dtype=int64), placeholder("k", dtype=int64)
    first = ops.gather(x, i, axes=(0,), position=0)
    second = ops.gather(x, j, axes=(0,), position=0)
    third = ops.gather(ops.cumsum(x, axis=0), k, axes=(0,), position=0)
    run = Program([x, i, j, k], [ops.add(first, second), third])
    source = np.arange(5, dtype=np.float32)
    for place, node in enumerate((first, second, third)):
        positions = [np.asarray(9 if place == number else 0) for number in range(3)]
        with pytest.raises(OutOfRangeError) as caught:
            run(source, *positions)
        assert caught.value.location == node.location
    assert len({node.location for node in (first, second, third)}) == 3


def test_llvm_speaks_through_a_compile_error() -> None:
    """A module that is not valid is an error that quotes LLVM."""
    module = ir.Module(name="broken")
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), []), name="broken")
    function.append_basic_block("entry")  # without an end
    with pytest.raises(CompileError, match="the generated code is not valid"):
        translation.optimize(module, current_target())


# Timed entries -----------------------------------------------------------------------------------


def timed(graph: Graph, batches: bool = True) -> tuple[Executable, np.ndarray]:
    """A timed program of one placeholder, and what its entry notes for 300,000 elements."""
    compilation = compile_graph(graph, timed=True, batches=batches)
    made = compilation.executable
    assert made is not None
    assert compilation.schedule is not None
    native, feed = Native(made), np.ones(300_000, np.float32)
    signature = native.signature([feed])
    outputs = native.fresh(Role.OUTPUT, signature)
    status = np.zeros(program.trace_words(compilation.schedule) + 1, np.int64)
    native.call(signature, [feed], [], outputs, [], status=status)
    return made, status


def test_a_timed_entry_tells_what_launches_take_and_how_loops_are_cut() -> None:
    made, status = timed(layers(3))
    notes = status[program.TRACE : -1].reshape(3, program.TRACE_WORDS)
    begin, last = status[program.BEGIN], status[program.LAST]
    assert 0 < begin < last < begin + 60e9
    assert (notes[:, program.TOOK] > 0).all()
    assert notes[:, program.TOOK].sum() == last - begin
    assert notes[:, program.RUNS].tolist() == [1, 1, 1]
    assert notes[:, program.TURNS].tolist() == [0, 0, 0]
    assert notes[:, program.POSITIONS].tolist() == notes[:, program.LENGTH].tolist() == [1, 1, 1]
    assert status[:3].tolist() == [0, 0, 0] and status[-1] == 0
    assert program.CLOCK in made.imports


def test_launches_that_run_together_are_over_together() -> None:
    x = placeholder("x", n)
    graph = extract("g", [ops.cumsum(x, axis=0), ops.cumprod(x, axis=0)])
    for batches in (True, False):
        _, status = timed(graph, batches)
        notes = status[program.TRACE : -1].reshape(2, program.TRACE_WORDS)
        one, other = notes[:, program.TOOK]
        assert status[program.LAST] - status[program.BEGIN] == (one if batches else one + other)
        assert one == other or not batches


def test_loops_are_cut_by_their_work() -> None:
    _, status = timed(extract("g", [ops.erf(ops.exp(placeholder("x", n)))]))
    *_, positions, length = status[program.TRACE : -1]
    assert positions == length == 300_000  # without a pool nothing is


def test_only_timed_programs_look_at_the_clock() -> None:
    made = compile_graph(layers(2))
    assert made.modules is not None
    assert program.CLOCK not in str(made.modules[program.ENTRY])
    assert program.CLOCK not in executable(layers(2)).imports


def test_timed_programs_are_not_kept(tmp_path: Path) -> None:
    """Their kernels are, which are those of programs that are not."""
    cache = ObjectCache(tmp_path, 1 << 30)
    for options in ({"timed": True}, {"batches": False}):
        compile_graph(layers(2), cache=cache, **options)
    usual = compile_graph(layers(2), cache=cache)
    assert usual.modules is not None and list(usual.modules) == [program.ENTRY]
    assert usual.executable is not None and program.CLOCK not in usual.executable.imports
    again = compile_graph(layers(2), cache=cache, timed=True)
    assert again.executable is not None and program.CLOCK in again.executable.imports
