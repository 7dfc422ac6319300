from __future__ import annotations

import numpy as np
import pytest

from benchmarks.worker import memory


def test_what_is_taken_shows_in_the_peak() -> None:
    if memory.resident() is None or not memory.forget_peak():
        pytest.skip("this system does not tell")
    before = memory.peak()
    array = np.ones(8_000_000)
    del array
    after = memory.peak()
    assert before is not None
    assert after is not None
    assert 40e6 < after - before < 100e6
