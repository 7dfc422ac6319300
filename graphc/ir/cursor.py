"""A position in a text that is being read, and errors that point at it."""

from __future__ import annotations

import json
import re
from typing import NoReturn

from graphc.errors import ParseError
from graphc.ir.location import Location

_SPACE = re.compile(r"(?:\s+|//[^\n]*)*")
_TRAILING = re.compile(r"[ \t]*//[ \t]*([^\n]*?):([0-9]{1,9})[ \t]*(?:\n|\Z)")
_STRING = re.compile(r'"(?:[^"\\\n]|\\.)*"')
_TOKEN = re.compile(r"[@%]?[A-Za-z0-9_.]+|->|==|.")


class Cursor:
    """Reads a text from left to right; whitespace and `// comments` between tokens do not count."""

    __slots__ = ("file", "position", "text")

    def __init__(self, text: str, file: str) -> None:
        self.text = text
        self.file = file
        self.position = 0

    def skip(self) -> int:
        """Move to the next token; where that is."""
        match = _SPACE.match(self.text, self.position)
        assert match is not None  # the pattern matches nothing as well
        self.position = match.end()
        return self.position

    def match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """Read the pattern if it comes next."""
        match = pattern.match(self.text, self.skip())
        if match is not None:
            self.position = match.end()
        return match

    def require(self, pattern: re.Pattern[str], what: str) -> str:
        """Read the pattern, which must come next; ParseError says what was expected."""
        match = self.match(pattern)
        if match is None:
            self.fail_expecting(what)
        return match.group()

    def accept(self, literal: str) -> bool:
        """Read a token of punctuation if it comes next."""
        if not self.text.startswith(literal, self.skip()):
            return False
        self.position += len(literal)
        return True

    def expect(self, literal: str) -> None:
        """Read a token of punctuation, which must come next."""
        if not self.accept(literal):
            self.fail_expecting(repr(literal))

    def string(self) -> str:
        """Read a text in JSON's quotes."""
        start = self.skip()
        quoted = self.require(_STRING, "a text in quotes")
        try:
            return str(json.loads(quoted))
        except ValueError:
            self.fail(f"{quoted} is not a text as JSON writes it", start)

    def location(self) -> Location | None:
        """What a `// file.py:14` on the rest of the line says; it is not read past."""
        match = _TRAILING.match(self.text, self.position)
        return Location(match.group(1), int(match.group(2))) if match else None

    def line(self, position: int) -> int:
        """The number of the line that a position is on, from 1."""
        return self.text.count("\n", 0, position) + 1

    def fail_expecting(self, what: str) -> NoReturn:
        """ParseError at the next token, which is not what it should be."""
        match = _TOKEN.match(self.text, self.skip())
        found = repr(match.group()) if match else "the end of the text"
        self.fail(f"expected {what}, found {found}")

    def fail(
        self,
        message: str,
        position: int | None = None,
        *,
        op: str | None = None,
        cause: Exception | None = None,
    ) -> NoReturn:
        """ParseError with the line and column of a position (the next token), and the line itself.

        Its `location` is the line of the text; `op` the operation concerned.
        """
        at = self.skip() if position is None else position
        start = self.text.rfind("\n", 0, at) + 1
        shown = self.text[start:].split("\n", 1)[0]
        column = at - start
        caret = "".join("\t" if char == "\t" else " " for char in shown[:column]) + "^"
        line = self.line(at)
        error = ParseError(f"{self.file}:{line}:{column + 1}: {message}\n{shown}\n{caret}")
        error.op, error.location = op, Location(self.file, line)
        raise error from cause
