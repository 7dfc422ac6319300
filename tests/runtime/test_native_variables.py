"""Places of variables: copies in and out, and spare memory that is made once."""

from __future__ import annotations

import numpy as np
import pytest

import graphc as gc
from graphc.codegen.calls.layout import Cell
from graphc.errors import SessionError
from graphc.runtime.native_step import code
from graphc.runtime.native_variables import NativeVariables, Place


def test_a_place_has_a_value_and_if_need_be_a_second() -> None:
    given = np.arange(3.0)
    place = Place(given)
    given.fill(9)
    assert place.value.tolist() == [0, 1, 2] and place.words[Cell.SPARE] == 0
    place.need_spare()
    first, second = place.words
    place.need_spare()
    assert place.words.tolist() == [first, second] and first != second != 0
    place.words[0], place.words[1] = second, first
    place.value.fill(5)
    place.words[0], place.words[1] = first, second
    assert place.value.tolist() == [0, 1, 2]


def test_values_go_in_and_out_as_copies(graph: gc.Graph) -> None:
    v = gc.variable(np.zeros((2, 0)), name="v").node
    w = gc.variable(np.arange(3, dtype=np.int8), name="w").node
    variables = NativeVariables(graph.initial_values, code())
    (place,) = variables.places([w])
    variables.set(w, [4, 5, 6])
    got = variables.get(w)
    assert got.tolist() == place.value.tolist() == [4, 5, 6]
    got.fill(0)
    assert [array.tolist() for array in variables.read([v, w])] == [[[], []], [4, 5, 6]]
    variables.add({w: np.zeros(3, np.int8)})  # it is known already
    assert variables.places([w]) == [place]


def test_closed(graph: gc.Graph) -> None:
    v = gc.variable(1.0, name="v").node
    variables = NativeVariables(graph.initial_values, code())
    variables.check_open()
    variables.close()
    for use in (
        variables.check_open, lambda: variables.get(v), lambda: variables.set(v, 2.0),
        lambda: variables.read([v]),
    ):  # fmt: skip
        with pytest.raises(SessionError, match="^the session is closed$"):
            use()


def test_programs_share_the_spare_memory(graph: gc.Graph) -> None:
    v = gc.variable(np.arange(9.0).reshape(3, 3), name="v")
    session = gc.Session(graph)
    steps = [session.make_callable(gc.assign(v, v.T + k)) for k in (0, 10)]
    variables = session._variables
    assert isinstance(variables, NativeVariables)
    (place,) = variables.places([v.node])
    assert place.words[Cell.SPARE] == 0
    wanted = np.arange(9.0).reshape(3, 3)
    seen = set()
    for k in range(7):
        steps[k % 2]()
        wanted = wanted.T + 10 * (k % 2)
        assert np.array_equal(session.get_value(v), wanted)
        seen.add(place.words[Cell.CURRENT])
    assert seen == set(place.words.tolist()) and len(seen) == 2
