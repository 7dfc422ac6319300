"""`graphc bench`: measure workloads one after the other, and report."""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from benchmarks.driver import limits, machine, plot, report
from benchmarks.driver.environment import peers_python
from benchmarks.driver.measuring import Settings, measure
from benchmarks.driver.records import Measurement, Report
from benchmarks.families.registry import FAMILIES, WORKLOADS, select
from benchmarks.peers.catalogue import CATALOGUE, PEERS
from benchmarks.workload import Workload
from graphc.errors import BenchmarkError

Chosen = Sequence[tuple[Workload, str]]


def run(
    names: Sequence[str],
    *,
    peers: Sequence[str],
    dtypes: Sequence[str],
    python: Path | None,
    threads: int,
    rounds: int,
    small: bool,
    products: bool,
    json_file: Path | None,
    plot_file: Path | None,
) -> bool:
    """Measure and print; whether no program failed or gave a wrong result.

    BenchmarkError for names that are unknown, nothing to measure, and more threads than cores.
    The JSON file is written after each workload, so that an interrupted run leaves what it has.
    """
    chosen = choose(names, dtypes)
    settings = Settings(
        peers=choose_peers(peers),
        python=python or peers_python(),
        threads=threads,
        rounds=rounds,
        small=small,
        products=products,
    )
    _check_possible(settings, plot_file)
    found = measure_all(chosen, settings, json_file, Console(stderr=True))
    report.show(found, Console())
    if plot_file is not None:
        plot.draw(found, plot_file)
    return found.is_sound


def choose(names: Sequence[str], dtypes: Sequence[str]) -> Chosen:
    """Workloads, each with a dtype, for names of workloads and families; all without any."""
    for name in names:
        if name not in WORKLOADS and name not in FAMILIES:
            raise _unknown("workload", name, [*WORKLOADS, *FAMILIES])
    chosen = select(names, dtypes)
    if not chosen:
        raise BenchmarkError(f"none of these workloads makes sense in {', '.join(dtypes)}")
    return chosen


def choose_peers(names: Sequence[str]) -> tuple[str, ...]:
    """Peers in the order of the catalogue; all without any names."""
    for name in names:
        if name not in PEERS:
            raise _unknown("peer", name, PEERS)
    return tuple(name for name in PEERS if not names or name in names)


def _unknown(what: str, name: str, known: Sequence[str]) -> BenchmarkError:
    close = difflib.get_close_matches(name, known, 1)
    hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(known)}"
    return BenchmarkError(f"there is no {what} {name}; {hint}")


def _check_possible(settings: Settings, plot_file: Path | None) -> None:
    cores = machine.available_cores()
    if settings.threads > cores:
        raise BenchmarkError(f"{settings.threads} threads need as many cores; there are {cores}")
    if plot_file is not None:
        plot.check_possible()


def measure_all(
    chosen: Chosen, settings: Settings, json_file: Path | None, console: Console
) -> Report:
    """The limits before and after, and the workloads between."""
    description = machine.describe()
    counts = _thread_counts(chosen, settings)
    probes = {count: [limits.probe(count)] for count in counts}
    measurements: list[Measurement] = []

    def found() -> Report:
        best = {count: limits.best_of(each) for count, each in probes.items()}
        for measurement in measurements:
            _set_limits(measurement, best, settings)
        whole, alone = best[settings.threads], best.get(1)
        return Report(
            description,
            whole.data(),
            _settings_data(settings),
            measurements,
            alone.data() if alone else None,
        )

    with console.status("starting") as status:
        for k, (workload, dtype) in enumerate(chosen):
            heading = f"{workload.name} {dtype} ({k + 1} of {len(chosen)})"
            notify = _notifier(status.update, heading)
            measurements.append(measure(workload, dtype, settings, notify))
            _tell_troubles(measurements[-1], console)
            _write(found(), json_file)
        status.update("measuring the machine's limits again")
        for count, found_before in probes.items():
            found_before.append(limits.probe(count))
    _write(found(), json_file)
    return found()


def _thread_counts(chosen: Chosen, settings: Settings) -> list[int]:
    """Numbers of threads whose limits have to be known."""
    alone = any(workload.reach.concerns_one_thread for workload, _ in chosen)
    alone = alone or settings.products  # short products are run on one
    return sorted({settings.threads, *([1] if alone else [])})


def _set_limits(
    measurement: Measurement, best: Mapping[int, limits.Limits], settings: Settings
) -> None:
    """What the workload takes at least, on this machine."""
    dtype = measurement.dtype
    work = measurement.workload.least_work(dtype, settings.small)
    measurement.flops = work.flops if work else 0
    measurement.least_seconds = best[settings.threads].least_seconds(work, dtype)
    if 1 in best:
        measurement.alone_seconds = best[1].least_seconds(work, dtype)


def _notifier(update: Callable[[str], None], heading: str) -> Callable[[str], None]:
    return lambda text: update(f"{heading}: {text}")


def _tell_troubles(measurement: Measurement, console: Console) -> None:
    """Say at once what failed, and everything that is known about it."""
    for run in measurement.runs:
        if run.status in ("failed", "differs"):
            console.print(Text(f"{measurement.label}, {run.title}: {run.reason}"), soft_wrap=True)


def _settings_data(settings: Settings) -> dict[str, Any]:
    return {
        "peers": list(settings.peers),
        "threads": settings.threads,
        "rounds": settings.rounds,
        "samples": settings.samples,
        "limit_seconds": settings.limit,
        "small": settings.small,
        "products": settings.products,
    }


def _write(found: Report, file: Path | None) -> None:
    """Write all or nothing."""
    if file is None:
        return
    new = file.with_name(f"{file.name}.new")
    new.write_text(json.dumps(found.data(), indent=1, allow_nan=False) + "\n", encoding="utf-8")
    os.replace(new, file)


def list_all() -> None:
    """Print what there is to measure, and against whom."""
    table = Table("workload", "dtypes", "what it is", box=None, pad_edge=False)
    for family, workloads in FAMILIES.items():
        table.add_row(Text(family, "bold"))
        for workload in workloads:
            table.add_row(f"  {workload.name}", " ".join(workload.dtypes), workload.summary)
    console = report.plain_if_piped(Console())
    console.print(table)
    console.print("peers: " + ", ".join(f"{name} ({CATALOGUE[name].title})" for name in PEERS))
