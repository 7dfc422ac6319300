"""Types made for native calls behave as other types do."""

from __future__ import annotations

import gc as garbage
import pickle
import weakref
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.runtime.call_type import native_type, record_offset
from graphc.runtime.calling import BoundStep


class Base:
    __slots__ = ("__weakref__", "other", "value")

    def __init__(self, value: Any) -> None:
        self.value = value

    def method(self) -> Any:
        return self.value


def test_objects_are_those_of_a_subclass() -> None:
    made = native_type(Base)("content")
    assert native_type(Base) is native_type(Base) is type(made)
    assert isinstance(made, Base) and issubclass(type(made), Base)
    assert made.value == made.method() == "content"
    assert callable(made) and not callable(Base(1))
    assert type(made).__module__ == __name__ and type(made).__name__ == "NativeBase"
    assert type(made).__basicsize__ == record_offset(Base) + 8
    with pytest.raises(AttributeError):
        made.unknown = 1


def test_an_object_that_is_not_connected_cannot_be_called() -> None:
    with pytest.raises(TypeError, match="does not support vectorcall"):
        native_type(Base)(1)()


def test_objects_are_freed_in_circles_too() -> None:
    made = native_type(Base)([])
    content = weakref.ref(made)
    made.other = made
    made.value.append(made)
    del made
    garbage.collect()
    assert content() is None


def test_callables_of_a_session(graph: gc.Graph) -> None:
    x = gc.placeholder(gc.float32, ("n",), name="x")
    step = gc.Session(graph).make_callable(x + 1, [x])
    feed = np.ones(2, np.float32)
    assert isinstance(step, BoundStep) and "NativeBoundStep" in repr(step)
    for call in (step, step.__call__, lambda *a, **k: type(step).__call__(step, *a, **k)):
        for _ in range(2):
            assert call(feed).tolist() == [2, 2]
            out = np.zeros(2, np.float32)
            assert call(feed, out=out) is out and out.tolist() == [2, 2]
    assert list(map(step, [feed, feed]))[1].tolist() == [2, 2]
    with pytest.raises((TypeError, pickle.PicklingError)):
        pickle.dumps(step)
