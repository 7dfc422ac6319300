"""How the launches of a program are shared out among threads.

Every kernel is entered through a *task*, `void task(context, piece, room)`. The context is an array
of words that the entry fills for each launch: how many positions of the outermost loop make a
piece, how many there are, where failed checks are reported, then the kernel's pointers and sizes.
What a kernel needs for itself while a piece runs lies in the room, which the program has for the
thread that runs it; threads of the pool have it on their stacks, which are large enough.

A loop is cut by the work there is to do: the threads take pieces as they come, and no bit depends
on who runs which. A loop that takes the less time the longer its pieces are is cut into no more
than there are threads.
"""

from __future__ import annotations

from collections.abc import Sequence

from llvmlite import ir

from graphc.codegen.threads.pool import call_parallel_for
from graphc.codegen.threads.pool_function import TASK_POINTER, TASK_TYPE, counted, workers_of
from graphc.codegen.values import I1, I64, POINTER, VOID
from graphc.schedule.work import NANOSECOND

#: A piece's work, in the units of `graphc.schedule.work`. Handing one to a thread that looks for
#: work takes about 0.2 microseconds; for threads that sleep there must be more, see the pool.
PIECE_WORK = 8_000 * NANOSECOND

#: Pieces of one launch at most.
MOST_PIECES = 128

#: Words of the context before the kernel's own.
PIECE, EXTENT, REPORTS, OWN = range(4)

#: A report is 1 + the number of the failed check in its kernel, the index and the axis' size.
REPORT_WORDS = 3

#: Where rooms begin: at multiples of a cache line, as all memory of a program.
ROOM_ALIGNMENT = 64

ZERO, ONE = I64(0), I64(1)


def word(builder: ir.IRBuilder, base: ir.Value, k: int | ir.Value) -> ir.Value:
    """The address of the k-th word."""
    number = I64(k) if isinstance(k, int) else k
    return builder.gep(base, [number], source_etype=I64)


def emit_task(
    module: ir.Module, function: ir.Function, kinds: Sequence[ir.Type], room_bytes: int
) -> ir.Function:
    """The kernel's function as a task, named after it.

    `kinds` are the types of the kernel's own words. The function also takes where to report a
    failed check, room of so many bytes and, if its outermost loop may be cut, the range to run.
    """
    task = ir.Function(module, TASK_TYPE, name=task_name(function.name))
    task.attributes.add("nounwind")
    context, piece, room = task.args
    builder = ir.IRBuilder(task.append_basic_block("entry"))
    if room_bytes:
        on_stack = _emit_on_stack(module, task, room_bytes)
        with builder.if_then(builder.icmp_unsigned("==", room, ir.Constant(POINTER, None))):
            builder.call(on_stack, [context, piece])
            builder.ret_void()
    own = [builder.load(word(builder, context, OWN + k), typ=t) for k, t in enumerate(kinds)]
    reports = builder.load(word(builder, context, REPORTS), typ=POINTER)
    own += [word(builder, reports, builder.mul(piece, I64(REPORT_WORDS))), room]
    if len(function.args) > len(own):
        own += _range(builder, context, piece)
    builder.call(function, own)
    builder.ret_void()
    return task


def _emit_on_stack(module: ir.Module, task: ir.Function, room_bytes: int) -> ir.Function:
    """`void on_stack(context, piece)`: the task, with room on the stack; never part of a task."""
    type_ = ir.FunctionType(VOID, [POINTER, I64])
    function = ir.Function(module, type_, name=f"{task.name}.on_stack")
    function.linkage = "internal"
    function.attributes.add("noinline")
    function.attributes.add("nounwind")
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    room = builder.alloca(ir.IntType(8), I64(room_bytes))
    room.align, room.type = ROOM_ALIGNMENT, POINTER
    builder.call(task, [*function.args, room])
    builder.ret_void()
    return function


def task_name(kernel: str) -> str:
    """What the task of a kernel's function is called."""
    return f"{kernel}.task"


def _range(builder: ir.IRBuilder, context: ir.Value, piece: ir.Value) -> list[ir.Value]:
    """Begin and end of a piece."""
    length = builder.load(word(builder, context, PIECE), typ=I64)
    extent = builder.load(word(builder, context, EXTENT), typ=I64)
    begin = builder.mul(piece, length)
    return [begin, _smaller(builder, builder.add(begin, length), extent)]


def _smaller(builder: ir.IRBuilder, a: ir.Value, b: ir.Value) -> ir.Value:
    return builder.select(builder.icmp_signed("<", a, b), a, b)


def _larger(builder: ir.IRBuilder, a: ir.Value, b: ir.Value) -> ir.Value:
    return builder.select(builder.icmp_signed(">", a, b), a, b)


def _ceiling(builder: ir.IRBuilder, a: ir.Value, b: ir.Value) -> ir.Value:
    """a / b rounded up, for positive numbers."""
    return builder.udiv(builder.add(a, builder.sub(b, ONE)), b)


def cut(
    builder: ir.IRBuilder, context: ir.Value, extent: ir.Value, work: ir.Value, unit: ir.Value
) -> ir.Value:
    """Note in a context how the loop is cut for threads, and return how many pieces it makes."""
    wanted = _smaller(builder, builder.udiv(work, I64(PIECE_WORK)), I64(MOST_PIECES))
    wanted = _larger(builder, _smaller(builder, wanted, extent), ONE)
    length = builder.mul(_ceiling(builder, _ceiling(builder, extent, wanted), unit), unit)
    length = _larger(builder, length, ONE)
    builder.store(extent, word(builder, context, EXTENT))
    builder.store(length, word(builder, context, PIECE))
    return _larger(builder, _ceiling(builder, extent, length), ONE)


def emit_launch(module: ir.Module) -> ir.Function:
    """`i64 launch(pool, task, context, extent, work, unit, each, room)`: run a loop in pieces.

    There are as many as the return value says. They begin at multiples of the unit; if `each` is
    not 0, there are not more than so many for each thread.
    """
    type_ = ir.FunctionType(I64, [POINTER, TASK_POINTER, POINTER, I64, I64, I64, I64, POINTER])
    function = ir.Function(module, type_, name="launch")
    function.linkage = "internal"
    pool, task, context, extent, work, unit, each, room = function.args
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    builder.store(extent, word(builder, context, EXTENT))
    wanted = _smaller(builder, builder.udiv(work, I64(PIECE_WORK)), I64(MOST_PIECES))
    wanted = _smaller(builder, wanted, extent)
    alone = builder.icmp_unsigned("==", pool, ir.Constant(POINTER, None))
    alone = builder.or_(alone, builder.icmp_signed("<=", wanted, ONE))
    with builder.if_then(alone):
        builder.store(extent, word(builder, context, PIECE))
        builder.call(task, [context, ZERO, room])
        builder.ret(ONE)
    threads = builder.add(builder.load(workers_of(builder, pool), typ=I64), ONE)
    few = _smaller(builder, builder.mul(threads, each), wanted)
    wanted = builder.select(builder.icmp_signed(">", each, ZERO), few, wanted)
    length = builder.mul(_ceiling(builder, _ceiling(builder, extent, wanted), unit), unit)
    builder.store(length, word(builder, context, PIECE))
    pieces = _ceiling(builder, extent, length)
    call_parallel_for(builder, pool, task, context, pieces, work, room)
    builder.ret(pieces)
    return function


def emit_checked_launch(module: ir.Module, launch: ir.Function) -> ir.Function:
    """`i1 checked_launch(..., status, first_site)`: whether a check has failed.

    Pieces report apart, and the first of them that failed counts, as if they had run in order.
    """
    type_ = ir.FunctionType(I1, [*launch.function_type.args, POINTER, I64])
    function = ir.Function(module, type_, name="checked_launch")
    function.linkage = "internal"
    *given, status, first_site = function.args
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    reports = builder.alloca(I64, MOST_PIECES * REPORT_WORDS)
    reports.type = POINTER
    with counted(builder, I64(MOST_PIECES)) as piece:
        builder.store(ZERO, _report(builder, reports, piece))
    builder.store(reports, word(builder, given[2], REPORTS))
    pieces = builder.call(launch, given)
    with counted(builder, pieces) as piece:
        report = _report(builder, reports, piece)
        number = builder.load(report, typ=I64)
        with builder.if_then(builder.icmp_unsigned("!=", number, ZERO), likely=False):
            builder.store(builder.add(first_site, number), status)
            for k in range(1, REPORT_WORDS):
                part = builder.load(word(builder, report, k), typ=I64)
                builder.store(part, word(builder, status, k))
            builder.ret(I1(1))
    builder.ret(I1(0))
    return function


def _report(builder: ir.IRBuilder, reports: ir.Value, piece: ir.Value) -> ir.Value:
    return word(builder, reports, builder.mul(piece, I64(REPORT_WORDS)))
