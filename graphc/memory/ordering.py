"""An order of launches in which new values can be written over the old ones of variables.

A variable's buffer can be written to once nothing reads its old value any more and no check can
fail any more. So launches that write new values wait for those, where no dependency forbids it;
all others keep their order. Schedules with loops and branches stay as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from heapq import heappop, heappush

from graphc.ir.graph import Graph
from graphc.memory.live import Temporary
from graphc.schedule.kernel import Launch, Schedule


def ordered(schedule: Schedule, graph: Graph) -> Schedule:
    """The schedule with launches that replace variables after those that need the old values."""
    if not graph.updates or schedule.regions:
        return schedule
    order = _Order(schedule.launches, graph).find()
    return replace(schedule, launches=tuple(schedule.launches[k] for k in order))


class _Order:
    def __init__(self, launches: tuple[Launch, ...], graph: Graph) -> None:
        self.count = len(launches)
        self.over: set[int] = set()
        writer = {
            buffer: k
            for k, launch in enumerate(launches)
            for argument, buffer in zip(launch.kernel.arguments, launch.operands, strict=True)
            if argument.written
        }
        self.needs = _needs(launches)
        self.wishes = self._wishes(launches, graph, writer)

    def _wishes(
        self, launches: tuple[Launch, ...], graph: Graph, writer: dict[Temporary, int]
    ) -> dict[int, set[int]]:
        """For every launch that replaces variables, those that had better be over."""
        checks = {k for k, launch in enumerate(launches) if launch.sites}
        readers: dict[Temporary, set[int]] = {}
        for k, launch in enumerate(launches):
            for buffer in launch.operands:
                readers.setdefault(buffer, set()).add(k)
        wishes: dict[int, set[int]] = {}
        for variable, value in graph.updates:
            before = wishes.setdefault(writer[value], set(checks))
            before |= readers.get(variable, set())
        for k, before in wishes.items():
            before.discard(k)
        return wishes

    def find(self) -> list[int]:
        """Always the first launch that can go; one whose wishes are not met only if none can."""
        missing = [len(needs) for needs in self.needs]
        wished = [len(self.wishes.get(k, ())) for k in range(self.count)]
        after = _turned_around(self.needs)
        freed = _turned_around([self.wishes.get(k, set()) for k in range(self.count)])
        done: list[int] = []
        free = [k for k in range(self.count) if not missing[k] and not wished[k]]
        stuck = {k for k in range(self.count) if not missing[k] and wished[k]}
        while free or stuck:
            k = heappop(free) if free else self._hopeless(stuck)
            stuck.discard(k)
            done.append(k)
            self.over.add(k)
            for counts, others in ((missing, after[k]), (wished, freed[k])):
                for other in others:
                    counts[other] -= 1
            for other in {*after[k], *freed[k]} - self.over:
                if not missing[other] and not wished[other]:
                    stuck.discard(other)
                    heappush(free, other)
                elif not missing[other]:
                    stuck.add(other)
        return done

    def _hopeless(self, stuck: set[int]) -> int:
        """A launch whose wishes cannot be met whatever goes first, if there is one."""
        for k in sorted(stuck):
            if any(self._depends(other, k) for other in self.wishes[k] - self.over):
                return k
        return min(stuck)

    def _depends(self, launch: int, on: int) -> bool:
        """Whether a launch needs what another one computes, by way of others too."""
        pending, seen = [launch], {launch}
        while pending:
            current = pending.pop()
            if current == on:
                return True
            fresh = self.needs[current] - seen - self.over
            seen |= fresh
            pending.extend(fresh)
        return False


def _needs(launches: Sequence[Launch]) -> list[set[int]]:
    """For each launch those that have to be before it.

    They have written what it reads. A loop that is one launch writes its state over what another
    one has put there: that one, and who has read it, come before.
    """
    needs: list[set[int]] = []
    writer: dict[Temporary, int] = {}
    readers: dict[Temporary, set[int]] = {}
    for k, launch in enumerate(launches):
        needs.append({writer[buffer] for buffer in launch.operands if buffer in writer})
        pairs = zip(launch.kernel.arguments, launch.operands, strict=True)
        for argument, buffer in pairs:
            if argument.written:
                needs[k] |= readers.pop(buffer, set())
                writer[buffer] = k
            else:
                readers.setdefault(buffer, set()).add(k)
        needs[k].discard(k)
    return needs


def _turned_around(edges: Sequence[set[int]]) -> list[set[int]]:
    """For each number those whose sets have it."""
    found: list[set[int]] = [set() for _ in edges]
    for k, others in enumerate(edges):
        for other in others:
            found[other].add(k)
    return found
