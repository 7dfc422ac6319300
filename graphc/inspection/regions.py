"""Loops and branches of a schedule: which launches they have, and what goes from turn to turn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from graphc.ir.node import Node
from graphc.schedule.kernel import Schedule
from graphc.schedule.regions import Branch, Region, Repeat, Row

Names = Mapping[Node, str]


@dataclass(frozen=True)
class Entry:
    """A loop or branch with its launches, `first` to before `end`, and how many it is inside of.

    A loop of which a kernel takes turns is shown as it was before; it has one launch, which takes
    up to `chunk` turns, or all of them if that is 0.
    """

    region: Region
    first: int
    end: int
    depth: int
    tight: bool = False
    chunk: int = 0

    @property
    def holder(self) -> Node:
        assert self.region.holder is not None
        return self.region.holder


def entries(schedule: Schedule) -> list[Entry]:
    """All loops and branches in running order, outer ones first."""
    chunks = {r.first: r.chunk for r in schedule.regions if isinstance(r, Repeat) and r.chunk}
    found = [
        Entry(region, region.first, region.end, 0)
        for region in schedule.regions
        if isinstance(region, Branch) or not region.chunk
    ]
    for number, launch in enumerate(schedule.launches):
        if launch.loop is not None:
            chunk = chunks.get(number, 0)
            found.append(Entry(launch.loop, number, number + 1, 0, True, chunk))
    found.sort(key=lambda entry: (entry.first, -entry.end))
    return list(_placed(found))


def _placed(found: list[Entry]) -> Iterator[Entry]:
    """The entries with how many others each is in, and the branches in kernels."""
    around: list[Entry] = []
    for entry in found:
        around = [outer for outer in around if entry.end <= outer.end]
        depth = len(around)
        yield replace(entry, depth=depth)
        if isinstance(entry.region, Repeat):
            for branch in entry.region.branches:
                yield replace(entry, region=branch, depth=depth + 1)
        around.append(entry)


def region_lines(schedule: Schedule, names: Names) -> list[str]:
    """What there is to say of each, what is inside of another one further to the right."""
    every = entries(schedule)
    return ["  " * entry.depth + line for entry in every for line in _lines(entry, every, names)]


def region_data(schedule: Schedule, names: Names) -> list[dict[str, Any]]:
    """The same as data."""
    every = entries(schedule)
    return [_data(entry, every, names) for entry in every]


def holders(schedule: Schedule, number: int) -> list[Node]:
    """The nodes of the loops and branches that a launch is in, outer ones first."""
    every = (each for each in entries(schedule) if each.first <= number < each.end)
    return [each.holder for each in every if not (each.tight and isinstance(each.region, Branch))]


def _lines(entry: Entry, every: list[Entry], names: Names) -> Iterator[str]:
    holder, region = entry.holder, entry.region
    what = "branch" if isinstance(region, Branch) else "loop"
    place = f", {holder.location}" if holder.location else ""
    head = f"{what} {names[holder]} ({holder.op.name}{place}): "
    if isinstance(region, Branch) and entry.tight:
        yield f"{head}in the kernel of launch {entry.first}, if {names[region.predicate]} holds"
    elif isinstance(region, Branch):
        then, otherwise = (
            launches_text(first, end)
            for first, end in ((region.first, region.middle), (region.middle, region.end))
        )
        yield f"{head}{then} if {names[region.predicate]} holds, else {otherwise}"
    else:
        yield f"{head}{launches_text(entry.first, entry.end)}, {_turns(region, names)}"
        yield from _of_loop(entry, region, every, names)


def _of_loop(entry: Entry, loop: Repeat, every: list[Entry], names: Names) -> Iterator[str]:
    """Whether it is one kernel, and what goes from turn to turn."""
    yield f"  {_kernel(entry, names)}"
    for state, initial in zip(loop.states, entry.holder.inputs, strict=False):
        known, following = names[state.held], names[state.following]
        begins = f"begins as {names[initial]}, goes on as {following}"
        yield f"  state {known}: {state.held.type} {begins}"
    for row in loop.rows:
        yield f"  {_row(row, entry.holder, every, names)}"


def launches_text(first: int, end: int) -> str:
    """Launches from the first to before the end."""
    if first == end:
        return "nothing"
    return f"launch {first}" if first + 1 == end else f"launches {first} to {end - 1}"


def _turns(loop: Repeat, names: Names) -> str:
    if loop.predicate is None:
        back = ", from the last row to the first" if loop.reverse else ""
        return f"{loop.length} turns{back}"
    most = f", {loop.most:,} turns at most" if loop.most else ""
    return f"as long as {names[loop.predicate]} holds{most}; its turns are {loop.turns}"


def _kernel(entry: Entry, names: Names) -> str:
    loop = entry.region
    assert isinstance(loop, Repeat)
    if entry.tight:
        return f"one kernel takes {f'up to {entry.chunk}' if entry.chunk else 'all'} turns a launch"
    assert loop.loose is not None
    return f"launched turn by turn: {loop.loose.text(names)}"


def _row(row: Row, holder: Node, every: list[Entry], names: Names) -> str:
    whole = f"{names[row.whole]}: {row.whole.type}"
    others = [
        each.holder
        for each in every
        if isinstance(each.region, Repeat) and each.holder is not holder
        for other in each.region.rows
        if other.whole is row.whole and other.written is not row.written
    ]
    back = [names[other] for other in others if _is_tape(holder if not row.written else other)]
    if row.written:
        tape = f", a tape for {', '.join(dict.fromkeys(back))}" if back else ""
        return f"row {names[row.row]} goes to {whole}{tape}"
    tape = f", a tape from {', '.join(dict.fromkeys(back))}" if back else ""
    return f"row {names[row.row]} is of {whole}{tape}"


def _is_tape(reader: Node) -> bool:
    """Whether what a loop reads row by row was recorded for it: it is a derivative."""
    return reader.location is not None and reader.location.derived


def _data(entry: Entry, every: list[Entry], names: Names) -> dict[str, Any]:
    holder, region = entry.holder, entry.region
    data: dict[str, Any] = {
        "kind": "branch" if isinstance(region, Branch) else "loop",
        "node": names[holder],
        "op": holder.op.name,
        "location": holder.location.full() if holder.location else None,
        "depth": entry.depth,
        "launches": [entry.first, entry.end],
    }
    data["text"] = "\n".join(_lines(entry, every, names))
    if isinstance(region, Branch):
        middle = None if entry.tight else region.middle
        return data | {"middle": middle, "predicate": names[region.predicate]}
    states = zip(region.states, holder.inputs, strict=False)
    return data | {
        "length": None if region.predicate is not None else str(region.length),
        "turns": region.turns or None,
        "reverse": region.reverse,
        "predicate": None if region.predicate is None else names[region.predicate],
        "most": region.most or None,
        "one_kernel": entry.tight,
        "turns_a_launch": entry.chunk or None,
        "reason": None if region.loose is None else region.loose.text(names),
        "states": [
            {
                "name": names[state.held],
                "type": str(state.held.type),
                "initial": names[initial],
                "following": names[state.following],
            }
            for state, initial in states
        ],
        "rows": [
            {"row": names[row.row], "whole": names[row.whole], "written": row.written}
            for row in region.rows
        ],
    }
