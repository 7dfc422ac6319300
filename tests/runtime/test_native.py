"""Loaded programs: checks of indices, memory of their own, other processes and other CPUs."""

from __future__ import annotations

import os
import pickle
import platform
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.codegen.executable import Executable, Role
from graphc.compiler import compile_graph
from graphc.errors import FeedError, GraphcError, OutOfRangeError
from graphc.memory.plan import ALIGNMENT
from graphc.runtime.native import Native
from tests.runtime.conftest import Open

ROOT = Path(__file__).resolve().parents[2]
Array = np.ndarray[Any, Any]


def run_python(program: str, given: bytes = b"", **environment: str) -> str:
    """What a program prints in a fresh interpreter."""
    done = subprocess.run(
        [sys.executable, "-c", program], input=given, capture_output=True, timeout=120, check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


# Computed indices --------------------------------------------------------------------------------

#: A tensor that reads or adds at positions, given the table x and the positions at.
INDEXED: dict[str, Callable[[gc.Tensor, gc.Tensor], gc.Tensor]] = {
    "take": lambda x, at: gc.take(x, at, axis=0),
    "take of columns": lambda x, at: gc.take(x.T, at, axis=1),
    "index": lambda x, at: x[at],
    "row by row": lambda x, at: gc.take_along_axis(
        x, gc.broadcast_to(at[:, None], (at.shape[0], 3)), axis=0
    ),
    "scatter_add": lambda x, at: gc.scatter_add(x, at, gc.ones((at.shape[0], 3)), axis=0),
    "within an expression": lambda x, at: gc.exp(-gc.take(x, at, axis=0)) + 1,
    "summed": lambda x, at: gc.sum(gc.take(x, at, axis=0)),
    "where it is not chosen": lambda x, at: gc.where(gc.sum(x) < 0, gc.take(x, at, axis=0), 0.0),
}


@pytest.mark.parametrize("make", INDEXED.values(), ids=INDEXED.keys())
def test_an_index_out_of_range_names_op_line_and_index(
    make: Callable[[gc.Tensor, gc.Tensor], gc.Tensor], graph: gc.Graph, open_session: Open,
    blamed: Callable[[GraphcError], str],
) -> None:  # fmt: skip
    x = gc.placeholder(gc.float32, ("rows", 3), name="x")
    at = gc.placeholder(gc.int64, ("n",), name="at")
    result = make(x, at)
    session = open_session(graph)
    step = session.make_callable(result, [x, at])
    for rows, count, place in ((5, 1, 0), (5, 40, 39), (5, 40, 0), (1, 17, 16), (64, 16, 7)):
        table, good = np.ones((rows, 3), np.float32), np.zeros(count, np.int64)
        for bad in (rows, -rows - 1, 2**63 - 1, -(2**63), 10**6):
            wrong = good.copy()
            wrong[place] = bad
            with pytest.raises(OutOfRangeError) as caught:
                step(table, wrong)
            assert caught.value.message.startswith(f"index {bad} is out of range")
            assert caught.value.op in ("gather", "scatter_add", "take")
            assert "lambda x, at: " in blamed(caught.value) or "gc." in blamed(caught.value)
        step(table, good)  # the program goes on as before


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "int32", "int64"])
def test_negative_indices_count_from_the_end(
    dtype: str, graph: gc.Graph, open_session: Open
) -> None:
    x = gc.placeholder(gc.float32, ("rows",), name="x")
    at = gc.placeholder(dtype, ("n",), name="at")
    session = open_session(graph)
    step = session.make_callable(
        [gc.take(x, at), x[at], gc.scatter_add(x, at, gc.ones(at.shape))], [x, at]
    )
    table = np.arange(1, 8, dtype=np.float32)
    lowest = 0 if dtype == "uint8" else -7
    positions = np.tile(np.arange(lowest, 7), 5).astype(dtype)
    taken, indexed, added = step(table, positions)
    assert np.array_equal(taken, table[positions])
    assert np.array_equal(indexed, table[positions])
    wanted = table.copy()
    np.add.at(wanted, positions, np.float32(1))
    assert np.array_equal(added, wanted)
    for bad in (7, 127, 255) if dtype == "uint8" else (7, 127, -8, -128):
        with pytest.raises(OutOfRangeError, match=f"index {bad} is out of range"):
            step(table, np.array([0, bad], dtype))


def test_nothing_can_be_taken_from_nothing(graph: gc.Graph, open_session: Open) -> None:
    x = gc.placeholder(gc.float32, ("rows", 3), name="x")
    at = gc.placeholder(gc.int32, ("n",), name="at")
    step = open_session(graph).make_callable(gc.take(x, at, axis=0), [x, at])
    assert step(np.zeros((0, 3), np.float32), []).shape == (0, 3)
    assert step(np.zeros((2, 3), np.float32), []).shape == (0, 3)
    for bad in (0, -1):
        with pytest.raises(OutOfRangeError, match=f"index {bad} is out of range"):
            step(np.zeros((0, 3), np.float32), [bad])


def errors_both_ways(result: gc.Tensor, feeds: dict[Any, Any]) -> list[OutOfRangeError | None]:
    """What the machine code and the interpreter raise."""
    errors: list[OutOfRangeError | None] = []
    for reference in (False, True):
        try:
            gc.Session(result.graph, reference=reference).run(result, feeds)
            errors.append(None)
        except OutOfRangeError as error:
            errors.append(error)
    return errors


def test_both_ways_say_the_same(graph: gc.Graph) -> None:
    x = gc.placeholder(gc.float32, ("rows", 3), name="x")
    at = gc.placeholder(gc.int32, ("n",), name="at")
    feeds = {x: np.zeros((4, 3), np.float32), at: [0, 1, 4]}
    native, reference = errors_both_ways(gc.take(x, at, axis=0), feeds)
    assert str(native) == str(reference)


@pytest.mark.parametrize("count", [3, 16, 40])
def test_the_first_bad_index_is_the_one_that_is_named(count: int, graph: gc.Graph) -> None:
    x = gc.placeholder(gc.float32, ("rows",), name="x")
    at = gc.placeholder(gc.int32, ("n",), name="at")
    positions = np.zeros(count, np.int32)
    positions[1], positions[-1] = 7, 9
    native, reference = errors_both_ways(gc.take(x, at), {x: [1.0, 2.0], at: positions})
    for error in (native, reference):
        assert error is not None and error.message.startswith("index 7 is out of range")


def test_indices_are_checked_though_their_elements_are_cut_away(graph: gc.Graph) -> None:
    x = gc.placeholder(gc.float32, ("rows",), name="x")
    at = gc.placeholder(gc.int32, ("n",), name="at")
    result = (gc.take(x, at) + 1)[1:]
    native, reference = errors_both_ways(result, {x: [1.0, 2.0], at: [9, 0, 1]})
    assert reference is not None
    assert native is not None


# Native ------------------------------------------------------------------------------------------


def compiled(graph: gc.Graph) -> Executable:
    """A program with temporaries, a constant, a variable with its update, and a check."""
    x = gc.placeholder(gc.float32, ("n", 4), name="x")
    at = gc.placeholder(gc.int32, ("m",), name="at")
    w = gc.variable(np.arange(12, dtype=np.float32).reshape(4, 3), name="w")
    table = gc.constant(np.array([10, 20, 30], np.float32))
    picked = gc.take(gc.sort(x @ w, axis=0), at, axis=0) + table
    executable = compile_graph(graph.extract([picked], [gc.assign(w, w + 1)])).executable
    assert executable is not None
    return executable


def called(native: Native, rows: int, at: list[int]) -> tuple[Array, Array]:
    """Result and new value of a run on ones."""
    feeds = [np.ones((rows, 4), np.float32), np.array(at, np.int32)]
    signature = native.signature(feeds)
    outputs, updates = native.fresh(Role.OUTPUT, signature), native.fresh(Role.UPDATE, signature)
    variable = np.arange(12, dtype=np.float32).reshape(4, 3)
    native.call(signature, feeds, [variable], outputs, updates)
    return outputs[0], updates[0]


def test_a_signature_is_worked_out_once_for_its_shapes(graph: gc.Graph) -> None:
    native = Native(compiled(graph))
    one = np.ones((3, 4), np.float32), np.array([0], np.int32)
    same = np.zeros((3, 4), np.float32), np.array([2], np.int32)
    other = np.ones((4, 4), np.float32), np.array([0], np.int32)
    assert native.signature(one) is native.signature(same)
    assert native.signature(one) is not native.signature(other)
    assert native.signature(one).outputs == ((1, 3),)
    assert native.signature(one).updates == ((4, 3),)
    with pytest.raises(FeedError):
        native.signature((np.ones((3, 5), np.float32), np.array([0], np.int32)))


def test_an_arena_is_kept_and_grows(graph: gc.Graph) -> None:
    native = Native(compiled(graph))
    sizes = []
    for rows in (3, 50, 3, 100):
        result, update = called(native, rows, [0, -1])
        assert result.tolist() == [[28, 42, 56]] * 2
        assert update.tolist() == (np.arange(12).reshape(4, 3) + 1).tolist()
        sizes.append([arena.size for arena in native._arenas])
    assert [len(kept) for kept in sizes] == [1, 1, 1, 1]
    assert sizes[0] < sizes[1] == sizes[2] < sizes[3]
    with pytest.raises(OutOfRangeError):
        called(native, 3, [3])
    assert len(native._arenas) == 1


def test_an_arena_has_room_wherever_its_memory_begins(graph: gc.Graph) -> None:
    native = Native(compiled(graph))
    for total in range(0, 640, ALIGNMENT):  # one that is kept is often just too small for the next
        arena = native._take_arena(total)
        native._arenas.append(arena)
        assert arena.size >= total + ALIGNMENT - 1


LOADS = """
import pickle, sys
import numpy as np
from graphc.codegen.executable import Role
from graphc.errors import OutOfRangeError
from graphc.runtime.native import Native

native = Native(pickle.load(sys.stdin.buffer))
for at in ([2, 0], [5]):
    feeds = [np.ones((5, 4), np.float32), np.array(at, np.int32)]
    signature = native.signature(feeds)
    outputs = native.fresh(Role.OUTPUT, signature)
    updates = native.fresh(Role.UPDATE, signature)
    variable = np.arange(12, dtype=np.float32).reshape(4, 3)
    try:
        native.call(signature, feeds, [variable], outputs, updates)
        print(outputs[0].tolist(), updates[0][0].tolist())
    except OutOfRangeError as error:
        print(error.op, error.message, error.location.line)
"""


def test_an_executable_runs_in_another_process(graph: gc.Graph) -> None:
    executable = compiled(graph)
    line = executable.sites[0].location
    assert line is not None
    printed = run_python(LOADS, pickle.dumps(executable)).splitlines()
    assert printed[0] == "[[28.0, 42.0, 56.0], [28.0, 42.0, 56.0]] [1.0, 2.0, 3.0]"
    assert printed[1].startswith("gather index 5 is out of range")
    assert printed[1].endswith(f" {line.line}")


# Other CPUs --------------------------------------------------------------------------------------

TRAINS = """
import hashlib
import numpy as np
import graphc as gc
from graphc.codegen import translation
from graphc.codegen.target import current_target
from graphc.compiler import compile_graph

rng = np.random.default_rng(0)
with gc.Graph() as graph:
    x = gc.placeholder(gc.float32, ("batch", 24), name="x")
    y = gc.placeholder(gc.int32, ("batch",), name="y")
    w = gc.variable(rng.normal(size=(24, 33)).astype(np.float32), name="w")
    u = gc.variable(rng.normal(size=(33, 10)).astype(np.float32), name="u")
    hidden = gc.nn.gelu(gc.nn.layer_norm(x @ w))
    loss = gc.nn.softmax_cross_entropy(hidden @ u, y)
    train = gc.optim.Adam(0.01).minimize(loss)
    others = [gc.sort(hidden), gc.cumulative_sum(x, axis=1), gc.sin(100 * x), gc.sum(gc.exp(x))]
with gc.Session(graph) as session:
    feeds = {x: rng.normal(size=(37, 24)).astype(np.float32), y: np.arange(37, dtype=np.int32) % 10}
    for _ in range(4):
        session.run([loss, train], feeds)
    results = session.run([loss, *others, *graph.variables], feeds)
print(hashlib.sha256(b"".join(result.tobytes() for result in results)).hexdigest())
made = compile_graph(graph.extract([loss]), stop="llvm")
modules = [translation.optimize(module, made.target) for module in made.modules.values()]
text = "".join(translation.assembly(module, made.target) for module in modules)
print(current_target().vector_bits, "zmm" in text, "ymm" in text)
"""


@pytest.mark.skipif(platform.machine().lower() not in ("x86_64", "amd64"), reason="for x86 only")
def test_the_same_bits_for_a_lesser_cpu_and_another_order_of_hashes() -> None:
    here, _ = run_python(TRAINS, PYTHONHASHSEED="1").splitlines()
    again, _ = run_python(TRAINS, PYTHONHASHSEED="2").splitlines()
    avx2, target = run_python(TRAINS, GRAPHC_TARGET_CPU="x86-64-v3").splitlines()
    assert target == "256 False True"
    assert here == again
    assert here == avx2
