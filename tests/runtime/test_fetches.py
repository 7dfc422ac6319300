"""What can be fetched, in which forms results come, and that they are nobody else's memory."""

from __future__ import annotations

import itertools
from collections import namedtuple
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import FetchError
from graphc.runtime.fetches import flatten, is_flat, key_of
from tests.runtime.conftest import Open

Array = np.ndarray[Any, Any]
Pair = namedtuple("Pair", ["first", "second"])

FORMS: dict[str, Callable[[Any, Any], Any]] = {
    "single": lambda a, b: a,
    "list": lambda a, b: [a, b],
    "tuple": lambda a, b: (a, b),
    "dict": lambda a, b: {"a": a, "b": b},
    "named tuple": lambda a, b: Pair(a, Pair(b, [a])),
    "nested": lambda a, b: [{"x": (a, [b])}, ((a,),), []],
    "the same twice": lambda a, b: [a, (a, {"again": a}), b, b],
    "empty list": lambda a, b: [],
    "empty dict": lambda a, b: {},
    "keys of any type": lambda a, b: {1: a, "1": b, None: a, (2, 3): b},
}


def same_form(got: Any, wanted: Any) -> bool:
    """Whether two nestings have the same types, keys and numbers."""
    if type(got) is not type(wanted):
        return False
    if isinstance(got, dict):
        return list(got) == list(wanted) and all(same_form(got[k], wanted[k]) for k in got)
    if isinstance(got, list | tuple):
        return len(got) == len(wanted) and all(map(same_form, got, wanted))
    return got is None if wanted is None else bool(np.array_equal(got, wanted))


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
def test_results_come_in_the_form_of_the_fetches(
    form: Callable[[Any, Any], Any], graph: gc.Graph, open_session: Open
) -> None:
    x = gc.placeholder(gc.float32, ("n",), name="x")
    a, b = x + 1, gc.sum(x)
    value = np.array([1, 2], np.float32)
    wanted = form(value + 1, np.array(3, np.float32))
    session = open_session(graph)
    assert same_form(session.run(form(a, b), {x: value}), wanted)
    assert same_form(session.make_callable(form(a, b), [x])(value), wanted)


def test_operations_give_none(graph: gc.Graph, open_session: Open) -> None:
    v = gc.variable(np.zeros(2, np.float32), name="v")
    w = gc.variable(np.zeros(2, np.float32), name="w")
    one, both = gc.assign(v, v + 1), gc.group(gc.assign(w, v))
    session = open_session(graph)
    assert same_form(session.run([one, {"g": both}, v]), [None, {"g": None}, np.zeros(2)])
    assert session.run(both) is None
    assert session.run(gc.group()) is None


def test_names_fetch_what_bears_them(graph: gc.Graph, open_session: Open) -> None:
    x = gc.placeholder(gc.int32, (2,), name="layer/x")
    gc.variable([3, 4], name="w", dtype=gc.int32)
    gc.identity(x + 1, name="out")
    session = open_session(graph)
    got = session.run(["layer/x", {"o": "out"}, "w"], {"layer/x": [1, 2]})
    assert same_form(got, [np.array([1, 2]), {"o": np.array([2, 3])}, np.array([3, 4])])


def test_dict_keys_are_kept_apart_however_they_look(graph: gc.Graph, open_session: Open) -> None:
    a, b = gc.constant([1.0]) * 2, gc.constant([1.0]) * 2
    assert repr(a) == repr(b)
    session = open_session(graph)
    assert next(iter(session.run({a: a}))) is a
    assert next(iter(session.run({b: a}))) is b


def everything(graph: gc.Graph) -> dict[str, gc.Tensor]:
    """Fetches that could share memory with each other, a feed, or the session's state."""
    x = gc.placeholder(gc.float32, (2, 3), name="x")
    v = gc.variable(np.ones((2, 3), np.float32), name="v")
    c = gc.constant(np.full((2, 3), 5, np.float32))
    return {
        "placeholder": x, "variable": v, "constant": c, "number": gc.constant(7.0),
        "named": gc.identity(x, name="y"), "view": gc.reshape(x, (3, 2)), "row": v[0],
        "repeated": gc.broadcast_to(c[0], (4, 3)), "equal": x + 0.5, "equal too": x + 0.5,
        "stopped": gc.stop_gradient(v),
    }  # fmt: skip


def test_results_share_no_memory(graph: gc.Graph, open_session: Open) -> None:
    named = everything(graph)
    fetches = [*named.values(), *named.values()]
    feed = np.arange(6, dtype=np.float32).reshape(2, 3)
    session = open_session(graph)
    results = session.run(fetches, {"x": feed})
    owners = [*results, feed, *session._variables.read([named["variable"].node])]
    pairs = itertools.combinations(enumerate(owners), 2)
    assert not [(i, k) for (i, one), (k, other) in pairs if np.may_share_memory(one, other)]


def test_writing_to_results_changes_nothing(graph: gc.Graph, open_session: Open) -> None:
    named = everything(graph)
    fetches = [*named.values(), *named.values()]
    feed = np.arange(6, dtype=np.float32).reshape(2, 3)
    before = feed.copy()
    session = open_session(graph)
    first = session.run(fetches, {"x": feed})
    copies = [result.copy() for result in first]
    for result in first:
        assert result.flags.writeable and result.flags.c_contiguous and result.flags.owndata
        result.fill(-1)
    assert np.array_equal(feed, before)
    assert same_form(session.run(fetches, {"x": feed}), copies)
    assert same_form(session.get_value("v"), np.ones((2, 3), np.float32))


def test_earlier_results_outlive_later_runs(graph: gc.Graph, open_session: Open) -> None:
    x = gc.placeholder(gc.float64, ("n", "n"), name="x")
    fetches = [x @ x, gc.sort(x), gc.cumulative_sum(gc.exp(x), axis=0), gc.nn.softmax(x)]
    rng = np.random.default_rng(0)
    session = open_session(graph)
    kept = []
    for n in (5, 17, 3, 17):
        results = session.run(fetches, {x: rng.normal(size=(n, n))})
        kept.append((results, [result.copy() for result in results]))
    for results, copies in kept:
        assert same_form(results, copies)


NO_FETCHES = {
    "nothing": None,
    "a number": 3,
    "an array": np.array([1.0]),
    "a function": len,
    "a generator": (k for k in "x"),
    "a set": {"x"},
    "something inside": [{"x": [None]}],
}


@pytest.mark.parametrize("fetches", NO_FETCHES.values(), ids=NO_FETCHES.keys())
def test_other_things_cannot_be_fetched(fetches: Any, graph: gc.Graph) -> None:
    gc.placeholder(gc.float32, (), name="x")
    with pytest.raises(FetchError, match="^cannot fetch .*; fetch tensors, assignments, groups, "):
        gc.Session(graph).run(fetches, {"x": 1.0})


def test_a_name_that_nothing_bears(graph: gc.Graph) -> None:
    gc.placeholder(gc.float32, (), name="images")
    with pytest.raises(FetchError, match="is named 'image'; did you mean 'images'?"):
        gc.Session(graph).run("image")


def test_flatten_finds_each_thing_once(graph: gc.Graph) -> None:
    v = gc.variable(1.0, name="v")
    a, b = v + 1, v * 2
    step = gc.assign(v, a)
    found = flatten(graph, [a, step, (b, gc.group(step)), {"k": a, "v": "v"}])
    assert len(found.tensors) == 3
    assert all(map(lambda got, wanted: got is wanted, found.tensors, (a, b, v)))
    assert found.assignments == [step]
    assert found.form == [0, None, (1, None), {"k": 0, "v": 2}]


def test_flat_fetches_have_keys_that_tell_them_apart(graph: gc.Graph) -> None:
    x = gc.placeholder(gc.float32, (), name="x")
    a, b, op = x + 1, x + 2, gc.group()
    different = [a, b, op, "x", [a], (a,), [a, b], (a, b), [b, a], [a, op], ["x"], [], ()]
    assert all(is_flat(fetches) for fetches in different)
    assert len({key_of(fetches) for fetches in different}) == len(different)
    assert key_of([a, b]) == key_of([a, b])
    nested = [[[a]], {"a": a}, ([a], b), 3, [3], None, Pair(a, b), [Pair(a, b)]]
    assert not any(is_flat(fetches) for fetches in nested)
