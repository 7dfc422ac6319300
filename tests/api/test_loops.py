"""Tests of graphc/api/loops.py: forms, dtypes and errors; tests/control has what loops compute."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.api.nesting import form_of, leaves_of, mapped
from graphc.errors import (
    AttributeValueError,
    DTypeError,
    FetchError,
    GraphcError,
    GraphError,
    IterationLimitError,
    ShapeError,
)


def _value(tensors: Any, feeds: Any = None) -> Any:
    first = tensors if isinstance(tensors, gc.Tensor) else next(iter(tensors))
    with gc.Session(first.graph) as session:
        return session.run(tensors, feeds or {})


def test_a_tuple_arrives_as_arguments_and_comes_back() -> None:
    with gc.Graph():
        x, k = gc.while_loop(lambda x, k: k < 3, lambda x, k: (x * 2.0, k + 1), (1.0, 0))
    assert _value([x, k]) == [8.0, 3]


@pytest.mark.parametrize("init", [1.0, [1.0], {"x": 1.0}], ids=["tensor", "list", "dict"])
def test_anything_else_arrives_whole(init: Any) -> None:
    with gc.Graph():
        found = gc.while_loop(
            lambda s: leaves_of(s)[0] < 10.0, lambda s: mapped(lambda x: x * 3.0, s), init
        )
        assert form_of(found) == form_of(init)
    assert _value(leaves_of(found)[0]) == 27.0


def test_numbers_take_the_dtype_of_the_state() -> None:
    with gc.Graph():
        x = gc.while_loop(lambda x: x > 5, lambda x: 1, gc.constant(9, dtype=gc.int8))
    assert x.dtype is gc.int8 and _value(x) == 1


def test_scan_without_rows_needs_a_length() -> None:
    with gc.Graph():
        carry, ys = gc.scan(lambda c, x: (c + 1, (c, [c * c])), 0, length=4)
    assert _value(carry) == 4
    np.testing.assert_array_equal(_value(ys[1][0]), [0, 1, 4, 9])


def test_rows_of_nested_sequences() -> None:
    with gc.Graph():
        xs = {"a": gc.constant([1.0, 2.0]), "b": (gc.constant([[1.0, 2.0], [3.0, 4.0]]),)}
        total, ys = gc.scan(lambda c, x: (c + x["a"] * gc.sum(x["b"][0]), x["b"]), 0.0, xs)
    assert _value(total) == 1.0 * 3.0 + 2.0 * 7.0
    np.testing.assert_array_equal(_value(ys[0]), [[1.0, 2.0], [3.0, 4.0]])


def test_reverse_goes_from_the_last_row_and_stacks_in_their_order() -> None:
    with gc.Graph():
        _, ys = gc.scan(lambda c, x: (c + x, c), 0, gc.constant([1, 2, 3]), reverse=True)
    np.testing.assert_array_equal(_value(ys), [5, 3, 0])


def test_one_compile_for_every_length() -> None:
    with gc.Graph() as graph:
        x = gc.placeholder(gc.float64, ("n",), name="x")
        total, _ = gc.scan(lambda c, x: (c + x, None), gc.zeros((), dtype=gc.float64), x)
    with gc.Session(graph) as session:
        run = session.make_callable(total, [x])
        assert [float(run(np.ones(n))) for n in (0, 1, 5, 3000)] == [0, 1, 5, 3000]


def test_bounds_of_fori_loops_may_be_dims_and_tensors() -> None:
    with gc.Graph() as graph:
        x = gc.placeholder(gc.float64, ("n",), name="x")
        k = gc.placeholder(gc.int32, (), name="k")
        by_dim = gc.fori_loop(0, x.shape[0], lambda i, s: s + i, gc.constant(0))
        by_tensor = gc.fori_loop(2, k, lambda i, s: s + i, gc.constant(0, dtype=gc.int32))
        none = gc.fori_loop(5, 3, lambda i, s: s + i, gc.constant(7))
    with gc.Session(graph) as session:
        feeds = {x: np.zeros(5), k: np.int32(6)}
        assert session.run([by_dim, by_tensor, none], feeds) == [10, 14, 7]


def test_variables_are_read_inside() -> None:
    with gc.Graph() as graph:
        w = gc.variable(np.array([2.0, 3.0]), name="w")
        y = gc.fori_loop(0, 2, lambda i, c: c * w, gc.ones((2,), dtype=gc.float64))
        (slope,) = gc.gradients(gc.sum(y), [w])
        update = gc.assign(w, w - slope)
    with gc.Session(graph) as session:
        value, _ = session.run([y, update])
        np.testing.assert_array_equal(value, [4.0, 9.0])
        np.testing.assert_array_equal(session.get_value(w), [-2.0, -3.0])


def test_names_and_tensors_of_a_body_are_none_of_the_graph() -> None:
    with gc.Graph() as graph:
        before = len(graph.tensors)
        gc.scan(lambda c, x: (gc.identity(c, name="inner"), None), 0.0, length=2)
    with pytest.raises(FetchError, match="inner"):
        graph.find("inner")
    assert len(graph.tensors) < before + 4


def test_a_value_of_a_body_cannot_be_fetched() -> None:
    kept = []
    with gc.Graph() as graph:
        gc.scan(lambda c, x: (kept.append(c * 2.0) or c, None), 0.0, length=2)
        outside = kept[0] + 1.0
    with gc.Session(graph) as session, pytest.raises(FetchError, match="only inside"):
        session.run(outside)


def test_a_limit_of_turns_changes_nothing_when_it_is_reached() -> None:
    with gc.Graph() as graph:
        n = gc.placeholder(gc.int64, (), name="n")
        v = gc.variable(np.array(5), name="v")
        k = gc.while_loop(lambda k: k < n, lambda k: k + 1, 0, max_iterations=1000)
        change = gc.assign(v, v + k)
    with gc.Session(graph) as session:
        session.run(change, {n: 1000})
        with pytest.raises(IterationLimitError, match="after 1000 turns") as raised:
            session.run(change, {n: 1001})
        assert "test_loops.py" in str(raised.value)
        assert session.get_value(v) == 1005


def test_a_limit_of_turns_with_stretches() -> None:
    with gc.Graph() as graph:
        n = gc.placeholder(gc.int64, (), name="n")
        k = gc.while_loop(
            lambda k: k < n, lambda k: k + 1, 0, max_iterations=10, checkpoint_every=4
        )
    with gc.Session(graph) as session:
        assert session.run(k, {n: 10}) == 10
        with pytest.raises(IterationLimitError):
            session.run(k, {n: 11})


_ERRORS: list[tuple[str, Callable[[], Any], type[GraphcError], str]] = [
    ("dtype", lambda: gc.while_loop(lambda x: x < 1, lambda x: x * 0.5, 0), DTypeError, "int64"),
    (
        "state dtype",
        lambda: gc.while_loop(
            lambda x: x < 1.0,
            lambda x: gc.astype(x, gc.float32),
            gc.constant(0.5, dtype=gc.float64),
        ),
        DTypeError,
        r"given f64\[\] for part 0 of the state, but returns f32\[\]",
    ),
    (
        "state shape",
        lambda: gc.scan(lambda c, x: (gc.stack([c, c]), None), 0.0, length=2),
        ShapeError,
        r"given f32\[\] for part 0 of the state, but returns f32\[2\]",
    ),
    (
        "form",
        lambda: gc.while_loop(lambda a, b: a < b, lambda a, b: a, (0, 1)),
        AttributeValueError,
        r"given \(\*, \*\) and returns \*",
    ),
    ("condition", lambda: gc.while_loop(lambda x: x, lambda x: x, 1.0), DTypeError, r"bool\[\]"),
    ("no pair", lambda: gc.scan(lambda c, x: c, 0.0, length=2), AttributeValueError, "carry, y"),
    ("no length", lambda: gc.scan(lambda c, x: (c, x), 0.0), AttributeValueError, "length="),
    (
        "lengths",
        lambda: gc.scan(lambda c, x: (c, None), 0.0, (gc.ones((2,)), gc.ones((3,)))),
        ShapeError,
        "2 rows",
    ),
    ("scalar row", lambda: gc.scan(lambda c, x: (c, x), 0.0, gc.ones(())), ShapeError, "first dim"),
    ("no function", lambda: gc.scan(3, 0.0, length=2), GraphError, "function"),  # type: ignore[arg-type]
    (
        "one argument",
        lambda: gc.while_loop(lambda s: s[1] < 3, lambda s: s, (1.0, 0)),
        GraphError,
        "cond_fn is called with 2 arguments, the parts of the state: too many",
    ),
    (
        "two arguments",
        lambda: gc.scan(lambda c: (c, c), 0.0, length=2),
        GraphError,
        "body_fn is called with 2 arguments: too many",
    ),
    ("map", lambda: gc.map(lambda x: x, ()), AttributeValueError, "at least one"),
    (
        "bounds",
        lambda: gc.fori_loop(0.0, gc.constant(2.0), lambda i, c: c, 0.0),
        DTypeError,
        "integers",
    ),
    (
        "stretches",
        lambda: gc.scan(lambda c, x: (c, None), 0.0, length=2, checkpoint_every=0),
        AttributeValueError,
        "at least 1",
    ),
    (
        "assignment",
        lambda: gc.scan(
            lambda c, x: (c, gc.assign(gc.variable(np.ones(2)), np.ones(2)) and c), 0.0, length=2
        ),
        GraphError,
        "assigned inside",
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "build", "error", "message"), _ERRORS, ids=[case[0] for case in _ERRORS]
)
def test_errors_name_what_is_wrong(
    name: str, build: Callable[[], Any], error: type[GraphcError], message: str
) -> None:
    with gc.Graph(), pytest.raises(error, match=message) as raised:
        build()
    assert "test_loops.py" in str(raised.value)
