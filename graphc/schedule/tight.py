"""Loops whose turns are so little work that one kernel does them all.

The launches of a turn become statements of a kernel, and what they hand to each other becomes
scratch, most of which ends up in registers. A kernel takes no more than CHUNK turns; then the
program around it may see to memory that grows, and to a Ctrl-C, and launches it again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import chain

from graphc.ir import dims, scalar
from graphc.ir.dims import Size, symbol
from graphc.ir.dtypes import DType, bool_, int64
from graphc.ir.node import Node
from graphc.ir.scalar import Expr
from graphc.ops import ops
from graphc.schedule.calls import Call
from graphc.schedule.kernel import Argument, Kernel, Launch, Schedule, Scratch, Workspace
from graphc.schedule.reasons import Loose, Looseness
from graphc.schedule.regions import Branch, Region, Repeat, inside_of
from graphc.schedule.renaming import Renaming
from graphc.schedule.statements import (
    Axis,
    Either,
    Loop,
    Product,
    Sort,
    Statement,
    Store,
    Turns,
)
from graphc.schedule.work import NANOSECOND, work

#: Turns that a kernel takes at most, before it is launched again.
CHUNK = 256
#: Work of a turn, at most: launches of more are worth what it takes to launch them.
MOST_WORK = 3_000 * NANOSECOND
#: Bytes of scratch for what goes from launch to launch and from turn to turn.
MOST_BYTES = 1 << 15
#: Launches of a turn, at most.
MOST_LAUNCHES = 48

#: Sizes that launches tell their kernel: the first turn, and how many there may be.
FIRST, LIMIT = "$first", "$limit"

Body = tuple[Statement, ...]
Buffer = Node | Workspace


def with_tight_loops(schedule: Schedule) -> Schedule:
    """The schedule with loops of little work a turn made kernels, inner ones first."""
    number = 0
    while True:
        found = next((r for r in _loose(schedule) if _why_loose(schedule, r) is None), None)
        if found is None:
            return _with_reasons(schedule)
        schedule = _with_one(schedule, found, f"_chunk{number}")
        number += 1


def _with_reasons(schedule: Schedule) -> Schedule:
    """The schedule with the reason why each loop that is launched turn by turn is."""

    def told(region: Region) -> Region:
        if isinstance(region, Branch) or region.chunk:
            return region
        return replace(region, loose=_why_loose(schedule, region))

    return replace(schedule, regions=tuple(map(told, schedule.regions)))


def _loose(schedule: Schedule) -> Iterator[Repeat]:
    """Loops that are not made of a kernel."""
    for region in schedule.regions:
        if isinstance(region, Repeat) and not region.chunk:
            yield region


def _why_loose(schedule: Schedule, region: Repeat) -> Looseness | None:
    """Why no kernel takes turns of a loop; None if one may."""
    for inner in inside_of(region, schedule.regions):
        if isinstance(inner, Repeat):
            return Looseness(Loose.INNER, inner.holder)
    launches = schedule.launches[region.first : region.end]
    if not launches:
        return Looseness(Loose.NOTHING)
    if len(launches) > MOST_LAUNCHES:
        return Looseness(Loose.LAUNCHES, count=len(launches), most=MOST_LAUNCHES)
    apart = next((launch for launch in launches if _is_apart(launch)), None)
    if apart is not None and apart.loop is not None:
        return Looseness(Loose.INNER, apart.loop.holder)
    if apart is not None:
        return Looseness(Loose.APART, apart.nodes[0])
    total = sum(launch.sized(work(launch.kernel)) for launch in launches)
    size = sum(_bytes(buffer) for buffer in _local_buffers(schedule, region))
    if not isinstance(total, int) or not isinstance(size, int):
        return Looseness(Loose.DIMS)
    if total > MOST_WORK:
        return Looseness(Loose.WORK, count=total // NANOSECOND, most=MOST_WORK // NANOSECOND)
    if size > MOST_BYTES:
        return Looseness(Loose.ROOM, count=size, most=MOST_BYTES)
    return None


def _is_apart(launch: Launch) -> bool:
    """Whether a launch does something that only a kernel of its own can."""
    kernel = launch.kernel
    if launch.sizes or any(isinstance(s, Product | Call | Sort) for s in kernel.statements()):
        return True
    return any(room.size for room in kernel.scratch if room.size * room.dtype.itemsize > MOST_BYTES)


def _bytes(buffer: Buffer) -> Size:
    if isinstance(buffer, Workspace):
        return buffer.size * buffer.dtype.itemsize
    return buffer.tensor.nbytes


def _local_buffers(schedule: Schedule, region: Repeat) -> list[Buffer]:
    """What exists only inside of the loop, and the states."""
    rows = set(region.moving())
    written = {
        buffer: None
        for launch in schedule.launches[region.first : region.end]
        for argument, buffer in zip(launch.kernel.arguments, launch.operands, strict=True)
        if argument.written and buffer not in rows
    }
    held = dict.fromkeys(state.held for state in region.states)
    return list(written | held)


def _with_one(schedule: Schedule, region: Repeat, name: str) -> Schedule:
    """The schedule with the launches of a loop made one."""
    made = _Tight(schedule, region, name)
    launch, around = made.launch(), made.region()
    removed = region.end - region.first - 1
    launches = (
        *schedule.launches[: region.first], launch, *schedule.launches[region.end :],
    )  # fmt: skip
    regions: list[Region] = []
    inner = inside_of(region, schedule.regions)
    for other in schedule.regions:
        if other is region:
            regions += [around] if around is not None else []
        elif not any(other is branch for branch in inner):
            regions.append(_moved(other, region.first, removed))
    return replace(schedule, launches=launches, regions=tuple(regions))


def _moved(region: Region, behind: int, count: int) -> Region:
    """The region where so many launches are gone behind one."""
    first, middle, end = (k - count if k > behind else k for k in region.bounds)
    return replace(region, first=first, middle=middle, end=end)


@dataclass
class _Names:
    """What stands in a kernel for buffers, and where in these a row begins."""

    arguments: dict[Buffer, tuple[str, bool]] = field(default_factory=dict)
    scratch: dict[Buffer, Scratch] = field(default_factory=dict)
    rows: dict[Node, tuple[Node, Size, bool]] = field(default_factory=dict)

    def of(self, buffer: Buffer, written: bool) -> tuple[str, Size]:
        """The name of a buffer, and the offset at which it begins there."""
        if buffer in self.scratch:
            return self.scratch[buffer].name, 0
        if isinstance(buffer, Node) and buffer in self.rows:
            whole, offset, is_written = self.rows[buffer]
            return self.argument(whole, is_written), offset
        return self.argument(buffer, written), 0

    def argument(self, buffer: Buffer, written: bool = False) -> str:
        name, was = self.arguments.get(buffer, (f"a{len(self.arguments)}", False))
        self.arguments[buffer] = name, was or written
        return name

    def room(self, buffer: Buffer) -> Scratch:
        """Scratch in the place of a buffer."""
        size = buffer.size if isinstance(buffer, Workspace) else buffer.tensor.size
        assert isinstance(size, int)
        made = Scratch(f"s{len(self.scratch)}", buffer.dtype, size)
        return self.scratch.setdefault(buffer, made)


class _Tight:
    """The kernel of a loop, its launch, and what is left of the loop around it."""

    def __init__(self, schedule: Schedule, region: Repeat, name: str) -> None:
        self.schedule, self.old, self.name = schedule, region, name
        self.names = _Names()
        self.extra: list[Scratch] = []
        self.axes = 0
        self.sites: dict[scalar.Site, None] = {}
        length = region.length if region.predicate is None else None
        self.once = isinstance(length, int) and length <= CHUNK
        self.flag = self.count = None
        if region.predicate is not None:
            self.flag = _buffer(bool_)
            self.count = _buffer(int64)
        turn = symbol("$turn", symbol(LIMIT) - 1)
        place = symbol(FIRST) + turn
        if region.reverse:
            place = region.length - 1 - place
        for row in region.rows:
            self.names.rows[row.row] = row.whole, place * row.row.tensor.size, row.written

    def launch(self) -> Launch:
        """The launch of the kernel."""
        region, names = self.old, self.names
        launches = self.schedule.launches[region.first : region.end]
        held = [state.held for state in region.states]
        for buffer in _local_buffers(self.schedule, region):
            names.room(buffer)
        if region.predicate is not None:
            names.room(region.predicate)
        room = {one: names.scratch[one].name for one in held}
        before = [self._copied(names.argument(one, True), room[one], one) for one in held]
        test = self._statements(region.first, region.middle)
        body = self._statements(region.middle, region.end)
        for state in region.states:
            source = names.scratch[state.following].name
            body += self._copied(source, room[state.held], state.held)
        after = [self._copied(room[one], names.argument(one), one) for one in held]
        loop = Turns(Axis("$turn", symbol(LIMIT)), body, *self._end(test))
        statements = (*chain(*before), loop, *chain(*after))
        arguments = tuple(
            Argument(name, buffer.dtype, self._size(buffer), written)
            for buffer, (name, written) in names.arguments.items()
        )
        scratch = (*names.scratch.values(), *self.extra)
        kernel = Kernel(statements, arguments, scratch, False, tuple(self.sites))
        nodes = tuple(node for one in launches for node in one.nodes)
        reason = "is a loop of little work a turn"
        inner = inside_of(region, self.schedule.regions)
        branches = tuple(branch for branch in inner if isinstance(branch, Branch))
        return Launch(
            kernel, tuple(names.arguments), nodes, reason, kernel.sites, self._sizes(),
            loop=replace(region, branches=branches),
        )  # fmt: skip

    def _end(self, test: Body) -> tuple[Body, Expr | None, str, str]:
        """The test, the condition, and where the last value of it and the turns taken go."""
        predicate = self.old.predicate
        if predicate is None:
            return (), None, "", ""
        assert self.flag is not None and self.count is not None
        condition = scalar.load(self.names.scratch[predicate].name, 0, bool_)
        names = self.names.argument(self.flag, True), self.names.argument(self.count, True)
        return test, condition, *names

    def _size(self, buffer: Buffer) -> Size:
        """The elements of a buffer; of a stack that grows, as many as the kernel may reach."""
        if isinstance(buffer, Workspace):
            return buffer.size
        if not any(map(dims.is_found, buffer.shape)):
            return buffer.tensor.size
        row = dims.product(buffer.shape[1:])
        return (symbol(FIRST) + symbol(LIMIT)) * row

    def _sizes(self) -> tuple[tuple[str, Size], ...]:
        """What the launch tells of the turns."""
        region = self.old
        if self.once:
            return (FIRST, 0), (LIMIT, region.length)
        first = symbol(self.name) * CHUNK
        end = region.length if region.predicate is None else region.most
        is_open = region.predicate is not None and not region.most
        limit = CHUNK if is_open else dims.minimum(end - first, CHUNK)
        return (FIRST, first), (LIMIT, limit)

    def region(self) -> Repeat | None:
        """The loop around the launch; None if it is launched once."""
        region, first = self.old, self.old.first
        if self.once:
            return None
        made = Repeat(
            first, first, first + 1, (), (), turn=self.name, chunk=CHUNK, holder=region.holder
        )
        if region.predicate is None:
            length = dims.floordiv(region.length + (CHUNK - 1), CHUNK)
            stacks = tuple(row.whole for row in region.rows if row.written)
            return replace(made, length=length, stacks=stacks, total=region.length)
        return replace(
            made, middle=first + 1, predicate=self.flag, turns=region.turns, most=region.most,
            site=region.site, count=self.count,
            stacks=tuple(row.whole for row in region.rows if row.written),
        )  # fmt: skip

    def _copied(self, source: str, target: str, like: Node) -> Body:
        """Statements that copy all elements."""
        size = like.tensor.size
        axis = Axis(f"$c{self.axes}", size)
        self.axes += 1
        value = scalar.load(source, axis.position, like.dtype)
        store = Store(target, axis.position, value)
        return (store,) if size == 1 else (Loop(axis, (store,), vector=True),)

    def _statements(self, first: int, end: int) -> Body:
        """What launches do, one after another; branches among them."""
        found: list[Statement] = []
        while first < end:
            branch = self._branch_at(first, end)
            if branch is None:
                found += self._inlined(self.schedule.launches[first])
                first += 1
            else:
                found.append(self._either(branch))
                first = branch.end
        return tuple(found)

    def _branch_at(self, first: int, end: int) -> Branch | None:
        """The outermost branch that begins with a launch and ends before another."""
        for region in self.schedule.regions:
            if isinstance(region, Branch) and region.first == first and region.end <= end:
                return region
        return None

    def _either(self, branch: Branch) -> Either:
        name, offset = self.names.of(branch.predicate, False)
        return Either(
            scalar.load(name, offset, bool_),
            self._statements(branch.first, branch.middle),
            self._statements(branch.middle, branch.end),
        )

    def _inlined(self, launch: Launch) -> Body:
        """A launch's statements, in the kernel's names."""
        kernel, number = launch.kernel, self.axes
        self.axes += 1
        pairs = zip(kernel.arguments, launch.operands, strict=True)
        places = {a.name: self.names.of(buffer, a.written) for a, buffer in pairs}
        for room in kernel.scratch:
            name = f"k{number}{room.name}"
            self.extra.append(Scratch(name, room.dtype, room.size))
            places[room.name] = name, 0
        self.sites |= dict.fromkeys(kernel.sites)
        return Renaming(places, str(number)).body(kernel.body)


def _buffer(dtype: DType) -> Node:
    """A buffer of one element."""
    return ops.placeholder(shape=(), dtype=dtype)
