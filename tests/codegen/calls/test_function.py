"""The call path's module: valid, small, and for other machines as well."""

from __future__ import annotations

import time

import llvmlite.binding as llvm
import pytest

from graphc.codegen.calls import layout
from graphc.codegen.calls.function import CALL, TRY, emit_call
from graphc.codegen.calls.lists import ENTER, LEAVE, POP_ARENA, PUSH_ARENA, PUSH_SIGNATURE
from graphc.codegen.calls.steps import STEPS, emit_steps
from graphc.codegen.target import Target, current_target

PUBLIC = {CALL, TRY, ENTER, LEAVE, POP_ARENA, PUSH_ARENA, PUSH_SIGNATURE, STEPS}
TRIPLES = ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu", "arm64-apple-macosx14"]


def module_text(target: Target) -> str:
    module = emit_call(target, 24)
    emit_steps(module)
    return str(module)


@pytest.mark.parametrize("triple", TRIPLES)
def test_the_module_is_valid_and_compiles(triple: str) -> None:
    current_target()
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    parsed = llvm.parse_assembly(module_text(Target(triple, "", "", 128)))
    parsed.verify()
    machine = llvm.Target.from_triple(triple).create_target_machine(opt=0)
    assert 2_000 < len(machine.emit_object(parsed)) < 40_000
    defined = [function for function in parsed.functions if not function.is_declaration]
    assert {f.name for f in defined if f.linkage == llvm.Linkage.external} == PUBLIC


def test_what_it_calls_is_in_the_stable_abi() -> None:
    parsed = llvm.parse_assembly(module_text(current_target()))
    called = {function.name for function in parsed.functions if function.is_declaration}
    assert called == {
        "PyErr_Occurred", "PyEval_RestoreThread", "PyEval_SaveThread", "PyFloat_AsDouble",
        "PyList_GetItem",
        "PyList_New", "PyList_SetItem", "PyLong_FromLongLong", "PyObject_VectorcallMethod",
        "PySequence_Size", "PyTuple_GetItem", "PyTuple_New", "PyTuple_SetItem", "PyTuple_Size",
        "Py_DecRef", "Py_IncRef", "llvm.memcpy.p0.p0.i64",
    }  # fmt: skip


def test_fields_are_numbered_without_gaps() -> None:
    layouts = [
        value for value in vars(layout).values()
        if isinstance(value, type) and issubclass(value, layout.IntEnum)
        and value not in (layout.IntEnum, layout.NumPyArray)
    ]  # fmt: skip
    assert len(layouts) >= 15
    for struct in layouts:
        assert [int(field) for field in struct] == list(range(len(struct))), struct


def test_it_is_made_quickly() -> None:
    def seconds() -> float:
        begin = time.process_time()
        module_text(current_target())
        return time.process_time() - begin

    assert min(seconds() for _ in range(5)) < 0.1
