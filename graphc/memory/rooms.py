"""Memory that kernels need for themselves while a piece of them runs: packed operands, rows kept.

It is too much for the stack of the thread that runs a program, which may be one that Python has
made with 32 KiB of it. So a program has a *room* in its arena, in use from the first launch that
needs one to the last. One is enough, since a thread runs one piece after another, and other threads
than that which runs the program have room on stacks that the pool has made. And one is better than
one for each launch: it stays in the caches, and leaves no gaps between the temporaries.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from graphc.ir.dtypes import uint8
from graphc.schedule.kernel import Kernel, Schedule, Workspace


def with_room(schedule: Schedule, needed: Callable[[Kernel], int]) -> Schedule:
    """The schedule with a room for all launches that need one, given the bytes that each does."""
    sizes = [needed(launch.kernel) for launch in schedule.launches]
    room = Workspace(uint8, max(sizes, default=0))
    launches = [
        replace(launch, room=room) if size else launch
        for launch, size in zip(schedule.launches, sizes, strict=True)
    ]
    return replace(schedule, launches=tuple(launches))
