"""Sums over many very short rows, of several blocks of rows at a time.

Such a row is less than a vector, and each waits for the one before it, since a block's rows are
taken in order. Blocks do not wait for one another.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from llvmlite import ir

from graphc.codegen.nests.shapes import kept_row
from graphc.codegen.values import I64
from graphc.ir import dims
from graphc.ir.dims import Size
from graphc.schedule.collapse import substituted
from graphc.schedule.statements import Loop, Statement, Store, Update

if TYPE_CHECKING:
    from graphc.codegen.nests.statements import Statements

#: Blocks at a time, and bytes of a row beyond which one at a time is as fast.
TOGETHER, MOST_BYTES = 4, 32


@dataclass(frozen=True)
class Block:
    """A block of rows: what comes before them, the loop over them, and what that changes."""

    before: tuple[Statement, ...]
    rows: Loop
    change: Update | Store


def blocks_of(loop: Loop) -> list[Block] | None:
    """The blocks of the next few positions of a loop over blocks; None for other loops."""
    blocks = []
    for ahead in range(TOGETHER):
        position: Size = loop.axis.position + ahead
        *before, rows = substituted(loop.body, {loop.axis.name: position})
        change = kept_row(rows) if isinstance(rows, Loop) else None
        if change is None or not all(map(_clears, before)) or not _is_short(rows, change):
            return None
        assert isinstance(rows, Loop)
        blocks.append(Block(tuple(before), rows, change))
    return blocks if _lie_apart(blocks) else None


def _lie_apart(blocks: list[Block]) -> bool:
    """Whether each block changes a row of its own."""
    (columns,) = blocks[0].rows.body
    assert isinstance(columns, Loop)
    steps = (two.change.offset - one.change.offset for one, two in pairwise(blocks))
    return all(dims.is_nonnegative(step - columns.axis.extent) for step in steps)


def _clears(statement: Statement) -> bool:
    """Whether a statement does nothing but store numbers."""
    match statement:
        case Loop(body=body):
            return all(map(_clears, body))
        case Store(value=value):
            return value.name == "const"
        case _:
            return False


def _is_short(rows: Statement, change: Update | Store) -> bool:
    match rows:
        case Loop(body=(Loop(axis=columns),)) if isinstance(columns.extent, int):
            return columns.extent * change.value.dtype.itemsize <= MOST_BYTES
        case _:
            return False


def emit_blocks(
    statements: Statements, loop: Loop, blocks: list[Block], start: ir.Value, end: ir.Value
) -> ir.Value:
    """Blocks as long as there are `TOGETHER`; the position where they end."""
    builder = statements.builder
    count = builder.and_(builder.sub(end, start), I64(-TOGETHER))
    full = builder.add(start, count)
    (columns,) = blocks[0].rows.body
    assert isinstance(columns, Loop) and isinstance(columns.axis.extent, int)
    extent = columns.axis.extent
    lanes = max(2, 1 << (extent - 1).bit_length())
    with statements.scopes.loop(loop.axis.name, start, full, TOGETHER):
        for block in blocks:
            statements.emit(block.before)
        statements.scopes.masked_window(
            columns.axis.name, I64(0), I64(extent), lanes, lambda: _rows(statements, blocks)
        )
    return full


def _rows(statements: Statements, blocks: list[Block]) -> None:
    """The rows that all blocks have, of all of them in turn, and then what else each has."""
    extents = [statements.elements.size(block.rows.axis.extent) for block in blocks]
    common = extents[0]
    for extent in extents[1:]:
        fewer = statements.builder.icmp_signed("<", extent, common)
        common = statements.builder.select(fewer, extent, common)
    name = blocks[0].rows.axis.name
    with ExitStack() as stack:
        takes = [stack.enter_context(statements.kept(block.change)) for block in blocks]
        with statements.scopes.loop(name, I64(0), common):
            for take, block in zip(takes, blocks, strict=True):
                take(block.change)
        for take, block, extent in zip(takes, blocks, extents, strict=True):
            with statements.scopes.loop(name, common, extent):
                take(block.change)
