"""A report as tables on a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from benchmarks.driver.products import products
from benchmarks.driver.reaching import rank, verdicts
from benchmarks.driver.records import Measurement, Report, Run
from benchmarks.driver.wording import duration, size, three_digits

#: Columns of what is not a terminal, where nothing is known about the width.
_PLAIN_WIDTH = 150
#: A machine is busy where so much of a core is taken by others.
_BUSY = 0.3


def show(report: Report, console: Console) -> None:
    """Print the whole report."""
    console = plain_if_piped(console)
    console.print(Group(*_heading(report), times(report.measurements), aims(report.measurements)))
    found = products(report)
    if found is not None:
        console.print(found)


def plain_if_piped(console: Console) -> Console:
    """A console that does not wrap what nobody sees on a terminal."""
    if console.is_terminal:
        return console
    return Console(file=console.file, width=_PLAIN_WIDTH, color_system=None)


def _heading(report: Report) -> list[RenderableType]:
    machine, limits = report.machine, report.limits
    threads = limits["threads"]
    lines: list[RenderableType] = [
        Text(f"{machine['cpu']}, {threads} threads of {machine['cores']} cores", "bold"),
        Text(f"limits: {_limits(limits)}"),
    ]
    if report.limits_alone is not None and threads > 1:
        lines.append(Text(f"limits of one thread: {_limits(report.limits_alone)}"))
    if report.settings["small"]:
        lines.append(Text("sizes are tiny: the times say nothing", "yellow"))
    if (machine["load"] or 0) > _BUSY:
        busy = (
            f"others kept {machine['load']} cores busy before the start: the times may say little"
        )
        lines.append(Text(busy, "yellow"))
    return lines


def _limits(limits: Mapping[str, Any]) -> str:
    flops = (f"{value / 1e9:.0f} GFLOP/s {name}" for name, value in limits["flops"].items())
    return f"copying {limits['copy_bytes'] / 1e9:.1f} GB/s (read and written), {', '.join(flops)}"


def times(measurements: Sequence[Measurement]) -> Table:
    """Every program with every workload, the fastest first."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for title in ("workload", "program"):
        table.add_column(title)
    for title in (
        "time",
        "graphc's speed",
        "GFLOP/s",
        "of limit",
        "compile",
        "memory",
        "difference",
    ):
        table.add_column(title, justify="right")
    for measurement in measurements:
        for k, run in enumerate(rank(measurement.runs)):
            style = "bold" if run is measurement.own else ""
            label = measurement.label if k == 0 else ""
            table.add_row(label, Text(run.title, style), *_cells(measurement, run))
        table.add_section()
    return table


def _cells(measurement: Measurement, run: Run) -> list[str]:
    if not run.time:
        return [run.status, run.reason.partition("\n")[0][:60]]
    share, rate = measurement.share(run), measurement.rate(run)
    return [
        duration(run.time.median),
        _ratio(run),
        "" if rate is None else three_digits(rate / 1e9),
        "" if share is None else f"{share:.0%}",
        "" if run.compile_seconds is None else duration(run.compile_seconds),
        "" if run.growth_bytes is None else size(run.growth_bytes),
        "" if run.difference is None else f"{run.difference:.0e}",
    ]


def _ratio(run: Run) -> str:
    """The median, and from where to where it went."""
    found = run.ratio
    return f"{found.median:.2f}x ({found.least:.2f} to {found.most:.2f})" if found else ""


def aims(measurements: Sequence[Measurement]) -> Table:
    """What was to be reached, and whether it was."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for title in ("workload", "aim"):
        table.add_column(title)
    for title in ("found", "wanted"):
        table.add_column(title, justify="right")
    table.add_column("")
    for measurement in measurements:
        for k, verdict in enumerate(verdicts(measurement)):
            label = measurement.label if k == 0 else ""
            style = "green" if verdict.short == 0 else "red"
            row = (label, verdict.about, verdict.found, verdict.wanted)
            table.add_row(*row, Text(verdict.text, style))
    return table
