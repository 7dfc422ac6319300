"""run_steps: how data is cut, and that it is the same as so many runs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import (
    AttributeValueError,
    FeedError,
    FetchError,
    GraphcError,
    GuardError,
    OutOfRangeError,
    SessionError,
)
from tests.runtime.conftest import Open

ROOT = Path(__file__).resolve().parents[2]
Array = np.ndarray[Any, Any]


def network(graph: gc.Graph, batch: Any = "batch") -> tuple[Any, gc.Tensor, gc.Tensor, gc.Tensor]:
    """A training step with its loss and outputs; images, labels and the rate are fed."""
    rng = np.random.default_rng(1)
    x = gc.placeholder(gc.float32, (batch, 6), name="x")
    y = gc.placeholder(gc.int32, (batch,), name="y")
    rate = gc.placeholder(gc.float32, (), name="rate")
    w = gc.variable(rng.normal(size=(6, 5)).astype(np.float32), name="w")
    b = gc.variable(np.zeros(5, np.float32), name="b")
    logits = gc.tanh(x @ w + b)
    loss = gc.nn.softmax_cross_entropy(logits, y)
    gw, gb = gc.gradients(loss, [w, b])
    train = gc.group(gc.assign(w, w - rate * gw), gc.assign(b, b - rate * gb))
    return {"loss": loss, "train": train, "rest": [logits, b]}, x, y, rate


def data(rows: int) -> tuple[Array, Array]:
    rng = np.random.default_rng(rows)
    return (
        rng.normal(size=(rows, 6)).astype(np.float32),
        rng.integers(0, 5, rows).astype(np.int32),
    )


def check_equal(stacked: Any, runs: list[Any]) -> None:
    """Whether results of run_steps are those of the runs, to the bit."""
    assert stacked["train"] is None
    for got, each in (
        (stacked["loss"], [run["loss"] for run in runs]),
        (stacked["rest"][0], [run["rest"][0] for run in runs]),
        (stacked["rest"][1], [run["rest"][1] for run in runs]),
    ):
        wanted = np.stack(each)
        assert got.dtype == wanted.dtype and got.shape == wanted.shape
        assert got.tobytes() == wanted.tobytes()


@pytest.mark.parametrize("static", [False, True])
@pytest.mark.parametrize("permuted", [False, True])
@pytest.mark.parametrize("rates", ["number", "each"])
def test_the_same_bits_as_so_many_runs(
    static: bool, permuted: bool, rates: str, graph: gc.Graph, open_session: Open
) -> None:
    fetches, x, y, rate = network(graph, 8 if static else "batch")
    images, labels = data(45)
    order = np.random.default_rng(0).permutation(45) if permuted else np.arange(45)
    speeds = np.linspace(0.5, 0.1, 5, dtype=np.float32)
    given = 0.5 if rates == "number" else speeds
    session, other = open_session(graph), open_session(graph)
    options = {"permutation": order} if permuted else {}
    if not static:
        options["batch"] = 8
    stacked = session.run_steps(fetches, {x: images, "y": labels, rate: given}, 5, **options)
    runs = []
    for k in range(5):
        part = order[8 * k : 8 * k + 8]
        speed = 0.5 if rates == "number" else speeds[k]
        runs.append(other.run(fetches, {x: images[part], y: labels[part], rate: speed}))
    check_equal(stacked, runs)
    for name in ("w", "b"):
        assert session.get_value(name).tobytes() == other.get_value(name).tobytes()


def test_native_code_and_the_interpreter_cut_alike(graph: gc.Graph) -> None:
    x = gc.placeholder(gc.int64, ("n", 2), name="x")
    count = gc.variable(0, name="count")
    fetches = (x, gc.sum(x), gc.assign(count, count + gc.sum(x)), count)
    feed = np.arange(60).reshape(30, 2)
    order = np.random.default_rng(3).permutation(30)
    for options in ({}, {"batch": 4}, {"permutation": order}, {"permutation": order[:14]}):
        for steps in (1, 3, 7):
            if options.get("batch", 1) * steps > 30:
                continue
            results = [
                gc.Session(graph, reference=r).run_steps(fetches, {x: feed}, steps, **options)
                for r in (False, True)
            ]
            for one, two in zip(*results, strict=True):
                assert (one is None and two is None) or np.array_equal(one, two)
            assert len(results[0][0]) == steps


#: Dims of a placeholder, the array fed, options, and what the steps get of it.
CUTS: list[tuple[Any, Any, dict[str, Any], Any]] = [
    (("n",), np.arange(6.0), {}, [[0, 1], [2, 3], [4, 5]]),
    (("n",), np.arange(8.0), {}, [[0, 1], [2, 3], [4, 5]]),
    (("n",), np.arange(12.0)[::2], {}, [[0, 2], [4, 6], [8, 10]]),
    (("n",), np.arange(8.0), {"batch": 1}, [[0], [1], [2]]),
    (("n",), list(np.arange(6.0)), {"permutation": [5, 0, 5, 0, 1, 2]}, [[5, 0], [5, 0], [1, 2]]),
    (("n",), np.arange(6.0), {"permutation": np.uint8([3, 2, 1])}, [[3], [2], [1]]),
    ((2,), np.arange(7.0), {}, [[0, 1], [2, 3], [4, 5]]),
    ((2,), np.arange(7.0), {"batch": 2}, [[0, 1], [2, 3], [4, 5]]),
    ((2,), np.array([7.0, 8.0]), {}, [[7, 8]] * 3),
    ((2,), np.arange(6.0).reshape(3, 2), {}, [[0, 1], [2, 3], [4, 5]]),
    ((2,), np.arange(12.0).reshape(6, 2)[::2], {}, [[0, 1], [4, 5], [8, 9]]),
    ((2,), np.arange(6.0).reshape(2, 3).T, {}, [[0, 3], [1, 4], [2, 5]]),
    (("n",), np.broadcast_to(np.arange(4.0), (3, 4)), {}, [[0, 1, 2, 3]] * 3),
    (("n",), np.zeros((3, 0)), {}, [[], [], []]),
    ((), 2.5, {}, [2.5] * 3),
    ((), np.array(2.5), {}, [2.5] * 3),
    ((), np.arange(5.0), {}, [0, 1, 2]),
    ((), [1.0, 2.0, 4.0], {}, [1, 2, 4]),
    ((0,), np.zeros(0), {}, [[], [], []]),
]


@pytest.mark.parametrize(("dims", "value", "options", "wanted"), CUTS)
def test_what_each_step_is_fed(
    dims: Any, value: Any, options: dict[str, Any], wanted: Any, graph: gc.Graph,
    open_session: Open,
) -> None:  # fmt: skip
    x = gc.placeholder(gc.float64, dims, name="x")
    got, doubled = open_session(graph).run_steps([x, x * 2], {x: value}, 3, **options)
    assert got.tolist() == wanted
    assert np.array_equal(doubled, got * 2)


#: Dims, the array fed, the number of steps, options, and the error.
BAD: list[tuple[Any, Any, Any, dict[str, Any], type[GraphcError], str]] = [
    (("n",), np.arange(5.0), 3, {"batch": 2}, FeedError,
     "3 steps of 2 rows need 6 rows, but x is fed 5"),
    (("n",), np.arange(2.0), 3, {}, FeedError, "3 steps of 1 rows need 3 rows, but x is fed 2"),
    ((4,), np.arange(9.0), 3, {}, FeedError, "3 steps of 4 rows need 12 rows, but x is fed 9"),
    ((4,), np.arange(12.0), 3, {"batch": 2}, FeedError, "x is declared with 4 rows, but batch=2"),
    (("n",), np.arange(9.0), 3, {"permutation": [1, 2], "batch": 1}, FeedError,
     "3 steps of 1 rows need 3 row numbers, but permutation has 2"),
    (("n",), np.arange(4.0), 3, {"permutation": [0, 4, 1]}, FeedError,
     "permutation has the row number 4, but x is fed 4 rows"),
    (("n",), np.arange(4.0), 2, {"permutation": [0, -1]}, FeedError,
     "permutation has the row number -1, but x is fed 4 rows"),
    (("n",), np.arange(4.0), 2, {"permutation": [0.0, 1.0]}, AttributeValueError,
     "permutation is an array of row numbers, with one dim"),
    (("n",), np.zeros((2, 2, 2)), 2, {}, FeedError,
     "x is declared with 1 dims, [n]; feed the rows of all steps, or one array for each step, not "
     "an array of shape [2, 2, 2]"),
    (("n",), np.zeros((2, 2)), 3, {}, FeedError, "3 steps need as many elements, but x is fed 2"),
    (("n",), 1.0, 3, {}, FeedError,
     "x is declared with 1 dims, [n]; feed the rows of all steps, or one array for each step, not "
     "an array of shape []"),
    ((), np.arange(2.0), 3, {}, FeedError, "3 steps need as many elements, but x is fed 2"),
    ((), 1.0, 3, {"batch": 2}, AttributeValueError,
     "no placeholder is fed rows, so there is nothing to cut"),
    (("n",), np.arange(4.0), 0, {}, AttributeValueError, "steps is a positive number, not 0"),
    (("n",), np.arange(4.0), 1.5, {}, AttributeValueError, "steps is a positive number, not 1.5"),
    (("n",), np.arange(4.0), True, {}, AttributeValueError, "steps is a positive number, not True"),
    (("n",), np.arange(4.0), 2, {"batch": -1}, AttributeValueError,
     "batch is a positive number, not -1"),
    (("n",), np.arange(4), 2, {}, FeedError,
     "x is declared as float64, but is fed an array of int64; convert it with .astype(np.float64)"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("dims", "value", "steps", "options", "error", "message"), BAD, ids=[row[5] for row in BAD]
)
def test_data_that_does_not_fit(
    dims: Any, value: Any, steps: Any, options: dict[str, Any], error: type[GraphcError],
    message: str, graph: gc.Graph, open_session: Open,
) -> None:  # fmt: skip
    x = gc.placeholder(gc.float64, dims, name="x")
    v = gc.variable(0.0, name="v")
    session = open_session(graph)
    with pytest.raises(error) as caught:
        session.run_steps([x, gc.assign(v, v + 1)], {x: value}, steps, **options)
    assert caught.value.message == message
    assert session.get_value(v) == 0


def test_errors_as_those_of_run(graph: gc.Graph, open_session: Open) -> None:
    x = gc.placeholder(gc.float64, ("n",), name="x")
    y = gc.placeholder(gc.float64, ("m",), name="y")
    session = open_session(graph)
    uses: list[tuple[Callable[[], Any], type[GraphcError], str]] = [
        (lambda: session.run_steps(x, {}, 3), FeedError, "x is needed and not fed"),
        (lambda: session.run_steps(3, {x: np.ones(3)}, 3), FetchError, "cannot fetch 3"),
        (lambda: session.run_steps(x, [np.ones(3)], 3), FeedError, "feed_dict is a dict"),
        (
            lambda: session.run_steps(x + y, {x: np.ones(6), y: np.ones(9)}, 3), FeedError,
            "x is fed 6 rows, but y 9; say how many a step gets with batch=",
        ),
        (
            lambda: session.run_steps(x + y, {x: np.ones(6), y: np.ones((3, 4))}, 3), GuardError,
            "the program relies on",
        ),
    ]  # fmt: skip
    for use, error, message in uses:
        with pytest.raises(error, match=message):
            use()
    assert session.run_steps(x + y, {x: np.ones(6), y: np.ones(9)}, 3, batch=2).shape == (3, 2)
    session.close()
    with pytest.raises(SessionError):
        session.run_steps(x, {x: np.ones(3)}, 3)


@pytest.mark.parametrize("bad", [0, 1, 5, 9])
def test_steps_before_the_one_that_fails_are_kept(
    bad: int, graph: gc.Graph, open_session: Open
) -> None:
    table = gc.constant(np.arange(7.0))
    at = gc.placeholder(gc.int64, ("n",), name="at")
    count = gc.variable(0, name="count")
    total = gc.variable(0.0, name="total", dtype=gc.float64)
    step = [
        gc.assign(count, count + 1), gc.assign(total, total + gc.sum(gc.take(table, at))), count,
    ]  # fmt: skip
    session = open_session(graph)
    positions = np.arange(20) % 7
    positions[2 * bad + 1] = 7
    with pytest.raises(OutOfRangeError, match="index 7 is out of range for axis 0 with size 7"):
        session.run_steps(step, {at: positions}, 10)
    assert session.get_value(count) == bad
    assert session.get_value(total) == positions[: 2 * bad].sum()
    assert session.run(step, {at: [0]})[2] == bad


def test_many_short_steps(graph: gc.Graph) -> None:
    x = gc.placeholder(gc.float32, (), name="x")
    total = gc.variable(0.0, name="total", dtype=gc.float64)
    session = gc.Session(graph)
    numbers = np.arange(100_000, dtype=np.float32)
    add = gc.assign(total, total + gc.astype(x, gc.float64))
    seen, _ = session.run_steps((total, add), {x: numbers}, len(numbers))
    assert session.get_value(total) == numbers.sum(dtype=np.float64)
    assert np.array_equal(seen[1:], np.cumsum(numbers[:-1], dtype=np.float64))


INTERRUPTED = """
import os, signal, sys, threading, time
import numpy as np
import graphc as gc

with gc.Graph() as graph:
    x = gc.placeholder(gc.float32, ("n",), name="x")
    count = gc.variable(0, name="count")
    twin = gc.variable(0, name="twin")
    value = gc.sum(gc.sin(gc.sort(x)))
    step = [gc.assign(count, count + 1), gc.assign(twin, twin + 1), value]
session = gc.Session(graph, reference=REFERENCE)
data = np.random.default_rng(0).normal(size=3000).astype(np.float32)
steps = np.broadcast_to(data, (1_000_000, 3000))
session.run(step, {x: data})

def strike():
    time.sleep(0.3)
    os.kill(os.getpid(), signal.SIGINT)

for _ in range(3):
    before = int(session.get_value(count))
    threading.Thread(target=strike).start()
    begin = time.perf_counter()
    try:
        session.run_steps(step, {x: steps}, len(steps))
        print("not interrupted")
    except KeyboardInterrupt:
        pass
    assert time.perf_counter() - begin < 5
    after = int(session.get_value(count))
    assert before < after < before + len(steps), (before, after)
    assert session.get_value(twin) == after
    assert session.run_steps(step, {x: steps}, 2)[2].shape == (2,)
    assert session.get_value(count) == after + 2
print("usable")
"""


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="signals are other things here")
@pytest.mark.parametrize("reference", [False, True])
def test_ctrl_c_between_steps_leaves_the_session_usable(reference: bool) -> None:
    program = INTERRUPTED.replace("REFERENCE", str(reference))
    done = subprocess.run(
        [sys.executable, "-c", program], env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert (done.stdout, done.returncode) == ("usable\n", 0), done.stderr
