"""A report as a picture: for each workload, graphc's speed in times of each peer's."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.driver.records import Measurement, Report
from benchmarks.peers.catalogue import CATALOGUE, PEERS
from graphc.errors import BenchmarkError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MARKS = "osD^v<>PX*"


def check_possible() -> None:
    """BenchmarkError if there is no matplotlib: better known before measuring than after it."""
    if find_spec("matplotlib") is None:
        raise BenchmarkError("a plot needs matplotlib; install it with the extra `plots`")


def draw(report: Report, file: Path) -> None:
    """Write the picture, in the form that the file's name asks for (.png, .svg, .pdf)."""
    from matplotlib.figure import Figure

    shown = [found for found in report.measurements if any(run.ratio for run in found.peers)]
    if not shown:
        raise BenchmarkError("there is nothing to draw: no peer was measured")
    figure = Figure(figsize=(9, 2.2 + 0.34 * len(shown)), layout="constrained")
    axes = figure.subplots()
    _axis(axes, shown)
    for mark, name in zip(_MARKS, PEERS, strict=False):
        _marks(axes, shown, name, mark)
    figure.legend(loc="outside lower center", ncols=4)
    figure.savefig(file, dpi=150)


def _axis(axes: Axes, shown: Sequence[Measurement]) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter

    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}x")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.axvline(1, color="black", linewidth=1)
    axes.set_yticks(range(len(shown)), [found.label for found in shown])
    axes.set_ylim(len(shown) - 0.5, -0.5)
    axes.set_xlabel("graphc's speed in times of the peer's (right of the line graphc is faster)")
    axes.grid(axis="x", alpha=0.4)
    for k, found in enumerate(shown):
        wanted = found.workload.reach.ratio
        if wanted:
            axes.plot([wanted, wanted], [k - 0.4, k + 0.4], color="tab:red", linewidth=2)


def _marks(axes: Axes, shown: Sequence[Measurement], name: str, mark: str) -> None:
    points = [
        (run.ratio.median, k)
        for k, found in enumerate(shown)
        for run in found.peers
        if run.name == name and run.ratio
    ]
    if points:
        xs, ys = zip(*points, strict=True)
        axes.scatter(xs, ys, marker=mark, label=CATALOGUE[name].title, zorder=3)
