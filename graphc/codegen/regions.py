"""Branches and loops of a program's entry, around the launches of kernels.

Kernels find their buffers by way of the pointer table. So a row of a sequence is an entry that
moves on with every turn, and a state goes to the next turn by two entries changing places. Memory
whose size is found on the way grows as it is needed, and is given back when the program is left.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from llvmlite import ir

from graphc.codegen.expressions.elements import Elements
from graphc.codegen.interrupts import INTERRUPTED_NAME, OUT_OF_MEMORY
from graphc.codegen.scopes import Scopes
from graphc.codegen.threads.parallel import word
from graphc.codegen.values import I8, I64, POINTER, VOID
from graphc.ir import dims
from graphc.ir.dims import Size
from graphc.ir.node import Node
from graphc.memory.growth import FEWEST_BYTES
from graphc.schedule.kernel import Launch, Schedule, Workspace
from graphc.schedule.regions import Branch, Region, Repeat, inside_of
from graphc.schedule.work import NANOSECOND, work

#: `ptr graphc_reallocate(old, bytes)` and `void graphc_free(memory)`, as in C; who loads has them.
REALLOCATE, FREE = "graphc_reallocate", "graphc_free"

#: Work between two questions whether there was a Ctrl-C.
PATIENCE = 1_000_000 * NANOSECOND
#: What a turn takes besides its launches.
OVERHEAD = 4 * NANOSECOND

_NULL = ir.Constant(POINTER, None)
ZERO, ONE = I64(0), I64(1)

Places = Mapping[Node | Workspace, int]


@dataclass(frozen=True)
class Function:
    """The entry under construction: where it writes, its table and status, and places in these.

    `noted` are words of the status for dims that loops find, if anyone wants to know.
    """

    scopes: Scopes
    elements: Elements
    table: ir.Value
    status: ir.Value
    places: Places
    noted: Mapping[str, int] = field(default_factory=dict)

    @property
    def builder(self) -> ir.IRBuilder:
        return self.scopes.builder

    def slot(self, buffer: Node | Workspace) -> ir.Value:
        """The address of a buffer's entry in the table."""
        return word(self.builder, self.table, self.places[buffer])

    def pointer(self, buffer: Node | Workspace) -> ir.Value:
        """Where a buffer lies now."""
        return self.builder.load(self.slot(buffer), typ=POINTER)


class Regions:
    """Emits a schedule with its regions.

    `batches` emits launches that follow one another; `sites` is the number of checks of launches,
    behind which those of loops are numbered.
    """

    def __init__(
        self,
        schedule: Schedule,
        function: Function,
        batches: Callable[[int, int], None],
        sites: int,
    ) -> None:
        self.schedule, self.at, self._batches = schedule, function, batches
        loops = any(isinstance(region, Repeat) for region in schedule.regions)
        self._memory = _Memory(function, self.leave) if loops else None
        self._watch = _Watch(function, self.leave) if loops else None
        self._sites = {id(region): sites + k for k, region in enumerate(limited(schedule.regions))}
        repeats = [region for region in schedule.regions if isinstance(region, Repeat)]
        self._stacks = {stack for region in repeats for stack in region.stacks}
        self._turns = 0

    def emit(self) -> None:
        """Everything, in order; the function is left by its end."""
        self._range(0, len(self.schedule.launches), self.schedule.regions)
        self.leave(self.at.builder)

    def leave(self, builder: ir.IRBuilder) -> None:
        """Return from the function; nothing can be written behind it."""
        if self._memory is not None:
            self._memory.give_back(builder)
        builder.ret_void()

    def before(self, launch: Launch) -> None:
        """Have memory for results of a launch whose sizes are found on the way."""
        if self._memory is None:
            return
        pairs = zip(launch.kernel.arguments, launch.operands, strict=True)
        for argument, buffer in pairs:
            is_stack = buffer in self._stacks
            if argument.written and not is_stack and isinstance(buffer, Node) and _is_found(buffer):
                self._memory.need(buffer, self.at.elements.size(buffer.tensor.nbytes))

    def _range(self, first: int, end: int, regions: Sequence[Region]) -> None:
        """Launches, and the regions among them that are in no other of these."""
        position = first
        for k, region in enumerate(regions):
            if not (position <= region.first and region.end <= end):
                continue
            self._batches(position, region.first)
            self._region(region, regions[k + 1 :])
            position = region.end
        self._batches(position, end)

    def _region(self, region: Region, inner: Sequence[Region]) -> None:
        if isinstance(region, Branch):
            self._branch(region, inner)
        elif region.predicate is None:
            self._counted(region, inner)
        else:
            self._while(region, inner)

    def _branch(self, region: Branch, inner: Sequence[Region]) -> None:
        holds = self._holds(region.predicate)
        with self.at.scopes.either(holds) as other:
            self._range(region.first, region.middle, inner)
            other()
            self._range(region.middle, region.end, inner)

    def _holds(self, predicate: Node) -> ir.Value:
        builder = self.at.builder
        byte = builder.load(self.at.pointer(predicate), typ=I8)
        return builder.icmp_unsigned("!=", byte, I8(0))

    def _counted(self, region: Repeat, inner: Sequence[Region]) -> None:
        length = self.at.elements.size(region.length)
        for row in region.rows:
            if row.written and _is_found(row.whole):
                self._have_rows(row.whole, length)
        for stack in region.stacks:
            if _is_found(stack):
                self._have_rows(stack, self.at.elements.size(region.total))
        with self.at.scopes.loop(self._name(region), ZERO, length) as turn:
            builder = self.at.builder
            place = turn
            if region.reverse:
                place = builder.sub(builder.sub(length, turn), ONE)
            self._move(region, place)
            self._range(region.first, region.end, inner)
            self._exchange(region)
            self._look(region)

    def _while(self, region: Repeat, inner: Sequence[Region]) -> None:
        with self.at.scopes.turns(self._name(region)) as (turn, go_on_if):
            builder = self.at.builder
            for stack in region.stacks:
                self._have_rows(stack, builder.mul(builder.add(turn, ONE), I64(region.chunk)))
            self._range(region.first, region.middle, inner)
            go_on_if(self._holds(self._predicate(region)))
            if region.most:
                self._check_limit(region, turn)
            for row in region.rows:
                self._have_rows(row.whole, self.at.builder.add(turn, ONE))
            self._move(region, turn)
            self._range(region.middle, region.end, inner)
            self._exchange(region)
            self._look(region)
        turns = self._turns_taken(region, turn)
        self.at.scopes.bind(region.turns, turns)
        if region.turns in self.at.noted:
            builder = self.at.builder
            builder.store(turns, word(builder, self.at.status, self.at.noted[region.turns]))

    def _turns_taken(self, region: Repeat, turn: ir.Value) -> ir.Value:
        if region.count is None:
            return turn
        builder = self.at.builder
        last = builder.load(self.at.pointer(region.count), typ=I64)
        return builder.add(builder.mul(turn, I64(region.chunk)), last)

    def _predicate(self, region: Repeat) -> Node:
        assert region.predicate is not None
        return region.predicate

    def _name(self, region: Repeat) -> str:
        self._turns += 1
        return region.turn or f"turn{self._turns}"

    def _stride(self, row: Node) -> ir.Value:
        """Bytes of a row of a stack or sequence."""
        size = dims.product(row.shape[1:]) * row.dtype.itemsize
        return self.at.elements.size(size)

    def _have_rows(self, stack: Node, count: ir.Value) -> None:
        """Have memory for so many rows of a stack."""
        assert self._memory is not None
        self._memory.need(stack, self.at.builder.mul(count, self._stride(stack)))

    def _move(self, region: Repeat, place: ir.Value) -> None:
        """Let rows be where they are in this turn."""
        for row in region.rows:
            builder = self.at.builder
            offset = builder.mul(place, self._stride(row.whole))
            address = builder.gep(self.at.pointer(row.whole), [offset], source_etype=I8)
            builder.store(address, self.at.slot(row.row))

    def _exchange(self, region: Repeat) -> None:
        """Let the next turn find the state where this one has left it."""
        places = self.at.places
        for state in region.states:
            if places[state.held] == places[state.following]:
                continue
            old, new = self.at.pointer(state.held), self.at.pointer(state.following)
            self.at.builder.store(new, self.at.slot(state.held))
            self.at.builder.store(old, self.at.slot(state.following))

    def _look(self, region: Repeat) -> None:
        assert self._watch is not None
        self._watch.look(self.at.elements.size(_work_of_turn(self.schedule, region)))

    def _check_limit(self, region: Repeat, turn: ir.Value) -> None:
        builder = self.at.builder
        rest = region.most
        if region.chunk:  # the kernel has taken turns already, and would take more
            rest = -(-region.most // region.chunk) - 1
        reached = builder.icmp_signed(">=", turn, I64(rest))
        with builder.if_then(reached, likely=False):
            builder.store(I64(1 + self._sites[id(region)]), self.at.status)
            self.leave(builder)


def limited(regions: Sequence[Region]) -> list[Repeat]:
    """The loops that may not take more than so many turns."""
    return [region for region in regions if isinstance(region, Repeat) and region.most]


def _is_found(node: Node) -> bool:
    return any(map(dims.is_found, node.shape))


class _Memory:
    """Memory that grows: for each buffer its address and bytes, on the stack of the entry."""

    def __init__(self, function: Function, leave: Callable[[ir.IRBuilder], None]) -> None:
        self._at, self._leave = function, leave
        self._known: dict[int, ir.Value] = {}
        module = function.scopes.function.module
        self._reallocate = ir.Function(
            module, ir.FunctionType(POINTER, [POINTER, I64]), name=REALLOCATE
        )
        self._free = ir.Function(module, ir.FunctionType(VOID, [POINTER]), name=FREE)
        found = [b for b in function.places if isinstance(b, Node) and _is_found(b)]
        self._count = len(found)
        self._records = function.scopes.allocate(I64, 2 * self._count)
        with function.scopes.allocations.goto_entry_block():
            for k in range(2 * self._count):
                builder = function.scopes.allocations
                builder.store(ZERO, word(builder, self._records, k))

    def need(self, buffer: Node, size: ir.Value) -> None:
        """Let a buffer have so many bytes; what is in it stays."""
        place = self._at.places[buffer]
        number = self._known.setdefault(place, I64(2 * len(self._known)))
        builder = self._at.builder
        record = word(builder, self._records, number)
        known = word(builder, record, 1)
        has = builder.load(known, typ=I64)
        with builder.if_then(builder.icmp_signed("<", has, size), likely=False):
            wanted = _larger(builder, size, builder.mul(has, I64(2)))
            wanted = _larger(builder, wanted, I64(FEWEST_BYTES))
            memory = builder.call(self._reallocate, [builder.load(record, typ=POINTER), wanted])
            with builder.if_then(builder.icmp_unsigned("==", memory, _NULL), likely=False):
                builder.store(I64(OUT_OF_MEMORY), self._at.status)
                self._leave(builder)
            builder.store(memory, record)
            builder.store(wanted, known)
        builder.store(builder.load(record, typ=POINTER), self._at.slot(buffer))

    def give_back(self, builder: ir.IRBuilder) -> None:
        """Free all of it."""
        for k in range(self._count):
            memory = builder.load(word(builder, self._records, 2 * k), typ=POINTER)
            with builder.if_then(builder.icmp_unsigned("!=", memory, _NULL), likely=False):
                builder.call(self._free, [memory])


def _larger(builder: ir.IRBuilder, a: ir.Value, b: ir.Value) -> ir.Value:
    return builder.select(builder.icmp_signed(">", a, b), a, b)


class _Watch:
    """Asks now and then whether a run is to be ended from outside.

    Every turn takes what it works from a number that all loops of the program have in common; when
    that is used up, it is time to ask.
    """

    def __init__(self, function: Function, leave: Callable[[ir.IRBuilder], None]) -> None:
        self._at, self._leave = function, leave
        self._left = function.scopes.allocate(I64)
        with function.scopes.allocations.goto_entry_block():
            function.scopes.allocations.store(I64(PATIENCE), self._left)
        kind = ir.FunctionType(I64, [POINTER])
        self._ask = ir.Function(function.scopes.function.module, kind, name=INTERRUPTED_NAME)

    def look(self, done: ir.Value) -> None:
        """Ask, if it is time to, once so much work is done."""
        builder = self._at.builder
        left = builder.sub(builder.load(self._left, typ=I64), done)
        builder.store(left, self._left)
        with builder.if_then(builder.icmp_signed("<", left, ZERO), likely=False):
            builder.store(I64(PATIENCE), self._left)
            ended = builder.call(self._ask, [self._at.status])
            with builder.if_then(builder.icmp_unsigned("!=", ended, ZERO), likely=False):
                self._leave(builder)


def _work_of_turn(schedule: Schedule, region: Repeat) -> Size:
    """What one turn works, loops inside of it apart."""
    inner = inside_of(region, schedule.regions)
    loops = [other for other in inner if isinstance(other, Repeat)]
    total: Size = OVERHEAD
    for k in range(region.first, region.end):
        if not any(loop.first <= k < loop.end for loop in loops):
            launch = schedule.launches[k]
            total = total + launch.sized(work(launch.kernel))
    return total


def imports(schedule: Schedule) -> tuple[str, ...]:
    """The functions that a program with loops has from who loads it."""
    if not any(isinstance(region, Repeat) for region in schedule.regions):
        return ()
    return REALLOCATE, FREE, INTERRUPTED_NAME
