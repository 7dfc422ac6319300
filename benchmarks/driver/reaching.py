"""What a workload is meant to reach, and whether it does."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.driver.records import Measurement, Run
from benchmarks.driver.wording import duration


@dataclass(frozen=True)
class Verdict:
    """One aim: what it is about, what was found and wanted, and by how much it is missed.

    `short` is the proportion that is missing, 0 where the aim is reached.
    """

    about: str
    found: str
    wanted: str
    short: float

    @property
    def text(self) -> str:
        return "reached" if self.short == 0 else f"missed by {self.short:.0%}"


def verdicts(measurement: Measurement) -> list[Verdict]:
    """Those of a workload's aims that were measured."""
    found = (
        _ratio(measurement),
        _share(measurement),
        _share_alone(measurement),
        _scaling(measurement),
        _seconds(measurement),
        _compile_seconds(measurement),
    )
    return [verdict for verdict in found if verdict is not None]


def _ratio(measurement: Measurement) -> Verdict | None:
    wanted, best = measurement.workload.reach.ratio, measurement.best_peer
    if wanted is None or best is None or best.ratio is None:
        return None
    found = best.ratio.median
    return Verdict(
        f"speed against {best.title}", f"{found:.2f}x", f"{wanted:g}x", _short(found / wanted)
    )


def _share(measurement: Measurement) -> Verdict | None:
    wanted, found = measurement.workload.reach.share, measurement.share(measurement.own)
    return _share_verdict("share of the limit", found, wanted)


def _share_alone(measurement: Measurement) -> Verdict | None:
    wanted, run = measurement.workload.reach.share_alone, measurement.alone
    found = measurement.share(run) if run is not None else None
    return _share_verdict("share of one thread's limit", found, wanted)


def _share_verdict(about: str, found: float | None, wanted: float | None) -> Verdict | None:
    if wanted is None or found is None:
        return None
    return Verdict(about, f"{found:.0%}", f"{wanted:.0%}", _short(found / wanted))


def _scaling(measurement: Measurement) -> Verdict | None:
    wanted, run = measurement.workload.reach.scaling, measurement.alone
    if wanted is None or run is None or run.ratio is None:
        return None
    found = run.ratio.median
    return Verdict(
        "speed against one thread", f"{found:.2f}x", f"{wanted:g}x", _short(found / wanted)
    )


def _seconds(measurement: Measurement) -> Verdict | None:
    time = measurement.own.time
    found = time.median if time else None
    return _time_verdict("time of a call", found, measurement.workload.reach.seconds)


def _compile_seconds(measurement: Measurement) -> Verdict | None:
    wanted, own = measurement.workload.reach.compile_seconds, measurement.own
    return _time_verdict("time to the first result", own.compile_seconds, wanted)


def _time_verdict(about: str, found: float | None, wanted: float | None) -> Verdict | None:
    if wanted is None or found is None:
        return None
    return Verdict(about, duration(found), duration(wanted), _short(wanted / found))


def _short(proportion: float) -> float:
    return max(0.0, 1.0 - proportion)


def rank(runs: list[Run]) -> list[Run]:
    """The fastest first; after them what was not measured, in the order given."""
    timed = [run for run in runs if run.time]
    return sorted(timed, key=_seconds_of) + [run for run in runs if not run.time]


def _seconds_of(run: Run) -> float:
    return run.time.median if run.time else float("inf")
