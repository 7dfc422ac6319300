"""Causal attention by its plain formula, alone and with its gradients."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.workload import Array, Sizes, Work, Workload, normal

NAMES = ("queries", "keys", "values")
PROGRAMS = ("graphc", "jax", "torch", "tensorflow")


def _inputs(rng: np.random.Generator, dtype: str, sizes: Sizes) -> dict[str, Array]:
    positions = sizes["positions"]
    shape = sizes["batch"], sizes["heads"], positions, sizes["width"]
    later = np.triu(np.ones((positions, positions), bool), 1)
    return {
        **{name: normal(rng, dtype, *shape) for name in NAMES},
        "mask": np.where(later, -np.inf, 0).astype(dtype),
    }


def _with_seed(rng: np.random.Generator, dtype: str, sizes: Sizes) -> dict[str, Array]:
    given = _inputs(rng, dtype, sizes)
    return given | {"cotangent": normal(rng, dtype, *given["values"].shape)}


def _attention(t: Any, queries: Any, keys: Any, values: Any, mask: Any) -> Any:
    return [t.attention(queries, keys, values, mask)]


def _gradients(t: Any, queries: Any, keys: Any, values: Any, mask: Any, cotangent: Any) -> Any:
    def attention(queries: Any, keys: Any, values: Any) -> Any:
        return t.attention(queries, keys, values, mask)

    value, gradients = t.differentiated(attention, [queries, keys, values], cotangent)
    return [value, *gradients]


def _work(products: int, arrays: int) -> Any:
    """Of the scores only those are counted that a causal mask leaves."""

    def work(sizes: Sizes, itemsize: int) -> Work:
        positions = sizes["positions"]
        each = sizes["batch"] * sizes["heads"] * sizes["width"]
        kept = positions * (positions + 1) // 2
        moved = (arrays * each * positions + positions**2) * itemsize
        return Work(moved, 2 * products * each * kept)

    return work


_SIZES = {"batch": 4, "heads": 8, "positions": 512, "width": 64}
_SMALL = {"batch": 2, "heads": 3, "positions": 7, "width": 4}

FAMILY = (
    Workload(
        name="causal_attention",
        summary="causal attention of 8 heads, 4x8x512x64",
        sizes=_SIZES,
        small=_SMALL,
        inputs=_inputs,
        builders=dict.fromkeys(PROGRAMS, _attention),
        work=_work(2, 4),
    ),
    Workload(
        name="attention_and_gradients",
        summary="causal attention of 8 heads and its gradients by all of its operands, 4x8x512x64",
        sizes=_SIZES,
        small=_SMALL,
        inputs=_with_seed,
        builders=dict.fromkeys(PROGRAMS, _gradients),
        work=_work(6, 8),
        tolerance={"float32": 1e-3, "float64": 1e-11},
    ),
)
