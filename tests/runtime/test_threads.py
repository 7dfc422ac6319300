"""One session used by several Python threads at once."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import OutOfRangeError, SessionError
from graphc.runtime.native_variables import NativeVariables
from tests.runtime.conftest import Open


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


# Runs that let other Python threads run ---------------------------------------------------------

LONG = 40_000  # elements whose sines take longer than a run that keeps the GIL


def long_steps(graph: gc.Graph) -> tuple[Any, Any, gc.Tensor]:
    """A step that counts, over its old value and beside it; one that reads; the placeholder."""
    x = gc.placeholder(gc.float32, (LONG,), name="x")
    counts = [gc.variable(np.zeros(k, np.int64), name=f"count{k}") for k in (1, 3)]
    swapped = gc.variable(np.zeros((2, 2), np.int64), name="swapped")
    value = gc.sum(gc.sin(x))
    step = [value, *(gc.assign(c, c + 1) for c in counts), gc.assign(swapped, swapped.T + 1)]
    return step, [value, *counts, swapped], x


def test_no_update_of_a_long_run_is_lost(graph: gc.Graph) -> None:
    fetches, reads, x = long_steps(graph)
    session = gc.Session(graph, threads=1)
    step, look = session.make_callable(fetches, [x]), session.make_callable(reads, [x])
    feed = np.ones(LONG, np.float32)
    wanted = step(feed)[0]

    def work(number: int) -> bool:
        good, last = True, 0
        for k in range(60):
            if number % 2:
                good &= step(feed)[0] == wanted
            else:
                value, *counts = look(feed)
                seen = {int(n) for count in counts for n in count.reshape(-1)}
                good &= value == wanted and len(seen) == 1 and min(seen) >= last
                last = min(seen)
            if k % 20 == 0:
                session.get_value("count3")
        return good

    assert at_once(work, 6) == [True] * 6
    assert session.run(reads[1:])[0] == 3 * 60 + 1


def test_eight_threads_and_two_thousand_runs_each(graph: gc.Graph) -> None:
    counter = gc.variable(0, name="counter")
    beside = gc.variable(np.zeros((3, 3), np.int64), name="beside")
    session = gc.Session(graph)
    add = gc.group(gc.assign(counter, counter + 1), gc.assign(beside, beside.T + 1))
    step = session.make_callable(add)
    at_once(lambda number: [step() for _ in range(2000)], 8)
    assert session.get_value(counter) == 16_000
    assert set(session.get_value(beside).reshape(-1).tolist()) == {16_000}


def test_programs_without_variables_wait_for_nobody(graph: gc.Graph) -> None:
    x = gc.placeholder(gc.float32, ("n",), name="x")
    v = gc.variable(0.0, name="v")
    session = gc.Session(graph)
    free, bound = session.make_callable(x + 1, [x]), session.make_callable(x + v, [x])
    feed = np.ones(3, np.float32)
    free(feed), bound(feed)
    done = threading.Event()

    def ask() -> None:
        bound(feed)
        done.set()

    variables = session._variables
    assert isinstance(variables, NativeVariables)

    def meanwhile() -> None:
        assert free(feed).tolist() == [2, 2, 2]
        other = threading.Thread(target=ask)
        other.start()
        assert not done.wait(0.1)

    variables.turns.during(True, meanwhile)
    assert done.wait(30)


def test_closing_waits_for_runs(graph: gc.Graph) -> None:
    fetches, _, x = long_steps(graph)
    session = gc.Session(graph)
    step = session.make_callable(fetches, [x])
    feed, begun, outcomes = np.ones(LONG, np.float32), threading.Barrier(5), []

    def work() -> None:
        begun.wait()
        try:
            for _ in range(10_000):
                step(feed)
        except SessionError as error:
            outcomes.append(error.message)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    begun.wait()
    step(feed)
    session.close()
    for thread in threads:
        thread.join(30)
    assert outcomes == ["the session is closed"] * 4


def test_steps_take_turns_with_runs(graph: gc.Graph) -> None:
    fetches, reads, x = long_steps(graph)
    session = gc.Session(graph, threads=1)
    feed = np.ones(LONG, np.float32)
    session.run_steps(fetches, {x: feed}, 3)

    def work(number: int) -> None:
        if number:
            for _ in range(20):
                session.run(fetches, {x: feed})
        else:
            session.run_steps(fetches, {x: feed}, 1000)

    at_once(work, 3)
    assert session.run(reads[1:])[0] == 3 + 40 + 1000
