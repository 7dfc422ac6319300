"""Modules to object code on several threads: the same bytes, and LLVM's words for what is wrong."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from llvmlite import ir

from graphc import compiler
from graphc.codegen import translators
from graphc.codegen.program import ENTRY
from graphc.codegen.target import current_target
from graphc.codegen.translation import object_codes
from graphc.compiler import compile_graph
from graphc.errors import CompileError
from graphc.ir.dims import symbol
from graphc.ir.dtypes import float64
from graphc.ir.graph import extract
from graphc.ops import ops
from tests.native import run_native
from tests.properties.random_graphs import Twins, script_of

TARGET = current_target()


def modules() -> dict[str, ir.Module]:
    made = compile_graph(Twins(script_of(3)).graph(), stop="llvm").modules
    assert made is not None and len(made) > 4
    return made


def broken() -> ir.Module:
    module = ir.Module(name="broken")
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), []), name="broken")
    function.append_basic_block("entry")  # without an end
    return module


@pytest.mark.parametrize("threads", [2, 3, 7])
def test_the_same_objects_on_any_number_of_threads(
    threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = modules()
    monkeypatch.setattr(translators, "_cpus", lambda: 1)
    alone = object_codes(given, TARGET)
    monkeypatch.setattr(translators, "_cpus", lambda: threads)
    together = object_codes(given, TARGET)
    assert together == alone
    assert list(together) == list(given)
    assert object_codes({}, TARGET) == {}


@pytest.mark.parametrize("threads", [1, 3])
def test_what_llvm_refuses_is_a_compile_error(
    threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(translators, "_cpus", lambda: threads)
    with pytest.raises(
        CompileError, match="the generated code is not valid: LLVM IR parsing error"
    ):
        object_codes(modules() | {"broken": broken()}, TARGET)


def test_several_threads_of_the_program_translate_at_once() -> None:
    given = modules()
    expected = object_codes(given, TARGET)
    found: list[dict[str, bytes]] = []

    def translate() -> None:
        found.extend(object_codes(given, TARGET) for _ in range(3))

    threads = [threading.Thread(target=translate) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 9


def test_no_thread_is_left_behind() -> None:
    before = threading.active_count()
    object_codes(modules(), TARGET)
    assert threading.active_count() == before


def test_a_long_program_has_its_entry_translated_quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """It computes the same, with fewer of LLVM's pains taken over code that runs once."""
    x = ops.placeholder(shape=(symbol("n"), 3), dtype=float64, name="x")
    value = x
    for k in range(compiler.LONG + 6):
        value = ops.flip(ops.cumsum(ops.sort(value, axis=0), axis=0), axes=(1,))
        value = ops.tanh(value) if k % 2 else value
    array = np.linspace(-1, 1, 21).reshape(7, 3)
    (quick,) = run_native([value], {x: array})
    made = compile_graph(extract("long", [value]))
    assert made.schedule is not None and len(made.schedule.launches) > compiler.LONG
    monkeypatch.setattr(compiler, "LONG", 10**6)
    (thorough,) = run_native([value], {x: array})
    assert quick.tobytes() == thorough.tobytes()
    assert np.isfinite(quick).all()
    other = compile_graph(extract("long", [value]))
    assert made.objects is not None and other.objects is not None
    assert made.objects[ENTRY] != other.objects[ENTRY]
    assert {**made.objects, ENTRY: b""} == {**other.objects, ENTRY: b""}
