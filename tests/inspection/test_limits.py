from __future__ import annotations

from time import sleep

import pytest

from graphc.inspection.limits import best_seconds, fma_peak


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_peak_is_of_this_world(dtype: str) -> None:
    assert 1e9 < fma_peak(2, dtype, repeats=2) < 1e14


def test_actions_are_done_at_once() -> None:
    begun = []

    def act() -> None:
        begun.append(1)
        sleep(0.05)

    assert 0.05 <= best_seconds([act, act], repeats=2) < 0.09
    assert len(begun) == 4
