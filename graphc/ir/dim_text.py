"""Reading dims back from their text."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NoReturn

from graphc.errors import DimError
from graphc.ir.dims import FOUND, Size, floordiv, maximum, minimum, remainder, symbol

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_TOKEN = re.compile(r"\s*(?:([0-9]+)|([A-Za-z_][A-Za-z0-9_]*)|(\*\*|//|[-+*%(),]))")
_RESERVED = frozenset({"max", "min"})
_MOST_DIGITS = 40  # a size that needs more is a mistake, and int() of a million digits is slow
_GREATEST_POWER = 64


@lru_cache(maxsize=4096)
def parse_dim(text: str) -> Size:
    """The dim that `str` would print so; DimError says what is not understood.

    >>> parse_dim("2*batch + 1") - parse_dim("batch")
    batch + 1
    >>> parse_dim("3 * 4")
    12
    """
    size, position = read_dim(text, 0)
    if text[position:].strip():
        raise _no_dim(text, text[position:].strip())
    return size


def read_dim(text: str, position: int) -> tuple[Size, int]:
    """The dim that starts at a position of a longer text, and where it ends.

    Inside a dim `//` divides, wherever it stands: comments begin only after it.
    """
    reader = _Reader(text, position)
    try:
        size = reader.sum()
    except RecursionError:
        raise DimError("a dim is nested too deeply") from None
    return size, reader.start


def check_dim_name(name: str) -> str:
    """The name, if a placeholder may use it for a dim; DimError otherwise."""
    if not _NAME.match(name) or name in _RESERVED:
        raise DimError(f"{name!r} cannot name a dim: use letters, digits and underscores")
    if name.startswith(FOUND):
        raise DimError(f"{name!r} cannot name a dim: names with {FOUND} belong to loops")
    return name


def _no_dim(text: str, what: str) -> DimError:
    return DimError(f"{text.strip()!r} is no dim: {what!r} is not understood")


class _Reader:
    """Recursive descent over the grammar below, one token ahead.

    sum: term (('+' | '-') term)*; term: factor (('*' | '//' | '%') factor)*;
    factor: '-' factor | atom ('**' number)?;
    atom: number | name | '(' sum ')' | ('max' | 'min') '(' sum ',' sum ')'.
    """

    def __init__(self, text: str, position: int) -> None:
        self.text = text
        self.origin = self.start = self.end = position
        self.number: str | None = None
        self.name: str | None = None
        self.sign: str | None = None
        self.advance()

    def advance(self) -> None:
        """Look at the next token; `start` is where the one before it ended."""
        self.start = self.end
        match = _TOKEN.match(self.text, self.end)
        self.number, self.name, self.sign = match.groups() if match else (None, None, None)
        self.end = match.end() if match else self.end

    def accept(self, *signs: str) -> str | None:
        sign = self.sign
        if sign not in signs:
            return None
        self.advance()
        return sign

    def expect(self, sign: str) -> None:
        if not self.accept(sign):
            self.fail()

    def fail(self) -> NoReturn:
        rest = self.text[self.start :].split("\n", 1)[0].strip()
        whole = self.text[self.origin :].split("\n", 1)[0]
        if rest:
            raise _no_dim(whole, rest)
        raise DimError(f"the dim {whole.strip()!r} is not complete")

    def sum(self) -> Size:
        total = self.term()
        while sign := self.accept("+", "-"):
            other = self.term()
            total = total + other if sign == "+" else total - other
        return total

    def term(self) -> Size:
        total = self.factor()
        while sign := self.accept("*", "//", "%"):
            other = self.factor()
            if sign == "*":
                total = total * other
            else:
                total = floordiv(total, other) if sign == "//" else remainder(total, other)
        return total

    def factor(self) -> Size:
        if self.accept("-"):
            return -self.factor()
        base = self.atom()
        return self.power(base) if self.accept("**") else base

    def power(self, base: Size) -> Size:
        exponent = self.integer()
        if exponent > _GREATEST_POWER:
            raise DimError(f"{base}**{exponent} is beyond the power {_GREATEST_POWER}")
        result: Size = 1
        for _ in range(exponent):
            result = result * base
        return result

    def atom(self) -> Size:
        if self.number:
            return self.integer()
        if self.accept("("):
            inner = self.sum()
            self.expect(")")
            return inner
        name = self.name
        if not name:
            self.fail()
        self.advance()
        return self.extremum(name) if name in _RESERVED else symbol(name)

    def integer(self) -> int:
        digits = self.number
        if not digits:
            self.fail()
        if len(digits) > _MOST_DIGITS:
            raise DimError(f"{digits[:_MOST_DIGITS]}... has more digits than a size can have")
        self.advance()
        return int(digits)

    def extremum(self, name: str) -> Size:
        self.expect("(")
        left = self.sum()
        self.expect(",")
        right = self.sum()
        self.expect(")")
        return maximum(left, right) if name == "max" else minimum(left, right)
