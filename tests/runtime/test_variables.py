"""Values of variables: copies in and out, refused dtypes and shapes, and reads of one moment."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import DTypeError, FetchError, GraphcError, ShapeError
from graphc.ir.node import Node
from graphc.runtime.variables import Variables
from tests.runtime.conftest import Open

Array = np.ndarray[Any, Any]


def test_values_begin_as_copies_of_the_graphs(graph: gc.Graph) -> None:
    start = np.array([1, 2], np.float32)
    v = gc.variable(start, name="v")
    start.fill(9)
    session, other = gc.Session(graph), gc.Session(graph)
    session.set_value(v, np.array([5, 6], np.float32))
    assert session.get_value(v).tolist() == [5, 6]
    assert other.get_value("v").tolist() == [1, 2]
    assert v.initial_value.tolist() == [1, 2]
    assert gc.Session(graph).get_value(v).tolist() == [1, 2]


def test_get_and_set_copy(graph: gc.Graph, open_session: Open) -> None:
    v = gc.variable(np.zeros((2, 3), np.float32), name="v")
    session = open_session(graph)
    given = np.arange(6, dtype=np.float32).reshape(2, 3)
    wanted = given.copy()
    session.set_value(v, given)
    given.fill(9)
    taken = session.get_value(v)
    assert np.array_equal(taken, wanted)
    taken.fill(7)
    assert np.array_equal(session.get_value(v), wanted)
    assert np.array_equal(session.run(v), wanted)


SETTABLE: list[tuple[Any, Any]] = [
    (np.arange(6, dtype=">f4").reshape(3, 2).T, [[0, 2, 4], [1, 3, 5]]),
    (np.arange(12, dtype=np.float32).reshape(2, 6)[::-1, ::2], [[6, 8, 10], [0, 2, 4]]),
    ([[1, 2.5, 3], (4, 5, 6)], [[1, 2.5, 3], [4, 5, 6]]),
]


@pytest.mark.parametrize(("value", "wanted"), SETTABLE)
def test_any_layout_can_be_set(
    value: Any, wanted: list[list[float]], graph: gc.Graph, open_session: Open
) -> None:
    v = gc.variable(np.zeros((2, 3), np.float32), name="v")
    session = open_session(graph)
    session.set_value("v", value)
    assert session.run(v * 2).tolist() == (np.array(wanted) * 2).tolist()
    got = session.get_value(v)
    assert got.dtype == np.float32 and got.dtype.isnative and got.flags.c_contiguous


BAD_VALUES: list[tuple[Any, type[GraphcError], str]] = [
    (
        np.zeros(2), DTypeError, "the variable v is int32 and cannot be set to an array of "
        "float64; convert it with .astype(np.int32)",
    ),
    (
        np.float32(1), DTypeError, "the variable v is int32 and cannot be set to an array of "
        "float32; convert it with .astype(np.int32)",
    ),
    (1.5, DTypeError, "the variable v is int32 and cannot be set to float 1.5"),
    ([1, 2.0], DTypeError, "the variable v is int32 and cannot be set to list [1, 2.0]"),
    ("7", DTypeError, "the variable v is int32 and cannot be set to str '7'"),
    (
        [2**40, 0], DTypeError, "the variable v is int32 and cannot be set to numbers out of its "
        "range ([1099511627776, 0])",
    ),
    (
        np.ma.array([1, 2], np.int32, mask=[True, False]), DTypeError, "the variable v is int32 "
        "and cannot be set to a masked array; say what stands in its gaps with .filled(number)",
    ),
    ([1, 2, 3], ShapeError, "the variable v has the shape [2], not [3]"),
    (1, ShapeError, "the variable v has the shape [2], not []"),
    (np.zeros((1, 2), np.int32), ShapeError, "the variable v has the shape [2], not [1, 2]"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("value", "error", "message"), BAD_VALUES, ids=[row[2][15:70] for row in BAD_VALUES]
)
def test_what_cannot_be_set(
    value: Any, error: type[GraphcError], message: str, graph: gc.Graph,
    blamed: Callable[[GraphcError], str],
) -> None:  # fmt: skip
    v = gc.variable(np.array([3, 4], np.int32), name="v")
    session = gc.Session(graph)
    with pytest.raises(error) as caught:
        session.set_value(v, value)
    assert caught.value.message == message
    assert blamed(caught.value) == 'v = gc.variable(np.array([3, 4], np.int32), name="v")'
    assert session.get_value(v).tolist() == [3, 4]


def test_only_variables_of_the_graph_have_values(graph: gc.Graph) -> None:
    v = gc.variable(1.0, name="v")
    x = gc.placeholder(gc.float32, (), name="x")
    with gc.Graph():
        stranger = gc.variable(1.0, name="v")
    session = gc.Session(graph)
    for use in (session.get_value, lambda key: session.set_value(key, 1.0)):
        for key, message in (
            (x, "<gc.Tensor %x f32[] placeholder> is no variable"),
            (v + 1, "is no variable"),
            ("x", "is no variable"),
            ("w", "is named 'w'"),
            (stranger, "belongs to another graph than the session's"),
            (1, "1 is neither a tensor nor a name"),
        ):
            with pytest.raises(FetchError) as caught:
                use(key)
            assert message in caught.value.message


def test_variables_declared_after_the_session_was_opened(open_session: Open) -> None:
    graph = gc.Graph()
    with graph:
        first = gc.variable(1.0, name="first")
    session = open_session(graph)
    session.run(gc.assign(first, first + 1))
    with graph:
        second = gc.variable(10.0, name="second")
        third = gc.variable(100.0, name="third")
    assert session.get_value("second") == 10
    assert session.run(first + second + third) == 112
    session.set_value(third, 200.0)
    with graph:
        gc.variable(1000.0, name="fourth")
    assert session.run([first, second, third, "fourth"]) == [2, 10, 200, 1000]


def nodes_of(graph: gc.Graph) -> tuple[Node, ...]:
    return tuple(variable.node for variable in graph.variables)


def test_what_is_added_later_leaves_what_is_known(graph: gc.Graph) -> None:
    gc.variable(1.0, name="a")
    values = Variables(graph.initial_values)
    (a,) = nodes_of(graph)
    values.replace([a], [np.array(5, np.float32)])
    gc.variable(2.0, name="b")
    values.add(graph.initial_values)
    assert values.read(nodes_of(graph)) == [5, 2]


def test_a_reader_keeps_the_values_it_began_with(graph: gc.Graph) -> None:
    gc.variable(np.zeros(3, np.float32), name="a")
    values = Variables(graph.initial_values)
    (a,) = nodes_of(graph)
    (before,) = values.read([a])
    values.set(a, np.ones(3, np.float32))
    assert before.tolist() == [0, 0, 0]
    assert values.get(a).tolist() == [1, 1, 1]


def test_reads_are_of_one_moment(graph: gc.Graph) -> None:
    gc.variable(0, name="a")
    gc.variable(0, name="b")
    values = Variables(graph.initial_values)
    nodes = nodes_of(graph)

    def interrupted() -> Iterator[Node]:
        yield nodes[0]
        values.replace(nodes, [np.array(1), np.array(1)])  # as another thread may
        yield nodes[1]

    assert values.read(interrupted()) == [0, 0]
    assert values.read(nodes) == [1, 1]


def test_adding_waits_for_who_is_replacing(graph: gc.Graph) -> None:
    gc.variable(1.0, name="a")
    values = Variables(graph.initial_values)
    gc.variable(2.0, name="b")
    adding = threading.Thread(target=values.add, args=[graph.initial_values])
    with values.updating:
        adding.start()
        adding.join(0.05)
        assert adding.is_alive()
    adding.join()
    assert values.read(nodes_of(graph)) == [1, 2]
