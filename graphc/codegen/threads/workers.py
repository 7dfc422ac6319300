"""The life of the pool's workers: how they start, look for work, and end."""

from __future__ import annotations

import signal

from llvmlite import ir

from graphc.codegen.threads.pool_function import (
    BUSY,
    FINISHED,
    HANDLES,
    MUTEX,
    NULL,
    ONE,
    STARTED,
    STOP,
    WORK,
    WORKERS,
    ZERO,
    PoolFunction,
)
from graphc.codegen.threads.waiting import is_idle, report
from graphc.codegen.values import I32, I64, POINTER, VOID

#: As much as the main thread usually has, for a piece may need megabytes; the C library's own
#: choice is as low as 128 KiB.
STACK_BYTES = 8 << 20


def emit_worker(module: ir.Module) -> None:
    """`ptr gc.worker(pool)`: a worker's life, as pthread_create starts it."""
    code = PoolFunction(module, "gc.worker", POINTER)
    builder = code.builder
    head, live, leave = (builder.append_basic_block(n) for n in ("head", "live", "leave"))
    builder.branch(head)
    builder.position_at_end(head)
    builder.cbranch(code.zero(code.load(STOP, "acquire")), live, leave)
    builder.position_at_end(live)
    ran = code.own("gc.work", NULL, result=I64)
    with builder.if_then(code.positive(ran)):
        report(code, ran)
    code.spin(lambda: builder.not_(is_idle(code)), gives_way=True)
    with builder.if_then(is_idle(code)):
        code.own("gc.sleep")
    builder.branch(head)
    builder.position_at_end(leave)
    builder.ret(NULL)


def emit_start(module: ir.Module) -> None:
    """`void gc.start(pool)`: start the workers, or as many as the system allows."""
    code = PoolFunction(module, "gc.start", VOID)
    attributes, before = code.opaque(), code.opaque()
    _block_signals(code, before)
    code.call("pthread_attr_init", attributes)
    code.call("pthread_attr_setstacksize", attributes, I64(STACK_BYTES))
    worker = module.globals["gc.worker"]
    with code.counted(code.load(WORKERS, "monotonic")):
        started = code.load(STARTED)
        handle = code.builder.gep(code.field(HANDLES), [started], source_etype=I64)
        failure = code.call("pthread_create", handle, attributes, worker, code.pool)
        created = code.builder.icmp_signed("==", failure, I32(0))
        code.store(code.builder.add(started, code.builder.zext(created, I64)), STARTED)
    with code.builder.if_then(code.zero(code.load(STARTED))):
        code.store(ZERO, WORKERS, "monotonic")  # none: do not try again for each job
    code.call("pthread_attr_destroy", attributes)
    code.call("pthread_sigmask", I32(signal.SIG_SETMASK), before, NULL)
    code.builder.ret_void()


def _block_signals(code: PoolFunction, before: ir.Value) -> None:
    """Leave signals to the threads that there are, where Python looks for them.

    Those that a fault raises in the very thread that caused it stay open, for faulthandler.
    """
    faults = (signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGABRT)
    blocked = code.opaque()
    code.call("sigfillset", blocked)
    for fault in faults:
        code.call("sigdelset", blocked, I32(fault))
    code.call("pthread_sigmask", I32(signal.SIG_SETMASK), blocked, before)


def emit_stop(module: ir.Module) -> None:
    """`i64 gc.stop(pool)`: 1 when no worker is left, 0 if the pool is busy with a job.

    Takes the pool as a job does, so nobody else uses it meanwhile, and waits for the workers,
    which have nothing left to do.
    """
    code = PoolFunction(module, "gc.stop", I64)
    with code.unless(code.take()):
        code.builder.ret(ZERO)
    with code.builder.if_then(code.positive(code.load(STARTED))):
        _end_workers(code)
    code.store(ZERO, BUSY, "release")
    code.builder.ret(ONE)


def _end_workers(code: PoolFunction) -> None:
    """Tell the workers to leave, and wait until they have."""
    code.store(ONE, STOP, "seq_cst")
    with code.locked():
        pass  # for the same reason as in gc.wake
    code.call("pthread_cond_broadcast", code.field(WORK))
    with code.counted(code.load(STARTED)) as k:
        handle = code.builder.gep(code.field(HANDLES), [k], source_etype=I64)
        code.call("pthread_join", code.builder.load(handle, typ=POINTER), NULL)
    code.store(ZERO, STARTED)
    code.store(ZERO, STOP)


def emit_close(module: ir.Module) -> None:
    """`i64 gc.close(pool)`: from now on every job is run by its caller alone."""
    code = PoolFunction(module, "gc.close", I64)
    code.store(ZERO, WORKERS, "monotonic")
    stopped = code.own("gc.stop", result=I64)
    with code.unless(code.zero(stopped)):
        for condition in (WORK, FINISHED):
            code.call("pthread_cond_destroy", code.field(condition))
        code.call("pthread_mutex_destroy", code.field(MUTEX))
    code.builder.ret(stopped)
