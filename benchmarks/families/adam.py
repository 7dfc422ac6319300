"""Adam's state beside the weights, for workloads that train with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.workload import Array

RATE = 1e-3


def with_state(weights: Mapping[str, Array]) -> dict[str, Array]:
    """The weights, running means of gradients and their squares, and the count of steps.

    They begin as after some steps in which all gradients were 0.01: from zeros, the first steps
    only tell signs of gradients apart, and those of tiny ones are different in every program.
    """
    dtype = next(iter(weights.values())).dtype
    return {
        **weights,
        **{f"m_{name}": np.full_like(w, 1e-2) for name, w in weights.items()},
        **{f"v_{name}": np.full_like(w, 1e-4) for name, w in weights.items()},
        "count": np.array(10, dtype),
    }


def state_names(weights: Iterable[str]) -> tuple[str, ...]:
    """Names of `with_state`, in its order."""
    names = [*weights]
    return (*names, *(f"m_{name}" for name in names), *(f"v_{name}" for name in names), "count")


def adam_step(t: Any, loss: Callable[..., Any], state: Sequence[Any]) -> Any:
    """The loss before a step down its gradient, and the state after it."""
    count = len(state) // 3
    weights, means, squares = (state[k * count : (k + 1) * count] for k in range(3))
    value, gradients = t.differentiated(loss, weights)
    return [value], t.adam(weights, gradients, means, squares, state[-1], RATE)
