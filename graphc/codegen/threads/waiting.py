"""How workers wait for jobs, and the caller for the pieces that workers have begun.

`graphc/codegen/threads/pool.py` says why no wake-up is lost.
"""

from __future__ import annotations

from llvmlite import ir

from graphc.codegen.threads.placement import on_other_processors
from graphc.codegen.threads.pool_function import (
    DONE,
    FINISHED,
    MUTEX,
    ONE,
    REMAINING,
    SLEEPERS,
    STOP,
    WAITING,
    WORK,
    ZERO,
    PoolFunction,
)
from graphc.codegen.values import I64, VOID


def is_idle(code: PoolFunction) -> ir.Value:
    """Whether there is neither a piece to claim nor a reason to leave."""
    none = code.builder.not_(code.positive(code.load(REMAINING, "seq_cst")))
    return code.builder.and_(none, code.zero(code.load(STOP, "seq_cst")))


def report(code: PoolFunction, ran: ir.Value) -> None:
    """Tell the caller how many pieces are done; the job may be gone after that."""
    code.add(DONE, ran, "seq_cst")
    with code.unless(code.zero(code.load(WAITING, "seq_cst"))):
        with code.locked():
            pass
        code.call("pthread_cond_signal", code.field(FINISHED))


def emit_sleep(module: ir.Module) -> None:
    """`void gc.sleep(pool)`: sleep until woken, unless there is something to do."""
    code = PoolFunction(module, "gc.sleep", VOID)
    with code.locked():
        code.add(SLEEPERS, ONE, "seq_cst")
        with code.builder.if_then(is_idle(code)):
            code.call("pthread_cond_wait", code.field(WORK), code.field(MUTEX))
        code.add(SLEEPERS, I64(-1), "seq_cst")
    code.builder.ret_void()


def emit_wake(module: ir.Module) -> None:
    """`void gc.wake(pool, i64 count)`: wake so many sleepers, or all if there are no more."""
    code = PoolFunction(module, "gc.wake", VOID, [I64])
    builder, count = code.builder, code.arguments[0]
    with code.locked():
        sleepers = code.load(SLEEPERS, "monotonic")
    enough = builder.icmp_signed(">=", count, sleepers)
    with on_other_processors(code), builder.if_else(enough) as (everybody, some):
        with everybody:
            code.call("pthread_cond_broadcast", code.field(WORK))
        with some, code.counted(count):
            code.call("pthread_cond_signal", code.field(WORK))
    builder.ret_void()


def emit_wait(module: ir.Module) -> None:
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
