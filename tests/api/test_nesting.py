"""Tests of graphc/api/nesting.py."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from graphc.api.nesting import form_of, leaves_of, mapped


class Pair(NamedTuple):
    first: Any
    second: Any


NESTED = [
    (5, [5], "*"),
    (None, [], "None"),
    ((1, 2), [1, 2], "(*, *)"),
    ((1,), [1], "(*,)"),
    ([1, [2, ()]], [1, 2], "[*, [*, ()]]"),
    ({"b": 1, "a": (2, None)}, [1, 2], "{'b': *, 'a': (*, None)}"),
    (Pair(1, [2]), [1, 2], "(*, [*])"),
]


@pytest.mark.parametrize(("value", "leaves", "text"), NESTED)
def test_taken_apart_and_put_together(value: Any, leaves: list[Any], text: str) -> None:
    form = form_of(value)
    assert leaves_of(value) == leaves
    assert str(form) == text
    assert form.leaves == len(leaves)
    again = form.of(leaves)
    assert again == value and type(again) is type(value)


def test_every_leaf_is_mapped() -> None:
    assert mapped(lambda leaf: leaf + 1, {"a": (1, [2])}) == {"a": (2, [3])}


def test_forms_differ_in_kind_and_keys() -> None:
    values = [(1, 2), [1, 2], {"a": 1, "b": 2}, {"b": 1, "a": 2}, Pair(1, 2)]
    forms = [form_of(value) for value in values]
    assert all(one != other for k, one in enumerate(forms) for other in forms[:k])
