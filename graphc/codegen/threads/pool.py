"""The native thread pool: one struct, and the functions that work on it, as an LLVM module.

A *job* is a task with a context and a number of pieces. The thread that calls `gc.parallel_for`
works on its job like any worker and waits for nothing but pieces that others have begun:

1. The caller takes the pool by setting BUSY from 0 to 1. If it cannot, it runs all pieces itself.
2. It writes the job (TASK, CONTEXT, PIECES), sets DONE to 0, and publishes the job by storing the
   number of pieces in REMAINING. If SLEEPERS is not 0 it wakes as many as there is work for.
3. Everybody claims pieces by subtracting 1 from REMAINING. A positive old value is a claim, and it
   tells which piece; any other value means that there is nothing to do.
4. A worker that finds no more pieces adds the number it ran to DONE, in one step.
5. The caller, when it finds no more, waits until DONE is what it has not run itself, and sets BUSY
   back to 0.

Why a worker that wakes late does no harm: nothing of a job is read before a claim. A positive old
value can only be seen between a publication and the last claim after it, and the job that is then
published cannot end before its claimant has reported; so the claim is one of the current job,
however long ago the worker looked, and TASK and CONTEXT stay what they are until it reports. A
late worker only makes REMAINING more negative, which the next publication overwrites. No number
of generations is needed, and none can wrap around.

Orders: the publication releases the job to the claims, which acquire it (subtractions in between
continue its release sequence); the report releases what a worker wrote to the caller's look at
DONE, which acquires it; BUSY hands the pool from caller to caller.

Why no wake-up is lost: a worker counts itself in SLEEPERS and then looks at REMAINING, the caller
publishes REMAINING and then looks at SLEEPERS, and these four are sequentially consistent, so at
least one of the two sees the other. The worker does both under the mutex and gives that up only
in waiting; a caller that has seen a sleeper passes through the mutex before it signals, so the
worker either waits already or has yet to look. The caller's wait for DONE is the same with the
parts exchanged (WAITING, DONE). A worker looks for a moment before it sleeps, also after it has
been woken for nothing; no thread looks for longer than SPIN nanoseconds.

Floating-point control (rounding, subnormals to zero) is a register of each thread. Workers take
over the caller's, or bits would depend on who runs a piece.
"""

from __future__ import annotations

import os
import signal
import time

from llvmlite import ir

from graphc.codegen.target import Target
from graphc.codegen.threads.pool_function import (
    BUSY,
    CONTEXT,
    DONE,
    FINISHED,
    HANDLES,
    MUTEX,
    NULL,
    ONE,
    PARALLEL_FOR,
    PARALLEL_FOR_TYPE,
    PIECES,
    REMAINING,
    SLEEPERS,
    SPIN,
    STARTED,
    STOP,
    TASK,
    TASK_POINTER,
    WAITING,
    WORK,
    WORKERS,
    ZERO,
    PoolFunction,
    counted,
    restore_control,
    save_control,
)
from graphc.codegen.values import I8, I32, I64, POINTER, VOID, overloaded

#: As much as the main thread usually has, for a piece may need megabytes; the C library's own
#: choice is as low as 128 KiB.
STACK_BYTES = 8 << 20


def is_available() -> bool:
    """Whether this system has POSIX threads; elsewhere programs run serially, as with no pool."""
    return os.name == "posix"


def pool_bytes(workers: int) -> int:
    """The size of the struct, which must lie at a multiple of LINE."""
    return HANDLES + 8 * workers


def emit_pool(target: Target) -> ir.Module:
    """The module of the pool's functions, for the process that emits it (it knows its signals).

    - `void gc.initialize(pool, i64 workers, i64 spin)` makes a struct, in any memory
    - `void gc.parallel_for(pool, task, context, i64 pieces, room)` starts workers when first needed
    - `i64 gc.stop(pool)` ends the workers, to be started again when needed; 0 if a job is running
    - `i64 gc.close(pool)` ends them for good; 0 if a job is running, and should be called again
    """
    module = ir.Module(name="graphc_pool")
    module.triple = target.triple
    _emit_now(module)
    _emit_work(module)
    _emit_sleep(module)
    _emit_worker(module)
    _emit_start(module)
    _emit_wake(module)
    _emit_wait(module)
    _emit_parallel_for(module)
    _emit_initialize(module)
    _emit_stop(module)
    _emit_close(module)
    return module


def call_parallel_for(
    builder: ir.IRBuilder,
    pool: ir.Value,
    task: ir.Function,
    context: ir.Value,
    pieces: ir.Value,
    room: ir.Value,
) -> None:
    """Emit a call of the pool's `parallel_for`, or a plain loop if the pool is null."""
    is_null = builder.icmp_unsigned("==", pool, NULL)
    with builder.if_else(is_null) as (alone, together):
        with alone:
            _emit_serial(builder, task, context, pieces, room)
        with together:
            function = builder.load(pool, typ=PARALLEL_FOR_TYPE.as_pointer())
            builder.call(function, [pool, task, context, pieces, room])


def _emit_serial(
    builder: ir.IRBuilder, task: ir.Value, context: ir.Value, pieces: ir.Value, room: ir.Value
) -> None:
    with counted(builder, pieces) as piece:
        builder.call(task, [context, piece, room])


def _emit_now(module: ir.Module) -> None:
    """`i64 gc.now()`."""
    function = ir.Function(module, ir.FunctionType(I64, []), name="gc.now")
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    pair = builder.alloca(ir.ArrayType(I64, 2))  # seconds and nanoseconds
    overloaded(builder, "clock_gettime", I32, I32(time.CLOCK_MONOTONIC), pair)
    seconds = builder.load(pair, typ=I64)
    rest = builder.load(builder.gep(pair, [I64(8)], source_etype=I8), typ=I64)
    builder.ret(builder.add(builder.mul(seconds, I64(1_000_000_000)), rest))


def _emit_work(module: ir.Module) -> None:
    """`i64 gc.work(pool, room)`: run pieces until none is left to claim; how many it were."""
    code = PoolFunction(module, "gc.work", I64, [POINTER])
    (room,) = code.arguments
    builder = code.builder
    with code.unless(code.positive(code.load(REMAINING, "monotonic"))):
        builder.ret(ZERO)  # idle threads only look
    first = code.add(REMAINING, I64(-1), "acquire")
    with code.unless(code.positive(first)):
        builder.ret(ZERO)
    restore_control(code)
    task = code.load(TASK, type_=TASK_POINTER)
    context, pieces = code.load(CONTEXT, type_=POINTER), code.load(PIECES)
    before = builder.block
    run, done = builder.append_basic_block("run"), builder.append_basic_block("done")
    builder.branch(run)
    builder.position_at_end(run)
    left, ran = builder.phi(I64), builder.phi(I64)
    builder.call(task, [context, builder.sub(pieces, left), room])
    following, count = code.add(REMAINING, I64(-1), "acquire"), builder.add(ran, ONE)
    for phi, start, onwards in ((left, first, following), (ran, ZERO, count)):
        phi.add_incoming(start, before)
        phi.add_incoming(onwards, run)
    builder.cbranch(code.positive(following), run, done)
    builder.position_at_end(done)
    builder.ret(count)


def _emit_worker(module: ir.Module) -> None:
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
        _report(code, ran)
    code.spin(lambda: builder.not_(_is_idle(code)), gives_way=True)
    with builder.if_then(_is_idle(code)):
        code.own("gc.sleep")
    builder.branch(head)
    builder.position_at_end(leave)
    builder.ret(NULL)


def _is_idle(code: PoolFunction) -> ir.Value:
    """Whether there is neither a piece to claim nor a reason to leave."""
    none = code.builder.not_(code.positive(code.load(REMAINING, "seq_cst")))
    return code.builder.and_(none, code.zero(code.load(STOP, "seq_cst")))


def _report(code: PoolFunction, ran: ir.Value) -> None:
    """Tell the caller how many pieces are done; the job may be gone after that."""
    code.add(DONE, ran, "seq_cst")
    with code.unless(code.zero(code.load(WAITING, "seq_cst"))):
        with code.locked():
            pass
        code.call("pthread_cond_signal", code.field(FINISHED))


def _emit_sleep(module: ir.Module) -> None:
    """`void gc.sleep(pool)`: sleep until woken, unless there is something to do."""
    code = PoolFunction(module, "gc.sleep", VOID)
    with code.locked():
        code.add(SLEEPERS, ONE, "seq_cst")
        with code.builder.if_then(_is_idle(code)):
            code.call("pthread_cond_wait", code.field(WORK), code.field(MUTEX))
        code.add(SLEEPERS, I64(-1), "seq_cst")
    code.builder.ret_void()


def _emit_wake(module: ir.Module) -> None:
    """`void gc.wake(pool, i64 count)`: wake so many sleepers, or all if there are no more."""
    code = PoolFunction(module, "gc.wake", VOID, [I64])
    builder, count = code.builder, code.arguments[0]
    with code.locked():
        sleepers = code.load(SLEEPERS, "monotonic")
    with builder.if_else(builder.icmp_signed(">=", count, sleepers)) as (everybody, some):
        with everybody:
            code.call("pthread_cond_broadcast", code.field(WORK))
        with some, code.counted(count):
            code.call("pthread_cond_signal", code.field(WORK))
    builder.ret_void()


def _emit_wait(module: ir.Module) -> None:
    """`void gc.wait(pool, i64 count)`: wait until so many pieces are reported."""
    code = PoolFunction(module, "gc.wait", VOID, [I64])
    builder, count = code.builder, code.arguments[0]

    def is_done(order: str) -> ir.Value:
        return builder.icmp_signed("==", code.load(DONE, order), count)

    code.spin(lambda: is_done("acquire"), gives_way=False)
    with builder.if_then(is_done("acquire")):
        builder.ret_void()
    with code.locked():
        code.store(ONE, WAITING, "seq_cst")
        look, wait, after = (builder.append_basic_block(n) for n in ("look", "wait", "after"))
        builder.branch(look)
        builder.position_at_end(look)
        builder.cbranch(is_done("seq_cst"), after, wait)
        builder.position_at_end(wait)
        code.call("pthread_cond_wait", code.field(FINISHED), code.field(MUTEX))
        builder.branch(look)
        builder.position_at_end(after)
        code.store(ZERO, WAITING, "seq_cst")
    builder.ret_void()


def _emit_start(module: ir.Module) -> None:
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


def _emit_parallel_for(module: ir.Module) -> None:
    """`void gc.parallel_for(pool, task, context, i64 pieces, room)`, as said at the beginning."""
    code = PoolFunction(module, "gc.parallel_for", VOID, [TASK_POINTER, POINTER, I64, POINTER])
    builder = code.builder
    task, context, pieces, room = code.arguments
    several, take, together, alone = (
        builder.append_basic_block(name) for name in ("several", "take", "together", "alone")
    )
    single = builder.icmp_signed("<=", pieces, ONE)
    null = builder.icmp_unsigned("==", code.pool, NULL)
    builder.cbranch(builder.or_(single, null), alone, several)
    builder.position_at_end(several)
    builder.cbranch(code.zero(code.load(WORKERS, "monotonic")), alone, take)
    builder.position_at_end(take)
    builder.cbranch(_take(code), together, alone)
    builder.position_at_end(together)
    _publish(code)
    ran = code.own("gc.work", room, result=I64)
    code.own("gc.wait", builder.sub(pieces, ran))
    code.store(ZERO, BUSY, "release")
    builder.ret_void()
    builder.position_at_end(alone)
    _emit_serial(builder, task, context, pieces, room)
    builder.ret_void()


def _take(code: PoolFunction) -> ir.Value:
    """Whether the pool could be taken for this thread."""
    pair = code.builder.cmpxchg(code.field(BUSY), ZERO, ONE, "acquire", "monotonic")
    return code.builder.extract_value(pair, 1)


def _publish(code: PoolFunction) -> None:
    """Write down the job of a caller that has taken the pool, and call for workers."""
    builder = code.builder
    task, context, pieces, _ = code.arguments
    with builder.if_then(code.zero(code.load(STARTED)), likely=False):
        code.own("gc.start")
    code.store(task, TASK)
    code.store(context, CONTEXT)
    code.store(pieces, PIECES)
    save_control(code)
    code.store(ZERO, DONE)
    code.store(pieces, REMAINING, "seq_cst")
    with code.unless(code.zero(code.load(SLEEPERS, "seq_cst"))):
        code.own("gc.wake", builder.sub(pieces, ONE))


def _emit_initialize(module: ir.Module) -> None:
    """`void gc.initialize(pool, i64 workers, i64 spin)`: write every field, whatever was there."""
    code = PoolFunction(module, "gc.initialize", VOID, [I64, I64])
    workers, spin = code.arguments
    code.store(module.globals["gc.parallel_for"], PARALLEL_FOR)
    code.store(workers, WORKERS)
    code.store(spin, SPIN)
    for offset in (STARTED, STOP, BUSY, REMAINING, DONE, WAITING, SLEEPERS):
        code.store(ZERO, offset)
    code.call("pthread_mutex_init", code.field(MUTEX), NULL)
    for condition in (WORK, FINISHED):
        code.call("pthread_cond_init", code.field(condition), NULL)
    code.builder.ret_void()


def _emit_stop(module: ir.Module) -> None:
    """`i64 gc.stop(pool)`: 1 when no worker is left, 0 if the pool is busy with a job.

    Takes the pool as a job does, so nobody else uses it meanwhile, and waits for the workers,
    which have nothing left to do.
    """
    code = PoolFunction(module, "gc.stop", I64)
    with code.unless(_take(code)):
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


def _emit_close(module: ir.Module) -> None:
    """`i64 gc.close(pool)`: from now on every job is run by its caller alone."""
    code = PoolFunction(module, "gc.close", I64)
    code.store(ZERO, WORKERS, "monotonic")
    stopped = code.own("gc.stop", result=I64)
    with code.unless(code.zero(stopped)):
        for condition in (WORK, FINISHED):
            code.call("pthread_cond_destroy", code.field(condition))
        code.call("pthread_mutex_destroy", code.field(MUTEX))
    code.builder.ret(stopped)
