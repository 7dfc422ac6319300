"""The pool's code on other processors, and calls of it as compiled programs make them."""

from __future__ import annotations

import ctypes
import re

import llvmlite.binding as llvm
import numpy as np
import pytest
from llvmlite import ir

from graphc.codegen.target import Target, current_target
from graphc.codegen.threads import pool_function as fields
from graphc.codegen.threads.pool import (
    call_parallel_for,
    emit_pool,
    is_available,
    pool_bytes,
)
from graphc.codegen.values import I64, POINTER, VOID
from graphc.runtime.pool import Pool

pytestmark = pytest.mark.skipif(not is_available(), reason="there are no POSIX threads here")


def assembly(triple: str, opt: int) -> str:
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    try:
        machine = llvm.Target.from_triple(triple).create_target_machine(opt=opt, reloc="pic")
    except RuntimeError:
        pytest.skip(f"this LLVM was built without {triple}")
    parsed = llvm.parse_assembly(str(emit_pool(Target(triple, "", "", 128))))
    parsed.verify()
    return str(machine.emit_assembly(parsed))


@pytest.mark.parametrize("opt", [0, 2])
@pytest.mark.parametrize(
    ("triple", "pause", "control"),
    [
        ("x86_64-unknown-linux-gnu", r"\bpause\b", r"\bldmxcsr\b"),
        ("aarch64-unknown-linux-gnu", r"\bisb\b", r"\bmsr\s+FPCR\b"),
        ("arm64-apple-macosx14.0", r"\bisb\b", r"\bmsr\s+FPCR\b"),
    ],
)
def test_known_processors_pause_and_share_their_control(
    triple: str, pause: str, control: str, opt: int
) -> None:
    text = assembly(triple, opt)
    assert len(re.findall(pause, text, re.IGNORECASE)) == 2  # a worker's wait and the caller's
    assert len(re.findall(control, text, re.IGNORECASE)) == 1


@pytest.mark.parametrize("opt", [0, 2])
def test_other_processors_sleep_at_once(opt: int) -> None:
    text = assembly("riscv64-unknown-linux-gnu", opt)
    assert "sched_yield" not in text
    assert "pthread_cond_wait" in text


def test_threads_write_to_different_cache_lines() -> None:
    written = (fields.BUSY, fields.REMAINING, fields.DONE, fields.SLEEPERS, fields.MUTEX)
    assert len({offset // fields.LINE for offset in (fields.PARALLEL_FOR, *written)}) == 6
    assert pool_bytes(3) == fields.HANDLES + 3 * 8


def calling_module() -> ir.Module:
    """`void run(pool, counters, pieces)`: adds 1 to that many counters."""
    module = ir.Module(name="caller")
    module.triple = current_target().triple
    task = ir.Function(module, fields.TASK_TYPE, name="task")
    builder = ir.IRBuilder(task.append_basic_block("entry"))
    place = builder.gep(task.args[0], [task.args[1]], source_etype=I64)
    builder.store(builder.add(builder.load(place, typ=I64), I64(1)), place)
    builder.ret_void()
    run = ir.Function(module, ir.FunctionType(VOID, [POINTER, POINTER, I64]), name="run")
    builder = ir.IRBuilder(run.append_basic_block("entry"))
    pool, counters, pieces = run.args
    call_parallel_for(builder, pool, task, counters, pieces, pieces, fields.NULL)
    builder.ret_void()
    return module


@pytest.mark.parametrize("pieces", [0, 1, 2, 1_000])
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_compiled_code_calls_the_pool_or_loops(threads: int, pieces: int) -> None:
    code = llvm.JITLibraryBuilder().add_ir(calling_module()).export_symbol("run")
    library = code.link(llvm.create_lljit_compiler(), "caller")
    type_ = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)
    run = type_(library["run"])
    counters = np.zeros(pieces + 1, np.int64)
    with Pool(threads) as pool:
        assert (pool.address == 0) == (threads == 1)
        for _ in range(100):
            run(pool.address, counters.ctypes.data, pieces)
        assert pool.workers == (threads - 1 if pieces > 1 else 0)
    assert counters.tolist() == [100] * pieces + [0]
