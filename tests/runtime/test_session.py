"""The session's contract: runs, callables, transactions, lifetimes, and independence."""

from __future__ import annotations

import gc as garbage
import tracemalloc
from collections.abc import Callable
from typing import Any, cast

import numpy as np
import pytest

import graphc as gc
from graphc.errors import (
    AttributeValueError,
    FeedError,
    GraphcError,
    GraphError,
    GuardError,
    OutOfRangeError,
    SessionError,
)
from graphc.ir.node import Node
from graphc.runtime.native_variables import NativeVariables
from tests.runtime.conftest import Open

Array = np.ndarray[Any, Any]


def variables(**values: float) -> list[gc.Variable]:
    return [gc.variable(float(value), name=name) for name, value in values.items()]


def values_of(session: gc.Session) -> dict[str, Any]:
    return {str(v.name): session.get_value(v).tolist() for v in session.graph.variables}


# Transactions ------------------------------------------------------------------------------------


def test_reads_see_the_values_before_the_run(graph: gc.Graph, open_session: Open) -> None:
    a, b = variables(a=1, b=2)
    swap = gc.group(gc.assign(a, b), gc.assign(b, a))
    session = open_session(graph)
    assert session.run([swap, a, b, a + 10]) == [None, 1, 2, 11]
    assert values_of(session) == {"a": 2, "b": 1}
    assert session.run([a, b, swap, a + 10]) == [2, 1, None, 12]
    assert values_of(session) == {"a": 1, "b": 2}


def test_assigned_values_are_computed_from_the_old_ones(
    graph: gc.Graph, open_session: Open
) -> None:
    a, b, c = variables(a=1, b=10, c=100)
    step = gc.group(gc.assign(a, b + c), gc.assign(b, a + c), gc.assign(c, a + b))
    session = open_session(graph)
    session.run(step)
    assert values_of(session) == {"a": 110, "b": 101, "c": 11}
    session.run(step)
    assert values_of(session) == {"a": 112, "b": 121, "c": 211}


def test_a_loss_fetched_with_its_training_step_is_the_one_before(
    graph: gc.Graph, open_session: Open
) -> None:
    x = gc.placeholder(gc.float32, ("n",), name="x")
    w = gc.variable(3.0, name="w")
    loss = gc.mean((x * w) ** 2)
    (slope,) = gc.gradients(loss, [w])
    train = gc.assign(w, w - 0.25 * slope)
    session = open_session(graph)
    assert session.run([loss, train, slope, w], {x: [1.0, 1.0]}) == [9, None, 6, 3]
    assert session.run([train, loss], {x: [1.0, 1.0]}) == [None, 2.25]
    assert session.get_value(w) == 0.75


def test_an_assignment_fetched_twice_happens_once(graph: gc.Graph, open_session: Open) -> None:
    (a,) = variables(a=0)
    add = gc.assign(a, a + 1)
    session = open_session(graph)
    session.run([add, [add, gc.group(add, gc.group(add))]])
    assert session.get_value(a) == 1


def memory_of(session: gc.Session, nodes: list[Node]) -> list[Array]:
    """The arrays in which a session keeps variables."""
    if isinstance(session._variables, NativeVariables):
        return [place.value for place in session._variables.places(nodes)]
    return session._variables.read(nodes)


def test_new_values_share_no_memory(graph: gc.Graph, open_session: Open) -> None:
    x = gc.placeholder(gc.float32, (3,), name="x")
    a, b, c, d = (gc.variable(np.zeros(3, np.float32), name=name) for name in "abcd")
    total = x + 1
    step = [
        gc.assign(a, x), gc.assign(b, total), gc.assign(c, total), gc.assign(d, a), total, x,
    ]  # fmt: skip
    session = open_session(graph)
    feed = np.array([1, 2, 3], np.float32)
    results = session.run(step, {x: feed})
    held = memory_of(session, [v.node for v in (a, b, c, d)])
    feed.fill(-1)
    for result in results[4:]:
        result.fill(-1)
    for number, value in enumerate(held):
        assert not any(np.may_share_memory(value, other) for other in held[:number])
    assert values_of(session) == {"a": [1, 2, 3], "b": [2, 3, 4], "c": [2, 3, 4], "d": [0, 0, 0]}
    before = values_of(session)
    session.run(gc.assign(a, a * 2))
    assert values_of(session) == before | {"a": [2, 4, 6]}


def test_a_run_that_fails_changes_nothing(graph: gc.Graph, open_session: Open) -> None:
    table = gc.placeholder(gc.float32, ("n",), name="table")
    at = gc.placeholder(gc.int32, ("m",), name="at")
    other = gc.placeholder(gc.float32, ("k",), name="other")
    a, b, c = variables(a=1, b=2, c=3)
    step = [
        gc.assign(a, a + 1),
        gc.assign(b, b + gc.sum(gc.take(table, at))),
        gc.assign(c, c + gc.sum(table * other)),
    ]
    session = open_session(graph)
    ten = np.ones(10, np.float32)
    run = session.make_callable(step, [table, at, other])
    for feeds, error in (
        ((ten, [0, 10], ten), OutOfRangeError),
        ((ten, [0, 1], ten[:9]), GuardError),
        ((ten, [0.5], ten), FeedError),
        ((ten, [0, 1]), FeedError),
    ):
        with pytest.raises(error):
            run(*feeds)
        assert values_of(session) == {"a": 1, "b": 2, "c": 3}
    run(ten, [0, 9], ten)
    assert values_of(session) == {"a": 2, "b": 4, "c": 13}


# Runs --------------------------------------------------------------------------------------------


def regression(graph: gc.Graph) -> tuple[list[gc.Tensor], gc.Tensor, gc.Tensor]:
    """Fetches of every kind of kernel, and the placeholders they need."""
    rng = np.random.default_rng(5)
    x = gc.placeholder(gc.float32, ("batch", 8), name="x")
    y = gc.placeholder(gc.int32, ("batch",), name="y")
    w = gc.variable(rng.normal(size=(8, 5)).astype(np.float32), name="w")
    logits = gc.nn.gelu(x @ w)
    loss = gc.nn.softmax_cross_entropy(logits, y)
    (slope,) = gc.gradients(loss, [w])
    picked = gc.take(w, y % 5, axis=1)
    return [loss, slope, logits, gc.sum(x, axis=0), picked, gc.sort(logits)], x, y


def fed(size: int) -> tuple[Array, Array]:
    rng = np.random.default_rng(size)
    images = rng.normal(size=(size, 8)).astype(np.float32)
    return images, rng.integers(0, 5, size).astype(np.int32)


def test_one_compilation_serves_every_size(graph: gc.Graph) -> None:
    fetches, x, y = regression(graph)
    session, reference = gc.Session(graph), gc.Session(graph, reference=True)
    step = session.make_callable(fetches, [x, y])
    executable = step.executable
    for size in (1, 7, 0, 64, 2, 257, 1):
        wanted = reference.run(fetches, dict(zip((x, y), fed(size), strict=True)))
        for got, expected in zip(step(*fed(size)), wanted, strict=True):
            assert got.shape == expected.shape and got.dtype == expected.dtype
            np.testing.assert_allclose(got, expected, rtol=2e-5, atol=2e-6)
    assert session.make_callable(fetches, [y, x]).executable is executable is not None
    assert session.make_callable({"a": tuple(fetches)}, [x, y]).executable is executable
    assert reference.make_callable(fetches, [x, y]).executable is None


def bits(results: Any) -> list[bytes]:
    return [np.asarray(result).tobytes() for result in results]


def test_the_same_bits_again_alone_and_together(graph: gc.Graph) -> None:
    fetches, x, y = regression(graph)
    session = gc.Session(graph)
    feeds = dict(zip((x, y), fed(37), strict=True))
    together = bits(session.run(fetches, feeds))
    assert bits(session.run(fetches, feeds)) == together
    assert bits(session.run(fetches[::-1], feeds)) == together[::-1]
    assert bits(session.run(fetch, feeds) for fetch in fetches) == together
    for count in (2, 3, 4):
        assert bits(session.run(fetches[-count:], feeds)) == together[-count:]
    assert bits(gc.Session(graph, threads=1).run(fetches, feeds)) == together
    assert bits(gc.Session(graph, threads=2).run(fetches, feeds)) == together
    everything = session.run({tensor: tensor for tensor in graph.tensors}, feeds)
    assert bits(everything[fetch] for fetch in fetches) == together


def test_feeds_of_what_is_not_needed_are_allowed(graph: gc.Graph, open_session: Open) -> None:
    x = gc.placeholder(gc.float32, ("n",), name="x")
    y = gc.placeholder(gc.float32, ("n",), name="y")
    session = open_session(graph)
    assert session.run(x, {x: [1.0], y: [1.0, 2.0]}).tolist() == [1.0]
    assert session.make_callable(x, [y, x])([1.0, 2.0], [3.0]).tolist() == [3.0]
    assert session.run(gc.constant(4.0), None) == 4


def test_feeds_of_a_callable_come_in_its_order(graph: gc.Graph, open_session: Open) -> None:
    x = gc.placeholder(gc.float32, (), name="x")
    y = gc.placeholder(gc.float32, (), name="y")
    z = gc.placeholder(gc.float32, (), name="z")
    value = x + 10 * y + 100 * z
    session = open_session(graph)
    assert session.make_callable(value, [x, y, z])(1.0, 2.0, 3.0) == 321
    assert session.make_callable(value, ["z", x, "y"])(1.0, 2.0, 3.0) == 132
    assert session.make_callable(value, (y, z, x))(1.0, 2.0, 3.0) == 213
    assert session.make_callable(gc.constant(5.0))() == 5


# Lifetimes ---------------------------------------------------------------------------------------


def test_sessions_on_one_graph_know_nothing_of_each_other(
    graph: gc.Graph, open_session: Open
) -> None:
    (a,) = variables(a=0)
    add = gc.assign(a, a + 1)
    one, other = open_session(graph), open_session(graph)
    one.run(add)
    one.run(add)
    other.set_value(a, 10.0)
    other.run(add)
    assert [one.get_value(a), other.get_value(a)] == [2, 11]
    one.close()
    assert other.run(a) == 11


def test_a_closed_session_does_nothing(graph: gc.Graph, open_session: Open) -> None:
    (a,) = variables(a=1)
    x = gc.placeholder(gc.float32, (), name="x")
    with open_session(graph) as session:
        step = session.make_callable(x + a, [x])
        assert step(1.0) == 2
    session.close()
    uses: list[Callable[[], Any]] = [
        lambda: session.run(a),
        lambda: session.make_callable(a),
        lambda: session.get_value(a),
        lambda: session.set_value(a, 1.0),
        lambda: step(1.0),
        lambda: session.__enter__(),
    ]
    for use in uses:
        with pytest.raises(SessionError, match="^the session is closed$"):
            use()


def test_an_error_inside_the_block_closes_the_session(graph: gc.Graph) -> None:
    with pytest.raises(KeyError), gc.Session(graph) as session:
        raise KeyError
    with pytest.raises(SessionError):
        session.run([])


def test_a_graph_may_grow_while_its_session_is_open(open_session: Open) -> None:
    graph = gc.Graph()
    with graph:
        x = gc.placeholder(gc.float32, ("n",), name="x")
    session = open_session(graph)
    assert session.run(x, {x: [1.0]}).tolist() == [1]
    with graph:
        y = gc.identity(x * 3, name="y")
    assert session.run(["y", y + x], {"x": [1.0]})[1].tolist() == [4]


# Memory ------------------------------------------------------------------------------------------


def test_runs_keep_no_memory(graph: gc.Graph, open_session: Open) -> None:
    x = gc.placeholder(gc.float32, ("n",), name="x")
    v = gc.variable(np.zeros(1_000_000, np.float32), name="v")
    step = open_session(graph).make_callable([gc.sort(x), gc.assign(v, x), gc.sum(v)], [x])
    step(np.zeros(1_000_000, np.float32))
    garbage.disable()  # what is not freed at once stays
    tracemalloc.start()
    for k in range(10):
        step(np.full(1_000_000, k, np.float32))
    kept, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    garbage.enable()
    assert kept < 6e6  # the newest value of v is one of 4 MB
    assert peak < 60e6


def test_closing_frees_the_values(graph: gc.Graph) -> None:
    v = gc.variable(np.zeros(3, np.float32), name="v")
    tracemalloc.start()
    session = gc.Session(graph)
    with graph:
        late = gc.variable(np.zeros(1_000_000, np.float32), name="late")
    before, _ = tracemalloc.get_traced_memory()
    session.run([gc.assign(late, late + 1), gc.assign(v, v)])
    during, _ = tracemalloc.get_traced_memory()
    session.close()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert during - before > 3.9e6
    assert after - before < 2e6


# Arguments ---------------------------------------------------------------------------------------

Use = Callable[[Any, Any], Any]  # of a session and its placeholder x, unchecked on purpose

ARGUMENTS: list[tuple[Use, type[GraphcError], str]] = [
    (lambda s, x: gc.Session(x), GraphError, "a session needs a gc.Graph, not Tensor"),
    (
        lambda s, x: gc.Session(s.graph, threads=0), AttributeValueError,
        "a session needs at least one thread, not 0",
    ),
    (
        lambda s, x: gc.Session(s.graph, threads=cast(Any, "2")), AttributeValueError,
        "a session needs at least one thread, not '2'",
    ),
    (lambda s, x: s.run(x, [1.0]), FeedError, "feed_dict is a dict of what is fed, not list"),
    (lambda s, x: s.run(x, x), FeedError, "feed_dict is a dict of what is fed, not Tensor"),
    (
        lambda s, x: s.make_callable(x, x), FeedError,
        "feeds is a list of what is fed, as in feeds=[x]",
    ),
    (
        lambda s, x: s.make_callable(x, "x"), FeedError,
        "feeds is a list of what is fed, as in feeds=['x']",
    ),
    (lambda s, x: s.make_callable(x, [x, "x"]), FeedError, "a placeholder stands twice in feeds"),
    (
        lambda s, x: s.make_callable(x, [x])(), FeedError,
        "takes the feeds [x], but is called with 0",
    ),
    (
        lambda s, x: s.make_callable(x, [x])([1.0], [2.0]), FeedError,
        "takes the feeds [x], but is called with 2",
    ),
    (lambda s, x: s.make_callable(x, [3]), FeedError, "3 is neither a tensor nor a name"),
    (lambda s, x: s.run(x, {3: [1.0]}), FeedError, "3 is neither a tensor nor a name"),
]  # fmt: skip


@pytest.mark.parametrize(("use", "error", "message"), ARGUMENTS, ids=[row[2] for row in ARGUMENTS])
def test_arguments_that_make_no_sense(
    use: Use, error: type[GraphcError], message: str, graph: gc.Graph
) -> None:
    x = gc.placeholder(gc.float32, ("n",), name="x")
    session = gc.Session(graph)
    count = len(graph.tensors)
    with pytest.raises(error) as caught:
        use(session, x)
    assert caught.value.message == message
    assert len(graph.tensors) == count
    assert session.run(x, {x: [1.0]}).tolist() == [1.0]
