"""The sweep: what it finds wrong, and a coarse one of every function."""

from __future__ import annotations

import numpy as np
import pytest

from tests.codegen.vecmath.sweep_vecmath import (
    BOUND,
    PAIRS,
    PATTERNS,
    Task,
    confirmed,
    run,
    tasks_of,
)
from tests.codegen.vecmath.vecmath_errors import Array, Tally, errors_in_ulps
from tests.codegen.vecmath.vecmath_session import BY_NAME

INF, NAN = np.inf, np.nan
LARGEST = float(np.finfo(np.float32).max)

# computed, exact, error
ERRORS = [
    (1.0, 1.0, 0.0),
    (1.0 + 2.0**-23, 1.0, 1.0),
    (1.0, 1.0 + 2.0**-25, 0.25),
    (2.0**-149, 0.0, 1.0),
    (0.0, 2.0**-150, 0.5),
    (INF, LARGEST, 1.0),
    (INF, 1e300, 0.0),
    (LARGEST, INF, 1.0),
    (-INF, -1e39, 0.0),
    (NAN, NAN, 0.0),
    (INF, INF, 0.0),
]


@pytest.mark.parametrize(("computed", "exact", "error"), ERRORS)
def test_errors_in_ulps(computed: float, exact: float, error: float) -> None:
    numbers = np.array([computed, 1.0], np.float32), np.array([exact, 1.0])
    assert errors_in_ulps(*numbers).tolist() == [error, 0.0]


# computed, exact, what is wrong
WRONG = [
    (NAN, 1.0, {"NaN": 1}),
    (1.0, NAN, {"NaN": 1}),
    (LARGEST, INF, {"infinity": 1}),
    (0.0, -0.0, {"sign": 1}),
    (-0.0, 1e-300, {"sign": 1}),
    (-INF, INF, {"sign": 1}),
    (-0.0, -1e-300, {}),
    (INF, 1e300, {}),
]


@pytest.mark.parametrize(("computed", "exact", "wrong"), WRONG)
def test_a_tally_notes_what_is_wrong(computed: float, exact: float, wrong: dict[str, int]) -> None:
    total = Tally()
    points = np.array([2.0, 3.0], np.float32)
    results = np.array([1.0, computed], np.float32), np.array([1.0, exact])
    total.look(*results, (points.view(np.uint32),))
    assert dict(total.wrong) == wrong
    assert all(bits == (points.view(np.uint32)[1],) for bits in total.examples.values())


def test_tallies_keep_the_worst() -> None:
    rng = np.random.default_rng(0)
    total, parts = Tally(), []
    for _ in range(3):
        computed = (1 + 2.0**-23 * rng.integers(0, 100, 50)).astype(np.float32)
        part = Tally()
        part.look(computed, np.ones(50), (computed.view(np.uint32),))
        parts.append(computed)
        total.add(part)
    expected = np.sort(np.concatenate(parts).astype(np.float64))[::-1]
    errors: Array = (expected - 1) * 2.0**23
    assert [error for error, _ in total.worst] == errors[: len(total.worst)].tolist()
    assert total.points == 150


@pytest.mark.parametrize("name", BY_NAME)
def test_a_sweep_takes_every_pattern_once(name: str) -> None:
    tasks = tasks_of(name, 1)
    end = PATTERNS if BY_NAME[name].arity == 1 else PAIRS
    assert [task.start for task in tasks] == [0, *(task.stop for task in tasks[:-1])]
    assert tasks[-1].stop == end


@pytest.mark.parametrize("name", BY_NAME)
def test_a_coarse_sweep(name: str) -> None:
    stride = 65537
    total = run(Task(name, 0, PATTERNS if BY_NAME[name].arity == 1 else PAIRS, stride))
    assert total.points >= 2**16 // 16
    assert not total.wrong, total.examples
    error, where = confirmed(name, total)
    assert error <= BOUND, where
    assert abs(error - total.worst[0][0]) < 1e-3
