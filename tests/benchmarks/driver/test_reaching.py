from __future__ import annotations

import pytest

from benchmarks.driver.reaching import Verdict, rank, verdicts
from benchmarks.workload import Reach
from tests.benchmarks.made_up import measurement


@pytest.mark.parametrize(
    ("reach", "wanted"),
    [
        (Reach(ratio=2), [("speed against JAX", "1.50x", "2x", "missed by 25%")]),
        (Reach(ratio=1.5), [("speed against JAX", "1.50x", "1.5x", "reached")]),
        (
            Reach(ratio=4, aside=("jax",)),
            [("speed against NUMPY", "8.00x", "4x", "reached")],
        ),
        (
            Reach(ratio=None, share=0.8, seconds=1e-3),
            [
                ("share of the limit", "50%", "80%", "missed by 38%"),
                ("time of a call", "1.00 ms", "1.00 ms", "reached"),
            ],
        ),
        (
            Reach(ratio=None, compile_seconds=0.25),
            [("time to the first result", "500 ms", "250 ms", "missed by 50%")],
        ),
        (
            Reach(ratio=None, share_alone=0.5, scaling=2),
            [
                ("share of one thread's limit", "53%", "50%", "reached"),
                ("speed against one thread", "1.90x", "2x", "missed by 5%"),
            ],
        ),
    ],
)
def test_what_is_reached(reach: Reach, wanted: list[tuple[str, ...]]) -> None:
    found = verdicts(measurement(reach))
    assert [(v.about, v.found, v.wanted, v.text) for v in found] == wanted


def test_nothing_is_said_about_what_was_not_measured() -> None:
    found = measurement(Reach(ratio=2, share=0.5, share_alone=0.5, scaling=2))
    found.peers.clear()
    found.alone = found.least_seconds = None
    assert verdicts(found) == []


def test_on_one_thread_there_is_nothing_to_scale() -> None:
    found = measurement(Reach(ratio=None, share_alone=0.8, scaling=2))
    found.alone = found.own
    assert [verdict.about for verdict in verdicts(found)] == ["share of one thread's limit"]


def test_a_miss_is_never_rounded_to_a_success() -> None:
    assert Verdict("", "", "", 0.004).text == "missed by 0%"


def test_the_fastest_comes_first_and_the_absent_last() -> None:
    found = measurement()
    order = [run.name for run in rank([*found.peers, found.own])]
    assert order == ["graphc", "jax", "numpy", "torch"]
