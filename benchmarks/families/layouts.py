"""Transposed and strided reads. Results are in row-major order: no program can answer a view."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.workload import Array, Sizes, Work, Workload, everywhere, normal

_LINE = 64  # bytes that come from memory together


def _array(rng: np.random.Generator, dtype: str, sizes: Sizes) -> dict[str, Array]:
    return {"x": normal(rng, dtype, *sizes.values())}


def _in_and_out(sizes: Sizes, itemsize: int) -> Work:
    return Work(2 * int(np.prod([*sizes.values()])) * itemsize)


def _strided(row_step: int, column_step: int) -> Any:
    """Every line that holds a wanted element is read; only wanted elements are written."""

    def work(sizes: Sizes, itemsize: int) -> Work:
        rows = -(-sizes["rows"] // row_step)
        wanted = -(-sizes["columns"] // column_step)
        lines = min(-(-sizes["columns"] * itemsize // _LINE), wanted)
        return Work(rows * (lines * _LINE + wanted * itemsize))

    return work


def _layout(name: str, summary: str, formula: Any, **options: Any) -> Workload:
    defaults: dict[str, Any] = {
        "sizes": {"rows": 2048, "columns": 2048},
        "small": {"rows": 6, "columns": 6},
        "work": _in_and_out,
    }
    return Workload(
        name=name,
        summary=summary,
        inputs=_array,
        builders=everywhere(formula),
        **{**defaults, **options},
    )


def _turned(t: Any, x: Any) -> Any:
    return t.permute_dims(x, (1, 0))


def _once(sizes: Sizes, itemsize: int) -> Work:
    """Every element is read once, and a row of results is written."""
    return Work((sizes["rows"] + 1) * sizes["columns"] * itemsize)


FAMILY = (
    _layout(
        "transpose",
        "2*x.T + 1, 2048x2048",
        lambda t, x: [2 * t.permute_dims(x, (1, 0)) + 1],
        dtypes=("float32", "float64", "int32", "int64"),
        standard=("float32", "float64", "int32"),
    ),
    _layout("transpose_add", "x + x.T, 2048x2048", lambda t, x: [x + t.permute_dims(x, (1, 0))]),
    _layout(
        "channels_last",
        "relu of images with their channels moved last, 16x64x56x56",
        lambda t, x: [t.relu(t.permute_dims(x, (0, 2, 3, 1)))],
        sizes={"images": 16, "channels": 64, "height": 56, "width": 56},
        small={"images": 2, "channels": 3, "height": 4, "width": 5},
    ),
    _layout(
        "heads_first",
        "heads of attention moved before positions and scaled, 8x512x12x64",
        lambda t, x: [0.125 * t.permute_dims(x, (0, 2, 1, 3))],
        sizes={"batch": 8, "positions": 512, "heads": 12, "width": 64},
        small={"batch": 2, "positions": 5, "heads": 3, "width": 4},
    ),
    _layout(
        "strided_read",
        "2*x[::2, ::3] + 1 of 4096x4096",
        lambda t, x: [2 * x[::2, ::3] + 1],
        sizes={"rows": 4096, "columns": 4096},
        work=_strided(2, 3),
    ),
    _layout(
        "column_read",
        "2*x[:, ::16] + 1 of 4096x4096",
        lambda t, x: [2 * x[:, ::16] + 1],
        sizes={"rows": 4096, "columns": 4096},
        small={"rows": 6, "columns": 40},
        work=_strided(1, 16),
    ),
    _layout(
        "turned_sum",
        "sums along the rows of x.T, 2048x2048",
        lambda t, x: [t.sum(_turned(t, x), axis=1)],
        work=_once,
    ),
    _layout(
        "turned_and_straight_sum",
        "sums along the rows of x * x.T, 2048x2048",
        lambda t, x: [t.sum(x * _turned(t, x), axis=1)],
        work=_once,
    ),
    _layout(
        "turned_vector",
        "the first row of x times x.T, 2048x2048",
        lambda t, x: [x[:1] @ _turned(t, x)],
        work=_once,
    ),
)
