"""How many bytes a run takes, known before it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from graphc.ir import dims
from graphc.ir.dims import Size
from graphc.memory.plan import MemoryPlan


@dataclass(frozen=True, slots=True)
class Usage:
    """Bytes that one run needs beside feeds, constants and the variables' values.

    `arena` is for temporaries, the padding between them included; `outputs` for fetched arrays;
    `updates` for new values of variables that cannot be written over the old ones.
    """

    arena: int
    outputs: int
    updates: int

    @property
    def total(self) -> int:
        """All of it; what a run takes at its peak, since it takes all of it at its start."""
        return self.arena + self.outputs + self.updates


def usage_of(
    plan: MemoryPlan,
    outputs: Iterable[Size],
    updates: Iterable[Size],
    symbols: Mapping[str, int],
) -> Usage:
    """What a run takes for given sizes of all symbols. `outputs` and `updates` are in bytes."""
    return Usage(plan.layout(symbols).total, _sum(outputs, symbols), _sum(updates, symbols))


def _sum(sizes: Iterable[Size], symbols: Mapping[str, int]) -> int:
    return sum(dims.evaluate(size, symbols) for size in sizes)
