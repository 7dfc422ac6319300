"""Launches that may run at the same time.

One after another in a schedule, none of them reading or writing what another one writes: the
update of one parameter and that of the next. Together they are one piece of work to be shared out
among threads, which small launches are not worth alone.
"""

from __future__ import annotations

from dataclasses import replace

from graphc.ir.graph import Graph
from graphc.memory.live import Temporary
from graphc.memory.sharing import Sharing
from graphc.schedule.kernel import Launch, Schedule

#: Launches in one batch at most.
MOST_LAUNCHES = 64


def in_batches(schedule: Schedule, graph: Graph, sharing: Sharing) -> Schedule:
    """The schedule with launches marked that may run beside the one before them.

    A launch with checks runs alone, since those after it must not run if one fails. No batch goes
    beyond the bounds of a loop or branch.
    """
    bounds = {bound for region in schedule.regions for bound in region.bounds}
    memory = dict(sharing.home)
    pairs = zip(graph.updates, sharing.in_place, strict=True)
    memory |= {value: variable for (variable, value), in_place in pairs if in_place}
    launches: list[Launch] = []
    read: set[Temporary] = set()
    written: set[Temporary] = set()
    count = 0
    for number, launch in enumerate(schedule.launches):
        reads, writes = _accesses(launch, memory)
        alone = launch.sites or not launches or launches[-1].sites or count == MOST_LAUNCHES
        alone = alone or number in bounds
        beside = not alone and not (written & (reads | writes) or read & writes)
        if beside:
            read, written, count = read | reads, written | writes, count + 1
        else:
            read, written, count = reads, writes, 1
        launches.append(replace(launch, beside=beside))
    return replace(schedule, launches=tuple(launches))


def _accesses(
    launch: Launch, memory: dict[Temporary, Temporary]
) -> tuple[set[Temporary], set[Temporary]]:
    """The pieces of memory that a launch reads, and those to which it writes."""
    reads: set[Temporary] = set()
    writes: set[Temporary] = set()
    for argument, buffer in zip(launch.kernel.arguments, launch.operands, strict=True):
        (writes if argument.written else reads).add(memory.get(buffer, buffer))
    return reads, writes
