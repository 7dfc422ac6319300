"""What was measured, in a form that JSON can hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from benchmarks.driver.statistics import Spread, spread
from benchmarks.workload import Workload

#: Raised when the meaning of a field changes.
SCHEMA = 1

Status = Literal["measured", "absent", "failed", "differs"]


@dataclass
class Run:
    """One program with one workload. What is None was not measured, and `reason` says why.

    Times are in seconds, memory in bytes. `rounds` has the median of each turn, `ratios` graphc's
    speed in times of this program's in each turn. `difference` is the largest from the reference,
    relative to the largest magnitude in the result concerned. `profile` is that of
    `Session.profile`, where it was asked for.
    """

    name: str
    title: str
    status: Status = "measured"
    reason: str = ""
    version: str = ""
    compile_seconds: float | None = None
    difference: float | None = None
    rounds: list[float] = field(default_factory=list)
    ratios: list[float] = field(default_factory=list)
    peak_bytes: int | None = None
    growth_bytes: int | None = None
    profile: dict[str, Any] | None = None

    def stop(self, status: Status, reason: str) -> None:
        self.status, self.reason = status, reason

    @property
    def is_measured(self) -> bool:
        return self.status == "measured"

    @property
    def time(self) -> Spread | None:
        return spread(self.rounds) if self.is_measured else None

    @property
    def ratio(self) -> Spread | None:
        return spread(self.ratios) if self.is_measured else None


@dataclass
class Measurement:
    """A workload in a dtype: graphc and its peers, and graphc on one thread where that is wanted.

    `alone` is `own` itself where everyone has one thread. `flops` are the multiplications and
    additions of a call, `least_seconds` the machine's limit, `alone_seconds` that of one thread.
    """

    workload: Workload
    dtype: str
    own: Run
    peers: list[Run]
    alone: Run | None = None
    flops: int = 0
    least_seconds: float | None = None
    alone_seconds: float | None = None

    @property
    def label(self) -> str:
        return f"{self.workload.name} {self.dtype}"

    @property
    def is_sound(self) -> bool:
        """Whether nothing failed or differed. What is absent is no fault of anyone's."""
        return all(run.status in ("measured", "absent") for run in self.runs)

    @property
    def runs(self) -> list[Run]:
        """graphc, graphc on one thread where that is another run, and the peers."""
        alone = [] if self.alone is None or self.alone is self.own else [self.alone]
        return [self.own, *alone, *self.peers]

    def share(self, run: Run) -> float | None:
        """The machine's least time in proportion to the program's: 1 is as fast as it can be."""
        least = self.alone_seconds if run is self.alone else self.least_seconds
        if least is None or run.time is None:
            return None
        return least / run.time.median

    def rate(self, run: Run) -> float | None:
        """Multiplications and additions in a second; None where the workload counts none."""
        return self.flops / run.time.median if self.flops and run.time else None

    @property
    def best_peer(self) -> Run | None:
        """The one that graphc does worst against, of those that count; None if there is none."""
        aside = self.workload.reach.aside
        rivals = [(run.ratio.median, k) for k, run in enumerate(self.peers)
                  if run.ratio and run.name not in aside]  # fmt: skip
        return self.peers[min(rivals)[1]] if rivals else None

    def data(self) -> dict[str, Any]:
        workload = self.workload
        return {
            "workload": workload.name,
            "summary": workload.summary,
            "dtype": self.dtype,
            "entry": workload.entry,
            "tolerance": workload.tolerance.get(self.dtype, 0.0),
            "reach": asdict(workload.reach),
            "flops": self.flops,
            "least_seconds": self.least_seconds,
            "graphc": self._run_data(self.own),
            "graphc_alone": self._run_data(self.alone) if self.alone else None,
            "peers": [self._run_data(run) for run in self.peers],
        }

    def _run_data(self, run: Run) -> dict[str, Any]:
        derived = {
            "seconds": asdict(run.time) if run.time else None,
            "ratio": asdict(run.ratio) if run.ratio else None,
            "share": self.share(run),
            "flops_a_second": self.rate(run),
        }
        return {**asdict(run), **derived}


@dataclass
class Report:
    """A whole run. `machine`, `limits` and `settings` are shown as they are.

    `limits_alone` are those of one thread, where something is compared with them.
    """

    machine: dict[str, Any]
    limits: dict[str, Any]
    settings: dict[str, Any]
    measurements: Sequence[Measurement]
    limits_alone: dict[str, Any] | None = None

    @property
    def is_sound(self) -> bool:
        return all(measurement.is_sound for measurement in self.measurements)

    def data(self) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "machine": self.machine,
            "limits": self.limits,
            "limits_alone": self.limits_alone,
            "settings": self.settings,
            "measurements": [measurement.data() for measurement in self.measurements],
        }
