"""Sums, maxima and variances over either axis of a matrix."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.workload import Array, Reach, Sizes, Work, Workload, everywhere, normal

_LOOSE = {"float32": 1e-4, "float64": 1e-12}  # orders of additions differ over up to 16M elements


def _matrix(rng: np.random.Generator, dtype: str, sizes: Sizes) -> dict[str, Array]:
    return {"x": normal(rng, dtype, *sizes.values())}


def _read_once(sizes: Sizes, itemsize: int) -> Work:
    return Work(int(np.prod([*sizes.values()])) * itemsize)


def _five(t: Any, x: Any) -> Any:
    mean, var = t.mean_and_var(x, axis=0)
    return [mean, var, t.sum(x, axis=1), t.max(x, axis=1), t.norm(x)]


def _by_columns(name: str) -> Any:
    return lambda t, x: [getattr(t, name)(x, axis=0)]


def _column_variance(t: Any, x: Any) -> Any:
    return [t.mean_and_var(x, axis=0)[1]]


def _reduction(name: str, summary: str, formula: Any, **options: Any) -> Workload:
    defaults: dict[str, Any] = {
        "sizes": {"rows": 4096, "columns": 4096},
        "small": {"rows": 6, "columns": 10},
        "tolerance": _LOOSE,
    }
    return Workload(
        name=name,
        summary=summary,
        inputs=_matrix,
        builders=everywhere(formula),
        work=_read_once,
        **{**defaults, **options},
    )


_WITH_INTEGERS = {
    "dtypes": ("float32", "float64", "int32", "int64"),
    "standard": ("float32", "float64", "int32"),
}

FAMILY = (
    _reduction(
        "matrix_statistics",
        "mean and variance by column, sum and maximum by row, norm of one 4096x4096",
        _five,
        # PyTorch's norm of 16M float32 is 7e-4 off: it adds their squares up in a few long sums.
        tolerance={"float32": 1e-3, "float64": 1e-12},
        reach=Reach(ratio=4),
    ),
    _reduction("sum_axis0", "sums of columns, 4096x4096", _by_columns("sum"), **_WITH_INTEGERS),
    _reduction("max_axis0", "maxima of columns, 4096x4096", _by_columns("max"), **_WITH_INTEGERS),
    _reduction("variance_axis0", "variances of columns, 4096x4096", _column_variance),
    _reduction(
        "sum_axis0_narrow",
        "sums of 16 columns of a million rows",
        _by_columns("sum"),
        sizes={"rows": 1_000_000, "columns": 16},
    ),
    _reduction(
        "sum_middle_axis",
        "sums over the middle axis, 64x256x1024",
        lambda t, x: [t.sum(x, axis=1)],
        sizes={"planes": 64, "rows": 256, "columns": 1024},
        small={"planes": 3, "rows": 5, "columns": 7},
    ),
)
