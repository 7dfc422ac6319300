"""When each temporary buffer is in use."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from graphc.ir.dims import Size
from graphc.ir.node import Node
from graphc.schedule.kernel import Schedule, Workspace
from graphc.schedule.regions import Region, Repeat, State

Temporary = Node | Workspace


@dataclass(frozen=True, slots=True)
class LiveRange:
    """A temporary of `size` bytes, in use from kernel number `first` to `last`, both included."""

    size: Size
    first: int
    last: int


def live_ranges(
    schedule: Schedule,
    given: Collection[Temporary],
    home: Mapping[Temporary, Temporary] | None = None,
) -> dict[Temporary, LiveRange]:
    """The range of every buffer in a schedule that is not among those given from outside.

    Buffers that lie in another one's memory, their `home`, count as that one. What a launch uses
    is in use as long as the launches that may run at the same time; what a loop has from before
    it, as long as the loop.
    """
    ranges: dict[Temporary, LiveRange] = {}

    def use(operand: Temporary, first: int, last: int) -> None:
        buffer = home.get(operand, operand) if home else operand
        if buffer in given:
            return
        known = ranges.get(buffer)
        first, last = (min(known.first, first), max(known.last, last)) if known else (first, last)
        ranges[buffer] = LiveRange(_bytes(buffer), first, last)

    for batch in schedule.batches():
        for operand in (b for k in batch for b in schedule.launches[k].buffers):
            use(operand, batch[0], batch[-1])
    for region in reversed(schedule.regions):  # inner ones first
        for buffer in region.used():
            use(buffer, region.first, region.end - 1)
        for inside in _used(schedule, region):
            known = ranges.get(home.get(inside, inside) if home else inside)
            if known is not None and known.first < region.first:
                use(inside, known.first, region.end - 1)
    for region in schedule.regions:
        for state in region.states if isinstance(region, Repeat) else ():
            _exchanged(ranges, home or {}, state)
    return ranges


def _exchanged(
    ranges: dict[Temporary, LiveRange], home: Mapping[Temporary, Temporary], state: State
) -> None:
    """Two buffers that change places with every turn are in use as long as either of them."""
    both = [home.get(buffer, buffer) for buffer in (state.held, state.following)]
    if any(buffer not in ranges for buffer in both):
        return
    first = min(ranges[buffer].first for buffer in both)
    last = max(ranges[buffer].last for buffer in both)
    for buffer in both:
        ranges[buffer] = LiveRange(ranges[buffer].size, first, last)


def _used(schedule: Schedule, region: Region) -> set[Temporary]:
    """What launches and regions inside of a region use."""
    inside = schedule.launches[region.first : region.end]
    used: set[Temporary] = {buffer for launch in inside for buffer in launch.buffers}
    for other in schedule.regions:
        if region.first <= other.first and other.end <= region.end:
            used.update(other.used())
    return used


def _bytes(buffer: Temporary) -> Size:
    if isinstance(buffer, Workspace):
        return buffer.size * buffer.dtype.itemsize
    return buffer.tensor.nbytes
