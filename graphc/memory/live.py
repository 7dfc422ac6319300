"""When each temporary buffer is in use."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from graphc.ir.dims import Size
from graphc.ir.node import Node
from graphc.schedule.kernel import Schedule, Workspace

Temporary = Node | Workspace


@dataclass(frozen=True, slots=True)
class LiveRange:
    """A temporary of `size` bytes, in use from kernel number `first` to `last`, both included."""

    size: Size
    first: int
    last: int


def live_ranges(schedule: Schedule, given: Collection[Node]) -> dict[Temporary, LiveRange]:
    """The range of every buffer in a schedule that is not among those given from outside."""
    ranges: dict[Temporary, LiveRange] = {}
    for position, launch in enumerate(schedule.launches):
        for buffer in launch.operands:
            if isinstance(buffer, Node) and buffer in given:
                continue
            known = ranges.get(buffer)
            first = known.first if known else position
            ranges[buffer] = LiveRange(_bytes(buffer), first, position)
    return ranges


def _bytes(buffer: Temporary) -> Size:
    if isinstance(buffer, Workspace):
        return buffer.size * buffer.dtype.itemsize
    return buffer.tensor.nbytes
