"""Targets: the CPU that the environment names, its vector width, and code that keeps to it."""

from __future__ import annotations

import re

import llvmlite.binding as llvm
import numpy as np
import pytest

from graphc.codegen import translation
from graphc.codegen.target import CPU_VARIABLE, Target, current_target
from graphc.compiler import compile_graph
from graphc.errors import CompileError
from graphc.ir.dims import symbol
from graphc.ir.dtypes import float32, float64, int32
from graphc.ir.graph import Graph, extract
from graphc.ops import ops
from tests.codegen.running import Program
from tests.codegen.targets import IS_X86, LESSER, target_named
from tests.properties.random_graphs import Twins, script_of

on_x86 = pytest.mark.skipif(not IS_X86, reason="names x86 CPUs")

# name, bits in a vector register, and a register that its code must not use
X86 = [
    ("x86-64", 128, r"%[yz]mm|%k[0-7]"), ("x86-64-v2", 128, r"%[yz]mm|%k[0-7]"),
    ("x86-64-v3", 256, r"%zmm|%k[0-7]"), ("haswell", 256, r"%zmm|%k[0-7]"),
    ("znver3", 256, r"%zmm|%k[0-7]"), ("x86-64-v4", 512, None), ("skylake-avx512", 512, None),
]  # fmt: skip


#: What the code calls of its own.
OWN = (
    "kernel_",
    "graphc_tile",
    "graphc_direct_tile",
    "graphc_window_tile",
    "graphc_shared_tile",
    "launch",
    "checked_launch",
    "join",
    "joint_task",
    "run_together",
)


def every_stage() -> Graph:
    """Maps, all kinds of loads, reductions, a product, a scan, a scatter and a sort."""
    n = symbol("n")
    x = ops.placeholder(shape=(n, 20), dtype=float32, name="x")
    i = ops.placeholder(shape=(n,), dtype=int32, name="i")
    power = ops.exp(ops.tanh(x))
    outputs = [
        power, ops.flip(power, axes=(1,)), ops.sum(x, axes=(1,)), ops.argmax(x, axis=1),
        ops.max(x, axes=(0,)), ops.matmul(ops.permute_dims(x, axes=(1, 0)), x),
        ops.cumsum(x, axis=0), ops.gather(x, i, axes=(0,), position=0), ops.sort(x, axis=0),
        ops.scatter_add(x, i, x, axes=(0,), position=0), ops.astype(x, dtype=float64),
    ]  # fmt: skip
    return extract("every_stage", outputs)


def assembly(graph: Graph, target: Target) -> str:
    made = compile_graph(graph, target, stop="llvm")
    assert made.modules is not None
    return "\n".join(
        translation.assembly(translation.optimize(module, target), target)
        for module in made.modules.values()
    )


def test_this_machine() -> None:
    target = target_named("")
    assert target == target_named("native")
    assert target.triple == llvm.get_process_triple()
    assert target.cpu == llvm.get_host_cpu_name()
    assert target.vector_bits in (128, 256, 512)


@on_x86
@pytest.mark.parametrize(("cpu", "bits", "unwanted"), X86)
def test_code_keeps_to_the_cpu(cpu: str, bits: int, unwanted: str | None) -> None:
    target = target_named(cpu)
    assert (target.cpu, target.vector_bits) == (cpu, bits)
    text = assembly(every_stage(), target)
    foreign = {name for name in calls(every_stage(), target) if not name.startswith(OWN)}
    assert foreign <= ({"fmaf"} if bits == 128 else set())
    widest = {128: "%xmm", 256: "%ymm", 512: "%zmm"}[bits]
    assert widest in text
    if unwanted is not None:
        assert not re.search(unwanted, text)


@pytest.mark.parametrize("cpu", ["no-such-cpu", " "])
def test_an_unknown_cpu(cpu: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CPU_VARIABLE, cpu)
    with pytest.raises(CompileError) as caught:
        current_target()
    assert caught.value.message == f"GRAPHC_TARGET_CPU names {cpu!r}, a CPU that LLVM does not know"


@on_x86
def test_a_cpu_without_64_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CPU_VARIABLE, "i686")
    with pytest.raises(CompileError, match="cannot compile for the CPU 'i686'"):
        current_target()


def test_a_lesser_cpu_computes_the_same() -> None:
    n = symbol("n")
    x = ops.placeholder(shape=(n, 20), dtype=float32, name="x")
    outputs = [ops.exp(x), ops.sum(x, axes=(1,)), ops.matmul(ops.permute_dims(x, axes=(1, 0)), x)]
    best, lesser = (Program([x], outputs, target_named(cpu)) for cpu in ("", LESSER))
    values = np.random.default_rng(0).normal(size=(37, 20)).astype(np.float32)
    for mine, other in zip(best(values), lesser(values), strict=True):
        assert mine.tobytes() == other.tobytes()


# Machines that are not at hand ---------------------------------------------------------------

ELSEWHERE = [
    Target("aarch64-unknown-linux-gnu", "generic", "", 128),
    Target("arm64-apple-macosx", "apple-m1", "", 128),
    Target("x86_64-pc-windows-msvc", "x86-64-v3", "", 256),
    Target("riscv64-unknown-linux-gnu", "generic-rv64", "+m,+a,+f,+d,+v", 128),
]


@pytest.fixture(scope="module", autouse=True)
def every_machine() -> None:
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()


def calls(graph: Graph, target: Target) -> set[str]:
    """The functions that the code calls, by name."""
    pattern = r"^\s+(?:bl|b|callq?|jmp|jal|tail)[ \t]+_?([A-Za-z]\w*)"
    found = re.findall(pattern, assembly(graph, target), re.MULTILINE)
    return {name for name in found if not name.startswith("LBB")}


@pytest.mark.parametrize("target", ELSEWHERE, ids=lambda target: target.triple)
def test_objects_for_other_machines(target: Target) -> None:
    """Objects that need nothing but themselves."""
    made = compile_graph(every_stage(), target)
    assert made.executable is not None
    assert all(len(image) > 400 for image in made.executable.objects)
    assert all(name.startswith(OWN) for name in calls(every_stage(), target))


@pytest.mark.parametrize("seed", range(8))
def test_random_graphs_for_other_machines(seed: int) -> None:
    for target in ELSEWHERE[:2]:
        made = compile_graph(Twins(script_of(seed)).graph(), target)
        assert made.executable is not None
