from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from graphc.inspection.rendering import show
from graphc.inspection.stages import TAKES, Options, view
from graphc.inspection.view import Code, Column, Note, View, table
from tests.inspection.targets import subject

_STYLES = re.compile(r"\x1b\[[0-9;]*m")


def rendered(shown: View, *, terminal: bool) -> str:
    file = io.StringIO()
    console = Console(
        file=file,
        force_terminal=terminal,
        color_system="standard" if terminal else None,
        width=100,
        legacy_windows=False,
    )
    show(shown, console)
    return file.getvalue()


def test_what_is_no_terminal_gets_plain_text() -> None:
    shown = View({}, (Note("[bold]head[/bold]", strong=True), table((Column("a"),), [("b",)])))
    assert rendered(shown, terminal=False) == "[bold]head[/bold]\n\na\nb\n"


def test_a_terminal_gets_colours_and_the_locations_dim() -> None:
    text = rendered(View({}, (Code("%0: f32[2] = neg(%x)  // net.py:3", "graph"),)), terminal=True)
    assert "\x1b[2m// net.py:3\x1b[0m" in text
    assert "\x1b[33m%x\x1b[0m" in text


def test_brackets_of_the_text_are_no_markup_on_a_terminal() -> None:
    assert "[bold]head" in rendered(View({}, (Note("[bold]head"),)), terminal=True)


def test_only_buffers_are_filled_in_the_picture_of_the_arena() -> None:
    picture = "offset | 0  1\n     0 | AAA...\n    64 | end"
    text = rendered(View({}, (Code(picture, "arena"),)), terminal=True)
    (filled,) = re.findall(r"\x1b\[30;4[0-9]m([^\x1b]*)\x1b\[0m", text)
    assert filled == "AAA"


@pytest.mark.parametrize("stage", TAKES)
def test_a_terminal_shows_the_same_code(stage: str) -> None:
    options = Options(dims={"batch": 4}) if stage == "memory" else None
    shown = view(subject("step").graph, stage, options)
    text = _STYLES.sub("", rendered(shown, terminal=True))
    for block in shown.blocks:
        if isinstance(block, Code):
            lines = [line.expandtabs().rstrip() for line in text.splitlines()]
            assert {line.expandtabs(4).rstrip() for line in block.lines()} <= {*lines}
