"""What the machine can do at most: bytes copied and multiplications added, in a second.

Both are found by doing it, on as many threads as the programs get: NumPy copies arrays that no
cache holds, and a loop of fused multiply-adds keeps every vector unit busy.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.workload import Work
from graphc.inspection.limits import best_seconds, fma_peak

_MEGABYTE = 1 << 20
_CACHES = Path("/sys/devices/system/cpu/cpu0/cache")


@dataclass(frozen=True)
class Limits:
    """Bytes a second of a copy (read and written), flops a second by dtype, on so many threads."""

    threads: int
    copy_bytes: float
    flops: dict[str, float]

    def least_seconds(self, work: Work | None, dtype: str) -> float | None:
        """The least time that so much work takes; None if there is none to speak of."""
        if work is None:
            return None
        computing = work.flops / self.flops[dtype] if dtype in self.flops else 0.0
        return max(work.bytes / self.copy_bytes, computing)

    def data(self) -> dict[str, Any]:
        return asdict(self)


def best_of(limits: list[Limits]) -> Limits:
    """The highest of each, since nothing but a disturbance makes a probe slower."""
    first = limits[0]
    return Limits(
        first.threads,
        max(found.copy_bytes for found in limits),
        {name: max(found.flops[name] for found in limits) for name in first.flops},
    )


def probe(threads: int, megabytes: int | None = None) -> Limits:
    """Measure now; takes about a second. `megabytes` is the size of the arrays to copy."""
    size = _MEGABYTE * megabytes if megabytes else _beyond_caches()
    flops = {name: fma_peak(threads, name) for name in ("float32", "float64")}
    return Limits(threads, copy_bandwidth(threads, size), flops)


def copy_bandwidth(threads: int, size: int, repeats: int = 9) -> float:
    """Bytes a second, each byte counted as read once and written once."""
    source = np.ones(size // 8)
    target = np.zeros_like(source)  # written to, so that its pages are there
    target[...] = source
    pieces = [*zip(np.array_split(target, threads), np.array_split(source, threads), strict=True)]
    copies = [partial(np.copyto, *pair) for pair in pieces]
    return 2 * source.nbytes / best_seconds(copies, repeats)


def _beyond_caches() -> int:
    """Four times the largest cache, and no more than a gigabyte."""
    return min(max(4 * largest_cache(), 128 * _MEGABYTE), 1024 * _MEGABYTE)


def largest_cache() -> int:
    """Bytes in the largest cache that a core can use; 64 MB where the system does not tell."""
    found = []
    for file in _CACHES.glob("index*/size"):
        text = file.read_text().strip()
        unit = {"K": 1 << 10, "M": _MEGABYTE}.get(text[-1:], 1)
        found.append(int(text.rstrip("KM")) * unit)
    return max(found, default=64 * _MEGABYTE)
