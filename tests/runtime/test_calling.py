"""Callables: the native way and the one through Python must not differ, nor leak anything."""

from __future__ import annotations

import gc as garbage
import sys
import tracemalloc
import weakref
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pytest

import graphc as gc
from graphc.errors import GraphcError, OutOfRangeError, SessionError
from graphc.runtime import array_layout
from graphc.runtime.calling import BoundStep
from graphc.runtime.native_step import NativeStep
from graphc.runtime.step import PlainStep

Array = np.ndarray[Any, Any]


class Subclass(np.ndarray[Any, Any]):
    pass


class Exporter:
    """An object of another library that says it is an array."""

    def __array__(self, dtype: Any = None, copy: Any = None) -> Array:
        return np.ones((2, 3), np.float32)


def rows(count: int = 2) -> Array:
    return np.arange(3 * count, dtype=np.float32).reshape(count, 3)


def unaligned() -> Array:
    return np.zeros(25, np.uint8)[1:].view(np.float32).reshape(2, 3)


def read_only() -> Array:
    array = rows()
    array.flags.writeable = False
    return array


#: Feeds for a placeholder f32[n, 3]: good ones of all kinds, and bad ones.
FEEDS: dict[str, Callable[[], Any]] = {
    "plain": rows,
    "other shape": lambda: rows(5),
    "one row": lambda: rows(1),
    "empty": lambda: rows(0),
    "list": lambda: [[1, 2, 3], [4, 5.5, 6]],
    "tuple of rows": lambda: (np.zeros(3, np.float32), np.ones(3, np.float32)),
    "by columns": lambda: np.asfortranarray(rows()),
    "transposed": lambda: rows(3).T,
    "strided": lambda: rows(8)[::2],
    "reversed": lambda: rows()[::-1],
    "broadcast": lambda: np.broadcast_to(np.float32(2), (4, 3)),
    "subclass": lambda: rows().view(Subclass),
    "matrix": lambda: rows().view(np.matrix),
    "memory mapped": lambda: rows().view(np.memmap),
    "read only": read_only,
    "unaligned": unaligned,
    "other byte order": lambda: rows().astype(">f4"),
    "dtype with metadata": lambda: rows().astype(np.dtype(np.float32, metadata={"a": 1})),
    "exported": Exporter,
    "float64": lambda: rows().astype(np.float64),
    "float16": lambda: rows().astype(np.float16),
    "int32": lambda: rows().astype(np.int32),
    "bool": lambda: rows() > 1,
    "complex": lambda: rows().astype(np.complex64),
    "objects": lambda: rows().astype(object),
    "structured": lambda: np.zeros((2, 3), np.dtype([("a", np.float32)])),
    "masked": lambda: np.ma.masked_equal(rows(), 2),
    "wrong rank": lambda: np.zeros(3, np.float32),
    "wrong size": lambda: np.zeros((2, 4), np.float32),
    "scalar": lambda: np.float32(1),
    "without dims": lambda: np.zeros((), np.float32),
    "number": lambda: 1.0,
    "ragged": lambda: [[1.0, 2.0, 3.0], [4.0]],
    "None": lambda: None,
    "text": lambda: "abc",
}


def outcome(call: Callable[[], Any]) -> Any:
    """What a call gives or raises, to be compared."""
    try:
        results = call()
    except Exception as error:
        return type(error), str(error)
    assert all(type(r) is np.ndarray and r.flags.c_contiguous for r in results)
    return [(r.dtype, r.shape, r.tobytes()) for r in results]


@pytest.fixture(scope="module")
def sessions() -> dict[str, tuple[gc.Session, gc.Tensor, list[gc.Tensor]]]:
    """Sessions of every kind on one graph, its placeholder, and what to fetch."""
    with gc.Graph() as graph:
        x = gc.placeholder(gc.float32, ("n", 3), name="x")
        fetches = [x * 2 + 1, gc.sum(x, axis=0), gc.sum(x), gc.sort(x)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(array_layout, "is_as_expected", lambda: False)
        plain = gc.Session(graph)
    kinds = {"native": gc.Session(graph), "plain": plain}
    kinds["reference"] = gc.Session(graph, reference=True)
    return {name: (session, x, fetches) for name, session in kinds.items()}


@pytest.mark.parametrize("make", FEEDS.values(), ids=FEEDS.keys())
def test_every_way_agrees_on_every_feed(
    make: Callable[[], Any], sessions: dict[str, tuple[gc.Session, gc.Tensor, list[gc.Tensor]]]
) -> None:
    found: dict[str, Any] = {}
    for name, (session, x, fetches) in sessions.items():
        step = session.make_callable(fetches, [x])
        found[name] = outcome(lambda step=step: step(make()))
        found[f"{name} again"] = outcome(lambda step=step: step(make()))
        step(rows())
        found[f"{name} after another"] = outcome(lambda step=step: step(make()))
        for _ in range(2):
            session.run(fetches, {x: rows()})
            found[f"{name} run"] = outcome(lambda s=session, f=fetches, x=x: s.run(f, {x: make()}))
    wanted = found["reference"]
    for name, value in found.items():
        assert value == wanted, name


def test_which_way_sessions_go(
    sessions: dict[str, tuple[gc.Session, gc.Tensor, list[gc.Tensor]]],
) -> None:
    kinds = {}
    for name, (session, x, fetches) in sessions.items():
        step = session.make_callable(fetches, [x])
        assert isinstance(step, BoundStep)
        kinds[name] = type(step._step), type(step) is BoundStep
    assert kinds == {
        "native": (NativeStep, False), "plain": (PlainStep, True), "reference": (PlainStep, True),
    }  # fmt: skip


def test_what_is_known_does_not_go_through_python(
    graph: gc.Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = gc.placeholder(gc.float32, ("n",), name="x")
    v = gc.variable(0.0, name="v")
    session = gc.Session(graph)
    fetches = [x + 1, gc.assign(v, v + gc.sum(x))]
    step = session.make_callable(fetches, [x])
    feed, into = np.ones(4, np.float32), np.zeros(4, np.float32)
    slow: list[Any] = []
    original = BoundStep._call_slowly

    def counted(self: BoundStep, *feeds: Any, **options: Any) -> Any:
        slow.append(feeds)
        return original(self, *feeds, **options)

    monkeypatch.setattr(BoundStep, "_call_slowly", counted)
    for _ in range(3):
        step(feed)
        step(feed, out=[into, None])
        session.run(fetches, {x: feed})
        session.run(fetches, {x: feed}, out=(into, None))
    assert len(slow) == 1
    step([1.0, 1.0, 1.0, 1.0])
    step(feed[::2])
    assert len(slow) == 3


# Forms -------------------------------------------------------------------------------------------


class Pair(NamedTuple):
    first: Any
    second: Any


def test_results_have_the_form_of_the_fetches(graph: gc.Graph) -> None:
    x = gc.placeholder(gc.float32, (), name="x")
    v = gc.variable(0.0, name="v")
    a, b, op = x + 1, x * 2, gc.assign(v, x)
    forms: list[tuple[Any, Any]] = [
        (a, 4), (op, None), ([], []), ((), ()), ([a], [4]), ((a, b), (4, 6)),
        ([a, op, b], [4, None, 6]), ((op, op), (None, None)), ([a, a], [4, 4]),
        ([[a], (b, op)], [[4], (6, None)]), ({"a": a, "b": [b]}, {"a": 4, "b": [6]}),
        (Pair(a, b), Pair(4, 6)), ([Pair(op, a)], [Pair(None, 4)]), ("x", 3), (["v", a], [0, 4]),
    ]  # fmt: skip
    for reference in (False, True):
        for fetches, wanted in forms:
            session = gc.Session(graph, reference=reference)
            step = session.make_callable(fetches, [x])
            for call in (step, lambda x_, s=session, f=fetches: s.run(f, {x: x_})):
                for _ in range(3):
                    session.set_value(v, 0.0)
                    result = call(np.array(3, np.float32))
                    assert type(result) is type(wanted) or wanted in (4, 3)
                    assert result == wanted
    first, again = gc.Session(graph).run([a, a], {x: 3.0})
    assert not np.shares_memory(first, again)


def test_every_run_gives_a_new_array(graph: gc.Graph) -> None:
    x = gc.placeholder(gc.float32, ("n",), name="x")
    session = gc.Session(graph)
    step = session.make_callable([x, x + 1], [x])
    feed = np.ones(4, np.float32)
    results = [array for _ in range(5) for array in step(feed)]
    results += [session.run(x, {x: feed}) for _ in range(5)]
    for k, array in enumerate(results):
        assert array.flags.owndata and array.flags.writeable
        assert not any(np.shares_memory(array, other) for other in (feed, *results[:k]))


def test_wrong_numbers_and_names_of_arguments(graph: gc.Graph) -> None:
    x = gc.placeholder(gc.float32, ("n",), name="x")
    feed = np.ones(4, np.float32)
    for reference in (False, True):
        step = gc.Session(graph, reference=reference).make_callable(x + 1, [x])
        for _ in range(2):
            for call, message in (
                (lambda s=step: s(), "takes the feeds [x], but is called with 0"),
                (lambda s=step: s(feed, feed), "takes the feeds [x], but is called with 2"),
                (lambda s=step: s(feed, inn=feed), "unexpected keyword argument 'inn'"),
                (lambda s=step: s(feed, out=None, inn=1), "unexpected keyword argument 'inn'"),
            ):
                with pytest.raises(Exception) as caught:
                    call()
                assert message in str(caught.value)
            assert step(feed).tolist() == [2, 2, 2, 2]
            assert step(feed, out=None).tolist() == [2, 2, 2, 2]
            assert step(feed, **{"".join(["o", "ut"]): None}).tolist() == [2, 2, 2, 2]


# Lifetimes ---------------------------------------------------------------------------------------


def test_a_callable_outlives_its_session_closed_and_forgotten(graph: gc.Graph) -> None:
    x = gc.placeholder(gc.float32, ("n",), name="x")
    v = gc.variable(2.0, name="v")
    feed = np.ones(4, np.float32)
    forgotten = gc.Session(graph).make_callable(x * v, [x])
    garbage.collect()
    assert forgotten(feed).tolist() == [2, 2, 2, 2]
    with gc.Session(graph) as session:
        step = session.make_callable([x + 1, gc.assign(v, v + 1)], [x])
        free = session.make_callable(x + 1, [x])
        step(feed)
        free(feed)
    for call in (step, free):
        with pytest.raises(SessionError, match="^the session is closed$"):
            call(feed)


def test_callables_and_their_programs_are_freed(graph: gc.Graph) -> None:
    x = gc.placeholder(gc.float32, ("n",), name="x")
    session = gc.Session(graph)
    step = session.make_callable(gc.sort(x) + 1, [x])
    step(np.ones(4, np.float32))
    call, program = weakref.ref(step), weakref.ref(step._step)
    garbage.disable()
    session.close()
    del step
    garbage.enable()
    assert call() is None and program() is None


@pytest.mark.parametrize("size", [4, 200_000])  # the second lets other Python threads run
def test_calls_keep_no_references(size: int, graph: gc.Graph) -> None:
    x = gc.placeholder(gc.float32, ("n",), name="x")
    at = gc.placeholder(gc.int64, ("m",), name="at")
    v = gc.variable(0.0, name="v")
    add = gc.assign(v, v + gc.sum(gc.exp(x)))
    session = gc.Session(graph)
    flat = session.make_callable([gc.take(x, at), add, x + 1], [x, at])
    nested = session.make_callable({"a": gc.take(x, at), "b": (add, x + 1)}, [x, at])
    feed, good, bad = np.zeros(size, np.float32), np.array([0]), np.array([size])
    into, taken = np.zeros(size, np.float32), np.zeros(1, np.float32)
    out = [taken, None, into]
    known = (feed, good, bad, into, taken, out, feed.dtype, good.dtype, flat, nested, flat._step)

    def calls() -> None:
        flat(feed, good)
        nested(feed, good)
        flat(feed, good, out=out)
        nested(feed, good, out={"a": taken, "b": [None, into]})
        for wrong, options in ((bad, {}), (bad, {"out": out}), ([0.5], {}), (good, {"out": 3})):
            for step in (flat, nested):
                with pytest.raises(GraphcError):
                    step(feed, wrong, **options)

    for _ in range(20):
        calls()
    before = [sys.getrefcount(thing) for thing in known]
    for _ in range(100):
        calls()
    after = [sys.getrefcount(thing) for thing in known]
    assert after == before


def test_many_calls_take_no_more_memory(graph: gc.Graph) -> None:
    x = gc.placeholder(gc.float32, ("n",), name="x")
    at = gc.placeholder(gc.int64, (), name="at")
    v = gc.variable(np.zeros(8), name="v")
    session = gc.Session(graph)
    step = session.make_callable([gc.sort(x), gc.assign(v, v + 1), gc.take(x, at)], [x, at])
    feeds = [np.ones(size, np.float32) for size in range(1, 8)]
    place, beyond, into = np.array(0), np.array(10**15), np.zeros((), np.float32)

    def calls(count: int) -> None:
        for k in range(count):
            step(feeds[0], place)
            step(feeds[0], place, out=[None, None, into])
            if k % 100 == 0:
                for feed in feeds:
                    step(feed, place)
            if k % 10 == 0:
                with pytest.raises(OutOfRangeError):
                    step(feeds[0], beyond)

    calls(200)
    garbage.collect()
    tracemalloc.start()
    calls(200)
    garbage.collect()
    begin, _ = tracemalloc.get_traced_memory()
    calls(50_000)
    garbage.collect()  # errors and their tracebacks are garbage in circles
    end, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert end - begin < 20_000


def arrays_of(call: Callable[..., list[Any]], *feeds: Any, out: Any) -> list[Array]:
    return [array for array in call(*feeds, out=out) if array is not None]


@pytest.mark.parametrize("seed", range(6))
def test_random_calls_agree_with_the_interpreter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    with gc.Graph() as graph:
        x = gc.placeholder(gc.float32, ("n", 3), name="x")
        at = gc.placeholder(gc.int64, ("m",), name="at")
        v = gc.variable(np.zeros((3, 3), np.float32), name="v")
        total = gc.variable(np.zeros(3, np.float32), name="total")
        step = [
            gc.take(x, at, axis=0), gc.assign(total, total + gc.sum(x, axis=0)), x + total,
            gc.assign(v, v.T + gc.max(x, axis=0)),
        ]  # fmt: skip
    sessions = [gc.Session(graph, threads=1), gc.Session(graph, reference=True)]
    calls = [session.make_callable(step, [at, x]) for session in sessions]
    makes = [rows, rows, rows, *FEEDS.values()]
    fitting: dict[tuple[int, int], list[Array]] = {}
    for _ in range(150):
        feed = makes[rng.integers(len(makes))]()
        places = rng.integers(-3, 3, rng.integers(0, 4))
        shape = np.shape(feed) if isinstance(feed, np.ndarray) else (2, 3)
        out: Any = None
        if rng.integers(2) and len(shape) == 2:
            count, size = len(places), shape[0]
            taken, added = fitting.setdefault(
                (count, size), [np.zeros((count, 3), np.float32), np.zeros((size, 3), np.float32)]
            )
            wrong = [None, added.T, added[:, :2], feed, taken, added.astype(float), 1.0]
            out = [taken, None, added, None]
            if rng.integers(3) == 0:
                out[2 * rng.integers(2)] = wrong[rng.integers(len(wrong))]
            out = tuple(out) if rng.integers(2) else out
        results = [outcome(partial(arrays_of, call, places, feed, out=out)) for call in calls]
        assert results[0] == results[1]
        for name in ("v", "total"):
            one, two = (session.get_value(name) for session in sessions)
            assert one.tobytes() == two.tobytes()


FLOATS = [
    1.5,
    -0.0,
    np.float64(2.5),
    float("nan"),
    float("inf"),
    np.float32(0.1),
    np.float32("nan"),
]


@pytest.mark.parametrize("number", FLOATS)
def test_floats_are_fed_without_python(number: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    dtype = gc.float32 if isinstance(number, np.float32) else gc.float64
    with gc.Graph() as graph:
        x = gc.placeholder(dtype, (), name="x")
        k = gc.placeholder(gc.int64, (2,), name="k")
        y = gc.astype(k, dtype) * x
    with gc.Session(graph) as session:
        run, counts = session.make_callable(y, [x, k]), np.array([1, 2])
        fed = np.array(number)
        expected = [run(fed, counts).tobytes()] * 3
        monkeypatch.setattr(BoundStep, "_call_slowly", None)  # it is native code that takes them
        assert [run(number, counts).tobytes() for _ in range(3)] == expected
        assert run(fed, counts).tobytes() == expected[0]


def test_other_numbers_are_converted_or_refused() -> None:
    with gc.Graph() as graph:
        x = gc.placeholder(gc.float64, (), name="x")
        z = gc.placeholder(gc.float32, (), name="z")
        v = gc.placeholder(gc.float64, (1,), name="v")
    with gc.Session(graph) as session:
        run = session.make_callable([x * 2, z * 2, v * 2], [x, z, v])
        run(1.0, np.array(1, np.float32), np.ones(1))
        assert run(3, 0.5, [4.0]) == [6.0, 1.0, [8.0]]
        for feeds in ((np.float32(1), 1.0, [1.0]), (1.0, np.float64(1), [1.0]), (1.0, 1.0, 1.0)):
            with pytest.raises(gc.errors.FeedError):
                run(*feeds)
