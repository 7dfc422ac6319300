from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import llvmlite.binding as llvm
import pytest

import graphc
from graphc.inspection.stages import Options, view
from tests.inspection.targets import PERCEPTRON, subject

ROOT = Path(graphc.__file__).parents[1]


@pytest.mark.parametrize("options", [Options(), Options(optimized=True), Options(kernel=0)])
def test_llvm_reads_what_is_shown(options: Options) -> None:
    module = llvm.parse_assembly(view(subject("step").graph, "llvm", options).code)
    module.verify()
    defined = {function.name for function in module.functions if not function.is_declaration}
    if options.kernel is None:
        assert "graphc_entry" in defined
    else:
        (task,) = [name for name in defined if name.endswith(".task")]
        own = {name for name in defined if "_tile." not in name} - {f"{task}.on_stack"}
        assert own == {task, task.removesuffix(".task")}
        assert any("_tile." in function.name for function in module.functions)


def test_llvms_passes_shorten_the_code() -> None:
    graph = subject("step").graph
    emitted = view(graph, "llvm").code
    optimized = view(graph, "llvm", Options(optimized=True)).code
    assert "alloca" in emitted
    assert optimized.count("alloca") < emitted.count("alloca")


def test_a_kernel_alone_is_the_function_that_it_is_in_the_program() -> None:
    graph = subject("step").graph
    whole = llvm.parse_assembly(view(graph, "llvm").code)
    alone = llvm.parse_assembly(view(graph, "llvm", Options(kernel=1)).code)
    (name,) = [f.name for f in alone.functions if f.name + ".task" in str(alone)]
    one, other = (str(module.get_function(name)).partition("#")[0] for module in (whole, alone))
    assert one == other


def test_assembly_of_the_program_and_of_one_kernel() -> None:
    graph = subject("step").graph
    whole, one = view(graph, "asm"), view(graph, "asm", Options(kernel=1))
    assert "graphc_entry:" in whole.code and "kernel_" in whole.code
    assert "graphc_entry" not in one.code and "kernel_" in one.code
    assert whole.data["target"]["vector_bits"] >= 128


def test_another_cpu_can_be_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPHC_TARGET_CPU", "x86-64-v3")
    if not llvm.get_process_triple().startswith("x86_64"):
        pytest.skip("x86-64-v3 is no CPU of this architecture")
    data = view(subject("step").graph, "asm").data
    assert data["target"]["cpu"] == "x86-64-v3"
    assert "%zmm" not in data["text"]


@pytest.mark.parametrize("stage", ["kernels", "llvm", "asm"])
def test_the_same_bytes_in_every_process(stage: str) -> None:
    """Whatever the order in which Python's sets come."""
    arguments = ["show", f"{PERCEPTRON}:step", "--stage", stage, "--kernel", "1"]
    shown = {
        subprocess.run(
            [sys.executable, "-m", "graphc", *arguments],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            check=True,
            capture_output=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(shown) == 1
    assert len(shown.pop()) > 200
