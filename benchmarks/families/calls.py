"""What a call costs when there is next to nothing to compute: NumPy arrays in, NumPy arrays out."""

from __future__ import annotations

from typing import Any

from benchmarks.workload import Reach, Workload, everywhere, normal


def _increment(t: Any, x: Any) -> Any:
    return [x + 1]


def _call(name: str, summary: str, entry: Any, reach: Reach) -> Workload:
    return Workload(
        name=name,
        summary=summary,
        sizes={"n": 4},
        small={"n": 4},
        inputs=lambda rng, dtype, sizes: {"x": normal(rng, dtype, sizes["n"])},
        builders=everywhere(_increment),
        entry=entry,
        reach=reach,
    )


#: NumPy's own x + 1 is shown as what lies below, and is no compiler to be compared with.
FAMILY = (
    _call(
        "call",
        "x + 1 on 4 elements through the fastest call (graphc: make_callable)",
        "callable",
        Reach(ratio=2.5, seconds=0.6e-6, aside=("numpy",)),
    ),
    _call(
        "session_run",
        "x + 1 on 4 elements through session.run with a feed dict, where there is such a thing",
        "run",
        Reach(ratio=None, seconds=1.5e-6, aside=("numpy",)),
    ),
)
