"""The blocks of rows into which a band is cut: which are shared out, and which follow another."""

from __future__ import annotations

from graphc.ir import dims
from graphc.ir.dims import Size
from graphc.ir.indexing import delinearize
from graphc.schedule.bands.cutting import Band
from graphc.schedule.products.blocks import count, extent
from graphc.schedule.reading import Builder
from graphc.schedule.statements import Loop, Statement

#: Bytes that the wide values of a block should have together, and its rows at most and at least.
NEAR_BYTES, MOST_ROWS, FEWEST_ROWS = 1 << 20, 128, 64

#: How many blocks are worked on at the same time at most, where each has memory of its own.
SLOTS = 16


def block_rows(band: Band, row_bytes: int) -> int:
    """Rows of a block: as many as leave its wide values in the cache, if not too few.

    Blocks that are all alike have a height that is known, with which products are quicker.
    """
    rows = band.shape[-2] if band.parts is None else band.parts.run
    most = min(MOST_ROWS, max(FEWEST_ROWS, NEAR_BYTES // max(row_bytes, 1)))
    if not isinstance(rows, int) or rows == 0:
        return most
    alike = (height for height in range(min(most, rows), most // 2, -1) if rows % height == 0)
    return next(alike, -(-rows // -(-rows // most)))  # else as few blocks as there can be


class Blocks:
    """Where the current block is: `place` in the stack, and rows from `start`.

    Sums over rows grow from block to block, so the blocks of rows of each `part` of a stack follow
    one another if there are such, `within` the part's rows; of a part without rows there is one
    block, that sums may begin. Else they are shared out too. With slots, `slot` tells apart what
    may be worked on at the same time.
    """

    def __init__(self, builder: Builder, band: Band, rows: int, *, has_slots: bool) -> None:
        *stack, all_rows, _ = band.shape
        parts = band.parts
        tasks = (*stack, count(all_rows, rows) if parts is None else parts.count)
        total = dims.product(tasks)
        slots = min(SLOTS, total) if isinstance(total, int) else SLOTS
        self.slots = slots if has_slots else 1
        self.outer = builder.axis(slots if has_slots else total)
        self.slot = position = self.outer.position
        turns = dims.floordiv(total - position + slots - 1, slots) if has_slots else 1
        self.turn = builder.axis(turns)
        *place, number = delinearize(position + slots * self.turn.position, tasks)
        self.place, self.part = tuple(place), number
        self.within: Size = 0
        if parts is None:
            self.following = builder.axis(1)
            self.start: Size = rows * number
            self.height = extent(all_rows, rows, number)
            return
        own = _part_rows(all_rows, parts.run, parts.count, number)
        blocks = count(own, rows)
        self.following = builder.axis(
            blocks if isinstance(blocks, int) else dims.maximum(1, blocks)
        )
        self.within = rows * self.following.position
        self.start = parts.run * number + self.within
        self.height = extent(own, rows, self.following.position)

    def around(self, body: tuple[Statement, ...]) -> tuple[Statement, ...]:
        """Loops over all blocks."""
        for axis in (self.following, self.turn):
            body = body if axis.extent == 1 else (Loop(axis, body),)
        return (Loop(self.outer, body),)


def _part_rows(rows: Size, run: Size, count: Size, number: Size) -> Size:
    """Rows of a part; the last ones may have fewer, or none."""
    if run * count == rows:
        return run
    return dims.minimum(run, dims.maximum(rows - run * number, 0))
