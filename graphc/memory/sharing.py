"""Which buffers of a program are one piece of memory.

A launch may write a result over what it reads for the last time. What dies that way is a
temporary, or the old value of a variable that the launch's result replaces.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from graphc.ir.graph import Graph
from graphc.ir.node import Node
from graphc.memory.in_place import may_share
from graphc.memory.live import Temporary
from graphc.memory.store_order import with_stores_after_reads
from graphc.schedule.kernel import Kernel, Launch, Schedule
from graphc.schedule.regions import Region, Repeat, State


@dataclass(frozen=True, slots=True)
class Pair:
    """A result of a launch and the buffer whose memory it takes over, as places of arguments."""

    launch: int
    written: int
    read: int


@dataclass(frozen=True, slots=True)
class Sharing:
    """The pairs, and what follows from them.

    `home` maps a buffer to the one in whose memory it lies, where that is another one: a
    temporary to the output or update into which it turns, or to the first of a row of
    temporaries. `in_place` tells of each update whether it may be written over its variable.
    """

    pairs: tuple[Pair, ...]
    home: Mapping[Temporary, Temporary]
    in_place: tuple[bool, ...]


def share(
    schedule: Schedule, graph: Graph, given: Mapping[Temporary, object]
) -> tuple[Schedule, Sharing]:
    """What may share memory when the launches run in this order; and kernels that allow for it.

    `given` are the buffers that are no temporaries. In the schedule returned, arguments that
    share are marked, and stores may stand in another order.
    """
    work = _Sharing(schedule, graph, given)
    sharing = work.find()
    return replace(schedule, launches=tuple(work.launches_for(sharing.pairs))), sharing


class _Sharing:
    def __init__(self, schedule: Schedule, graph: Graph, given: Mapping[Temporary, object]) -> None:
        self.launches, self.regions = schedule.launches, schedule.regions
        self.given = given
        self.results = {*graph.outputs, *(value for _, value in graph.updates)}
        self.updates = graph.updates
        self.last = _last_uses(schedule)
        self.checks = max((k for k, one in enumerate(self.launches) if one.sites), default=-1)
        loops = [region for region in self.regions if isinstance(region, Repeat)]
        self.checks = max([self.checks, *(loop.end - 1 for loop in loops)])  # a Ctrl-C ends them
        self.states = [(loop, state) for loop in loops for state in loop.states]
        self.kept: set[Temporary] = {
            buffer for _, state in self.states for buffer in (state.held, state.following)
        }
        self.kept |= _written_twice(schedule)
        self.home: dict[Temporary, Temporary] = {}
        self.pairs: list[Pair] = []
        self.chosen: dict[int, list[Pair]] = {}
        self.answers: dict[tuple[Hashable, frozenset[tuple[int, int]]], Kernel | None] = {}

    def find(self) -> Sharing:
        written = {
            buffer: k
            for k, launch in enumerate(self.launches)
            for buffer, is_written in _operands(launch)
            if is_written
        }
        in_place = tuple(
            value in written and self._replaces(variable, value, written[value])
            for variable, value in self.updates
        )
        over = {value for (_, value), yes in zip(self.updates, in_place, strict=True) if yes}
        for number, launch in enumerate(self.launches):
            self._take_over(number, launch, over)
        for loop, state in self.states:
            self._stay(loop, state)
        home = {buffer: self._root(buffer) for buffer in self.home}
        return Sharing(tuple(self.pairs), home, in_place)

    # Variables -------------------------------------------------------------------------------

    def _replaces(self, variable: Node, value: Node, number: int) -> bool:
        """Whether the launch may write the variable's new value over its old one.

        The old value must be of no use any more, and nothing may fail from then on, since a run
        that fails changes nothing.
        """
        launch = self.launches[number]
        if self.checks >= number or self.last.get(variable, -1) > number:
            return False
        if any(region.first <= number < region.end for region in self.regions):
            return False
        if not _same_size(variable, value):
            return False
        if variable not in launch.operands:
            return True
        pair = Pair(number, launch.operands.index(value), launch.operands.index(variable))
        return self._accepts(pair)

    # Temporaries -----------------------------------------------------------------------------

    def _take_over(self, number: int, launch: Launch, over: set[Node]) -> None:
        """Let each result of a launch lie where something lies that is read for the last time."""
        operands = list(enumerate(_operands(launch)))
        dying = [
            (k, buffer)
            for k, (buffer, is_written) in operands
            if isinstance(buffer, Node)
            and not is_written
            and buffer not in self.given
            and buffer not in self.kept
            and self.last[buffer] == number
        ]
        for w, (result, is_written) in operands:
            if not is_written or not isinstance(result, Node) or result in over:
                continue
            if result in self.kept:
                continue
            for r, buffer in dying:
                pair = Pair(number, w, r)
                if _same_size(result, buffer) and self._accepts(pair):
                    self._join(result, buffer)
                    dying.remove((r, buffer))
                    break

    def _join(self, result: Node, dying: Node) -> None:
        """One memory for both: that of the result if it goes outside, else of the first."""
        root = self._root(dying)
        if result in self.results:
            self.home[root] = result
        else:
            self.home[result] = root

    def _root(self, buffer: Temporary) -> Temporary:
        while buffer in self.home:
            buffer = self.home[buffer]
        return buffer

    def _accepts(self, pair: Pair) -> bool:
        """Whether the launch's kernel allows the pair beside those it has; then it is kept."""
        pairs = [*self.chosen.get(pair.launch, []), pair]
        if self._serving(self.launches[pair.launch].kernel, pairs) is None:
            return False
        self.chosen[pair.launch] = pairs
        self.pairs.append(pair)
        return True

    # Loops -----------------------------------------------------------------------------------

    def _stay(self, loop: Repeat, state: State) -> None:
        """Let the next state be written over the one that a turn reads, if nothing reads it later.

        Else the two change places when the turn ends.
        """
        turn = range(loop.first, loop.end)
        writers = [k for k in turn if (state.following, True) in _operands(self.launches[k])]
        readers = [k for k in turn if state.held in self.launches[k].operands]
        inner = [r for r in self.regions if loop.first <= r.first and r.end <= loop.end]
        if len(writers) != 1 or max(readers, default=-1) > writers[0]:
            return
        (number,) = writers
        if any(r is not loop and r.first <= number < r.end for r in inner):
            return
        used = {buffer for r in inner if r is not loop for buffer in r.used()}
        if state.held in used or state.following in used:
            return
        launch = self.launches[number]
        if number in readers:
            places = launch.operands.index(state.following), launch.operands.index(state.held)
            if not self._accepts(Pair(number, *places)):
                return
        self.home[state.following] = state.held

    # Kernels ---------------------------------------------------------------------------------

    def launches_for(self, pairs: Sequence[Pair]) -> Iterator[Launch]:
        """Launches of kernels in which the arguments of pairs are marked.

        Launches of one kernel go on sharing it wherever their pairs can be served together.
        """
        together: dict[Hashable, list[Pair]] = {}
        for pair in pairs:
            key = self.launches[pair.launch].kernel.key()
            together.setdefault(key, []).append(pair)
        for number, launch in enumerate(self.launches):
            kernel = self._serving(launch.kernel, together.get(launch.kernel.key(), []))
            kernel = kernel or self._serving(launch.kernel, self.chosen.get(number, []))
            assert kernel is not None
            yield replace(launch, kernel=kernel)

    def _serving(self, kernel: Kernel, pairs: Sequence[Pair]) -> Kernel | None:
        """The kernel with stores in an order that allows the pairs; None if there is none.

        An argument may be in several pairs, of different launches.
        """
        if not pairs:
            return kernel
        places = frozenset((pair.written, pair.read) for pair in pairs)
        question = kernel.key(), places
        if question not in self.answers:
            self.answers[question] = _arranged(kernel, places)
        return self.answers[question]


def _arranged(kernel: Kernel, places: frozenset[tuple[int, int]]) -> Kernel | None:
    names = [(kernel.arguments[w].name, kernel.arguments[r].name) for w, r in sorted(places)]
    arranged = with_stores_after_reads(kernel, names)
    if not may_share(arranged, names):
        return None
    shared = {place for pair in places for place in pair}
    arguments = tuple(
        replace(argument, shares=k in shared) for k, argument in enumerate(kernel.arguments)
    )
    return replace(arranged, arguments=arguments)


def _operands(launch: Launch) -> Iterator[tuple[Temporary, bool]]:
    """The buffers of a launch, and whether it writes to them."""
    for argument, buffer in zip(launch.kernel.arguments, launch.operands, strict=True):
        yield buffer, argument.written


def _last_uses(schedule: Schedule) -> dict[Temporary, int]:
    """The last launch that uses each buffer; one behind a loop that has it from before it."""
    last: dict[Temporary, int] = {}
    first: dict[Temporary, int] = {}
    for k, launch in enumerate(schedule.launches):
        for buffer in launch.operands:
            first.setdefault(buffer, k)
            last[buffer] = k
    for region in reversed(schedule.regions):
        for buffer in region.used():
            last[buffer] = max(last.get(buffer, 0), region.end)
        for buffer in _operands_in(schedule, region):
            if first[buffer] < region.first:
                last[buffer] = max(last[buffer], region.end)
    return last


def _operands_in(schedule: Schedule, region: Region) -> set[Temporary]:
    inside = schedule.launches[region.first : region.end]
    return {buffer for launch in inside for buffer in launch.operands}


def _written_twice(schedule: Schedule) -> set[Temporary]:
    """Results of branches, which each of them writes."""
    if not schedule.regions:
        return set()
    operands = (pair for launch in schedule.launches for pair in _operands(launch))
    count = Counter(buffer for buffer, is_written in operands if is_written)
    return {buffer for buffer, times in count.items() if times > 1}


def _same_size(left: Node, right: Node) -> bool:
    return left.dtype.itemsize == right.dtype.itemsize and left.tensor.size == right.tensor.size
