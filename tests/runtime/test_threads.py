"""One session used by several Python threads at once, and by a forked process."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import OutOfRangeError
from tests.runtime.conftest import Open

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def impatient() -> Iterator[None]:
    """Python changes threads as often as it can, so that what can go wrong between them does."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def at_once(work: Callable[[int], Any], count: int = 4) -> list[Any]:
    """Results of work(0), work(1), ..., each in a thread of its own, begun together."""
    start = threading.Barrier(count)

    def begin(number: int) -> Any:
        start.wait(timeout=30)
        return work(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(begin, range(count)))


def test_no_update_is_lost(graph: gc.Graph, open_session: Open) -> None:
    counter = gc.variable(0, name="counter")
    total = gc.variable(np.zeros(50), name="total")
    add = gc.group(
        gc.assign(counter, counter + 1), gc.assign(total, total + gc.astype(counter, "f8"))
    )
    session = open_session(graph)
    step = session.make_callable([counter, add])

    def work(number: int) -> list[int]:
        return [int((session.run([counter, add]) if number % 2 else step())[0]) for _ in range(100)]

    seen = sorted(value for values in at_once(work) for value in values)
    assert seen == list(range(400))  # every run saw the counter as the one before had left it
    assert session.get_value(counter) == 400
    assert session.get_value(total).tolist() == [sum(range(400))] * 50


def test_reading_runs_see_all_of_an_update_or_none(graph: gc.Graph, open_session: Open) -> None:
    x = gc.placeholder(gc.int64, (), name="x")
    parts = [gc.variable(0, name=f"part{k}") for k in range(8)]
    together = gc.group(*(gc.assign(part, part + x) for part in parts))
    session = open_session(graph)
    write, read = session.make_callable(together, [x]), session.make_callable(parts)

    def work(number: int) -> set[int]:
        if number == 0:
            for _ in range(200):
                write(1)
            return set()
        return {len({int(value) for value in read()}) for _ in range(200)}

    assert set.union(*at_once(work)) == {1}
    assert session.run(parts) == [200] * 8


def test_runs_at_once_have_memory_of_their_own(graph: gc.Graph, open_session: Open) -> None:
    x = gc.placeholder(gc.float64, ("n", "n"), name="x")
    w = gc.variable(2.0, name="w", dtype=gc.float64)
    value = gc.sum(gc.sort(x @ x, axis=0) * w, axis=1)
    session = open_session(graph)
    step = session.make_callable(value, [x])

    def work(number: int) -> bool:
        rng = np.random.default_rng(number)
        good = True
        for size in rng.integers(1, 30, 40):
            array = rng.integers(-9, 9, (size, size)).astype(np.float64)
            wanted = np.sort(array @ array, axis=0).sum(axis=1) * 2
            good &= np.array_equal(step(array), wanted)
        return good

    assert at_once(work) == [True] * 4


def test_threads_may_ask_for_new_fetches_at_once(graph: gc.Graph, open_session: Open) -> None:
    x = gc.placeholder(gc.float32, ("n",), name="x")
    values = [gc.sum(x) * float(k) for k in range(6)]
    session = open_session(graph)

    def work(number: int) -> list[float]:
        order = values[number:] + values[:number]
        results = [float(session.run(value, {x: [1.0, 2.0]})) for value in order]
        return results[-number:] + results[:-number] if number else results

    assert at_once(work) == [[0, 3, 6, 9, 12, 15]] * 4


def test_errors_stay_in_their_thread(graph: gc.Graph, open_session: Open) -> None:
    x = gc.placeholder(gc.float32, ("n",), name="x")
    at = gc.placeholder(gc.int64, ("m",), name="at")
    count = gc.variable(0, name="count")
    session = open_session(graph)
    step = session.make_callable([gc.take(x, at), gc.assign(count, count + 1)], [x, at])
    numbers = np.arange(10, dtype=np.float32)

    def work(number: int) -> int:
        failed = 0
        for k in range(50):
            position = number * 100 + k if number % 2 else k % 10
            try:
                assert step(numbers, [position])[0].tolist() == [position]
            except OutOfRangeError as error:
                assert f"index {position} is out of range" in str(error)
                failed += 1
        return failed

    assert at_once(work) == [0, 50, 0, 50]
    assert session.get_value(count) == 100


FORKS = """
import os, sys, threading
import numpy as np
import graphc as gc

with gc.Graph() as graph:
    x = gc.placeholder(gc.float32, ("n",), name="x")
    v = gc.variable(1.0, name="v")
    add, total = gc.assign(v, v + gc.sum(x)), gc.sum(x) * v
session = gc.Session(graph, reference=REFERENCE)
session.run([add, total], {x: [1.0]})

held, leave = threading.Event(), threading.Event()
def hold():
    with session._variables.updating:  # as a training step does while it runs
        held.set()
        leave.wait()
threading.Thread(target=hold, daemon=True).start()
held.wait()

child = os.fork()
if child == 0:
    good = session.run(total, {x: [5.0]}) == 10
    session.run(add, {x: [5.0]})
    good = good and session.get_value(v) == 7 and session.run(v * 2) == 14
    os._exit(0 if good else 3)
leave.set()
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert session.get_value(v) == 2 and session.run([add, v], {x: [1.0]})[1] == 2
print("both went on")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.parametrize("reference", [False, True])
def test_a_session_works_on_both_sides_of_a_fork(reference: bool) -> None:
    program = FORKS.replace("REFERENCE", str(reference))
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.stdout, done.returncode) == ("both went on\n", 0), done.stderr
