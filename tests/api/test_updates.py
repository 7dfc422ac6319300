from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import AssignmentError, DTypeError, GraphError, ShapeError

pytestmark = pytest.mark.usefixtures("graph")


def test_an_assignment_holds_its_variable_and_value() -> None:
    w = gc.variable(np.zeros(3, np.float32), name="w")
    value = w + 1
    update = gc.assign(w, value)
    assert update.variable is w
    assert update.value is value
    assert repr(update) == "<gc.Assignment to %w f32[3]>"
    assert update.location is not None
    assert update.location.file == __file__


@pytest.mark.parametrize("value", [2, 2.5, [1, 2, 3], np.ones(3, np.float32)])
def test_numbers_and_arrays_take_the_variables_type(value: Any, compute: Any) -> None:
    w = gc.variable(np.zeros(3, np.float32))
    update = gc.assign(w, value)
    expected = np.broadcast_to(np.asarray(value, np.float32), 3)
    np.testing.assert_array_equal(compute(update.value), expected, strict=True)


def test_a_dim_known_when_fed_is_guarded(graph: gc.Graph) -> None:
    w = gc.variable(np.zeros(3, np.float32))
    x = gc.placeholder(gc.float32, ("n",))
    program = graph.extract([], [gc.assign(w, x)])
    assert [str(guard) for guard in program.guards] == ["n == 3"]


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (lambda w: w.astype(gc.float64), DTypeError, "cannot take a value of float64"),
        (lambda w: np.zeros(3), DTypeError, "gc.astype(x, gc.float32)"),
        (lambda w: w[:2], ShapeError, "cannot take a value of shape [2]"),
        (lambda w: w[:1], ShapeError, "cannot take a value of shape [1]"),
        (lambda w: w[0], ShapeError, "cannot take a value of shape []"),
        (lambda w: True, DTypeError, "the Python scalar True does not fit"),
    ],
)
def test_values_that_do_not_fit(
    value: Any, error: Any, message: str, fails: Callable[..., Any]
) -> None:
    w = gc.variable(np.zeros(3, np.float32), name="w")
    wrong = value(w)
    with fails(error, message, op="assign"):
        gc.assign(w, wrong)


def test_only_variables_are_assigned(fails: Callable[..., Any]) -> None:
    x = gc.placeholder(gc.float32, (3,), name="x")
    with fails(AssignmentError, "<gc.Tensor %x f32[3] placeholder> is no variable", op="assign"):
        gc.assign(x, 0.0)


def test_groups_may_hold_groups() -> None:
    a, b = gc.variable(0.0, "a"), gc.variable(0.0, "b")
    first, second = gc.assign(a, 1.0), gc.assign(b, 1.0)
    inner = gc.group(second)
    outer = gc.group(first, inner, first)
    assert outer.assignments == (first, second)
    assert repr(outer) == "<gc.Group of assignments to %a, %b>"
    assert repr(gc.group()) == "<gc.Group of assignments to nothing>"


def test_a_group_takes_assignments_only(fails: Callable[..., Any]) -> None:
    a = gc.variable(0.0, "a")
    update = gc.assign(a, 1.0)
    with fails(GraphError, "takes assignments and groups, not", op="group"):
        gc.group(update, a)  # type: ignore[arg-type]


def test_a_group_is_of_one_graph(fails: Callable[..., Any]) -> None:
    update = gc.assign(gc.variable(0.0, "a"), 1.0)
    with gc.Graph("other"):
        foreign = gc.assign(gc.variable(0.0, "a"), 1.0)
    with fails(GraphError, "of different graphs", op="group"):
        gc.group(update, foreign)
