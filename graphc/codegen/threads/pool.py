"""The native thread pool: one struct, and the functions that work on it, as an LLVM module.

A *job* is a task with a context and a number of pieces. The thread that calls `gc.parallel_for`
works on its job like any worker and waits for nothing but pieces that others have begun:

1. The caller takes the pool by setting BUSY from 0 to 1. If it cannot, it runs all pieces itself.
2. It writes the job (TASK, CONTEXT, PIECES), sets DONE to 0, and publishes the job by storing the
   number of pieces in REMAINING. If SLEEPERS is not 0, and it has had enough work alone to make
   that worth it (PATIENCE), it wakes as many as there are pieces for.
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

Workers' own code is in `workers.py`, all waiting and waking in `waiting.py`, and where workers that
are woken begin to run in `placement.py`.

Floating-point control (rounding, subnormals to zero) is a register of each thread. Workers take
over the caller's, or bits would depend on who runs a piece.
"""

from __future__ import annotations

import os
import time

from llvmlite import ir

from graphc.codegen.target import Target
from graphc.codegen.threads.pool_function import (
    ALONE,
    BUSY,
    CONTEXT,
    DONE,
    FINISHED,
    HANDLES,
    LAST,
    MUTEX,
    NULL,
    ONE,
    PARALLEL_FOR,
    PARALLEL_FOR_TYPE,
    PATIENCE,
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
from graphc.codegen.threads.waiting import emit_sleep, emit_wait, emit_wake
from graphc.codegen.threads.workers import emit_close, emit_start, emit_stop, emit_worker
from graphc.codegen.values import I8, I32, I64, POINTER, VOID, overloaded

#: Within how many nanoseconds a job begins that follows soon after another.
SOON = 200_000


def is_available() -> bool:
    """Whether this system has POSIX threads; elsewhere programs run serially, as with no pool."""
    return os.name == "posix"


def pool_bytes(workers: int) -> int:
    """The size of the struct, which must lie at a multiple of LINE."""
    return HANDLES + 8 * workers


def emit_pool(target: Target) -> ir.Module:
    """The module of the pool's functions, for the process that emits it (it knows its signals).

    - `void gc.initialize(pool, i64 workers, i64 spin, i64 patience)` makes a struct, in any memory
    - `void gc.parallel_for(pool, task, context, i64 pieces, i64 work, room)` starts workers when
      first needed
    - `i64 gc.stop(pool)` ends the workers, to be started again when needed; 0 if a job is running
    - `i64 gc.close(pool)` ends them for good; 0 if a job is running, and should be called again
    """
    module = ir.Module(name="graphc_pool")
    module.triple = target.triple
    _emit_now(module)
    _emit_work(module)
    emit_sleep(module)
    emit_wake(module)
    emit_wait(module)
    emit_worker(module)
    emit_start(module)
    emit_stop(module)
    emit_close(module)
    _emit_parallel_for(module)
    _emit_initialize(module)
    return module


def call_parallel_for(
    builder: ir.IRBuilder,
    pool: ir.Value,
    task: ir.Function,
    context: ir.Value,
    pieces: ir.Value,
    work: ir.Value,
    room: ir.Value,
) -> None:
    """Emit a call of the pool's `parallel_for`, or a plain loop if the pool is null."""
    is_null = builder.icmp_unsigned("==", pool, NULL)
    with builder.if_else(is_null) as (alone, together):
        with alone:
            _emit_serial(builder, task, context, pieces, room)
        with together:
            function = builder.load(pool, typ=PARALLEL_FOR_TYPE.as_pointer())
            builder.call(function, [pool, task, context, pieces, work, room])


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


def _emit_parallel_for(module: ir.Module) -> None:
    """`void gc.parallel_for(pool, task, context, i64 pieces, i64 work, room)`, as said above."""
    code = PoolFunction(module, "gc.parallel_for", VOID, [TASK_POINTER, POINTER, I64, I64, POINTER])
    builder = code.builder
    task, context, pieces, work, room = code.arguments
    several, take, together, alone = (
        builder.append_basic_block(name) for name in ("several", "take", "together", "alone")
    )
    single = builder.icmp_signed("<=", pieces, ONE)
    null = builder.icmp_unsigned("==", code.pool, NULL)
    builder.cbranch(builder.or_(single, null), alone, several)
    builder.position_at_end(several)
    builder.cbranch(code.zero(code.load(WORKERS, "monotonic")), alone, take)
    builder.position_at_end(take)
    builder.cbranch(code.take(), together, alone)
    builder.position_at_end(together)
    _publish(code, task, context, pieces)
    _call_workers(code, pieces, work)
    ran = code.own("gc.work", room, result=I64)
    code.own("gc.wait", builder.sub(pieces, ran))
    code.store(ZERO, BUSY, "release")
    builder.ret_void()
    builder.position_at_end(alone)
    _emit_serial(builder, task, context, pieces, room)
    builder.ret_void()


def _publish(code: PoolFunction, task: ir.Value, context: ir.Value, pieces: ir.Value) -> None:
    """Write down the job of a caller that has taken the pool."""
    with code.builder.if_then(code.zero(code.load(STARTED)), likely=False):
        code.own("gc.start")
    code.store(task, TASK)
    code.store(context, CONTEXT)
    code.store(pieces, PIECES)
    save_control(code)
    code.store(ZERO, DONE)
    code.store(pieces, REMAINING, "seq_cst")


def _call_workers(code: PoolFunction, pieces: ir.Value, work: ir.Value) -> None:
    """Wake workers that sleep, if there is enough to do for them.

    A short job is over before they are awake, and waking them takes time of the caller's. So it
    begins alone with its first jobs, and wakes them when it has had PATIENCE of work so, in jobs
    that follow soon after each other. A job is never left waiting for who is not woken.
    """
    builder = code.builder
    with code.unless(code.zero(code.load(SLEEPERS, "seq_cst"))):
        now = code.now()
        soon = builder.icmp_signed("<", builder.sub(now, code.load(LAST)), I64(SOON))
        alone = builder.add(builder.select(soon, code.load(ALONE), ZERO), work)
        enough = builder.icmp_signed(">=", alone, code.load(PATIENCE))
        code.store(now, LAST)
        code.store(builder.select(enough, ZERO, alone), ALONE)
        with builder.if_then(enough):
            code.own("gc.wake", builder.sub(pieces, ONE))


def _emit_initialize(module: ir.Module) -> None:
    """`void gc.initialize(pool, i64 workers, i64 spin, i64 patience)`.

    It writes every field, whatever was there.
    """
    code = PoolFunction(module, "gc.initialize", VOID, [I64, I64, I64])
    workers, spin, patience = code.arguments
    code.store(module.globals["gc.parallel_for"], PARALLEL_FOR)
    code.store(workers, WORKERS)
    code.store(spin, SPIN)
    code.store(patience, PATIENCE)
    for offset in (ALONE, LAST, STARTED, STOP, BUSY, REMAINING, DONE, WAITING, SLEEPERS):
        code.store(ZERO, offset)
    code.call("pthread_mutex_init", code.field(MUTEX), NULL)
    for condition in (WORK, FINISHED):
        code.call("pthread_cond_init", code.field(condition), NULL)
    code.builder.ret_void()
