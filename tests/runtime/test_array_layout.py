"""What native code relies on in NumPy's arrays, and that it is looked at."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import numpy as np
import pytest

import graphc as gc
from graphc.codegen.calls.layout import NumPyArray
from graphc.runtime import array_layout
from graphc.runtime.calling import BoundStep


@pytest.fixture(autouse=True)
def looked_at_anew() -> Iterator[None]:
    array_layout.is_as_expected.cache_clear()
    yield
    array_layout.is_as_expected.cache_clear()


def test_this_numpy_is_as_expected() -> None:
    assert sys.implementation.name != "cpython" or array_layout.is_as_expected()


@pytest.mark.parametrize("field", [field for field in NumPyArray if field is not NumPyArray.TYPE])
def test_a_field_elsewhere_is_noticed(field: NumPyArray, monkeypatch: pytest.MonkeyPatch) -> None:
    class Moved:
        REFERENCES, TYPE, DATA, RANK, DIMS, DESCR, FLAGS = NumPyArray

    setattr(Moved, field.name, NumPyArray.TYPE)
    monkeypatch.setattr(array_layout, "NumPyArray", Moved)
    assert not array_layout.is_as_expected()


def test_another_function_for_new_arrays_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(array_layout, "array_type", lambda: id(list))
    assert not array_layout.is_as_expected()


def test_sessions_work_with_a_numpy_that_is_not_as_expected(
    graph: gc.Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(array_layout, "is_as_expected", lambda: False)
    x = gc.placeholder(gc.float32, ("n",), name="x")
    v = gc.variable(0.0, name="v")
    session = gc.Session(graph)
    fetches = [gc.sort(x), gc.assign(v, v + gc.sum(x)), v]
    step = session.make_callable(fetches, [x])
    assert type(step) is BoundStep and step.executable is not None
    feed, out = np.array([2, 1], np.float32), np.zeros(2, np.float32)
    assert step(feed)[0].tolist() == [1, 2]
    assert step(feed, out=[out, None, None])[0] is out and out.tolist() == [1, 2]
    assert session.run(fetches, {x: feed})[2] == 6
    assert session.run_steps(fetches, {x: np.ones(6, np.float32)}, 3)[2].tolist() == [9, 11, 13]
    assert session.get_value(v) == 15
