"""The memory of a run, predicted to the byte."""

from __future__ import annotations

import gc as garbage
import tracemalloc

import numpy as np
import pytest

import graphc as gc
from graphc.codegen.calls.layout import LARGE_BYTES
from graphc.errors import FeedError, SessionError


def data_bytes() -> int:
    """Bytes of arrays that tracemalloc knows of."""
    taken = tracemalloc.take_snapshot()
    numpy_only = tracemalloc.DomainFilter(True, np.lib.tracemalloc_domain)
    return sum(trace.size for trace in taken.filter_traces([numpy_only]).traces)


@pytest.mark.parametrize("size", [0, 3, 1000, 60_000])  # the last has a result of over 1 MiB
def test_the_predicted_peak_is_what_a_run_allocates(size: int, graph: gc.Graph) -> None:
    x = gc.placeholder(gc.float32, ("n", 5), name="x")
    over = gc.variable(np.zeros(5, np.float32), name="over")
    swapped = gc.variable(np.zeros((5, 5), np.float32), name="swapped")
    sorted_ = gc.sort(x, axis=0)
    fetches = [
        gc.assign(over, over + gc.sum(sorted_, axis=0)),
        gc.assign(swapped, swapped.T + gc.sum(sorted_)),
        sorted_ + over, gc.sum(gc.cumulative_sum(x @ swapped, axis=0)),
    ]  # fmt: skip
    good = np.ones((size, 5), np.float32)
    for feed in (good, np.asfortranarray(good), good.tolist() if size else good):
        session = gc.Session(graph, threads=1)
        step = session.make_callable(fetches, [x])
        executable = step.executable
        assert executable is not None and sorted(executable.in_place) == [False, True]
        predicted = session.predicted_peak(fetches, {x: feed})
        assert session.predicted_peak(fetches, {"x": feed}) == predicted
        garbage.collect()
        tracemalloc.start()
        before = data_bytes()
        tracemalloc.reset_peak()
        begin, _ = tracemalloc.get_traced_memory()
        held = step(feed)
        _, peak = tracemalloc.get_traced_memory()
        after = data_bytes() - before
        is_copied = not isinstance(feed, np.ndarray) or not feed.flags.c_contiguous
        assert after + is_copied * good.nbytes == predicted  # the copy is gone
        for _ in range(2):
            again = data_bytes()
            held = step(feed)
            beside = held[2].nbytes if held[2].nbytes >= LARGE_BYTES else 0
            # the same memory, and results for results; a large one is kept for the next
            assert data_bytes() == again + beside * (again == after + before)
        tracemalloc.stop()
        objects = 100_000 + 400 * size * isinstance(feed, list)  # Python's own
        assert predicted <= peak - begin < predicted + objects
        del held


def test_the_interpreter_predicts_no_peak(graph: gc.Graph) -> None:
    x = gc.placeholder(gc.float32, ("n",), name="x")
    with pytest.raises(SessionError, match="only compiled programs know how much memory they need"):
        gc.Session(graph, reference=True).predicted_peak(x, {x: [1.0]})
    with pytest.raises(FeedError):
        gc.Session(graph).predicted_peak(x)
