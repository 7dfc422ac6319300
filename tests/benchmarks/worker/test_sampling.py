from __future__ import annotations

import gc

import pytest

from benchmarks.peers.program import Program
from benchmarks.worker import sampling


class Clock:
    """Time that passes only when a program runs: a call takes `seconds`, settling `settling`."""

    def __init__(self, seconds: float, settling: float = 0.0) -> None:
        self.now, self.calls, self.collecting = 0.0, 0, 0
        self._seconds, self._settling = seconds, settling

    def call(self) -> None:
        self.now += self._seconds
        self.calls += 1
        self.collecting += gc.isenabled()

    def settle(self) -> None:
        self.now += self._settling

    @property
    def program(self) -> Program:
        return Program(self.call, list, settle=self.settle)


@pytest.fixture
def clock(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock(*request.param)
    monkeypatch.setattr(sampling, "perf_counter", lambda: found.now)
    return found


@pytest.mark.parametrize(
    ("clock", "count"), [((1e-6,), range(2000, 2500)), ((0.1,), [1])], indirect=["clock"]
)
def test_a_batch_is_as_long_as_it_must_be(clock: Clock, count: range) -> None:
    assert sampling.batch_size(clock.program, least=2e-3) in count


@pytest.mark.parametrize("clock", [(1e-3, 0.01)], indirect=True)
def test_a_sample_is_the_time_of_one_call_and_its_part_of_settling(clock: Clock) -> None:
    found = sampling.samples(clock.program, batch=10, wanted=5, limit=100.0)
    assert found == pytest.approx([2e-3] * 5)
    assert clock.calls == 60  # a batch to warm up is not counted
    assert clock.collecting == 0
    assert gc.isenabled()


@pytest.mark.parametrize(
    ("clock", "count"), [((0.1,), 5), ((1.0,), 3), ((0.001,), 20)], indirect=["clock"]
)
def test_samples_end_with_the_time_but_there_are_three(clock: Clock, count: int) -> None:
    assert len(sampling.samples(clock.program, batch=1, wanted=20, limit=0.45)) == count
