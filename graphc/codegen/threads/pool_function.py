"""The fields of the thread pool's struct, and what its functions are written with.

See `graphc/codegen/threads/pool.py` for what the fields mean.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from llvmlite import ir

from graphc.codegen.values import I8, I32, I64, POINTER, VOID, overloaded

#: void task(context, piece, room) and void parallel_for(pool, task, context, pieces, work, room).
#: The work is an estimate for all pieces, in the units of `graphc.schedule.work`. The room is
#: memory for what the calling thread's pieces need while they run; workers give null.
TASK_TYPE = ir.FunctionType(VOID, [POINTER, I64, POINTER])
TASK_POINTER = TASK_TYPE.as_pointer()
PARALLEL_FOR_TYPE = ir.FunctionType(VOID, [POINTER, TASK_POINTER, POINTER, I64, I64, POINTER])

#: Byte offsets of the struct. Fields written by different threads at the same time are a pair of
#: cache lines apart (processors fetch them in pairs, and some lines are that long); a job lies
#: with the counter of its pieces, for who claims one reads it next.
LINE = 128
PARALLEL_FOR, WORKERS, STARTED, STOP, SPIN, PATIENCE = 0, 8, 16, 24, 32, 40
BUSY, ALONE, LAST = 1 * LINE, 1 * LINE + 8, 1 * LINE + 16
REMAINING, TASK, CONTEXT, PIECES, CONTROL = (2 * LINE + k for k in (0, 8, 16, 24, 32))
DONE, WAITING = 3 * LINE, 3 * LINE + 8
SLEEPERS = 4 * LINE
MUTEX, WORK, FINISHED = 5 * LINE, 6 * LINE, 7 * LINE  # opaque; 64 bytes are the most in use
HANDLES = 8 * LINE

#: More than the size of pthread_attr_t, of sigset_t and of timespec anywhere.
OPAQUE_BYTES = 256

ZERO, ONE, NULL = I64(0), I64(1), ir.Constant(POINTER, None)


class PoolFunction:
    """A function under construction whose first parameter is the pool."""

    def __init__(
        self, module: ir.Module, name: str, result: ir.Type, parameters: Sequence[ir.Type] = ()
    ) -> None:
        type_ = ir.FunctionType(result, [POINTER, *parameters])
        function = ir.Function(module, type_, name=name)
        self.pool, *self.arguments = function.args
        self.builder = ir.IRBuilder(function.append_basic_block("entry"))

    def field(self, offset: int) -> ir.Value:
        return self.builder.gep(self.pool, [I64(offset)], source_etype=I8)

    def load(self, offset: int, order: str = "", type_: ir.Type = I64) -> ir.Value:
        """The value of a field, atomically if an order is given."""
        if order:
            return self.builder.load_atomic(self.field(offset), order, 8, typ=type_)
        return self.builder.load(self.field(offset), typ=type_)

    def store(self, value: ir.Value, offset: int, order: str = "") -> None:
        """Set a field, atomically if an order is given."""
        if order:  # as an exchange, for llvmlite's atomic store wants pointers with a type
            self.builder.atomic_rmw("xchg", self.field(offset), value, order)
        else:
            self.builder.store(value, self.field(offset))

    def add(self, offset: int, amount: ir.Value, order: str) -> ir.Value:
        """Add to a field atomically, and return what it was."""
        return self.builder.atomic_rmw("add", self.field(offset), amount, order)

    def call(self, name: str, *arguments: ir.Value, result: ir.Type = I32) -> ir.Value:
        """Call a function of the module or the C library, declared when first called."""
        return overloaded(self.builder, name, result, *arguments)

    def own(self, name: str, *arguments: ir.Value, result: ir.Type = VOID) -> ir.Value:
        """Call one of the pool's functions on this pool."""
        return self.call(name, self.pool, *arguments, result=result)

    def take(self) -> ir.Value:
        """Whether the pool could be taken for this thread."""
        pair = self.builder.cmpxchg(self.field(BUSY), ZERO, ONE, "acquire", "monotonic")
        return self.builder.extract_value(pair, 1)

    def opaque(self) -> ir.Value:
        """Memory for a structure of the C library, on the stack."""
        place = self.builder.alloca(ir.ArrayType(I8, OPAQUE_BYTES))
        place.align = 16
        return place

    def positive(self, value: ir.Value) -> ir.Value:
        return self.builder.icmp_signed(">", value, ZERO)

    def zero(self, value: ir.Value) -> ir.Value:
        return self.builder.icmp_signed("==", value, ZERO)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the pool's mutex in the code inside."""
        self.call("pthread_mutex_lock", self.field(MUTEX))
        yield
        self.call("pthread_mutex_unlock", self.field(MUTEX))

    @contextmanager
    def counted(self, count: ir.Value) -> Iterator[ir.Value]:
        """Run the code inside for 0, 1, ..., count - 1."""
        with counted(self.builder, count) as k:
            yield k

    @contextmanager
    def unless(self, condition: ir.Value) -> Iterator[None]:
        with self.builder.if_then(self.builder.not_(condition)):
            yield

    def spin(self, ready: Callable[[], ir.Value], gives_way: bool) -> None:
        """Look whether something is ready until it is, for at most SPIN nanoseconds.

        Who gives way lets other threads of the processor run after a sixteenth of that. Workers
        do, or one that shares its processor with another program would as often as not be stopped
        in the middle of a piece, for milliseconds, while the caller waits for it.
        """
        builder = self.builder
        if _architecture(builder.module) not in _PAUSES:
            return  # without the instruction, looking disturbs the thread that is waited for
        limit = self.load(SPIN)
        begin = self.now()
        look, again, after = (builder.append_basic_block(n) for n in ("look", "again", "after"))
        builder.branch(look)
        builder.position_at_end(look)
        builder.cbranch(ready(), after, again)
        builder.position_at_end(again)
        emit_pause(builder)
        spent = builder.sub(self.now(), begin)
        if gives_way:
            with builder.if_then(builder.icmp_signed(">", spent, builder.ashr(limit, I64(4)))):
                self.call("sched_yield")
        builder.cbranch(builder.icmp_signed("<", spent, limit), look, after)
        builder.position_at_end(after)

    def now(self) -> ir.Value:
        """Nanoseconds on a clock that only goes forward."""
        return self.call("gc.now", result=I64)


#: What tells the processor that a thread is waiting. AArch64's own hint for it does nothing on
#: most processors; a barrier for instructions takes about as long as x86's pause.
_PAUSES: dict[str, tuple[str, list[ir.Value]]] = {
    "x86_64": ("llvm.x86.sse2.pause", []),
    "aarch64": ("llvm.aarch64.isb", [I32(15)]),
    "arm64": ("llvm.aarch64.isb", [I32(15)]),
}


def _architecture(module: ir.Module) -> str:
    return str(module.triple).partition("-")[0]


def emit_pause(builder: ir.IRBuilder) -> None:
    """Tell the processor that the thread is waiting, if there is a way to."""
    pause = _PAUSES.get(_architecture(builder.module))
    if pause is not None:
        name, arguments = pause
        overloaded(builder, name, VOID, *arguments)


def workers_of(builder: ir.IRBuilder, pool: ir.Value) -> ir.Value:
    """Where a pool has the number of its workers: of threads besides the caller."""
    return builder.gep(pool, [I64(WORKERS)], source_etype=I8)


@contextmanager
def counted(builder: ir.IRBuilder, count: ir.Value) -> Iterator[ir.Value]:
    """Run the code inside for 0, 1, ..., count - 1."""
    before = builder.block
    head, body, after = (builder.append_basic_block(n) for n in ("head", "body", "after"))
    builder.branch(head)
    builder.position_at_end(head)
    k = builder.phi(I64)
    k.add_incoming(ZERO, before)
    builder.cbranch(builder.icmp_signed("<", k, count), body, after)
    builder.position_at_end(body)
    yield k
    k.add_incoming(builder.add(k, ONE), builder.block)
    builder.branch(head)
    builder.position_at_end(after)


def save_control(code: PoolFunction) -> None:
    """Put the thread's floating-point control into the job."""
    architecture = _architecture(code.builder.module)
    if architecture == "x86_64":
        code.call("llvm.x86.sse.stmxcsr", code.field(CONTROL), result=VOID)
    elif architecture in ("aarch64", "arm64"):
        code.store(code.call("llvm.aarch64.get.fpcr", result=I64), CONTROL)


def restore_control(code: PoolFunction) -> None:
    """Make the job's floating-point control the thread's."""
    architecture = _architecture(code.builder.module)
    if architecture == "x86_64":
        code.call("llvm.x86.sse.ldmxcsr", code.field(CONTROL), result=VOID)
    elif architecture in ("aarch64", "arm64"):
        code.call("llvm.aarch64.set.fpcr", code.load(CONTROL), result=VOID)
