"""Where in the user's program a node was created."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


@dataclass(frozen=True, slots=True)
class Location:
    """A line of a source file.

    `derived` marks a node that differentiation made for what stands there; it does not count when
    locations are compared.
    """

    file: str
    line: int
    derived: bool = field(default=False, compare=False)

    def __str__(self) -> str:
        return f"{os.path.basename(self.file)}:{self.line}"

    def full(self) -> str:
        """The location with the file's whole path, for error messages."""
        return f"{self.file}:{self.line}"


_override: ContextVar[tuple[Location | None] | None] = ContextVar("graphc_location", default=None)
_is_ours: dict[str, bool] = {}


def capture() -> Location | None:
    """The innermost line outside graphc, or the one set by `created_at`."""
    chosen = _override.get()
    if chosen is not None:
        return chosen[0]
    frame = sys._getframe(1)
    while frame is not None:
        file = frame.f_code.co_filename
        ours = _is_ours.get(file)
        if ours is None:
            ours = _is_ours[file] = file.startswith(_PACKAGE)
        if not ours:
            return Location(file, frame.f_lineno)
        frame = frame.f_back  # type: ignore[assignment]
    return None


@contextmanager
def created_at(location: Location | None) -> Iterator[None]:
    """Give nodes made inside the block this location, or none at all for None.

    Nodes that are made from others point so at the origin of these.
    """
    token = _override.set((location,))
    try:
        yield
    finally:
        _override.reset(token)


def derived_from(location: Location | None) -> Location | None:
    """The same line, for nodes that differentiation makes."""
    return replace(location, derived=True) if location else None
