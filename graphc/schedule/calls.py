"""Statements of kernels that are no loops or stores: calls of library routines, and checks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from graphc.ir.dims import Size
from graphc.ir.dtypes import DType
from graphc.ir.scalar import Expr

#: Routines that are graphc's own: wait until a counter has come so far, and let it.
WAIT, REACHED = "wait", "reached"


@dataclass(frozen=True, slots=True)
class Pointer:
    """Where something begins in a buffer, for a routine that works on it."""

    buffer: str
    offset: Size

    def __str__(self) -> str:
        return f"&{self.buffer}[{self.offset}]"


@dataclass(frozen=True, slots=True)
class Call:
    """Call a routine of a library, where the condition holds; what it returns is then a local.

    That is 0 where it was not called. `work` is an estimate in the units of `work.py`.
    """

    result: str
    routine: str
    dtype: DType
    given: tuple[str | float | Size | Pointer, ...]
    work: Size
    where: Expr | None = None

    def pointers(self) -> tuple[Pointer, ...]:
        """What it may read and write."""
        return tuple(part for part in self.given if isinstance(part, Pointer))

    def sizes(self) -> tuple[Size, ...]:
        """The numbers that it is given, and the offsets of its pointers."""
        found = (part.offset if isinstance(part, Pointer) else part for part in self.given)
        return tuple(size for size in found if not isinstance(size, str | float))

    def rebuilt(self, change: Callable[[Expr], Expr], move: Callable[[Size], Size]) -> Call:
        """The call with its condition changed, and every number and offset moved."""
        where = None if self.where is None else change(self.where)
        given = tuple(_moved(part, move) for part in self.given)
        return replace(self, given=given, work=move(self.work), where=where)

    def text(self, condition: str) -> str:
        """The call as a kernel shows it, with its condition in words."""
        where = "" if self.where is None else f" if {condition}"
        given = ", ".join(map(str, self.given))
        return f"{self.result} = {self.routine}<{self.dtype}>({given}){where}"


@dataclass(frozen=True, slots=True)
class Check:
    """Evaluate a checked value for its report alone."""

    value: Expr


def _moved(
    part: str | float | Size | Pointer, move: Callable[[Size], Size]
) -> str | float | Size | Pointer:
    if isinstance(part, Pointer):
        return replace(part, offset=move(part.offset))
    return part if isinstance(part, str | float) else move(part)
