"""Row-wise normalisations with their gradients: softmax cross-entropy, layer norm."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.workload import Array, Reach, Sizes, Work, Workload, everywhere, normal


def _scores(rng: np.random.Generator, dtype: str, sizes: Sizes) -> dict[str, Array]:
    rows, classes = sizes["rows"], sizes["classes"]
    return {
        "logits": normal(rng, dtype, rows, classes),
        "labels": rng.integers(0, classes, rows, np.int32),
    }


def _cross_entropy(t: Any, logits: Any, labels: Any) -> Any:
    value, gradients = t.differentiated(lambda x: t.softmax_cross_entropy(x, labels), [logits])
    return [value, *gradients]


def _cross_entropy_by_hand(t: Any, logits: Array, labels: Array) -> list[Array]:
    return [*t.cross_entropy_and_slope(logits, labels)]


def _layers(rng: np.random.Generator, dtype: str, sizes: Sizes) -> dict[str, Array]:
    rows, width = sizes["rows"], sizes["width"]
    return {
        "x": normal(rng, dtype, rows, width),
        "r": normal(rng, dtype, rows, width),
        "scale": normal(rng, dtype, width),
        "shift": normal(rng, dtype, width),
        "cotangent": normal(rng, dtype, rows, width),
    }


def _layer_norm_gelu(t: Any, x: Any, r: Any, scale: Any, shift: Any, cotangent: Any) -> Any:
    def layer(x: Any, r: Any, scale: Any, shift: Any) -> Any:
        return t.gelu(t.layer_norm(x + r, scale, shift), "none")

    value, gradients = t.differentiated(layer, [x, r, scale, shift], cotangent)
    return [value, *gradients]


FAMILY = (
    Workload(
        name="softmax_cross_entropy",
        summary="softmax cross-entropy, value and gradient by the logits, 4096x1000",
        sizes={"rows": 4096, "classes": 1000},
        small={"rows": 6, "classes": 10},
        inputs=_scores,
        builders=everywhere(_cross_entropy, numpy=_cross_entropy_by_hand),
        work=lambda s, item: Work(2 * s["rows"] * s["classes"] * item + 4 * s["rows"]),
        reach=Reach(ratio=2.5),
    ),
    Workload(
        name="layer_norm_gelu",
        summary="gelu(layer norm(x + r)), value and gradients by x, r, scale, shift, 4096x768",
        sizes={"rows": 4096, "width": 768},
        small={"rows": 6, "width": 10},
        inputs=_layers,
        builders=everywhere(_layer_norm_gelu, numpy=None),  # NumPy has no erf
        work=lambda s, item: Work(6 * s["rows"] * s["width"] * item),
        tolerance={"float32": 5e-5, "float64": 1e-12},
        reach=Reach(ratio=4),
    ),
)
