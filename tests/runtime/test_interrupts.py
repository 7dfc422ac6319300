"""Tests of graphc/runtime/interrupts.py, and of tapes that grow: what loops call outside."""

from __future__ import annotations

import os
import signal
import threading
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as gc

Call = Callable[[gc.Session, gc.Tensor, gc.Tensor], Any]


def _endless(heavy: bool) -> tuple[gc.Graph, gc.Tensor, gc.Tensor]:
    with gc.Graph() as graph:
        x = gc.placeholder(gc.float64, (300, 300) if heavy else (), name="x")
        turn = (lambda y: gc.tanh(y @ y) + 1.0) if heavy else (lambda y: y * 1.0000001)
        return graph, x, gc.while_loop(lambda y: gc.sum(y) > 0.0, turn, x)


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="no signals to send")
@pytest.mark.parametrize("heavy", [False, True])
@pytest.mark.parametrize("threads", [1, 2])
def test_an_endless_loop_ends_by_ctrl_c(heavy: bool, threads: int) -> None:
    graph, x, y = _endless(heavy)
    value = np.ones(x.shape)  # type: ignore[arg-type] # no dim is symbolic
    with gc.Session(graph, threads=threads) as session:
        session.run(y, {x: -value})  # compiled
        timer = threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT))
        timer.start()
        start = time.perf_counter()
        with pytest.raises(KeyboardInterrupt):
            session.run(y, {x: value})
        assert time.perf_counter() - start < 20.0
        np.testing.assert_array_equal(session.run(y, {x: -value}), -value)


def test_what_a_handler_raises_comes_through() -> None:
    class Enough(Exception):
        pass

    def handler(number: int, frame: object) -> None:
        raise Enough("stop here")

    graph, x, y = _endless(heavy=False)
    before = signal.signal(signal.SIGINT, handler)
    try:
        with gc.Session(graph) as session:
            threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
            with pytest.raises(Enough, match="stop here"):
                session.run(y, {x: 1.0})
    finally:
        signal.signal(signal.SIGINT, before)


def _taped() -> tuple[gc.Graph, gc.Tensor, list[gc.Tensor]]:
    with gc.Graph() as graph:
        n = gc.placeholder(gc.int64, (), name="n")
        x = gc.placeholder(gc.float64, (), name="x")
        y, _ = gc.while_loop(lambda y, k: k < n, lambda y, k: (gc.sin(y) + 0.5 * y, k + 1), (x, 0))
        return graph, n, [x, y, *gc.gradients(y, [x])]


@pytest.mark.parametrize("turns", [0, 1, 255, 256, 257, 100_000])
def test_a_tape_grows_with_the_turns_and_is_given_back(turns: int) -> None:
    graph, n, (x, y, slope) = _taped()
    with gc.Session(graph) as session:
        run = session.make_callable([y, slope], [n, x])
        run(np.array(3), np.array(0.3))
        tracemalloc.start()
        try:
            value, found = run(np.array(turns), np.array(0.3))
            kept, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    # one number a turn, with room for a whole number of kernels' turns, at most doubled
    assert peak <= 2 * 8 * (turns + 256) + 20_000
    assert kept < 20_000
    expected, factor = 0.3, 1.0
    for _ in range(turns):
        factor *= np.cos(expected) + 0.5
        expected = np.sin(expected) + 0.5 * expected
    np.testing.assert_allclose([value, found], [expected, factor], rtol=1e-6, atol=1e-300)
