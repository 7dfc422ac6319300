"""The entry of a program, which launches its kernels in turn.

Every distinct kernel is a module and an object of its own (`kernels.py`), named by what it
computes, so that it can be kept and used by other programs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from llvmlite import ir

from graphc.codegen.expressions.elements import Elements
from graphc.codegen.kernels import function_name, outer_loop, symbol_names
from graphc.codegen.nests.loops import cut_unit
from graphc.codegen.products.below import goes_together
from graphc.codegen.regions import Function, Regions, limited
from graphc.codegen.scopes import Scopes
from graphc.codegen.target import Target
from graphc.codegen.threads.parallel import (
    EXTENT,
    OWN,
    PIECE,
    emit_checked_launch,
    emit_launch,
    task_name,
    word,
)
from graphc.codegen.threads.pool_function import TASK_TYPE, counted
from graphc.codegen.threads.together import Together
from graphc.codegen.values import I64, POINTER, VOID
from graphc.ir.dims import Size, symbol
from graphc.ir.dtypes import int64
from graphc.ir.node import Node
from graphc.ir.scalar import Site
from graphc.schedule.kernel import Kernel, Launch, Schedule, Workspace
from graphc.schedule.regions import Repeat
from graphc.schedule.tight import LIMIT
from graphc.schedule.work import work

ENTRY = "graphc_entry"
ENTRY_TYPE = ir.FunctionType(VOID, [POINTER] * 4)

#: `i64 clock()`: nanoseconds, from whenever. A timed entry calls it; who loads the program has it.
CLOCK = "graphc_clock"

#: A timed entry writes behind the three words of `status` when it began and when the last launch
#: was over, then for each launch these words: nanoseconds in all since what was before it, how
#: often it ran, turns of a loop that it took in all; of the last time, positions of its outermost
#: loop, and how many make a piece. Behind those are the last values of `found_dims`.
BEGIN, LAST, TRACE = 3, 4, 5
TOOK, RUNS, TURNS, POSITIONS, LENGTH, TRACE_WORDS = range(6)


def emit_entry(
    schedule: Schedule,
    slots: Mapping[Node | Workspace, int],
    symbols: Mapping[str, int],
    target: Target,
    timed: bool = False,
) -> ir.Module:
    """`void graphc_entry(table, sizes, status, pool)`, given the place of buffers and sizes.

    It leaves after a launch in which a check has failed, with the report in `status`. If `timed`,
    it also notes there what launches take; those that run together are over together.
    """
    module = ir.Module(name=ENTRY)
    module.triple = target.triple
    _Entry(module, schedule, slots, symbols, target, timed).emit()
    return module


#: Pieces for each thread at most where one takes the less time the more positions it has.
EACH = 1


@dataclass(frozen=True, slots=True)
class _Entered:
    """What all launches of a kernel have in common; sizes in the kernel's own dims."""

    task: ir.Function
    symbols: tuple[str, ...]
    extent: Size
    work: Size
    unit: int
    each: int


class _Entry:
    def __init__(
        self,
        module: ir.Module,
        schedule: Schedule,
        slots: Mapping[Node | Workspace, int],
        symbols: Mapping[str, int],
        target: Target,
        timed: bool,
    ) -> None:
        self._function = ir.Function(module, ENTRY_TYPE, name=ENTRY)
        for argument, name in zip(
            self._function.args, ("table", "sizes", "status", "pool"), strict=True
        ):
            argument.name = name
        self._schedule, self._slots, self._symbols = schedule, slots, symbols
        self._target = target
        self._launch = emit_launch(module)
        self._checked_launch = emit_checked_launch(module, self._launch)
        several = any(launch.beside for launch in schedule.launches)
        self._together = Together(module) if several else None
        clock = ir.FunctionType(I64, [])
        self._clock = ir.Function(module, clock, name=CLOCK) if timed else None
        self._entered: dict[str, _Entered] = {}
        self._scopes = Scopes(self._function)
        self._elements = Elements(self._scopes, {}, frozenset(), self._function.args[2], {})
        self._batches = schedule.batches()
        self._numbers = [0, *accumulate(len(launch.sites) for launch in schedule.launches)]

    def emit(self) -> None:
        sizes = self._function.args[1]
        builder = self._scopes.builder
        for name, k in self._symbols.items():
            self._scopes.bind(name, builder.load(word(builder, sizes, k), typ=I64))
        launches = self._schedule.launches
        words = (sum(self._context_words(launches[k]) for k in batch) for batch in self._batches)
        self._contexts = self._scopes.allocate(I64, max(words, default=0))
        longest = max(map(len, self._batches), default=0)
        self._job = self._scopes.allocate(I64, Together.words(longest))
        table, _, status, _ = self._function.args
        noted: dict[str, int] = {}
        if self._clock is not None:
            begin = TRACE + TRACE_WORDS * len(launches)
            noted = {name: begin + k for k, name in enumerate(found_dims(self._schedule))}
        function = Function(self._scopes, self._elements, table, status, self._slots, noted)
        self._regions = Regions(self._schedule, function, self._between, self._numbers[-1])
        self._begin()
        self._regions.emit()

    def _between(self, first: int, end: int) -> None:
        """The batches of the launches from the first to before the end."""
        for numbers in self._batches:
            if not first <= numbers.start < end:
                continue
            batch = [self._schedule.launches[k] for k in numbers]
            for launch in batch:
                self._regions.before(launch)
            if len(batch) == 1:
                self._fill(batch[0], self._contexts)
                self._run(batch[0], self._contexts, self._numbers[numbers.start])
            else:
                self._run_together(batch, self._contexts, self._job)
            self._note(batch, numbers.start)

    def _begin(self) -> None:
        """If timed, note when the program begins."""
        if self._clock is None:
            return
        builder, status = self._scopes.builder, self._function.args[2]
        now = builder.call(self._clock, [])
        for k in (BEGIN, LAST):
            builder.store(now, word(builder, status, k))

    def _note(self, batch: Sequence[Launch], first: int) -> None:
        """If timed, note of launches that are over what they took, and how their loops were cut."""
        if self._clock is None:
            return
        builder, status, place = self._scopes.builder, self._function.args[2], 0
        now, last = builder.call(self._clock, []), word(builder, status, LAST)
        took = builder.sub(now, builder.load(last, typ=I64))
        builder.store(now, last)
        for number, launch in enumerate(batch, first):
            context, own = word(builder, self._contexts, place), TRACE + TRACE_WORDS * number
            place += self._context_words(launch)
            added = {TOOK: took, RUNS: I64(1), TURNS: self._turns(launch, number)}
            for k, value in added.items():
                total = word(builder, status, own + k)
                builder.store(builder.add(builder.load(total, typ=I64), value), total)
            for k, source in ((POSITIONS, EXTENT), (LENGTH, PIECE)):
                value = builder.load(word(builder, context, source), typ=I64)
                builder.store(value, word(builder, status, own + k))

    def _turns(self, launch: Launch, number: int) -> ir.Value:
        """The turns of a loop that a launch has taken, if it takes any."""
        if launch.loop is None:
            return I64(0)
        loops = (r for r in self._schedule.regions if isinstance(r, Repeat) and r.first == number)
        count = next((loop.count for loop in loops if loop.chunk), None)
        if count is None:
            return self._elements.size(launch.sized(symbol(LIMIT)))
        builder, table = self._scopes.builder, self._function.args[0]
        place = builder.load(word(builder, table, self._slots[count]), typ=POINTER)
        return builder.load(place, typ=I64)

    def _fill(self, launch: Launch, context: ir.Value) -> None:
        """Put the kernel's own words into a context."""
        builder, table = self._scopes.builder, self._function.args[0]
        pointers = [
            builder.load(word(builder, table, self._slots[b]), typ=POINTER) for b in launch.operands
        ]
        names = self._kernel(launch).symbols
        dims = [self._elements.size(launch.sized(symbol(name))) for name in names]
        for k, value in enumerate([*pointers, *dims]):
            builder.store(value, word(builder, context, OWN + k))
        for buffer, pointer in zip(launch.operands, pointers, strict=True):
            if isinstance(buffer, Workspace) and buffer.zeroed:
                self._fill_with_zeros(buffer, pointer)

    def _fill_with_zeros(self, buffer: Workspace, pointer: ir.Value) -> None:
        """Counters, which are few words."""
        assert buffer.dtype is int64
        builder = self._scopes.builder
        with counted(builder, self._elements.size(buffer.size)) as k:
            builder.store(I64(0), word(builder, pointer, k))

    def _run_together(self, batch: Sequence[Launch], contexts: ir.Value, job: ir.Value) -> None:
        """Launches that may run at the same time, none of which has checks."""
        assert self._together is not None
        builder, place = self._scopes.builder, 0
        self._together.begin(builder, job)
        for launch in batch:
            context = word(builder, contexts, place)
            place += self._context_words(launch)
            self._fill(launch, context)
            builder.call(self._together.join, [job, *self._given(launch, context)])
        rooms = [launch.room for launch in batch if launch.room]
        room = self._room(rooms[0] if rooms else None)
        self._together.run(builder, self._function.args[3], job, room)

    def _run(self, launch: Launch, context: ir.Value, first_site: int) -> None:
        """Launch a kernel, whose own words are in the context."""
        builder = self._scopes.builder
        status, pool = self._function.args[2:]
        given = [pool, *self._given(launch, context), self._room(launch.room)]
        if not launch.sites:
            builder.call(self._launch, given)
            return
        failed = builder.call(self._checked_launch, [*given, status, I64(first_site)])
        with builder.if_then(failed, likely=False):
            self._regions.leave(builder)

    def _given(self, launch: Launch, context: ir.Value) -> list[ir.Value]:
        """The task, its context, positions of its loop, all the work, and how it is cut."""
        kernel = self._kernel(launch)
        sizes = [self._elements.size(launch.sized(size)) for size in (kernel.extent, kernel.work)]
        return [kernel.task, context, *sizes, I64(kernel.unit), I64(kernel.each)]

    def _room(self, room: Workspace | None) -> ir.Value:
        """Memory that pieces which run on this thread may use."""
        if room is None:
            return ir.Constant(POINTER, None)
        builder, table = self._scopes.builder, self._function.args[0]
        return builder.load(word(builder, table, self._slots[room]), typ=POINTER)

    def _context_words(self, launch: Launch) -> int:
        return OWN + len(launch.kernel.arguments) + len(self._kernel(launch).symbols)

    def _kernel(self, launch: Launch) -> _Entered:
        name = function_name(launch.kernel)
        if name not in self._entered:
            self._entered[name] = self._enter(launch.kernel, task_name(name))
        return self._entered[name]

    def _enter(self, kernel: Kernel, name: str) -> _Entered:
        task, loop = ir.Function(self._function.module, TASK_TYPE, name=name), outer_loop(kernel)
        extent, unit = (loop.axis.extent, cut_unit(loop, kernel)) if loop else (1, 1)
        each = EACH if loop is not None and goes_together(loop, self._target) else 0
        return _Entered(task, symbol_names(kernel), extent, work(kernel), unit, each)


def trace_words(schedule: Schedule) -> int:
    """Words of `status` for a timed entry."""
    return TRACE + TRACE_WORDS * len(schedule.launches) + len(found_dims(schedule))


def found_dims(schedule: Schedule) -> list[str]:
    """Names of dims that are numbers of turns, which loops find."""
    loops = (region for region in schedule.regions if isinstance(region, Repeat))
    return list(dict.fromkeys(loop.turns for loop in loops if loop.turns))


def checked_sites(schedule: Schedule) -> list[Site]:
    """Where indices are checked, and turns counted, in the numbering of the entry."""
    sites = [site for launch in schedule.launches for site in launch.sites]
    return sites + [region.site for region in limited(schedule.regions) if region.site]
