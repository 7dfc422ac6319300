"""An independent check of a memory layout, by walking through the program kernel by kernel.

It shares no code with the planner, so that a fault there shows here.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle

from graphc.memory.live import LiveRange, Temporary
from graphc.memory.plan import Layout
from graphc.schedule.kernel import Schedule
from graphc.schedule.regions import Branch, Region, Repeat, State


def overlaps(ranges: Sequence[LiveRange], layout: Layout) -> list[tuple[int, int, int]]:
    """(kernel, temporary, temporary) for every two that share a byte while both are in use."""
    found = []
    last = max((live.last for live in ranges), default=-1)
    for kernel in range(last + 1):
        active = sorted(
            (layout.offsets[k], layout.offsets[k] + layout.sizes[k], k)
            for k, live in enumerate(ranges)
            if live.first <= kernel <= live.last and layout.sizes[k]
        )
        reach, holder = 0, -1
        for start, end, k in active:
            if start < reach:
                found.append((kernel, holder, k))
            if end > reach:
                reach, holder = end, k
    return found


def outside(layout: Layout) -> list[int]:
    """Temporaries that do not lie wholly inside the arena."""
    return [
        k
        for k, (offset, size) in enumerate(zip(layout.offsets, layout.sizes, strict=True))
        if offset < 0 or offset + size > layout.total
    ]


@dataclass(frozen=True, slots=True)
class Place:
    """Bytes of one of the program's pieces of memory: the arena, or an array from outside."""

    piece: Hashable
    start: int
    end: int

    def overlaps(self, other: Place) -> bool:
        return self.piece == other.piece and self.start < other.end and other.start < self.end


#: Ways through a program: the turns of every loop that is come to, in order and over again; where
#: that is odd, a branch takes the first of its graphs.
_WAYS = ((0,), (1,), (2,), (3,), (1, 2), (3, 0, 2), (0, 1, 3, 2, 1))


def stale(schedule: Schedule, places: Mapping[Temporary, Place]) -> list[tuple[int, Temporary]]:
    """(launch, buffer) for everything that is read after something else was written over it.

    A launch may write over what it reads itself where both arguments are marked as shared. Loops
    are gone through for several numbers of turns, and branches both ways.
    """
    found: dict[tuple[int, Temporary], None] = {}
    for way in _WAYS if schedule.regions else _WAYS[:1]:
        walk = _Walk(schedule, places, way)
        walk.between(0, len(schedule.launches), schedule.regions)
        found |= dict.fromkeys(walk.found)
    return list(found)


class _Walk:
    """A way through a program: where everything lies now, and whose contents are lost."""

    def __init__(
        self, schedule: Schedule, places: Mapping[Temporary, Place], way: Sequence[int]
    ) -> None:
        self.schedule, self.places, self.way = schedule, dict(places), cycle(way)
        self.wholes = _wholes(schedule)
        self.lost: set[Temporary] = set()
        self.found: list[tuple[int, Temporary]] = []

    def between(self, first: int, end: int, regions: Sequence[Region]) -> None:
        """The launches from the first to before the end, with the regions that begin there."""
        number = first
        while number < end:
            place = next((k for k, r in enumerate(regions) if r.first == number < r.end <= end), -1)
            if place < 0:
                self.launch(number)
                number += 1
                continue
            region = regions[place]
            self.region(region, regions[place + 1 :])
            number = region.end

    def region(self, region: Region, inner: Sequence[Region]) -> None:
        times = next(self.way)
        if isinstance(region, Branch):
            self.read(region.first, region.predicate)
            half = (region.first, region.middle) if times % 2 else (region.middle, region.end)
            self.between(*half, inner)
            return
        if region.predicate is None and isinstance(region.length, int):
            times = min(times, region.length)
        self.lost -= {row.whole for row in region.rows if row.written}  # without turns it is empty
        self.lost -= set(region.stacks)
        for _ in range(times):
            self.test(region, inner)
            self.between(region.middle, region.end, inner)
            for state in region.states:
                self.hand_on(region.end - 1, state)
        self.test(region, inner)

    def test(self, loop: Repeat, inner: Sequence[Region]) -> None:
        """What a loop does before every turn, and before it is left."""
        self.between(loop.first, loop.middle, inner)
        if loop.predicate is not None:
            self.read(loop.middle - 1, loop.predicate)

    def hand_on(self, number: int, state: State) -> None:
        """The next turn finds a state where this one has left it."""
        held, following = state.held, state.following
        self.read(number, following)
        if self.place(held) == self.place(following):
            self.lost.discard(held)
            return
        self.places[held], self.places[following] = self.place(following), self.place(held)
        self.lost.discard(held)

    def launch(self, number: int) -> None:
        launch = self.schedule.launches[number]
        operands = [self.wholes.get(b, b) for b in launch.operands]
        pairs = list(zip(launch.kernel.arguments, operands, strict=True))
        given = {state.held for state in launch.loop.states} if launch.loop is not None else set()
        for argument, buffer in pairs:
            if not argument.written or buffer in given:
                self.read(number, buffer)
        if launch.room is not None and launch.room in self.places:
            over = self.under(launch.room)
            self.found += [(number, b) for _, b in pairs if b in over]
            self.lost |= over
        written = [(argument, b) for argument, b in pairs if argument.written]
        for argument, buffer in written:
            over = self.under(buffer) - {buffer}
            for other, b in pairs:
                if b in over and not (argument.shares and other.shares and not other.written):
                    self.found.append((number, b))
            self.lost |= over
        self.lost -= {b for _, b in written}

    def read(self, number: int, buffer: Temporary) -> None:
        if buffer in self.lost:
            self.found.append((number, buffer))

    def place(self, buffer: Temporary) -> Place:
        return self.places.get(buffer, Place(buffer, 0, 0))

    def under(self, buffer: Temporary) -> set[Temporary]:
        """Everything that has bytes in the same place."""
        own = self.place(buffer)
        return {other for other, place in self.places.items() if own.overlaps(place)}


def _wholes(schedule: Schedule) -> dict[Temporary, Temporary]:
    """For rows that loops go along, what they are rows of."""
    direct: dict[Temporary, Temporary] = {
        row.row: row.whole
        for region in schedule.regions
        if isinstance(region, Repeat)
        for row in region.rows
    }
    found = {}
    for row, whole in direct.items():
        while whole in direct:  # a row of a row, of loops in loops
            whole = direct[whole]
        found[row] = whole
    return found


def races(schedule: Schedule, places: Mapping[Temporary, Place]) -> list[tuple[int, int]]:
    """Pairs of launches that may run at the same time where one writes what the other one uses."""
    found = []
    wholes = _wholes(schedule)
    for batch in schedule.batches():
        used = {k: [places[wholes.get(b, b)] for b in schedule.launches[k].operands] for k in batch}
        for k in batch:
            launch = schedule.launches[k]
            for argument, place in zip(launch.kernel.arguments, used[k], strict=True):
                others = [other for other in batch if other != k] if argument.written else []
                found += [(k, j) for j in others if any(place.overlaps(p) for p in used[j])]
            if launch.room is not None and launch.room in places:  # one for all, and nothing else's
                room = places[launch.room]
                found += [(k, j) for j in batch if any(room.overlaps(p) for p in used[j])]
    return found
