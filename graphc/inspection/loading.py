"""From what a user names on the command line to the program that is meant."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from graphc.errors import TargetError
from graphc.inspection.python_file import build
from graphc.inspection.target import Subject
from graphc.inspection.text_file import read

TEXT_FORM = ".graph"


def parse_target(text: str) -> tuple[Path, str | None]:
    """(file, function) of `file.py:function`, (file, None) of a text-form file; TargetError."""
    if text.endswith(TEXT_FORM):
        return Path(text), None
    file, colon, function = text.rpartition(":")
    if colon and file.endswith(".py") and function.isidentifier():
        return Path(file), function
    raise TargetError(
        f"{text!r} is no target; give file.py:function, or a text-form file (*{TEXT_FORM})"
    )


def load(target: str, fetches: Sequence[str] = ()) -> Subject:
    """The program that a target names, for these fetches only if there are any.

    TargetError for files and functions that are not there, are not fit, or fail; errors of graphc
    that they raise stay as they are.
    """
    file, function = parse_target(target)
    if not file.is_file():
        raise TargetError(f"there is no file {file}")
    found = read(file) if function is None else build(file, function)
    return found.select(fetches)
