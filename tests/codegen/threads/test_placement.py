"""Woken workers begin on other processors, and may run where they were allowed to before."""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import llvmlite.binding as llvm
import pytest
from llvmlite import ir

from graphc.codegen.target import Target, current_target
from graphc.codegen.threads.placement import MOST_WORKERS, on_other_processors
from graphc.codegen.threads.pool import emit_pool
from graphc.codegen.threads.pool_function import PoolFunction
from graphc.codegen.values import VOID
from graphc.runtime.pool import Pool
from tests.runtime.pool_tasks import Drive

TASKS_OF_PROCESS = Path("/proc/self/task")

on_linux = pytest.mark.skipif(
    not TASKS_OF_PROCESS.exists() or not hasattr(os, "sched_setaffinity"),
    reason="threads are placed on Linux alone",
)


def threads() -> set[int]:
    return {int(task.name) for task in TASKS_OF_PROCESS.iterdir()}


def started(pool: Pool) -> list[int]:
    """The system's numbers of a pool's workers, which this starts."""
    before = threads()
    Drive(pool.threads).run(pool.address, 1, task="meet")
    return sorted(threads() - before)


@contextmanager
def kept_to(processor: int) -> Iterator[None]:
    """This thread stays on a processor in the code inside."""
    me = threading.get_native_id()
    allowed = os.sched_getaffinity(me)
    os.sched_setaffinity(me, {processor})
    try:
        yield
    finally:
        os.sched_setaffinity(me, allowed)


def while_placed(pool: Pool, look: Callable[[], None]) -> None:
    """Call a function where a caller would wake workers."""
    module = ir.Module(name="placing")
    module.triple = current_target().triple
    code = PoolFunction(module, "placing", VOID, [ir.FunctionType(VOID, []).as_pointer()])
    with on_other_processors(code):
        code.builder.call(code.arguments[0], [])
    code.builder.ret_void()
    library = (
        llvm.JITLibraryBuilder()
        .add_current_process()
        .add_ir(module)
        .export_symbol("placing")
        .link(llvm.create_lljit_compiler(), "placing")
    )
    callback = ctypes.CFUNCTYPE(None)(look)
    placing = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)(library["placing"])
    placing(pool.address, ctypes.cast(callback, ctypes.c_void_p))


@on_linux
@pytest.mark.parametrize(("count", "moved"), [(3, True), (MOST_WORKERS + 2, False)])
def test_a_few_workers_keep_off_the_callers_processor(count: int, moved: bool) -> None:
    allowed = os.sched_getaffinity(0)
    if len(allowed) == 1:
        pytest.skip("there is one processor here")
    with Pool(count) as pool:
        workers = started(pool)
        found: list[set[int]] = []
        with kept_to(max(allowed)):
            while_placed(pool, lambda: found.extend(map(os.sched_getaffinity, workers)))
        after = [os.sched_getaffinity(worker) for worker in workers]
    assert found == [allowed - {max(allowed)} if moved else allowed] * (count - 1)
    assert after == [allowed] * (count - 1)


@on_linux
def test_waking_overrules_nobody_who_sets_where_workers_run() -> None:
    """Whether that leaves them a processor other than the caller's or not."""
    first, *others = sorted(os.sched_getaffinity(0))
    wanted = [{first}, set(others) or {first}]
    with Pool(3) as pool:
        workers = started(pool)
        for worker, processors in zip(workers, wanted, strict=True):
            os.sched_setaffinity(worker, processors)
        with kept_to(first):
            drive = Drive(3).run(pool.address, 200, task="meet", idle=150_000)
        assert (drive.wrong, drive.trapped) == (0, 0)
        assert [os.sched_getaffinity(worker) for worker in workers] == wanted


@pytest.mark.parametrize(
    ("triple", "placed"),
    [
        ("x86_64-unknown-linux-gnu", True),
        ("aarch64-unknown-linux-musl", True),
        ("aarch64-unknown-linux-android", False),
        ("arm64-apple-macosx14.0", False),
    ],
)
def test_other_systems_choose_by_themselves(triple: str, placed: bool) -> None:
    text = str(emit_pool(Target(triple, "", "", 128)))
    assert ("pthread_setaffinity_np" in text) == placed
    assert ("sched_getcpu" in text) == placed
