"""How much work a whole program is, loops included."""

from __future__ import annotations

from graphc.ir import dims
from graphc.ir.dims import Size
from graphc.schedule.kernel import Schedule
from graphc.schedule.regions import Repeat
from graphc.schedule.work import work

#: Turns of a loop of which nobody knows how many it takes.
UNKNOWN = 16


def work_of(schedule: Schedule) -> Size:
    """An estimate of a run, in the units of `graphc.schedule.work`."""
    total: Size = 0
    for k, launch in enumerate(schedule.launches):
        total = total + launch.sized(work(launch.kernel)) * _times(schedule, k)
    return total


def _times(schedule: Schedule, number: int) -> Size:
    """How often a launch runs."""
    times: Size = 1
    for region in schedule.regions:
        if isinstance(region, Repeat) and region.first <= number < region.end:
            known = region.predicate is None and not dims.is_found(region.length)
            times = times * (region.length if known else UNKNOWN)
    return times
