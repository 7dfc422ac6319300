"""Arrays given for results: what they get, and those that are refused before anything runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

import graphc as gc
from graphc.errors import AttributeValueError, DTypeError, GraphcError, OutOfRangeError, ShapeError
from tests.runtime.conftest import Open

Array = np.ndarray[Any, Any]


class Pair(NamedTuple):
    first: Any
    second: Any


def f4(*shape: int) -> Array:
    return np.full(shape, -1, np.float32)


@pytest.mark.parametrize("by_run", [False, True])
def test_results_are_the_arrays_that_are_given(
    by_run: bool, graph: gc.Graph, open_session: Open
) -> None:
    x = gc.placeholder(gc.float32, ("n",), name="x")
    v = gc.variable(0.0, name="v")
    add, a, b, total = gc.assign(v, v + 1), x + 1, gc.sort(x), gc.sum(x)
    session = open_session(graph)
    feed = np.array([3, 1, 2], np.float32)
    one, two, three = f4(3), f4(3), f4()
    forms: list[tuple[Any, Any]] = [
        (a, one), ([a], [one]), ([a], (one,)), ((a, add, b), (one, None, two)),
        ([total, a], [three, None]), ({"a": a, "b": (b, add)}, {"b": [two, None], "a": one}),
        (Pair(a, total), (one, three)), ([a, a], [one, two]), ([a, a], [one, None]),
        ([a, a], [None, two]), (add, None), ([], []),
    ]  # fmt: skip
    for fetches, out in forms:
        call: Callable[..., Any] = session.make_callable(fetches, [x])
        if by_run:
            call = lambda feed, out=None, f=fetches: session.run(f, {x: feed}, out=out)  # noqa: E731
        for _ in range(2):
            for array in (one, two, three):
                array.fill(-1)
            wanted, got = flat(call(feed)), flat(call(feed, out=out))
            given = flat(out) if out is not None else [None]
            if isinstance(fetches, dict):
                given = [one, two, None]
            assert len(got) == len(wanted) == len(given)
            for value, expected, array in zip(got, wanted, given, strict=True):
                assert array is None or value is array
                assert (value is None) == (expected is None)
                assert value is None or value.tolist() == expected.tolist()


def flat(part: Any) -> list[Any]:
    if isinstance(part, dict):
        part = [part[key] for key in sorted(part)]
    if isinstance(part, list | tuple):
        return [leaf for inner in part for leaf in flat(inner)]
    return [part]


def test_subclasses_and_views_can_be_given(graph: gc.Graph, open_session: Open) -> None:
    x = gc.placeholder(gc.float32, ("n", 2), name="x")
    session = open_session(graph)
    step = session.make_callable(x + 1, [x])
    feed = np.zeros((3, 2), np.float32)
    base = f4(9, 2)
    for out in (base[3:6], f4(3, 2).view(np.memmap), f4(2, 3).T.copy(), f4(3, 2).view(np.matrix)):
        for _ in range(2):
            out[...] = 0
            assert step(feed, out=out) is out
            assert np.all(np.asarray(out) == 1)
    assert np.all(base[:3] == -1) and np.all(base[6:] == -1)
    empty = f4(4, 2)
    assert step(empty[:0], out=empty[1:1]).shape == (0, 2)  # nothing is shared by these


#: out= for [x + 1, sum over columns] with x of f32[3, 2]; `x` is what is fed.
Make = Callable[[Array], Any]
REFUSED: list[tuple[Make, type[GraphcError], str]] = [
    (lambda x: f4(3, 2), AttributeValueError, "out= needs a list of 2, as many as are fetched"),
    (lambda x: [f4(3, 2)], AttributeValueError, "out= needs a list of 2, as many as are fetched"),
    (lambda x: {"a": f4(3, 2)}, AttributeValueError, "out= needs a list of 2, as many as are"),
    (lambda x: [[1.0], None], AttributeValueError, "out= takes NumPy arrays, not list"),
    (lambda x: [None, 3.0], AttributeValueError, "out= takes NumPy arrays, not float"),
    (
        lambda x: [f4(3, 2).astype(float), None], DTypeError,
        "is of float64; make it with dtype=np.float32",
    ),
    (lambda x: [f4(3, 2).astype(">f4"), None], DTypeError, "is of >f4; make it with dtype=np.flo"),
    (lambda x: [f4(2, 3), None], ShapeError, "has the shape [2, 3], not [3, 2]"),
    (lambda x: [None, f4(2, 1)], ShapeError, "has the shape [2, 1], not [2]"),
    (lambda x: [f4(2, 3).T, None], AttributeValueError, "is not contiguous; make it with np.empty"),
    (lambda x: [f4(3, 4)[:, ::2], None], AttributeValueError, "is not contiguous; make it with"),
    (
        lambda x: [np.zeros(25, np.uint8)[1:].view(np.float32).reshape(3, 2), None],
        AttributeValueError, "is not contiguous; make it with np.empty((3, 2))",
    ),
    (lambda x: [np.broadcast_to(f4(1), (3, 2)), None], AttributeValueError, "is read-only"),
    (lambda x: [np.ma.array(f4(3, 2)), None], AttributeValueError, "is masked; give its .data"),
    (lambda x: [x, None], AttributeValueError, "shares memory with a feed; give one of its own"),
    (lambda x: [None, x.reshape(-1)[4:]], AttributeValueError, "shares memory with a feed"),
    (
        lambda x: (lambda area: [area[:6].reshape(3, 2), area[5:]])(f4(7)),
        AttributeValueError, "shares memory with another; give one of its own",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("make", "error", "message"), REFUSED, ids=[row[2] for row in REFUSED])
def test_what_cannot_be_given(
    make: Make, error: type[GraphcError], message: str, graph: gc.Graph, open_session: Open
) -> None:
    x = gc.placeholder(gc.float32, ("n", 2), name="x")
    v = gc.variable(0.0, name="v")
    session = open_session(graph)
    step = session.make_callable([x + 1, gc.sum(x * v, axis=0)], [x])
    count = session.make_callable([gc.assign(v, v + 1), x + 1, gc.sum(x, axis=0)], [x])
    feed = np.zeros((3, 2), np.float32)
    for _ in range(2):
        with pytest.raises(error) as caught:
            step(feed, out=make(feed))
        assert message in caught.value.message
        made = make(feed)
        with pytest.raises((AttributeValueError, DTypeError, ShapeError)):
            count(feed, out=[None, *made] if isinstance(made, list) else made)
        assert session.get_value(v) == 0
        assert np.array_equal(step(feed)[0], np.ones((3, 2)))
        assert not feed.any()


def test_an_operation_takes_no_array(graph: gc.Graph, open_session: Open) -> None:
    v = gc.variable(0.0, name="v")
    session = open_session(graph)
    for fetches, out in ((gc.assign(v, v + 1), f4()), ([v, gc.assign(v, v + 1)], [f4(), f4()])):
        for _ in range(2):
            with pytest.raises(AttributeValueError, match="has None where an operation is fetched"):
                session.run(fetches, out=out)
    assert session.get_value(v) == 0


def test_a_run_that_fails_leaves_the_variables(graph: gc.Graph, open_session: Open) -> None:
    x = gc.placeholder(gc.float32, ("n",), name="x")
    at = gc.placeholder(gc.int64, ("m",), name="at")
    v = gc.variable(0.0, name="v")
    step = open_session(graph).make_callable([gc.take(x, at), gc.assign(v, v + 1), v], [x, at])
    out, feed = [f4(1), None, f4()], np.zeros(4, np.float32)
    for count in range(3):
        with pytest.raises(OutOfRangeError):
            step(feed, np.array([4]), out=out)
        assert step(feed, np.array([3]), out=out)[2] == count


def test_fetched_variables_are_copied_into_arrays(graph: gc.Graph, open_session: Open) -> None:
    v = gc.variable(np.zeros(3, np.float32), name="v")
    session = open_session(graph)
    step = session.make_callable([v, gc.assign(v, v + 1)])
    out = f4(3)
    for count in range(4):
        (value, _) = step(out=[out, None])
        assert value is out and out.tolist() == [count] * 3
        out.fill(100)
    assert session.get_value(v).tolist() == [4, 4, 4]
