"""Blocks of a product's result, which threads share out: how many rows and columns they have.

Every block packs, or reads, its rows and its columns in all steps of depth. So blocks are as
square as they can be, and few; but there are several as soon as there is work enough for it. Where
results take more time than multiply-adds, whole rows of them go better through memory.
"""

from __future__ import annotations

from math import prod

from graphc.ir import dims
from graphc.ir.dims import Size
from graphc.ir.types import Shape

#: Rows or columns of a block at most, columns where rows and depth are more than that, and columns
#: if they are those of several dims, such as a picture's.
MOST, MOST_COLUMNS, PICTURE = 1024, 2048, 4096

#: Bytes among which rows of a block lie if products of a stack stand side by side, and the fewest
#: rows then.
NEAR_BYTES, FEWEST_ROWS = 1 << 19, 64

#: Rows from which on they are many, bytes of an operand that is small, and those that results of a
#: block with all columns may have.
MANY_ROWS, SMALL_BYTES, MOST_BYTES = 256, 1 << 18, 1 << 20

#: Rows and columns of a block where it is not known how many there are, and what is taken for
#: the number of steps of depth then; as many rows at most where columns are not known.
UNKNOWN_ROWS, UNKNOWN_COLUMNS, UNKNOWN_STEPS = 256, 512, 256

#: How many products of a stack there are taken to be where that is not known.
UNKNOWN_STACKS = 8

#: Blocks have a multiple of this many rows, and of this many columns, unless they are the last.
UNIT_ROWS, UNIT_COLUMNS = 8, 32

#: Steps of depth up to which, and values that are stored for each result from which on, results
#: take more time than multiply-adds.
SHALLOW, MANY_STORED = 64, 3

#: Rows or columns below which a block is not cut in two.
NARROW = 64

#: How many times as readily as columns rows are cut where there are more blocks than so many: a
#: thread takes those together that lie below one another.
ROWS_WEIGHT, SMALL_COUNT = 2, 2

#: Up to how many multiply-adds there need to be how many blocks, and how many from there on.
WANTED, MOST_WANTED = ((1 << 20, 1), (1 << 28, 2), (1 << 31, 4), (1 << 34, 8)), 16


def block_sizes(
    height: Size, width: Shape, steps: Size, stacks: Size, *,
    stored: int, unit: int, row_bytes: Size = 0,
) -> tuple[Size, Size]:  # fmt: skip
    """Rows and columns of a block, of so many rows in all and columns of one or several dims.

    `stored` values go to memory for each result. Rows are a multiple of the unit, unless a block
    has all of them. `row_bytes` are those from row to row, if other products of a stack lie in
    between: then blocks of all of them, which come next, find their memory near.
    """
    units = max(unit, UNIT_ROWS), UNIT_COLUMNS
    near = _near_rows(row_bytes)
    near = near if all(isinstance(size, int) for size in width) else min(near, UNKNOWN_ROWS)
    wanted = _wanted(height, dims.product(width), steps, stacks)
    weight = ROWS_WEIGHT if wanted > SMALL_COUNT else 1
    most = min(max(FEWEST_ROWS, near), MOST)
    sides = [_Cut(height, UNKNOWN_ROWS, units[0], most, weight)]
    if len(width) == 1:
        is_large = min(_known(height, 0), _known(steps, 0)) > MOST
        wide = MOST_COLUMNS if is_large else MOST
        sides.append(_Cut(width[0], UNKNOWN_COLUMNS, units[1], wide))
    products = _known(stacks, UNKNOWN_STACKS)
    stays_whole = stored >= MANY_STORED or is_shallow(steps)
    while prod(side.count for side in sides) * products < wanted:
        longest = max(sides, key=lambda side: side.can_be_cut * side.block * side.weight)
        longest = sides[0] if stays_whole and sides[0].can_be_cut else longest
        if not longest.can_be_cut:
            break
        longest.count *= 2
    return sides[0].block, sides[1].block if len(sides) > 1 else PICTURE


def whole_rows(
    height: Size, width: int, steps: Size, stacks: Size, *,
    itemsize: int, unit: int = 1, row_bytes: Size = 0,
) -> int:  # fmt: skip
    """Rows of a block that has all columns, so many that its results stay near."""
    most = min(max(NEAR_BYTES // (width * itemsize), MANY_ROWS), _near_rows(row_bytes))
    most = min(max(FEWEST_ROWS, most), MOST)
    side = _Cut(height, UNKNOWN_ROWS, max(unit, UNIT_ROWS), most)
    wanted, products = _wanted(height, width, steps, stacks), _known(stacks, UNKNOWN_STACKS)
    while side.count * products < wanted and side.can_be_cut:
        side.count *= 2
    return side.block


def may_be_whole(
    height: Size, columns: Shape, steps: Size, stacks: Size, *, itemsize: int, row_bytes: Size = 0
) -> bool:
    """Whether blocks may have all columns.

    The operand of the columns is gone through for every block. So these need many rows, or those
    that they have anyway, unless the operand is small.
    """
    width = dims.product(columns)
    if not isinstance(width, int) or width == 0:
        return False
    row = width * itemsize
    rows = whole_rows(height, width, steps, stacks, itemsize=itemsize, row_bytes=row_bytes)
    if row * min(rows, MANY_ROWS) > MOST_BYTES:
        return False
    own_rows, own_columns = block_sizes(
        height, columns, steps, stacks, stored=0, unit=1, row_bytes=row_bytes
    )
    are_own = own_rows == rows and dims.is_nonnegative(own_columns - width)
    is_small = isinstance(steps, int) and steps * row <= SMALL_BYTES
    return are_own or is_small or rows >= MANY_ROWS


def _near_rows(row_bytes: Size) -> int:
    """Rows that lie among so few bytes, if it is known how far apart they are."""
    return NEAR_BYTES // row_bytes if isinstance(row_bytes, int) and row_bytes else MOST


def _wanted(height: Size, width: Size, steps: Size, stacks: Size) -> int:
    """How many blocks there should be for the work that there is."""
    work = _known(height, UNKNOWN_ROWS) * _known(width, UNKNOWN_COLUMNS)
    work *= _known(steps, UNKNOWN_STEPS) * _known(stacks, UNKNOWN_STACKS)
    return next((blocks for most, blocks in WANTED if work <= most), MOST_WANTED)


class _Cut:
    """The rows or the columns, and into how many blocks they are cut."""

    def __init__(self, size: Size, unknown: int, unit: int, most: int, weight: int = 1) -> None:
        self.size, self.unit, self.weight = size, unit, weight
        self.unknown = max(1, min(unknown, most) // unit) * unit
        self.count = -(-size // most) if isinstance(size, int) else 1

    @property
    def block(self) -> int:
        """Positions of a block: nearly as many in each."""
        if not isinstance(self.size, int):
            return self.unknown
        units = -(-self.size // (self.count * self.unit))
        return max(1, min(self.size, units * self.unit))

    @property
    def can_be_cut(self) -> bool:
        """Whether there can be twice as many blocks, none of them narrow."""
        return isinstance(self.size, int) and self.block >= max(2 * self.unit, NARROW)


def is_shallow(steps: Size) -> bool:
    """Whether results take more time than multiply-adds, which then have so few steps of depth."""
    return _known(steps, UNKNOWN_STEPS) <= SHALLOW


def _known(size: Size, otherwise: int) -> int:
    return size if isinstance(size, int) else otherwise


def even(size: int, most: int) -> int:
    """As few blocks as can be, nearly of one size."""
    return max(1, -(-size // max(1, -(-size // most))))


def count(size: Size, block: Size) -> Size:
    """How many blocks cover the rows or columns."""
    if size == block:
        return 1
    return dims.floordiv(size + block - 1, block)


def extent(size: Size, block: Size, number: Size) -> Size:
    """Rows or columns of a block, of which the last may be short."""
    if isinstance(size, int) and isinstance(block, int) and size % block == 0:
        return block
    if size == block:
        return size
    return dims.minimum(block, size - block * number)
