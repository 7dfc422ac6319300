from __future__ import annotations

from typing import Any

import pytest

from graphc.api.nesting import form_of, settings_for


@pytest.mark.parametrize(
    ("setting", "tree", "expected"),
    [
        (0, [1, (2, 3)], [0, 0, 0]),
        (0, None, []),
        ((0, None), [1, (2, 3)], [0, None, None]),
        ([0, (1, None)], (1, (2, 3)), [0, 1, None]),
        ({"a": 1, "b": None}, {"b": 5, "a": (6, 7)}, [None, 1, 1]),
        ((), (), []),
    ],
)
def test_settings_for_leaves(setting: Any, tree: Any, expected: list[Any]) -> None:
    assert settings_for(setting, form_of(tree)) == expected


@pytest.mark.parametrize(
    ("setting", "tree"),
    [((0, 0), [1]), ((0,), 1), ({"a": 0}, {"b": 1}), ({"a": 0}, [1]), ((0,), {"a": 1})],
)
def test_settings_of_another_nesting(setting: Any, tree: Any) -> None:
    with pytest.raises(ValueError):
        settings_for(setting, form_of(tree))
