"""Numbers from samples: medians of medians, and ratios of what lay next to each other in time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Spread:
    """The median of several values, and the least and greatest of them."""

    median: float
    least: float
    most: float


def spread(values: Sequence[float]) -> Spread | None:
    """None for no values."""
    return Spread(median(values), min(values), max(values)) if values else None


@dataclass(frozen=True)
class Turn:
    """graphc's samples and then a peer's, taken one right after the other; seconds a call.

    Within a turn the machine is in much the same state for both; between turns it may not be.
    """

    own: Sequence[float]
    peer: Sequence[float]

    @property
    def own_median(self) -> float:
        return median(self.own)

    @property
    def peer_median(self) -> float:
        return median(self.peer)

    @property
    def ratio(self) -> float:
        """How many times the peer's speed graphc's is: above 1 where graphc is faster."""
        return self.peer_median / self.own_median
