from __future__ import annotations

import re
from pathlib import Path

import pytest

from graphc.errors import TargetError
from graphc.inspection.loading import load, parse_target


@pytest.mark.parametrize(
    ("text", "file", "function"),
    [
        ("net.py:step", Path("net.py"), "step"),
        ("some/net.py:step", Path("some/net.py"), "step"),
        ("C:/net.py:step", Path("C:/net.py"), "step"),
        ("net.graph", Path("net.graph"), None),
    ],
)
def test_targets(text: str, file: Path, function: str | None) -> None:
    assert parse_target(text) == (file, function)


@pytest.mark.parametrize("text", ["net", "net.py", "net.py:", "net.py:1", "net.txt:step", ""])
def test_what_is_no_target(text: str) -> None:
    message = f"{text!r} is no target; give file.py:function, or a text-form file (*.graph)"
    with pytest.raises(TargetError, match=f"^{re.escape(message)}$"):
        parse_target(text)


@pytest.mark.parametrize("target", ["absent.py:step", "absent.graph"])
def test_a_file_that_is_not_there(target: str) -> None:
    with pytest.raises(TargetError, match=f"^there is no file {target.split(':')[0]}$"):
        load(target)
