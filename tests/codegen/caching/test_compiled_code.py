"""What has been compiled before is not compiled again, and nothing else is taken for it."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from llvmlite import ir

import graphc as gc
from graphc import compiler
from graphc.codegen import program
from graphc.codegen.caching import keys
from graphc.codegen.caching.keys import program_key, sources_digest
from graphc.codegen.caching.object_cache import ObjectCache
from graphc.codegen.target import current_target
from graphc.compiler import compile_graph
from graphc.errors import OutOfRangeError
from graphc.ir import dtypes
from graphc.ir.dims import symbol
from graphc.ir.graph import Graph, extract
from graphc.ir.node import Node
from graphc.ops import ops
from tests.codegen.targets import IS_X86, target_named
from tests.codegen.test_executable_file import assert_same


@pytest.fixture
def cache(tmp_path: Path) -> ObjectCache:
    made = ObjectCache(tmp_path)
    assert made.refusal() is None
    return made


def placeholder() -> Node:
    return ops.placeholder(shape=(symbol("n"), 20), dtype=dtypes.float32, name="x")


def scans(count: int) -> Graph:
    """Kernels that cannot be joined: a running sum, and a sort of it."""
    value = placeholder()
    for k in range(count):
        value = ops.cumsum(value, axis=0) if k % 2 == 0 else ops.sort(value, axis=0)
    return extract("scans", [value])


def no_more(*_: object, **__: object) -> None:
    raise AssertionError("this has been done before")


def test_a_warm_compile_runs_no_stage_and_emits_nothing(
    cache: ObjectCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    cold = compile_graph(scans(2), cache=cache)
    for stage in ("run_passes", "schedule", "emit_kernel", "Translators"):
        monkeypatch.setattr(compiler, stage, no_more)
    monkeypatch.setattr(ir.Module, "__init__", no_more)
    warm = compile_graph(scans(2), cache=cache)
    assert warm.modules is None and warm.executable is not None and cold.executable is not None
    assert warm.executable.objects == cold.executable.objects
    assert warm.executable.slots == cold.executable.slots
    with pytest.raises(AssertionError, match="before"):
        compile_graph(scans(2))


def test_kernels_are_shared_between_programs(cache: ObjectCache) -> None:
    first = compile_graph(scans(1), cache=cache)
    longer = compile_graph(scans(3), cache=cache)
    alone = compile_graph(scans(3))
    assert first.modules is not None and longer.modules is not None and alone.modules is not None
    (known,) = first.modules.keys() - {program.ENTRY}
    assert longer.modules.keys() == alone.modules.keys() - {known}
    assert longer.executable is not None and alone.executable is not None
    assert longer.executable.objects == alone.executable.objects


def test_damaged_entries_are_compiled_again(cache: ObjectCache) -> None:
    cold = compile_graph(scans(2), cache=cache).executable
    for path in cache.folder.iterdir():
        data = bytearray(path.read_bytes())
        data[-20] ^= 1
        path.write_bytes(data)
    again = compile_graph(scans(2), cache=cache)
    assert again.modules is not None and len(again.modules) == 3
    assert again.executable is not None and cold is not None
    assert again.executable.objects == cold.objects
    assert compile_graph(scans(2), cache=cache).modules is None


def test_stages_before_the_last_are_always_made(cache: ObjectCache) -> None:
    compile_graph(scans(2), cache=cache)
    made = compile_graph(scans(2), cache=cache, stop="llvm")
    assert made.modules is not None and made.optimized is not None and made.executable is None


def test_every_field_of_a_kept_program_is_the_same(cache: ObjectCache) -> None:
    cold, warm = (compile_graph(scans(3), cache=cache).executable for _ in range(2))
    assert cold is not None and warm is not None
    assert_same(replace(warm, compile_seconds=cold.compile_seconds), cold)


# Keys ----------------------------------------------------------------------------------------


def test_keys_tell_what_code_depends_on(monkeypatch: pytest.MonkeyPatch) -> None:
    target = current_target()
    graph = scans(1)
    key = program_key(graph, target)
    assert key == program_key(scans_again(graph), target)
    monkeypatch.setenv("GRAPHC_FMA", "0")
    assert program_key(graph, target) != key
    monkeypatch.delenv("GRAPHC_FMA")
    for name, value in (("sources_digest", lambda: "edited"), ("np", FakeVersion)):
        with monkeypatch.context() as patch:
            patch.setattr(keys, name, value)
            keys._origin.cache_clear()
            assert program_key(graph, target) != key
        keys._origin.cache_clear()
    assert program_key(graph, target) == key


class FakeVersion:
    __version__ = "0.0"


def scans_again(graph: Graph) -> Graph:
    """An equal graph: the same nodes in another object."""
    return extract(graph.name, list(graph.outputs))


@pytest.mark.skipif(not IS_X86, reason="names x86 CPUs")
def test_another_cpu_is_another_key() -> None:
    graph = scans(1)
    keys = {program_key(graph, target_named(cpu)) for cpu in ("x86-64", "x86-64-v3", "haswell")}
    assert len(keys) == 3


def test_sources_edited_while_they_run_are_like_no_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plain = sources_digest.__wrapped__()
    assert len(plain) == 64
    monkeypatch.setattr(keys, "_LOADED", 0.0)
    assert "edited" in sources_digest.__wrapped__()


# Sessions ------------------------------------------------------------------------------------

TRAINS = """
import sys
import numpy as np
import graphc as gc
from graphc.codegen import kernels
emitted = []
kept = kernels.emit_kernel
import graphc.compiler
def emit(kernel, target):
    emitted.append(kernel)
    return kept(kernel, target)
graphc.compiler.emit_kernel = emit
with gc.Graph() as graph:
    x = gc.placeholder(gc.float32, ("batch", 8), name="x")
    y = gc.placeholder(gc.int32, ("batch",), name="y")
    w = gc.variable(np.full((8, 3), 0.25, np.float32), name="w")
    loss = gc.nn.softmax_cross_entropy(gc.tanh(x @ w), y)
    step = gc.optim.Adam(0.1).minimize(loss)
rows = np.linspace(-1, 1, 40, dtype=np.float32).reshape(5, 8)
with gc.Session(graph) as session:
    for _ in range(3):
        value, _ = session.run([loss, step], {x: rows, y: np.arange(5, dtype=np.int32) % 3})
    print(value.tobytes().hex(), session.get_value(w).tobytes().hex(), file=sys.stdout)
print(len(emitted), file=sys.stderr)
"""


def test_processes_share_what_sessions_compile(tmp_path: Path) -> None:
    """Three at once on an empty cache, then one that finds everything: equal bits."""
    environment = os.environ | {"GRAPHC_CACHE": "1", "GRAPHC_CACHE_DIR": str(tmp_path / "cache")}

    def start() -> subprocess.Popen[str]:
        command = [sys.executable, "-c", TRAINS]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe, text=True)

    first = [process.communicate(timeout=120) for process in [start() for _ in range(3)]]
    last = start().communicate(timeout=120)
    assert {out for out, _ in first} == {last[0]}
    assert any(int(count) > 0 for _, count in first)  # one that starts late finds it all
    assert int(last[1]) == 0


def test_errors_of_a_kept_program_point_to_the_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRAPHC_CACHE", "1")
    monkeypatch.setenv("GRAPHC_CACHE_DIR", str(tmp_path / "cache"))
    messages = []
    for _ in range(2):
        with gc.Graph() as graph:
            x = gc.placeholder(gc.float32, (4,), name="x")
            i = gc.placeholder(gc.int64, ("n",), name="i")
            taken = gc.take(x, i)
        with gc.Session(graph) as session, pytest.raises(OutOfRangeError) as caught:
            session.run(taken, {x: np.zeros(4, np.float32), i: np.array([9])})
        messages.append(str(caught.value))
    assert messages[0] == messages[1]
    assert __file__ in messages[0]
    assert len(list((tmp_path / "cache").iterdir())) >= 2
