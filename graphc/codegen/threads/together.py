"""Launches that run at the same time, as one job for the threads.

The entry fills a context for each launch, enters it in a *job*, an array of words, and runs that:
its pieces are those of all its launches. Launches that are small share a piece, so that a thread
that takes one has something to do.
"""

from __future__ import annotations

from llvmlite import ir

from graphc.codegen.threads import parallel
from graphc.codegen.threads.parallel import ONE, ZERO, word
from graphc.codegen.threads.pool import call_parallel_for
from graphc.codegen.threads.pool_function import TASK_POINTER, TASK_TYPE, counted
from graphc.codegen.values import I64, POINTER, VOID

#: Words of a job: how many launches, how many pieces, the work of all of them, and that in the
#: last piece if it can be shared.
LAUNCHES, PIECES, WORK, SHARED, JOB_WORDS = range(5)

#: Words of a launch in a job, behind those: its first piece and how many it has.
TASK, CONTEXT, FIRST, NUMBER, LAUNCH_WORDS = range(5)


class Together:
    """The functions of a module for launches that run at the same time."""

    def __init__(self, module: ir.Module) -> None:
        self.join = _emit_join(module)
        self._task = _emit_task(module)
        self._run = _emit_run(module, self._task)

    @staticmethod
    def words(launches: int) -> int:
        """The size of a job for so many launches."""
        return JOB_WORDS + LAUNCH_WORDS * launches

    @staticmethod
    def begin(builder: ir.IRBuilder, job: ir.Value) -> None:
        """A job without launches."""
        for k in (LAUNCHES, PIECES, WORK, SHARED):
            builder.store(ZERO, word(builder, job, k))

    def run(self, builder: ir.IRBuilder, pool: ir.Value, job: ir.Value, room: ir.Value) -> None:
        """Run all that has joined, in room that is enough for each."""
        builder.call(self._run, [pool, job, room])


def _function(
    module: ir.Module, name: str, type_: ir.FunctionType
) -> tuple[ir.Function, ir.IRBuilder]:
    function = ir.Function(module, type_, name=name)
    function.linkage = "internal"
    return function, ir.IRBuilder(function.append_basic_block("entry"))


def _launch(builder: ir.IRBuilder, job: ir.Value, number: ir.Value) -> ir.Value:
    """The address of a launch's words."""
    place = builder.add(builder.mul(number, I64(LAUNCH_WORDS)), I64(JOB_WORDS))
    return word(builder, job, place)


def _emit_join(module: ir.Module) -> ir.Function:
    """`void join(job, task, context, extent, work, unit)`: enter a launch.

    It has as many pieces as if it ran alone. A launch of one piece goes into the piece before it
    while that has less than a piece's work.
    """
    type_ = ir.FunctionType(VOID, [POINTER, TASK_POINTER, POINTER, I64, I64, I64])
    function, builder = _function(module, "join", type_)
    job, task, context, extent, work, unit = function.args
    pieces = parallel.cut(builder, context, extent, work, unit)
    number, next_, before, shared = (
        builder.load(word(builder, job, k), typ=I64) for k in (LAUNCHES, PIECES, WORK, SHARED)
    )
    whole = builder.icmp_unsigned("==", pieces, ONE)
    full = I64(parallel.PIECE_WORK)
    together = builder.add(shared, work)
    fits = builder.and_(whole, builder.icmp_unsigned("<=", together, full))
    fits = builder.and_(fits, builder.icmp_unsigned("!=", shared, ZERO))
    last = builder.sub(next_, ONE)
    first = builder.select(fits, last, next_)
    left = builder.select(whole, builder.select(fits, together, work), ZERO)
    own = _launch(builder, job, number)
    for k, value in ((TASK, task), (CONTEXT, context), (FIRST, first), (NUMBER, pieces)):
        builder.store(value, word(builder, own, k))
    builder.store(builder.add(number, ONE), word(builder, job, LAUNCHES))
    builder.store(builder.add(first, pieces), word(builder, job, PIECES))
    builder.store(builder.add(before, work), word(builder, job, WORK))
    builder.store(left, word(builder, job, SHARED))
    builder.ret_void()
    return function


def _emit_task(module: ir.Module) -> ir.Function:
    """`void joint_task(job, piece, room)`: the piece of every launch that has one so numbered."""
    function, builder = _function(module, "joint_task", TASK_TYPE)
    job, piece, room = function.args
    launches = builder.load(word(builder, job, LAUNCHES), typ=I64)
    with counted(builder, launches) as number:
        own = _launch(builder, job, number)
        first, pieces = (builder.load(word(builder, own, k), typ=I64) for k in (FIRST, NUMBER))
        mine = builder.sub(piece, first)
        with builder.if_then(builder.icmp_unsigned("<", mine, pieces)):
            task = builder.load(word(builder, own, TASK), typ=TASK_POINTER)
            context = builder.load(word(builder, own, CONTEXT), typ=POINTER)
            builder.call(task, [context, mine, room])
    builder.ret_void()
    return function


def _emit_run(module: ir.Module, task: ir.Function) -> ir.Function:
    """`void run_together(pool, job, room)`."""
    type_ = ir.FunctionType(VOID, [POINTER, POINTER, POINTER])
    function, builder = _function(module, "run_together", type_)
    pool, job, room = function.args
    pieces, work = (builder.load(word(builder, job, k), typ=I64) for k in (PIECES, WORK))
    with builder.if_then(builder.icmp_unsigned("==", pieces, ONE)):
        builder.call(task, [job, ZERO, room])
        builder.ret_void()
    call_parallel_for(builder, pool, task, job, pieces, work, room)
    builder.ret_void()
    return function
