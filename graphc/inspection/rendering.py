"""Views on a terminal: coloured, in boxes, and as wide as it is. Piped they are plain text."""

from __future__ import annotations

import re

from rich import box
from rich.console import Console, RenderableType
from rich.syntax import Syntax
from rich.table import Table as RichTable
from rich.text import Text

from graphc.inspection.view import Block, Code, Note, Table, View

_WORDS = "graph where update return variable kernel out for vector turns while if else loop branch"
#: What stands out in graphs and kernels, and how; a later rule wins over an earlier one.
_HIGHLIGHTS = (
    (re.compile(rf"\b({_WORDS.replace(' ', '|')})\b"), "magenta"),
    (re.compile(r"(?<== )[a-z][a-z0-9_]*(?=\()"), "bold cyan"),
    (re.compile(r"\b(?:bool|u8|i8|i16|i32|i64|f32|f64)\[[^\]]*\]"), "green"),
    (re.compile(r'%(?:[A-Za-z0-9_./-]+|"[^"]*")'), "yellow"),
    (re.compile(r"\$\w+"), "blue"),
    (re.compile(r"// [^\n]*:[0-9]+[^\n]*$", re.MULTILINE), "dim"),
)
_LEXERS = {"llvm": "llvm", "asm": "gas"}
_INKS = ("red", "green", "yellow", "blue", "magenta", "cyan")
_FILLED = re.compile(r"([A-Za-z0-9])\1*")


def show(view: View, console: Console) -> None:
    """Print a view."""
    if not console.is_terminal:
        console.file.write(view.text + "\n")
        return
    for k, block in enumerate(view.blocks):
        if k:
            console.print()
        console.print(renderable(block), soft_wrap=isinstance(block, Code), highlight=False)


def renderable(block: Block) -> RenderableType:
    """The block as rich draws it."""
    match block:
        case Note(text, strong):
            return Text(text, "bold" if strong else "")
        case Table():
            return _table(block)
        case Code(text, "arena"):
            return _arena(text)
        case Code(text, language) if language in _LEXERS:
            code = Syntax(text, _LEXERS[language], theme="ansi_dark", background_color="default")
            return code.highlight(text)
        case Code(text, "graph" | "kernel"):
            return _highlighted(text)
    return Text(block.text)


def _table(block: Table) -> RenderableType:
    drawn = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    for column in block.columns:
        drawn.add_column(
            column.title,
            justify="right" if column.right else "left",
            style="dim" if column.dim else None,
            overflow="fold",
        )
    for row in block.rows:
        drawn.add_row(*(Text(cell) for cell in row))
    return drawn


def _highlighted(text: str) -> Text:
    found = Text(text)
    for pattern, style in _HIGHLIGHTS:
        found.highlight_regex(pattern, style)
    return found


def _arena(text: str) -> Text:
    """Every buffer's letter in a colour of its own, behind the scale of offsets."""
    scale, *rows, end = text.split("\n")
    return Text("\n").join([Text(scale), *map(_arena_row, rows), Text(end)])


def _arena_row(row: str) -> Text:
    found = Text(row)
    for match in _FILLED.finditer(row, row.index("|")):
        ink = _INKS[ord(match.group(1)) % len(_INKS)]
        found.stylize(f"black on {ink}", match.start(), match.end())
    return found
