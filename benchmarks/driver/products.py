"""What graphc's profile says of the products in a workload, one row each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from rich import box
from rich.table import Table

from benchmarks.driver.records import Measurement, Report
from benchmarks.driver.wording import duration, three_digits
from graphc.codegen.products.summary import OperandSummary, ProductSummary
from graphc.inspection.products import results_text, side_text
from graphc.ir.dtypes import from_short

_LEFT = ("workload", "product")
_RIGHT = ("rows x columns x depth", "blocks", "time", "GFLOP/s", "of peak")
_FUSED = ("tile", "left", "right", "results")


def products(report: Report) -> Table | None:
    """Every product of every workload that was profiled; None if there is none."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for title in (*_LEFT, *_RIGHT, *_FUSED):
        is_number = title in _RIGHT
        table.add_column(title, justify="right" if is_number else "left", no_wrap=is_number)
    for measurement in report.measurements:
        for k, row in enumerate(_rows(measurement, report)):
            table.add_row(measurement.label if k == 0 else "", *row)
        table.add_section()
    return table if table.row_count else None


def _rows(measurement: Measurement, report: Report) -> Iterator[tuple[str, ...]]:
    profile = measurement.own.profile
    if profile is None:
        return
    peaks = _peaks(report, profile["threads"])
    for job in profile["jobs"]:
        if job["flops"]:
            for launch in job["launches"]:
                yield from _launch_rows(launch, job["seconds"], peaks)


def _peaks(report: Report, threads: int) -> Mapping[str, float]:
    """Operations a second by dtype on so many threads, if they have been measured."""
    for limits in (report.limits, report.limits_alone):
        if limits is not None and limits["threads"] == threads:
            return dict(limits["flops"])
    return {}


def _launch_rows(
    launch: Mapping[str, Any], seconds: float, peaks: Mapping[str, float]
) -> Iterable[tuple[str, ...]]:
    """The products of one launch, whose time is that of all of them."""
    if not launch["products"]:
        op = next(
            (node["op"] for node in launch["nodes"] if node["op"].startswith(_CONTRACTIONS)), ""
        )
        return [(op, "", "", *_rates(launch["flops"], seconds, None), "none", "", "", "")]
    rows = []
    for data in launch["products"]:
        product = _summary(data)
        ops = {node["name"]: node["op"] for node in launch["nodes"]}
        peak = peaks.get(from_short(product.dtype).name)
        depth = "*".join(map(str, product.depth))
        sizes = f"{product.rows} x {product.columns} x {depth}", str(product.blocks)
        rates = _rates(int(data["flops"]), seconds, peak) if len(launch["products"]) == 1 else _NONE
        rows.append((ops.get(product.result, product.result), *sizes, *rates, *_fused(product)))
    return rows


_NONE = ("", "", "")
_CONTRACTIONS = ("matmul", "convolution")


def _rates(flops: int, seconds: float, peak: float | None) -> tuple[str, str, str]:
    speed = flops / seconds if seconds else 0.0
    share = f"{speed / peak:.0%}" if peak else ""
    return duration(seconds), three_digits(speed / 1e9), share


def _fused(product: ProductSummary) -> Sequence[str]:
    tile = f"{product.tile[0]} x {product.tile[1]}"
    sides = (side_text(product, side) for side in ("left", "right"))
    return tile, *sides, results_text(product)


def _summary(data: Mapping[str, Any]) -> ProductSummary:
    sides = {side: OperandSummary(**data[side]) for side in ("left", "right")}
    return ProductSummary(**{**data, **sides})
