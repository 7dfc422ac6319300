"""What it means to agree with NumPy, and how properties are tried on many random graphs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from graphc.ir.node import Node
from tests.properties.pairing import Array, Sizes
from tests.properties.random_graphs import Script, Twins

#: How many times the spread of the jittered twin a result may be off, and how many ulps of the
#: largest element besides (for what the twin computes in one step).
SPREADS, ULPS = 32, 16


class Expected:
    """The twin's outputs for one feed, with what rounding can make of each."""

    def __init__(self, twins: Twins, feeds: dict[Node, Array], sizes: Sizes) -> None:
        self.twins = twins
        self.sizes = sizes
        self.arrays = twins.twin(feeds, sizes)
        noisy = [twins.twin(feeds, sizes, np.random.default_rng(k)) for k in range(3)]
        self.tolerances = [
            tolerance(array, [run[k] for run in noisy]) for k, array in enumerate(self.arrays)
        ]

    def check(self, got: Sequence[Array]) -> None:
        """Exact outputs have the twin's values, others are as near as rounding allows."""
        values = self.twins.fetched
        for k, (mine, other) in enumerate(zip(got, self.arrays, strict=True)):
            where = f"output {k} with {self.sizes}"
            assert (mine.dtype, mine.shape) == (other.dtype, other.shape), where
            if values[k].is_exact:
                np.testing.assert_array_equal(mine, other, where)
            else:
                assert np.isfinite(other).all(), f"{where}: the twin is not tame"
                np.testing.assert_allclose(mine, other, 0, self.tolerances[k], err_msg=where)


def tolerance(array: Array, noisy: Sequence[Array]) -> float:
    """How far from the array a right result may be."""
    if not array.size or array.dtype.kind != "f":
        return 0.0
    spread = max(float(np.max(np.abs(run - array))) for run in noisy)
    return SPREADS * spread + ULPS * float(np.finfo(array.dtype).eps * np.max(np.abs(array)))


def quick_and_long(quick: int, long: int) -> pytest.MarkDecorator:
    """A test on so many examples, always the same; and on many more, new ones in every run."""
    return pytest.mark.parametrize(
        "examples",
        [
            pytest.param(quick, id="quick"),
            pytest.param(-long, id="long", marks=pytest.mark.long),
        ],
    )


def for_all(
    strategy: st.SearchStrategy[Script], check: Callable[[Script], None], examples: int
) -> None:
    """Try the check on examples, and shrink one that fails."""
    chosen = settings(
        max_examples=abs(examples),
        derandomize=examples > 0,
        database=None,
        suppress_health_check=[HealthCheck.too_slow],
        phases=[phase for phase in Phase if phase is not Phase.explain],
    )

    def property_(script: Script) -> None:
        check(script)

    property_.__qualname__ = check.__qualname__  # by which derandomised examples are chosen
    chosen(given(strategy)(property_))()
