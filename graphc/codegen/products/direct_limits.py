"""How much a product may have of anything for tiles to read operands where they lie."""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd

from graphc.codegen.caches import Caches

#: Shares of the second-level cache: of an operand that is read over and over, of one copied for
#: that, of sums that wait, and of the columns of a tile, all steps of depth in a panel together:
#: they stay near while the rows are gone through.
BYTES_SHARE, COPIED_SHARE, SUMS_SHARE, STRIP_SHARE = 1, 1 / 4, 1 / 2, 1 / 4

#: Times the second-level cache from the first step of depth of an operand to the last, from which
#: on it comes from afar.
FAR_SHARE = 2

#: How many addresses share a line of the second-level cache, and half of them: which they are is up
#: to the system, page by page.
WAYS, HALF_THE_WAYS = 16, 8

#: Bytes of the second-level cache that count: a larger one is shared by several cores.
MOST_SECOND = 2 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """Bytes of an operand, of one that is copied, of sums, and of a tile's columns.

    After `way` bytes, a power of two, addresses share a line of the second-level cache; an operand
    whose steps of depth reach further than `far` comes from afar.
    """

    operand: int
    copied: int
    sums: int
    strip: int
    far: int
    way: int

    @property
    def lines(self) -> int:
        """What steps of depth times the unit of their distance may be: see `is_spread`."""
        return HALF_THE_WAYS * self.way

    def is_spread(self, steps: int, distance: int) -> bool:
        """Whether steps so many bytes apart are on so many lines of the cache that they stay.

        They are on a line for each multiple of a unit, which the distance and a way have in common.
        """
        return steps * gcd(self.way, max(distance, 1)) <= self.lines


def limits(caches: Caches) -> Limits:
    """What fits into the caches of a machine."""
    second = min(caches.second, MOST_SECOND)
    way = 1 << max(second // WAYS, 1).bit_length() - 1
    return Limits(
        operand=int(second * BYTES_SHARE),
        copied=int(second * COPIED_SHARE),
        sums=int(second * SUMS_SHARE),
        strip=int(second * STRIP_SHARE),
        far=second * FAR_SHARE,
        way=way,
    )
