"""Where in the arena each temporary lies."""

from __future__ import annotations

from bisect import insort
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from graphc.ir import dims
from graphc.memory.live import LiveRange

#: Bytes to which buffers are aligned: a cache line, and the widest vector register.
ALIGNMENT = 64


@dataclass(frozen=True, slots=True)
class Layout:
    """A plan for known sizes: the offset of each temporary and the arena's size, in bytes."""

    offsets: tuple[int, ...]
    sizes: tuple[int, ...]
    total: int


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """The live ranges of a program's temporaries; offsets follow when the sizes are known."""

    ranges: tuple[LiveRange, ...]

    def layout(self, symbols: Mapping[str, int]) -> Layout:
        """Offsets for one feed signature. Deterministic.

        Two temporaries share bytes only if they are never in use at once. Temporaries are placed
        in the order in which they come into use, each in the lowest gap that holds it.
        """
        sizes = [_aligned(dims.evaluate(live.size, symbols)) for live in self.ranges]
        offsets = [0] * len(sizes)
        busy: list[tuple[int, int, int]] = []  # (start, end, temporary), by start
        order = sorted(range(len(sizes)), key=lambda k: (self.ranges[k].first, -sizes[k], k))
        for k in order:
            now = self.ranges[k].first
            busy = [entry for entry in busy if self.ranges[entry[2]].last >= now]
            offsets[k] = _lowest_gap(busy, sizes[k])
            insort(busy, (offsets[k], offsets[k] + sizes[k], k))
        total = max((offset + size for offset, size in zip(offsets, sizes, strict=True)), default=0)
        return Layout(tuple(offsets), tuple(sizes), total)


def _aligned(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT


def _lowest_gap(busy: Sequence[tuple[int, int, int]], size: int) -> int:
    offset = 0
    for start, end, _ in busy:
        if start - offset >= size:
            return offset
        offset = max(offset, end)
    return offset
