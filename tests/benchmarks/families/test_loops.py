from __future__ import annotations

import numpy as np
import pytest

from benchmarks.families.loops import _loop_by_hand
from benchmarks.families.registry import WORKLOADS
from benchmarks.peers.numpy_peer import NumpyToolkit
from benchmarks.workload import Array


class Counting(NumpyToolkit):
    """Counts turns, by their sines."""

    def __init__(self) -> None:
        super().__init__()
        self.turns = 0

    def sin(self, x: Array) -> Array:
        self.turns += 1
        return np.asarray(np.sin(x))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("small", [False, True])
def test_the_loop_makes_as_many_turns_as_it_says(dtype: str, small: bool) -> None:
    workload = WORKLOADS["scalar_loop"]
    counting = Counting()
    arrays = workload.arrays(dtype, small)
    last, _ = _loop_by_hand(counting, *arrays.values())
    assert counting.turns == (workload.small if small else workload.sizes)["turns"]
    assert last > 1.01 * arrays["limit"]  # no rounding makes it another turn


@pytest.mark.parametrize("name", ["scalar_loop", "long_scalar_scan"])
def test_derivatives_by_hand_agree_with_central_differences(name: str) -> None:
    workload = WORKLOADS[name]
    arrays = workload.arrays("float64", small=True)
    formula = workload.builders["numpy"]

    def value(x: float) -> Array:
        found: Array = formula(NumpyToolkit(), *(arrays | {"x": np.asarray(x)}).values())[0]
        return found

    x, step = float(arrays["x"]), 1e-6
    _, slope = formula(NumpyToolkit(), *arrays.values())
    assert slope == pytest.approx((value(x + step) - value(x - step)) / (2 * step), rel=1e-7)
