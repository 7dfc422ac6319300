"""Elementwise chains, and sums of them: one pass over memory at best."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.workload import Array, Reach, Sizes, Work, Workload, everywhere, normal


def _vector(rng: np.random.Generator, dtype: str, sizes: Sizes) -> dict[str, Array]:
    return {"x": normal(rng, dtype, sizes["n"])}


def _pair(rng: np.random.Generator, dtype: str, sizes: Sizes) -> dict[str, Array]:
    return {"x": normal(rng, dtype, sizes["n"]), "w": normal(rng, dtype, sizes["n"])}


def _moving(arrays: int) -> Any:
    """The work of reading and writing so many arrays of n elements."""
    return lambda sizes, itemsize: Work(arrays * sizes["n"] * itemsize)


def _gated(t: Any, x: Any) -> Any:
    return [t.tanh(0.75 * x + 0.25) * t.sigmoid(x) + x * x]


def _gelu_loss(approximate: str) -> Any:
    def formula(t: Any, x: Any, w: Any) -> Any:
        value, gradients = t.differentiated(lambda x: t.sum(t.gelu(x, approximate) * w), [x])
        return [value, *gradients]

    return formula


def _gelu_tanh_by_hand(t: Any, x: Array, w: Array) -> list[Array]:
    """With u = sqrt(2/pi)*(x + 0.044715*x^3), gelu is x*(1 + tanh(u))/2."""
    c = np.sqrt(2 / np.pi).astype(x.dtype)
    square = x * x
    bent = 1 + np.tanh(c * x * (1 + 0.044715 * square))
    slope = 0.5 * bent * (1 + x * (2 - bent) * c * (1 + 3 * 0.044715 * square))
    return [np.sum(0.5 * x * bent * w), slope * w]


def _bits(t: Any, x: Any, y: Any) -> Any:
    return [(x * 3 + y) * (x - y)]


FAMILY = (
    Workload(
        name="fused_elementwise",
        summary="tanh(a*x + b)*sigmoid(x) + x*x on 4M elements",
        sizes={"n": 4_000_000},
        small={"n": 1000},
        inputs=_vector,
        builders=everywhere(_gated),
        work=_moving(2),
        standard=("float32", "float64"),
        reach=Reach(ratio=1.5, share=0.8),
    ),
    Workload(
        name="gelu_gradient",
        summary="value and gradient by x of sum(gelu(x)*w), with erf, on 1M elements",
        sizes={"n": 1_000_000},
        small={"n": 1000},
        inputs=_pair,
        builders=everywhere(_gelu_loss("none"), numpy=None),  # NumPy has no erf
        work=_moving(3),
        standard=("float32", "float64"),
        tolerance={"float32": 2e-5, "float64": 1e-12},
        reach=Reach(ratio=2),
    ),
    Workload(
        name="gelu_tanh_gradient",
        summary="value and gradient by x of sum(gelu(x)*w), with tanh for erf, on 1M elements",
        sizes={"n": 1_000_000},
        small={"n": 1000},
        inputs=_pair,
        builders=everywhere(_gelu_loss("tanh"), numpy=_gelu_tanh_by_hand),
        work=_moving(3),
        tolerance={"float32": 2e-5, "float64": 1e-12},
        reach=Reach(ratio=2),
    ),
    Workload(
        name="integer_elementwise",
        summary="(3*x + y)*(x - y) of whole numbers, 4M elements",
        sizes={"n": 4_000_000},
        small={"n": 1000},
        inputs=lambda rng, dtype, sizes: {
            "x": normal(rng, dtype, sizes["n"]),
            "y": normal(rng, dtype, sizes["n"]),
        },
        builders=everywhere(_bits),
        work=_moving(3),
        dtypes=("int32", "int64"),
        standard=("int32", "int64"),
    ),
)
