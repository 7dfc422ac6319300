"""An independent check of a memory layout, by walking through the program kernel by kernel.

It shares no code with the planner, so that a fault there shows here.
"""

from __future__ import annotations

from collections.abc import Sequence

from graphc.memory.live import LiveRange
from graphc.memory.plan import Layout


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
