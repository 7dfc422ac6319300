"""When each temporary buffer is in use."""

from __future__ import annotations

from collections.abc import Collection, Mapping
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


def live_ranges(
    schedule: Schedule,
    given: Collection[Temporary],
    home: Mapping[Temporary, Temporary] | None = None,
) -> dict[Temporary, LiveRange]:
    """The range of every buffer in a schedule that is not among those given from outside.

    Buffers that lie in another one's memory, their `home`, count as that one. What a launch uses
    is in use as long as the launches that may run at the same time.
    """
    ranges: dict[Temporary, LiveRange] = {}
    for batch in schedule.batches():
        for operand in (b for k in batch for b in schedule.launches[k].buffers):
            buffer = home.get(operand, operand) if home else operand
            if buffer in given:
                continue
            known = ranges.get(buffer)
            first = known.first if known else batch[0]
            ranges[buffer] = LiveRange(_bytes(buffer), first, batch[-1])
    return ranges


def _bytes(buffer: Temporary) -> Size:
    if isinstance(buffer, Workspace):
        return buffer.size * buffer.dtype.itemsize
    return buffer.tensor.nbytes
