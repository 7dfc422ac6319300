"""View: what is known at one stage, as data for machines and as blocks of text for people."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphc.ir.opdef import Array


@dataclass(frozen=True, slots=True)
class Note:
    """A line of prose; `strong` heads what comes after it."""

    text: str
    strong: bool = False

    def lines(self) -> list[str]:
        return [self.text]


@dataclass(frozen=True, slots=True)
class Code:
    """Text in a language (graph, kernel, llvm, asm, arena, array, text), printed as it is."""

    text: str
    language: str

    def lines(self) -> list[str]:
        return self.text.split("\n")


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table; numbers stand to the right, and what is `dim` steps back."""

    title: str
    right: bool = False
    dim: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of texts under the columns' titles."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]

    def lines(self) -> list[str]:
        """The rows in columns as wide as their contents, two spaces apart."""
        cells = [tuple(column.title for column in self.columns), *self.rows]
        widths = [max(map(len, texts)) for texts in zip(*cells, strict=True)]
        return [self._line(row, widths) for row in cells]

    def without(self, titles: Collection[str]) -> Table:
        """The table without the columns of these titles."""
        kept = [k for k, column in enumerate(self.columns) if column.title not in titles]
        return Table(
            tuple(self.columns[k] for k in kept),
            tuple(tuple(row[k] for k in kept) for row in self.rows),
        )

    def _line(self, row: Sequence[str], widths: Sequence[int]) -> str:
        padded = (
            text.rjust(width) if column.right else text.ljust(width)
            for text, width, column in zip(row, widths, self.columns, strict=True)
        )
        return "  ".join(padded).rstrip()


Block = Note | Code | Table


@dataclass(frozen=True)
class View:
    """`data` holds nothing that JSON cannot; `blocks` say the same in an order to be read in.

    `arrays` are those that the code refers to by name.
    """

    data: Mapping[str, Any]
    blocks: tuple[Block, ...]
    arrays: Mapping[str, Array] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The blocks as plain text, an empty line between them."""
        return "\n\n".join("\n".join(block.lines()) for block in self.blocks)

    @property
    def code(self) -> str:
        """The code without what stands around it; the whole text if it is in several blocks."""
        blocks = [block.text for block in self.blocks if isinstance(block, Code)]
        return blocks[0] if len(blocks) == 1 else self.text


def table(columns: Sequence[Column], rows: Sequence[Sequence[object]]) -> Table:
    """A table of anything that can be a text."""
    return Table(tuple(columns), tuple(tuple(map(str, row)) for row in rows))
