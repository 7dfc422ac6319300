"""Tests of graphc/api/branches.py: forms and errors; tests/control tests what branches compute."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import AttributeValueError, DTypeError, GraphcError, GraphError, ShapeError


def test_only_the_branch_taken_runs() -> None:
    with gc.Graph() as graph:
        x = gc.placeholder(gc.float64, (3,), name="x")
        k = gc.placeholder(gc.int64, (), name="k")
        safe = gc.cond(k < 3, lambda: gc.take(x, k), lambda: gc.constant(-1.0, dtype=gc.float64))
    with gc.Session(graph) as session:
        values = [float(session.run(safe, {x: [1.0, 2.0, 3.0], k: n})) for n in (0, 2, 3, 99)]
    assert values == [1.0, 3.0, -1.0, -1.0]  # an index out of range is no error there


def test_operands_and_results_are_nested() -> None:
    with gc.Graph() as graph:
        p = gc.placeholder(gc.bool, (), name="p")
        given = {"a": gc.constant(1.0), "b": (gc.constant(2.0),)}
        found = gc.cond(
            p, lambda d, e: {"s": d["a"] + e}, lambda d, e: {"s": d["b"][0] * e}, given, 3.0
        )
    with gc.Session(graph) as session:
        assert session.run(found, {p: True}) == {"s": 4.0}
        assert session.run(found, {p: False}) == {"s": 6.0}


def test_a_switch_takes_the_nearest_branch() -> None:
    with gc.Graph() as graph:
        k = gc.placeholder(gc.int32, (), name="k")
        y = gc.switch(k, [lambda c=c: gc.constant(c) for c in range(5)])
    with gc.Session(graph) as session:
        found = [int(session.run(y, {k: np.int32(n)})) for n in (-7, 0, 1, 2, 3, 4, 5, 99)]
    assert found == [0, 0, 1, 2, 3, 4, 4, 4]


_ERRORS: list[tuple[Callable[[], Any], type[GraphcError], str]] = [
    (lambda: gc.cond(gc.constant(1.0), gc.sin, gc.cos, 1.0), DTypeError, r"bool\[\], not f32"),
    (lambda: gc.cond(True, lambda x: x, lambda x: (x, x), 1.0), AttributeValueError, "alike"),
    (lambda: gc.cond(True, lambda x: x, lambda x: x < 1, 1.0), DTypeError, "f32.*bool"),
    (lambda: gc.cond(True, lambda x: x, lambda x: gc.stack([x, x]), 1.0), ShapeError, r"f32\[2\]"),
    (lambda: gc.cond(True, 3, 4), GraphError, "function"),  # type: ignore[arg-type]
    (lambda: gc.switch(gc.constant(1.0), [gc.sin], 1.0), DTypeError, "integer"),
    (lambda: gc.switch(gc.constant(1), []), AttributeValueError, "at least one"),
]  # fmt: skip


@pytest.mark.parametrize(("build", "error", "message"), _ERRORS)
def test_errors_name_what_is_wrong(
    build: Callable[[], Any], error: type[GraphcError], message: str
) -> None:
    with gc.Graph(), pytest.raises(error, match=message) as raised:
        build()
    assert "test_branches.py" in str(raised.value)
