"""How much work a whole program is, loops included."""

from __future__ import annotations

from graphc.ir import dims
from graphc.ir.dims import Size
from graphc.schedule.kernel import Launch, Schedule
from graphc.schedule.regions import Repeat
from graphc.schedule.tight import LIMIT
from graphc.schedule.work import work

#: Turns of a loop of which nobody knows how many it takes.
UNKNOWN = 16


def work_of(schedule: Schedule) -> Size:
    """An estimate of a run, in the units of `graphc.schedule.work`."""
    total: Size = 0
    for k, launch in enumerate(schedule.launches):
        around = [
            region
            for region in schedule.regions
            if isinstance(region, Repeat) and region.first <= k < region.end
        ]
        total = total + _work(launch, around)
    found = {name: UNKNOWN for name in dims.symbols(total) if name.startswith(dims.FOUND)}
    return dims.substitute(total, found)


def _work(launch: Launch, around: list[Repeat]) -> Size:
    """The work of all turns of the loops around a launch."""
    own = work(launch.kernel)
    if around and around[-1].chunk and around[-1].predicate is not None:
        own, around = dims.substitute(own, {LIMIT: UNKNOWN}), around[:-1]
    total = dims.substitute(launch.sized(own), {region.turn: 0 for region in around})
    for region in around:
        total = total * (region.length if region.predicate is None else UNKNOWN)
    return total
