"""The memory plan: every buffer, when it is in use, and where in the arena it lies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from graphc.codegen.executable import Role, Slot
from graphc.codegen.program import found_dims
from graphc.compiler import Compilation
from graphc.inspection.arena import letter, picture
from graphc.inspection.kernels import buffer_names
from graphc.inspection.peak import (
    Bytes,
    bytes_text,
    check_dims,
    layout_for,
    memory_of,
    rounded_text,
    value_of,
)
from graphc.inspection.view import Block, Code, Column, Note, Table, View, table
from graphc.ir import dims
from graphc.ir.dims import Size
from graphc.ir.types import Shape, TensorType
from graphc.memory.growth import growths
from graphc.memory.live import LiveRange, Temporary
from graphc.memory.plan import Layout
from graphc.schedule.kernel import Workspace
from graphc.schedule.naming import names_of
from graphc.schedule.regions import Repeat

_COLUMNS = (
    Column("arena"),
    Column("buffer"),
    Column("is"),
    Column("type"),
    Column("lies in"),
    Column("bytes", right=True),
    Column("", right=True),
    Column("launches", right=True),
    Column("offset", right=True),
)
_GROWING = (
    Column("grows"),
    Column("bytes a turn", right=True),
    Column("turns"),
    Column("at first", right=True),
    Column("then"),
    Column("bytes", right=True),
)
_TOTALS = (Column("memory"), Column("bytes", right=True), Column("", right=True))


def memory_view(compilation: Compilation, given: Mapping[str, int]) -> View:
    """The plan of a compiled program, in bytes as far as dims are given.

    Offsets, and a picture of the arena, need all of them.
    """
    assert compilation.plan is not None
    assert compilation.schedule is not None
    sizes = check_dims(compilation.graph, given, found_dims(compilation.schedule))
    layout = layout_for(compilation, sizes)
    rows = _rows(compilation, layout)
    totals = memory_of(compilation, sizes, layout)
    shown = [_shown(row, sizes) for row in rows]
    blocks: list[Block] = [_without_empty(table(_COLUMNS, shown)), totals_table(totals)]
    blocks += growth_blocks(compilation, sizes)
    if layout is None:
        blocks.append(Note("Give every dim a size (--dim NAME=SIZE) to see offsets and the arena."))
    elif layout.total:
        blocks.append(Code(picture(compilation.plan.ranges, layout), "arena"))
    data = {
        "stage": "memory",
        "name": compilation.graph.name,
        "dims": sizes,
        "launches": len(compilation.schedule.launches) if compilation.schedule else 0,
        "buffers": [_data(row, sizes) for row in rows],
        "memory": totals_data(totals),
        "growing": growth_data(compilation, sizes),
    }
    return View(data, tuple(blocks))


def growth_blocks(compilation: Compilation, sizes: Mapping[str, int]) -> list[Block]:
    """How tapes and the like grow, if there are any."""
    rows = [
        (
            entry["name"],
            entry["bytes_a_turn"],
            entry["turns"],
            entry["bytes_at_first"],
            "twice as many when they are full" if entry["grows"] else "as many as it must have",
            bytes_text(entry["bytes"]),
        )
        for entry in growth_data(compilation, sizes)
    ]
    if not rows:
        return []
    said = "Tapes come on top of the peak. While one grows, its old memory is there beside the new."
    return [_without_empty(table(_GROWING, rows)), Note(said)]


def growth_data(compilation: Compilation, sizes: Mapping[str, int]) -> list[dict[str, Any]]:
    """The same as data; bytes are those that are taken, if the number of turns is given."""
    assert compilation.schedule is not None and compilation.prepared is not None
    names = names_of(compilation.prepared, compilation.schedule)
    found = []
    for growth in growths(compilation.schedule):
        needed = dims.symbols(growth.buffer.tensor.size) | {growth.turns}
        found.append(
            {
                "name": names[growth.buffer],
                "turns": growth.turns,
                "bytes_a_turn": str(growth.row),
                "bytes_at_first": str(growth.first),
                "grows": bool(growth.rows),
                "bytes": growth.taken(sizes) if needed <= sizes.keys() else None,
            }
        )
    return found


def totals_table(totals: Mapping[str, Bytes]) -> Table:
    """Bytes by what they are for."""
    rows = [
        (name, _bound_text(name, size), rounded_text(value) if value is not None else "")
        for name, (size, value) in totals.items()
        if size != 0 or name == "peak"
    ]
    return _without_empty(table(_TOTALS, rows))


def _bound_text(name: str, size: Size) -> str:
    """The expression; of the arena only its lower bound is one."""
    text = bytes_text(size) if isinstance(size, int) else str(size)
    return (
        f"at least {text}"
        if name in ("arena", "tapes", "peak") and not isinstance(size, int)
        else text
    )


def totals_data(totals: Mapping[str, Bytes]) -> dict[str, Any]:
    """The same as data."""
    return {
        name: {"expression": str(size), "bytes": value} for name, (size, value) in totals.items()
    }


class _Row:
    """A buffer with what is known of it; `live` and `offset` only for what is in the arena.

    `over` is the buffer in whose memory it lies, if that is another one.
    """

    def __init__(
        self, name: str, slot: Slot, live: LiveRange | None, offset: int | None, over: str = ""
    ) -> None:
        self.name = name
        self.role = slot.role
        self.letter = letter(slot.index) if live else ""
        self.type = TensorType(slot.dtype, slot.shape)
        self.live = live
        self.offset = offset
        self.over = over

    @property
    def size(self) -> Size:
        return self.type.nbytes


def _rows(compilation: Compilation, layout: Layout | None) -> list[_Row]:
    slots, schedule, plan = compilation.slots, compilation.schedule, compilation.plan
    graph, sharing = compilation.prepared, compilation.sharing
    assert graph and sharing and slots is not None and schedule and plan
    called = buffer_names(schedule, names_of(graph, schedule))
    loops = [region for region in schedule.regions if isinstance(region, Repeat)]
    wholes: dict[Temporary, str] = {
        row.row: called[row.whole] for loop in loops for row in loop.rows
    }
    pairs = zip(graph.updates, sharing.in_place, strict=True)
    over: dict[Temporary, str] = {value: called[old] for (old, value), yes in pairs if yes}
    rows = []
    for buffer, slot in slots.items():
        live, offset = _in_arena(slot, plan.ranges, layout)
        within = wholes if slot.role is Role.MOVING else over
        rows.append(_Row(called[buffer], slot, live, offset, within.get(buffer, "")))
    for buffer, home in sharing.home.items():
        live, offset = _in_arena(slots[home], plan.ranges, layout)
        slot = replace(slots[home], role=Role.TEMPORARY, dtype=buffer.dtype, shape=_shape(buffer))
        rows.append(_Row(called[buffer], slot, live, offset, called[home]))
    return rows


def _shape(buffer: Temporary) -> Shape:
    return (buffer.size,) if isinstance(buffer, Workspace) else buffer.shape


def _in_arena(
    slot: Slot, ranges: Sequence[LiveRange], layout: Layout | None
) -> tuple[LiveRange | None, int | None]:
    if slot.role is not Role.TEMPORARY:
        return None, None
    return ranges[slot.index], layout.offsets[slot.index] if layout else None


def _shown(row: _Row, sizes: Mapping[str, int]) -> tuple[str, ...]:
    value = None if isinstance(row.size, int) else value_of(row.size, sizes)
    live = f"{row.live.first} to {row.live.last}" if row.live else ""
    offset = bytes_text(row.offset)
    size = bytes_text(row.size) if isinstance(row.size, int) else str(row.size)
    known = f"= {bytes_text(value)}" if value is not None else ""
    kind = str(row.type)
    return row.letter, row.name, row.role.value, kind, row.over, size, known, live, offset


def _data(row: _Row, sizes: Mapping[str, int]) -> dict[str, Any]:
    return {
        "name": row.name,
        "role": row.role.value,
        "type": str(row.type),
        "lies_in": row.over or None,
        "size": str(row.size),
        "bytes": value_of(row.size, sizes),
        "first_launch": row.live.first if row.live else None,
        "last_launch": row.live.last if row.live else None,
        "offset": row.offset,
    }


def _without_empty(full: Table) -> Table:
    """The table without the columns in which there is nothing."""
    kept = [k for k in range(len(full.columns)) if any(row[k] for row in full.rows)]
    return Table(
        tuple(full.columns[k] for k in kept),
        tuple(tuple(row[k] for k in kept) for row in full.rows),
    )
