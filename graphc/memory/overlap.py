"""An independent check of a memory layout, by walking through the program kernel by kernel.

It shares no code with the planner, so that a fault there shows here.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

from graphc.memory.live import LiveRange, Temporary
from graphc.memory.plan import Layout
from graphc.schedule.kernel import Schedule


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


def stale(schedule: Schedule, places: Mapping[Temporary, Place]) -> list[tuple[int, Temporary]]:
    """(launch, buffer) for everything that is read after something else was written over it.

    A launch may write over what it reads itself where both arguments are marked as shared.
    """
    found: list[tuple[int, Temporary]] = []
    lost: set[Temporary] = set()
    for number, launch in enumerate(schedule.launches):
        pairs = list(zip(launch.kernel.arguments, launch.operands, strict=True))
        found += [(number, b) for argument, b in pairs if not argument.written and b in lost]
        if launch.room is not None and launch.room in places:
            over = {b for b in places if places[launch.room].overlaps(places[b])}
            found += [(number, b) for _, b in pairs if b in over]
            lost |= over
        written = [(argument, b) for argument, b in pairs if argument.written]
        for argument, buffer in written:
            over = {b for b in places if b is not buffer and places[buffer].overlaps(places[b])}
            for other, b in pairs:
                if b in over and not (argument.shares and other.shares and not other.written):
                    found.append((number, b))
            lost |= over
        lost -= {b for _, b in written}
    return found


def races(schedule: Schedule, places: Mapping[Temporary, Place]) -> list[tuple[int, int]]:
    """Pairs of launches that may run at the same time where one writes what the other one uses."""
    found = []
    for batch in schedule.batches():
        used = {k: [places[b] for b in schedule.launches[k].operands] for k in batch}
        for k in batch:
            launch = schedule.launches[k]
            for argument, place in zip(launch.kernel.arguments, used[k], strict=True):
                others = [other for other in batch if other != k] if argument.written else []
                found += [(k, j) for j in others if any(place.overlaps(p) for p in used[j])]
            if launch.room is not None and launch.room in places:  # one for all, and nothing else's
                room = places[launch.room]
                found += [(k, j) for j in batch if any(room.overlaps(p) for p in used[j])]
    return found
