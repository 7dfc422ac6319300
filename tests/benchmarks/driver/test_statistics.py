from __future__ import annotations

import pytest

from benchmarks.driver.records import Run
from benchmarks.driver.statistics import Spread, Turn, spread


def test_spread() -> None:
    assert spread([3.0, 1.0, 2.0, 10.0]) == Spread(2.5, 1.0, 10.0)
    assert spread([]) is None


def test_a_turn_compares_medians() -> None:
    turn = Turn(own=[1.0, 2.0, 50.0], peer=[3.0, 4.0, 5.0])
    assert (turn.own_median, turn.peer_median, turn.ratio) == (2.0, 4.0, 2.0)


def test_the_ratio_is_that_of_neighbours_and_not_of_medians() -> None:
    """The machine slows down by 10 from round to round; who is twice as fast stays so."""
    turns = [Turn([10.0**k], [2 * 10.0**k]) for k in range(3)]
    run = Run("jax", "JAX", rounds=[turn.peer_median for turn in turns])
    run.ratios = [turn.ratio for turn in turns]
    assert run.ratio == Spread(2.0, 2.0, 2.0)
    assert run.time == Spread(20.0, 2.0, 200.0)


@pytest.mark.parametrize("status", ["absent", "failed", "differs"])
def test_what_went_wrong_has_no_time(status: str) -> None:
    run = Run("jax", "JAX", rounds=[1.0], ratios=[1.0])
    run.stop(status, "why")  # type: ignore[arg-type]
    assert run.time is run.ratio is None
