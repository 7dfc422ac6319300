"""Bad programs: the type of the error, its message, and the line of the program that it names.

Every program here is one that a user may well write. Its table says the line to be blamed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

import graphc as gc
from graphc import errors
from graphc.errors import GraphcError
from tests.runtime.conftest import Open

HERE = os.path.basename(__file__)
Program = Callable[[gc.Graph, Open], object]


@dataclass(frozen=True)
class Bad:
    """A program, the error it ends in, and the line that the error names (None: there is none).

    In `message`, `LINE` stands for a line of this file, and `REST` for anything.
    """

    program: Program
    error: type[GraphcError]
    message: str
    line: str | None
    op: str | None = None


TABLE: list[Bad] = []


def bad(
    error: type[GraphcError], message: str, line: str | None, op: str | None = None
) -> Callable[[Program], Program]:
    """Enter the program below into the table."""

    def enter(program: Program) -> Program:
        TABLE.append(Bad(program, error, message, line, op))
        return program

    return enter


# While building ----------------------------------------------------------------------------------


@bad(
    errors.ShapeError, "shapes [2, 3] and [4, 3] do not broadcast: 2 is not 4",
    "a + b", op="add",
)  # fmt: skip
def shape_mismatch(graph: gc.Graph, open_session: Open) -> None:
    a = gc.placeholder(gc.float32, (2, 3), name="a")
    b = gc.placeholder(gc.float32, (4, 3), name="b")
    a + b


@bad(
    errors.ShapeError, "f32[2, 3] and f32[4, 3] do not fit: as many columns as rows are needed",
    "return a @ b", op="matmul",
)  # fmt: skip
def shape_mismatch_in_a_product(graph: gc.Graph, open_session: Open) -> gc.Tensor:
    a = gc.placeholder(gc.float32, (2, 3), name="a")
    b = gc.placeholder(gc.float32, (4, 3), name="b")
    return a @ b


@bad(
    errors.ShapeError,
    "<gc.Variable %w f32[3] variable> (LINE) cannot take a value of shape [4]",
    "gc.assign(w, gc.zeros(4))", op="assign",
)  # fmt: skip
def shape_mismatch_in_an_assignment(graph: gc.Graph, open_session: Open) -> None:
    w = gc.variable(np.zeros(3, np.float32), name="w")
    gc.assign(w, gc.zeros(4))


@bad(
    errors.DTypeError,
    "float32 and int32 are of different kinds and do not mix; "
    "convert one of them with gc.astype(x, gc.float32)",
    "a * k", op="multiply",
)  # fmt: skip
def dtype_mix(graph: gc.Graph, open_session: Open) -> None:
    a = gc.placeholder(gc.float32, (2,), name="a")
    k = gc.placeholder(gc.int32, (2,), name="k")
    a * k


@bad(
    errors.DTypeError,
    "the Python scalar 0.5 does not fit a int32 tensor; convert the tensor with gc.astype",
    "k + 0.5", op="add",
)  # fmt: skip
def dtype_mix_with_a_python_number(graph: gc.Graph, open_session: Open) -> None:
    k = gc.placeholder(gc.int32, (2,), name="k")
    k + 0.5


@bad(
    errors.DTypeError,
    "<gc.Variable %w f32[3] variable> (LINE) cannot take a value of float64; "
    "convert it with gc.astype(x, gc.float32)",
    "gc.assign(w, np.ones(3))", op="assign",
)  # fmt: skip
def dtype_mix_in_an_assignment(graph: gc.Graph, open_session: Open) -> None:
    w = gc.variable(np.zeros(3, np.float32), name="w")
    gc.assign(w, np.ones(3))


@bad(
    errors.AssignmentError, "<gc.Tensor %x f32[] placeholder> is no variable",
    "gc.assign(x, 1.0)", op="assign",
)  # fmt: skip
def assignment_to_a_placeholder(graph: gc.Graph, open_session: Open) -> None:
    x = gc.placeholder(gc.float32, (), name="x")
    gc.assign(x, 1.0)


@bad(
    errors.GraphError,
    "<gc.Tensor %a f32[] placeholder> (LINE) and <gc.Tensor %b f32[] placeholder> (LINE) are of "
    "different graphs, <gc.Graph one: 1 placeholders, 0 variables, 1 tensors> and "
    "<gc.Graph other: 1 placeholders, 0 variables, 1 tensors>",
    "a + b", op="add",
)  # fmt: skip
def tensors_of_two_graphs(graph: gc.Graph, open_session: Open) -> None:
    with gc.Graph("one"):
        a = gc.placeholder(gc.float32, (), name="a")
    with gc.Graph("other"):
        b = gc.placeholder(gc.float32, (), name="b")
    a + b


# While feeding -----------------------------------------------------------------------------------


@bad(
    errors.FeedError,
    "the placeholder labels is needed and not fed; pass feed_dict={labels: ...}",
    'labels = gc.placeholder(gc.int32, ("n",), name="labels")',
)
def missing_feed(graph: gc.Graph, open_session: Open) -> None:
    images = gc.placeholder(gc.float32, ("n",), name="images")
    labels = gc.placeholder(gc.int32, ("n",), name="labels")
    open_session(graph).run([gc.sum(images), labels * 2], {images: [1.0]})


@bad(
    errors.FeedError,
    "the placeholder y is needed; add it to feeds=[...]",
    'y = gc.placeholder(gc.float32, (), name="y")',
)
def missing_feed_of_a_callable(graph: gc.Graph, open_session: Open) -> None:
    x = gc.placeholder(gc.float32, (), name="x")
    y = gc.placeholder(gc.float32, (), name="y")
    open_session(graph).make_callable(x + y, feeds=[x])


@bad(
    errors.FeedError,
    "x is declared as float32, but is fed an array of float64; convert it with .astype(np.float32)",
    'x = gc.placeholder(gc.float32, ("n",), name="x")',
)
def feed_of_another_dtype(graph: gc.Graph, open_session: Open) -> None:
    x = gc.placeholder(gc.float32, ("n",), name="x")
    open_session(graph).run(x, {x: np.ones(3)})


@bad(
    errors.FeedError,
    "x is declared with 2 dims, [n, 3], but is fed an array of shape [3]",
    'x = gc.placeholder(gc.float32, ("n", 3), name="x")',
)
def feed_of_another_rank(graph: gc.Graph, open_session: Open) -> None:
    x = gc.placeholder(gc.float32, ("n", 3), name="x")
    open_session(graph).run(x, {x: np.ones(3, np.float32)})


@bad(
    errors.FeedError,
    "axis 1 of x is declared as 3, but is fed with size 4",
    'x = gc.placeholder(gc.float32, ("n", 3), name="x")',
)
def feed_of_another_size(graph: gc.Graph, open_session: Open) -> None:
    x = gc.placeholder(gc.float32, ("n", 3), name="x")
    open_session(graph).make_callable(x, [x])(np.ones((2, 4), np.float32))


@bad(
    errors.GuardError,
    "the dim n is 2 in x (axis 0) but 3 in y (axis 1); dims of one name must be fed with one size",
    'y = gc.placeholder(gc.float32, (5, "n"), name="y")',
)
def one_dim_of_two_sizes(graph: gc.Graph, open_session: Open) -> None:
    x = gc.placeholder(gc.float32, ("n",), name="x")
    y = gc.placeholder(gc.float32, (5, "n"), name="y")
    open_session(graph).run([x, y], {x: [1.0, 2.0], y: np.ones((5, 3), np.float32)})


@bad(
    errors.GuardError,
    "the program relies on rows == batch, but rows is 3 by y (axis 0) and batch is 2 by x (axis 0)",
    'y = gc.placeholder(gc.float32, ("rows",), name="y")',
)
def two_dims_that_must_agree(graph: gc.Graph, open_session: Open) -> None:
    x = gc.placeholder(gc.float32, ("batch",), name="x")
    y = gc.placeholder(gc.float32, ("rows",), name="y")
    open_session(graph).run(x * y, {x: [1.0, 2.0], y: [1.0, 2.0, 3.0]})


@bad(
    errors.FeedError,
    "nothing in <gc.Graph graph: 1 placeholders, 0 variables, 1 tensors> is named 'image'; "
    "did you mean 'images'?",
    None,
)
def feed_of_an_unknown_name(graph: gc.Graph, open_session: Open) -> None:
    images = gc.placeholder(gc.float32, (), name="images")
    open_session(graph).run(images, {"image": 1.0})


@bad(
    errors.FeedError,
    "the placeholder x is fed twice, as a tensor and by its name",
    'x = gc.placeholder(gc.float32, (), name="x")',
)
def feed_given_twice(graph: gc.Graph, open_session: Open) -> None:
    x = gc.placeholder(gc.float32, (), name="x")
    open_session(graph).run(x, {x: 1.0, "x": 2.0})


@bad(
    errors.FeedError,
    "<gc.Variable %w f32[] variable> cannot be fed: it is no placeholder",
    'w = gc.variable(1.0, name="w")',
)
def feed_of_a_variable(graph: gc.Graph, open_session: Open) -> None:
    w = gc.variable(1.0, name="w")
    open_session(graph).run(w, {w: 2.0})


@bad(
    errors.FeedError, "<gc.Tensor f32[] mul> cannot be fed: it is no placeholder",
    "double = x * 2",
)  # fmt: skip
def feed_of_what_is_computed(graph: gc.Graph, open_session: Open) -> None:
    x = gc.placeholder(gc.float32, (), name="x")
    double = x * 2
    open_session(graph).run(double, {x: 1.0, double: 5.0})


@bad(
    errors.FeedError,
    "<gc.Tensor %x f32[] placeholder> belongs to another graph than the session's",
    'stranger = gc.placeholder(gc.float32, (), name="x")',
)
def feed_of_another_graph(graph: gc.Graph, open_session: Open) -> None:
    x = gc.placeholder(gc.float32, (), name="x")
    with gc.Graph():
        stranger = gc.placeholder(gc.float32, (), name="x")
    open_session(graph).run(x, {x: 1.0, stranger: 1.0})


# While fetching ----------------------------------------------------------------------------------


@bad(
    errors.FetchError,
    "<gc.Tensor f32[] mul> belongs to another graph than the session's",
    "stranger = gc.constant(1.0) * 2",
)
def fetch_from_another_graph(graph: gc.Graph, open_session: Open) -> None:
    with gc.Graph():
        stranger = gc.constant(1.0) * 2
    open_session(graph).run({"inside": [gc.constant(1.0), stranger]})


@bad(
    errors.FetchError,
    "<gc.Assignment to %w f32[]> belongs to another graph than the session's",
    "add = gc.assign(w, w + 1)",
)
def assignment_from_another_graph(graph: gc.Graph, open_session: Open) -> None:
    with gc.Graph():
        w = gc.variable(1.0, name="w")
        add = gc.assign(w, w + 1)
    open_session(graph).make_callable(add)


@bad(
    errors.FetchError,
    "<gc.Group of assignments to %w> belongs to another graph than the session's",
    "add = gc.assign(w, w + 1)",
)
def group_from_another_graph(graph: gc.Graph, open_session: Open) -> None:
    with gc.Graph():
        w = gc.variable(1.0, name="w")
        add = gc.assign(w, w + 1)
        both = gc.group(add)
    open_session(graph).run(both)


@bad(
    errors.AssignmentError,
    "<gc.Variable %w f32[] variable> is assigned twice in one run: at LINE and at LINE",
    "second = gc.assign(w, w * 2)", op="assign",
)  # fmt: skip
def double_assignment(graph: gc.Graph, open_session: Open) -> None:
    w = gc.variable(1.0, name="w")
    first = gc.assign(w, w + 1)
    second = gc.assign(w, w * 2)
    open_session(graph).run([first, gc.group(second)])


# While running -----------------------------------------------------------------------------------


@bad(
    errors.OutOfRangeError, "index 3 is out of rangeREST",
    "row = gc.take(table, at, axis=0)", op="gather",
)  # fmt: skip
def index_out_of_range(graph: gc.Graph, open_session: Open) -> None:
    table = gc.variable(np.zeros((3, 2), np.float32), name="table")
    at = gc.placeholder(gc.int64, (), name="at")
    row = gc.take(table, at, axis=0)
    open_session(graph).run(row + 1, {at: 3})


@pytest.mark.parametrize("case", TABLE, ids=lambda case: case.program.__name__)
def test_a_bad_program_is_told_what_is_wrong_and_where(
    case: Bad, graph: gc.Graph, open_session: Open, blamed: Callable[[GraphcError], str]
) -> None:
    with pytest.raises(GraphcError) as caught:
        case.program(graph, open_session)
    error = caught.value
    assert type(error) is case.error
    pattern = re.escape(case.message).replace("LINE", rf"{re.escape(HERE)}:\d+")
    assert re.fullmatch(pattern.replace("REST", ".*"), error.message), error.message
    assert error.op == case.op
    if case.line is None:
        assert error.location is None
    else:
        assert blamed(error) == case.line
        assert error.location is not None and str(error.location).startswith(f"{HERE}:")


def test_both_places_of_a_double_assignment_are_named(graph: gc.Graph) -> None:
    w = gc.variable(1.0, name="w")
    first = gc.assign(w, w + 1)
    second = gc.assign(w, w * 2)
    with pytest.raises(errors.AssignmentError) as caught:
        gc.Session(graph).run([first, second])
    assert f"at {first.location} and at {second.location}" in caught.value.message
    assert first.location != second.location


def test_nothing_runs_and_nothing_changes_after_a_bad_request(
    graph: gc.Graph, open_session: Open
) -> None:
    x = gc.placeholder(gc.float32, ("n",), name="x")
    w = gc.variable(1.0, name="w")
    add = gc.assign(w, w + gc.sum(x))
    session = open_session(graph)
    requests: list[Callable[[], object]] = [
        lambda: session.run([add, "nothing"], {x: [1.0]}),
        lambda: session.run([add, gc.assign(w, 0.0)], {x: [1.0]}),
        lambda: session.run(add),
        lambda: session.run(add, {x: 1.0}),
        lambda: session.run(add, {x: np.ones(1)}),
        lambda: session.run(add, {"y": [1.0]}),
    ]
    for request in requests:
        with pytest.raises(GraphcError):
            request()
        assert session.get_value(w) == 1
    session.run(add, {x: [1.0, 2.0]})
    assert session.get_value(w) == 4
