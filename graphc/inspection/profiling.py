"""A program measured launch by launch, next to what the machine can do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from graphc.errors import AttributeValueError
from graphc.inspection.limits import fma_peak
from graphc.inspection.products import panel_text, results_text, side_text
from graphc.inspection.running import inputs, notices
from graphc.inspection.target import Subject
from graphc.inspection.view import Block, Column, Note, View, table
from graphc.ir.dtypes import from_short
from graphc.runtime.profile import JobProfile, LaunchProfile, Profile, shortened
from graphc.runtime.profiling import TimedProgram
from graphc.runtime.session_pool import SessionPool

_LAUNCHES = (
    Column("launch", right=True),
    Column("kernel", right=True),
    Column("runs", right=True),
    Column("time", right=True),
    Column("least", right=True),
    Column("share", right=True),
    Column("GFLOP/s", right=True),
    Column("of peak", right=True),
    Column("GB/s", right=True),
    Column("pieces", right=True),
    Column("computes"),
    Column("created at", dim=True),
)
_PRODUCTS = (
    Column("launch", right=True),
    Column("product"),
    Column("blocks", right=True),
    Column("of rows, columns, depth"),
    Column("GFLOP/s", right=True),
    Column("of peak", right=True),
    Column("tile"),
    Column("packed"),
    Column("left"),
    Column("right"),
    Column("results"),
)
#: How long what a launch computes may be in a table.
_WIDTH = 48


@dataclass(frozen=True)
class Measured:
    """A profile, and by dtype the operations a second of multiply-adds on as many threads."""

    profile: Profile
    peaks: Mapping[str, float]
    notices: tuple[str, ...] = ()

    def share(self, job: JobProfile) -> float | None:
        """Of the peak; None for a job that has products of several dtypes, or in none in tiles."""
        dtypes = {product.dtype for each in job.launches for product in each.products}
        if job.flops_a_second is None or len(dtypes) != 1:
            return None
        return job.flops_a_second / self.peaks[dtypes.pop()]


def measured(profile: Profile, notices: tuple[str, ...] = ()) -> Measured:
    """A profile with the peaks of its dtypes, which are measured now."""
    dtypes = {product.dtype for each in profile.launches for product in each.products}
    peaks = {name: fma_peak(profile.threads, from_short(name).name) for name in sorted(dtypes)}
    return Measured(profile, peaks, notices)


def measure(
    subject: Subject,
    feeds: Mapping[str, str],
    *,
    repeat: int = 5,
    seed: int = 0,
    threads: int | None = None,
    apart: bool = False,
) -> Measured:
    """Compile a program and profile it, with feeds as `running.run` takes them.

    Every run starts with the same values of variables. With `apart`, launches run one by one.
    """
    if repeat < 1:
        raise AttributeValueError(f"cannot take the median of {repeat} runs")
    placeholders, variables = inputs(subject, feeds, seed)
    pool = SessionPool(threads)
    try:
        program = TimedProgram(subject.graph, apart)
        found = program.profile(placeholders, [*variables.values()], pool, repeat)
    finally:
        pool.close()
    return measured(found, notices(subject, feeds))


def profile_view(found: Measured) -> View:
    """Launches with their times and rates, then products with their tiles."""
    profile = found.profile
    blocks: list[Block] = [Note(f"note: {notice}") for notice in found.notices]
    blocks.append(Note(_heading(profile), strong=True))
    rows = [row for job in profile.jobs for row in _launch_rows(found, job)]
    shown = table(_LAUNCHES, rows)
    if not profile.repeats_launches:
        shown = shown.without({"runs"})
    blocks.append(shown if rows else Note("nothing to compute: no kernels"))
    products = [row for job in profile.jobs for row in _product_rows(found, job)]
    if products:
        blocks += [table(_PRODUCTS, products), Note(_peaks_text(found))]
    return View(profile_data(found), tuple(blocks))


def profile_data(found: Measured) -> dict[str, Any]:
    """The profile's own data, and rates and shares."""
    data = found.profile.data()
    for job, own in zip(found.profile.jobs, data["jobs"], strict=True):
        own |= {
            "flops_a_second": job.flops_a_second,
            "bytes_a_second": job.bytes_a_second,
            "share_of_time": found.profile.share(job),
            "share_of_peak": found.share(job),
        }
    return {**data, "peaks": dict(found.peaks), "notices": list(found.notices)}


def _heading(profile: Profile) -> str:
    threads = f"{profile.threads} thread{'s' if profile.threads > 1 else ''}"
    sizes = "".join(f", {name} = {size}" for name, size in profile.sizes.items())
    times = f"{_time(profile.seconds)} in the median of {profile.repeats} runs"
    return f"{times}, {_time(profile.least_seconds)} at best; {threads}{sizes}"


def _peaks_text(found: Measured) -> str:
    peaks = (f"{peak / 1e9:.0f} GFLOP/s {dtype}" for dtype, peak in found.peaks.items())
    threads = found.profile.threads
    where = f"{threads} threads" if threads > 1 else "one thread"
    return f"peak of multiplying and adding on {where}: {', '.join(peaks)}"


def _launch_rows(found: Measured, job: JobProfile) -> Iterable[tuple[str, ...]]:
    """A row for each launch of a job, of which the first has the figures of all."""
    for k, launch in enumerate(job.launches):
        figures = _figures(found, job) if k == 0 else ("",) * 6
        computes = shortened(launch.label or ", ".join(launch.written), _WIDTH)
        pieces = str(launch.pieces)
        yield (
            str(launch.number), str(launch.kernel), launch.often, *figures, pieces, computes,
            shortened(launch.lines, _WIDTH),
        )  # fmt: skip


def _figures(found: Measured, job: JobProfile) -> tuple[str, ...]:
    speed = job.bytes_a_second
    return (
        _time(job.seconds),
        _time(job.least_seconds),
        f"{found.profile.share(job):.1%}",
        *_rates(found, job),
        "" if speed is None else f"{speed / 1e9:.1f}",
    )


def _rates(found: Measured, job: JobProfile) -> tuple[str, str]:
    flops, share = job.flops_a_second, found.share(job)
    return (
        "" if flops is None else f"{flops / 1e9:.1f}",
        "" if share is None else f"{share:.0%}",
    )


def _product_rows(found: Measured, job: JobProfile) -> Iterable[tuple[str, ...]]:
    """A row for each product; those of launches that run together have the rate of all."""
    rates = _rates(found, job)
    for launch in job.launches:
        for product in launch.products:
            tile = product.tile
            depth = "*".join(map(str, product.depth))
            yield (
                str(launch.number),
                _op(launch, product.result),
                str(product.blocks),
                f"{product.rows} x {product.columns} x {depth}",
                *rates,
                f"{tile[0]} x {tile[1]} {product.dtype}",
                panel_text(product),
                side_text(product, "left"),
                side_text(product, "right"),
                shortened(results_text(product), _WIDTH),
            )
            rates = ("", "")


def _op(launch: LaunchProfile, result: str) -> str:
    """The op that a product is, if that is known; else its own name."""
    return next((node.op for node in launch.nodes if node.name == result), result)


def _time(seconds: float) -> str:
    for factor, unit in ((1.0, "s"), (1e3, "ms"), (1e6, "µs")):
        if seconds * factor >= 1:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"
