"""Inner dims of 2 to 15 elements, shorter than a vector register or not a multiple of one."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.workload import Array, Sizes, Work, Workload, everywhere, normal

WIDTHS = (2, 3, 5, 8, 15)
_ELEMENTS = 3_000_000


def _rows(rng: np.random.Generator, dtype: str, sizes: Sizes) -> dict[str, Array]:
    return {
        "x": normal(rng, dtype, sizes["rows"], sizes["width"]),
        "scale": normal(rng, dtype, sizes["width"]),
        "shift": normal(rng, dtype, sizes["width"]),
    }


def _only_rows(rng: np.random.Generator, dtype: str, sizes: Sizes) -> dict[str, Array]:
    return {"x": normal(rng, dtype, sizes["rows"], sizes["width"])}


def _affine(t: Any, x: Any, scale: Any, shift: Any) -> Any:
    return [x * scale + shift]


def _row_sums(t: Any, x: Any) -> Any:
    return [t.sum(x * x, axis=1)]


def _pair(width: int) -> tuple[Workload, Workload]:
    sizes = {"rows": _ELEMENTS // width, "width": width}
    small = {"rows": 7, "width": width}
    return (
        Workload(
            name=f"short_affine_{width}",
            summary=f"x*scale + shift along rows of {width}, 3M elements",
            sizes=sizes,
            small=small,
            inputs=_rows,
            builders=everywhere(_affine),
            work=lambda s, item: Work(2 * s["rows"] * s["width"] * item),
        ),
        Workload(
            name=f"short_sum_{width}",
            summary=f"sums of squares of rows of {width}, 3M elements",
            sizes=sizes,
            small=small,
            inputs=_only_rows,
            builders=everywhere(_row_sums),
            work=lambda s, item: Work(s["rows"] * (s["width"] + 1) * item),
        ),
    )


FAMILY = tuple(workload for width in WIDTHS for workload in _pair(width))
