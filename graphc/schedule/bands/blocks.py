"""The blocks into which a band is cut: which are shared out, and which follow one another."""

from __future__ import annotations

from graphc.ir import dims
from graphc.ir.dims import Size
from graphc.ir.indexing import delinearize
from graphc.schedule.bands.cutting import Band
from graphc.schedule.product_blocks import count, extent
from graphc.schedule.reading import Builder
from graphc.schedule.statements import Loop, Statement

#: Bytes that the wide values of a block should have together, and its rows at most and at least.
NEAR_BYTES, MOST_ROWS, FEWEST_ROWS = 1 << 20, 128, 64

#: Columns of a block at most, where columns are cut.
MOST_COLUMNS = 256

#: How many blocks are worked on at the same time at most, where each has memory of its own.
SLOTS = 16


def block_rows(rows: Size, row_bytes: int) -> int:
    """Rows of a block: as many as leave its wide values in the cache, if not too few."""
    return _even(rows, min(MOST_ROWS, max(FEWEST_ROWS, NEAR_BYTES // max(row_bytes, 1))))


def block_columns(band: Band) -> Size:
    """Columns of a block; all of them, unless each can be worked out on its own."""
    columns = band.shape[-1]
    return _even(columns, MOST_COLUMNS) if band.by_columns else columns


def _even(size: Size, most: int) -> int:
    """The size of as few blocks as there can be, nearly all alike."""
    return max(1, -(-size // -(-size // most))) if isinstance(size, int) and size else most


class Blocks:
    """Where the current block is: `place` in the stack, rows from `start`, columns from `first`.

    Sums over rows grow from block to block, so the blocks of rows of a stack follow one another if
    there are such; else they are shared out too. With slots, `slot` tells apart what may be worked
    on at the same time.
    """

    def __init__(self, builder: Builder, band: Band, rows: int, *, has_slots: bool) -> None:
        *stack, all_rows, all_columns = band.shape
        columns = block_columns(band)
        row_blocks, column_blocks = count(all_rows, rows), count(all_columns, columns)
        tasks = (*stack, column_blocks if band.sums_rows else row_blocks)
        total = dims.product(tasks)
        self.outer = builder.axis(SLOTS if has_slots else total)
        self.slot = position = self.outer.position
        turns = dims.floordiv(total - position + SLOTS - 1, SLOTS) if has_slots else 1
        self.turn = builder.axis(turns)
        *place, number = delinearize(position + SLOTS * self.turn.position, tasks)
        self.place = tuple(place)
        self.following = builder.axis(row_blocks if band.sums_rows else 1)
        row_number = self.following.position if band.sums_rows else number
        column_number = number if band.sums_rows else 0
        self.start: Size = rows * row_number
        self.height = extent(all_rows, rows, row_number)
        self.first: Size = columns * column_number
        self.width = extent(all_columns, columns, column_number)

    def around(
        self, first: tuple[Statement, ...], body: tuple[Statement, ...]
    ) -> tuple[Statement, ...]:
        """Loops over all blocks, with statements that come before those that follow one another."""
        for axis, before in ((self.following, first), (self.turn, ())):
            body = (*before, *(body if axis.extent == 1 else (Loop(axis, body),)))
        return (Loop(self.outer, body),)
