"""Where workers that are woken begin to run: on other processors than who wakes them.

Linux often puts a thread that is woken on the processor of the thread that wakes it, and then looks
at how busy the others are every few milliseconds only. On virtual machines it does so nearly always
after a pause, since a processor that is halted there passes for one that the host has taken away.
Then two threads take as long as one.

So while workers are being woken they may not run where the caller does. Linux chooses a woken
thread's processor within the call that wakes it; so what the threads may run on is right after that
call as whoever runs the program has set it, and was never more than that. Where nothing else is
allowed the system refuses, and they stay. Other systems are left to choose by themselves.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from llvmlite import ir

from graphc.codegen.threads.pool_function import HANDLES, STARTED, ZERO, PoolFunction
from graphc.codegen.values import I1, I8, I64, POINTER, VOID

#: Bytes of the C library's sets of processors, a bit for each.
SET_BYTES = 128

#: Of how many workers, at most, the place is chosen: it takes two microseconds for each.
MOST_WORKERS = 16


@contextmanager
def on_other_processors(code: PoolFunction) -> Iterator[None]:
    """Workers that the code inside wakes begin on other processors than this one, where possible.

    Only for who has taken the pool, for it writes to what belongs to all workers.
    """
    if not _is_possible(code):
        yield
        return
    builder = code.builder
    allowed = builder.alloca(ir.ArrayType(I8, SET_BYTES), I64(MOST_WORKERS))
    others = builder.alloca(ir.ArrayType(I8, SET_BYTES))
    for place in (allowed, others):
        place.align, place.type = 16, POINTER
    here = builder.zext(code.call("sched_getcpu"), I64)
    started = code.load(STARTED)
    few = builder.icmp_signed("<=", started, I64(MOST_WORKERS))
    known = builder.icmp_unsigned("<", here, I64(8 * SET_BYTES))
    count = builder.select(builder.and_(few, known), started, ZERO)
    with code.counted(count) as k:
        one = _element(code, allowed, k)
        # stays empty, and is refused too, where there are more processors than a set has room for
        code.call("llvm.memset.p0.i64", one, I8(0), I64(SET_BYTES), I1(0), result=VOID)
        code.call("pthread_getaffinity_np", _handle(code, k), I64(SET_BYTES), one)
        code.call("llvm.memcpy.p0.p0.i64", others, one, I64(SET_BYTES), I1(0), result=VOID)
        _remove(builder, others, here)
        code.call("pthread_setaffinity_np", _handle(code, k), I64(SET_BYTES), others)
    yield
    with code.counted(count) as k:
        one = _element(code, allowed, k)
        code.call("pthread_setaffinity_np", _handle(code, k), I64(SET_BYTES), one)


def _is_possible(code: PoolFunction) -> bool:
    """Whether the C library has the calls: that of Linux, but not Android's."""
    triple = str(code.builder.module.triple)
    return "linux" in triple and "android" not in triple


def _element(code: PoolFunction, sets: ir.Value, k: ir.Value) -> ir.Value:
    return code.builder.gep(sets, [k], source_etype=ir.ArrayType(I8, SET_BYTES))


def _handle(code: PoolFunction, k: ir.Value) -> ir.Value:
    place = code.builder.gep(code.field(HANDLES), [k], source_etype=I64)
    return code.builder.load(place, typ=POINTER)


def _remove(builder: ir.IRBuilder, processors: ir.Value, one: ir.Value) -> None:
    """Take a processor out of a set."""
    word = builder.gep(processors, [builder.lshr(one, I64(6))], source_etype=I64)
    bit = builder.shl(I64(1), builder.and_(one, I64(63)))
    builder.store(builder.and_(builder.load(word, typ=I64), builder.not_(bit)), word)
