"""Large results: memory that is used again, but never while anybody can see it."""

from __future__ import annotations

import gc as garbage
import itertools
import pickle
import random
import sys
import threading
import tracemalloc
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.codegen.calls.layout import LARGE_BYTES, MOST_BLOCKS
from graphc.errors import OutOfRangeError, SessionError
from graphc.runtime.native import MOST_SIGNATURES

Array = np.ndarray[Any, Any]

#: The shortest float32 vector that lies in a block.
LARGE = LARGE_BYTES // 4


def where(array: Array) -> int:
    return array.ctypes.data


def addition(graph: gc.Graph) -> tuple[gc.Session, Any]:
    x = gc.placeholder(gc.float32, ("n",), name="x")
    session = gc.Session(graph, threads=1)
    return session, session.make_callable(x + 1, [x])


def full(value: float, size: int = LARGE) -> Array:
    return np.full(size, value, np.float32)


def overlap(arrays: list[Array]) -> bool:
    """Whether any two of these contiguous arrays share memory."""
    spans = sorted((where(array), where(array) + array.nbytes) for array in arrays)
    return any(end > begin for (_, end), (begin, _) in itertools.pairwise(spans))


def traced() -> int:
    """Bytes of arrays."""
    taken = tracemalloc.take_snapshot()
    arrays = tracemalloc.DomainFilter(True, np.lib.tracemalloc_domain)
    return sum(trace.size for trace in taken.filter_traces([arrays]).traces)


# When memory is used again ------------------------------------------------------------------------


def test_memory_is_used_again_once_nobody_refers_to_it(graph: gc.Graph) -> None:
    _, step = addition(graph)
    y = step(full(1))
    first = where(y)
    del y
    y = step(full(2))
    assert where(y) == first and (y == 3).all()
    seen = []
    for k in range(6):
        y = step(full(k))  # the old one lives until the new one is there
        seen.append(where(y))
        assert (y == k + 1).all()
    assert seen[0] != seen[1] and seen == seen[:2] * 3


WAYS_TO_HOLD: dict[str, Callable[[Array], Any]] = {
    "itself": lambda y: y,
    "a slice": lambda y: y[5:9],
    "a view of a view": lambda y: y.reshape(2, -1).T[3:],
    "an element's view": lambda y: y[7:8].reshape(()),
    "other dtype": lambda y: y.view(np.uint8)[::3],
    "subclass": lambda y: y[:4].view(np.matrix),
    "memoryview": memoryview,
    "part of a memoryview": lambda y: memoryview(y)[3:5],
    "frombuffer": lambda y: np.frombuffer(y, np.int32)[1:],
    "iterator": lambda y: y.flat,
    "dlpack": lambda y: np.from_dlpack(y)[2:],
    "its base": lambda y: y.base,
    "broadcast": lambda y: np.broadcast_to(y[:1], (3, 4)),
    "windows": lambda y: np.lib.stride_tricks.sliding_window_view(y[:9], 3),
    "interface": lambda y: y.ctypes,
    "pickle buffer": lambda y: pickle.PickleBuffer(y),
}


@pytest.mark.parametrize("hold", WAYS_TO_HOLD.values(), ids=WAYS_TO_HOLD)
def test_memory_is_not_used_again_while_anything_refers_to_it(
    hold: Callable[[Array], Any], graph: gc.Graph
) -> None:
    _, step = addition(graph)
    y = step(full(1))
    first, kept = where(y), hold(y)
    del y
    for k in range(4):
        assert where(step(full(k))) != first
    del kept
    assert where(step(full(5))) == first


def test_more_results_at_once_than_blocks(graph: gc.Graph) -> None:
    _, step = addition(graph)
    results = [step(full(k)) for k in range(MOST_BLOCKS + 3)]
    assert not overlap(results)
    assert [float(y.min()) for y in results] == [float(y.max()) for y in results]
    kept = {where(y) for y in results[:MOST_BLOCKS]}
    assert all(not y.flags.owndata for y in results)
    del results
    again = [step(full(k)) for k in range(MOST_BLOCKS)]
    assert {where(y) for y in again} == kept


@pytest.mark.parametrize("size", [LARGE - 1, LARGE])
def test_results_look_the_same_large_or_small(size: int, graph: gc.Graph) -> None:
    session, step = addition(graph)
    feed = full(1, size)
    for y in (step(feed), session.run(step._fetches.tensors[0], {"x": feed}), step(feed.tolist())):
        other = np.empty(size, np.float32)
        assert type(y) is np.ndarray and y.dtype is other.dtype and y.shape == other.shape
        for flag in ("C", "F", "A", "W", "X"):
            assert y.flags[flag] == other.flags[flag], flag
        assert y.strides == other.strides and y.flags.owndata == (size < LARGE)
        assert y[1:].base is y
        y.flags.writeable = False
        y.flags.writeable = True
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            assert np.array_equal(pickle.loads(pickle.dumps(y, protocol)), y)
        y.fill(7)
        weakref.ref(y)


def test_ranks_and_empty_dims(graph: gc.Graph) -> None:
    x = gc.placeholder(gc.float64, ("a", "b", 3), name="x")
    step = gc.Session(graph).make_callable([x * 2, gc.sum(x), x > 1], [x])
    for shape in ((300, 400, 3), (0, 400, 3), (300, 400, 3), (1000, 1100, 3)):
        feed = np.ones(shape)
        doubled, total, above = step(feed)
        assert np.array_equal(doubled, 2 * feed) and total == feed.sum() and not above.any()
        assert above.shape == shape and above.flags.c_contiguous
        assert doubled.flags.owndata == (doubled.nbytes < LARGE_BYTES)
        assert above.flags.owndata == (above.nbytes < LARGE_BYTES)


def test_results_as_out_and_as_feeds(graph: gc.Graph) -> None:
    _, step = addition(graph)
    y = step(full(0))
    assert step(full(1), out=y) is y and (y == 2).all()
    for k in range(3, 9):
        y = step(y)
        assert (y == k).all()
    first = where(y)
    z = step(y)
    assert step(z, out=y) is y and where(y) == first and (y == 10).all() and (z == 9).all()


def test_a_run_that_fails_gives_its_memory_back(graph: gc.Graph) -> None:
    x = gc.placeholder(gc.float32, ("n",), name="x")
    at = gc.placeholder(gc.int64, (), name="at")
    step = gc.Session(graph).make_callable([x + gc.take(x, at)], [x, at])
    good, bad = np.array(0), np.array(LARGE)
    (y,) = step(full(1), good)
    first = where(y)
    del y
    for _ in range(5):
        with pytest.raises(OutOfRangeError):
            step(full(1), bad)
    garbage.collect()  # tracebacks
    assert where(step(full(1), good)[0]) == first


# How much is kept ---------------------------------------------------------------------------------


def test_what_is_kept_is_bounded_and_dropped_with_the_session(graph: gc.Graph) -> None:
    session, step = addition(graph)
    x = graph.find("x")
    tracemalloc.start()
    before = traced()
    predicted = session.predicted_peak(x + 1, {x: full(1)})
    fresh = gc.Session(graph, threads=1)
    call, feed = fresh.make_callable(x + 1, [x]), full(1)
    begin = traced()
    y = call(feed)
    assert traced() - begin == predicted  # exact for a first run
    arena = predicted - LARGE_BYTES
    y = call(feed)
    del y
    assert traced() - begin == arena + MOST_BLOCKS * LARGE_BYTES
    fresh.close()
    assert traced() - begin == arena
    del call, fresh, feed, begin
    for k in range(MOST_SIGNATURES + 3):
        feed = full(1, LARGE + k)
        held = [step(feed) for _ in range(5)]
    del held, feed
    garbage.collect()
    kept = traced() - before
    assert 0 <= kept - MOST_SIGNATURES * MOST_BLOCKS * LARGE_BYTES < 100_000
    session.close()
    with pytest.raises(SessionError):
        step(full(1, LARGE + MOST_SIGNATURES + 2))  # a shape that native code still knows
    assert traced() - before < 100_000
    tracemalloc.stop()


def test_results_outlive_their_session_and_their_signature(graph: gc.Graph) -> None:
    session, step = addition(graph)
    results = {1: step(full(1)), 2: step(full(2))[3:]}
    for k in range(MOST_SIGNATURES + 1):
        step(full(0, LARGE + 1 + k))
    results |= {3: step(full(3)), 4: step(full(4))[3:]}
    session.close()
    del session, step
    garbage.collect()
    junk = [full(9) for _ in range(8)]
    assert not overlap([*results.values(), *junk])
    for k, y in results.items():
        assert (y == k + 1).all()


def test_no_references_are_kept(graph: gc.Graph) -> None:
    _, step = addition(graph)
    feed = full(1)
    for _ in range(5):
        step(feed)
    y = step(feed)
    block = y.base
    assert block is not None
    known = (feed.dtype, type(block), None, block)
    before = [sys.getrefcount(thing) for thing in known]
    for _ in range(200):
        step(feed)
        z = [step(feed) for _ in range(3)]
        del z
    after = [sys.getrefcount(thing) for thing in known]
    # NumPy's dtype and None are also counted elsewhere, but not hundreds of times
    assert all(abs(a - b) < 20 for a, b in zip(after, before, strict=True))
    assert after[-1] == before[-1]


# Nobody shares memory -----------------------------------------------------------------------------


def views(rng: random.Random, array: Array) -> Array:
    """A random view of a result, of its rows."""
    kind = rng.randrange(4)
    if kind == 0:
        return array
    begin = rng.randrange(len(array) - 1)
    part = array[begin : rng.randrange(begin + 1, len(array))]
    return part if kind == 1 else part.T if kind == 2 else part[::2, ::-1]


def hold_at_random(step: Any, rng: random.Random, calls: int, form: tuple[int, int]) -> int:
    """Hold random parts of results for a while; the number of addresses seen.

    A view of a result for a feed of k must be full of 2 * k or 3 * k, whenever it is looked at.
    """
    held: list[tuple[Array, float]] = []
    addresses = set()
    for number in range(calls):
        feed = np.full(form, number, np.float32)
        results = step(feed)
        owners = {id(array if array.base is None else array.base) for array, _ in held}
        assert len({id(y.base) for y in results}) == len(results)
        assert not [y for y in results if id(y) in owners or id(y.base) in owners]
        assert not [y for y in results for a, _ in held if np.may_share_memory(y, a)]
        addresses |= {where(y) for y in results}
        for y, factor in zip(results, (2, 3), strict=True):
            if rng.random() < 0.5:
                held.append((views(rng, y), factor * number))
        del results
        while held and (len(held) > 8 or rng.random() < 0.4):
            array, value = held.pop(rng.randrange(len(held)))
            assert (array == value).all()
            del array
    for array, value in held:
        assert (array == value).all()
    return len(addresses)


@pytest.mark.parametrize("seed", range(3))
def test_results_held_at_random_keep_their_content(seed: int, graph: gc.Graph) -> None:
    x = gc.placeholder(gc.float32, ("n", "m"), name="x")
    step = gc.Session(graph, threads=1 + seed % 2).make_callable([x * 2, x * 3], [x])
    rng = random.Random(seed)
    rows = rng.randrange(300, 500)
    hold_at_random(step, rng, 250, (rows, LARGE // 300 + 1))
    blocks = set()
    for _ in range(5):  # all is free again
        blocks |= {where(y) for y in step(np.zeros((rows, LARGE // 300 + 1), np.float32))}
    assert len(blocks) == 2


def test_threads_share_no_memory(graph: gc.Graph) -> None:
    x = gc.placeholder(gc.float32, ("n", "m"), name="x")
    step = gc.Session(graph, threads=2).make_callable([x * 2, x * 3], [x])
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    start = threading.Barrier(4)
    live: dict[tuple[int, int], list[Array]] = {}

    def work(number: int) -> None:
        start.wait(timeout=30)
        rng = random.Random(number)
        for k in range(60):
            value = 100 * number + k
            results = step(np.full((300, LARGE // 300 + 1), value, np.float32))
            live[number, k] = results
            others = [y for found in list(live.values()) for y in found]
            assert not overlap(others)
            del others
            gone = live.pop((number, k - rng.randrange(1, 3)), [])
            for y, factor in zip(results, (2, 3), strict=True):
                assert (y == factor * value).all()
            del gone, results

    try:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(work, range(4)))
    finally:
        sys.setswitchinterval(before)
    for (number, k), results in live.items():
        for y, factor in zip(results, (2, 3), strict=True):
            assert (y == factor * (100 * number + k)).all()


def test_closing_while_threads_run(graph: gc.Graph) -> None:
    x = gc.placeholder(gc.float32, ("n",), name="x")
    for _ in range(5):
        session = gc.Session(graph, threads=1)
        step = session.make_callable(x + 1, [x])
        begun = threading.Barrier(4)

        def work(number: int, step: Any = step, begun: threading.Barrier = begun) -> list[Array]:
            results: list[Array] = [step(full(number))]
            begun.wait(timeout=30)
            try:
                while True:
                    results = [*results[-2:], step(full(number))]
            except SessionError:
                return results

        with ThreadPoolExecutor(3) as pool:
            futures = [pool.submit(work, number) for number in range(3)]
            begun.wait(timeout=30)
            session.close()
            found = [future.result() for future in futures]
        assert not overlap([y for results in found for y in results])
        for number, results in enumerate(found):
            assert all((y == number + 1).all() for y in results)
