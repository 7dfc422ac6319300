"""Every exception graphc raises on purpose. They speak of the user's program: op, shapes, line."""

from __future__ import annotations

from typing import Protocol

from numpy.linalg import LinAlgError as NumPyLinAlgError


class Place(Protocol):
    """Somewhere in the user's program."""

    def full(self) -> str:
        """File and line, for the message."""
        ...


class GraphcError(Exception):
    """Root of graphc's exceptions.

    `op` is the name of the operation concerned, `location` the line of the user's program that
    created it; both are appended to the message when known.
    """

    def __init__(
        self, message: str, *, op: str | None = None, location: Place | None = None
    ) -> None:
        self.message = message
        self.op = op
        self.location = location
        super().__init__(self._text())

    def _text(self) -> str:
        text = f"{self.op}: {self.message}" if self.op else self.message
        return f"{text}\n  created at {self.location.full()}" if self.location else text


class DimError(GraphcError, ValueError):
    """A dim expression that cannot be parsed, divided, evaluated or decided."""


class ShapeError(GraphcError, ValueError):
    """Shapes that do not fit the operation."""


class DTypeError(GraphcError, TypeError):
    """Dtypes that do not fit the operation or do not mix."""


class AttributeValueError(GraphcError, ValueError):
    """An argument of an operation, other than a tensor, that is not allowed."""


class GraphError(GraphcError, ValueError):
    """A tensor used outside its graph, a name used twice, or no graph to build in."""


class AssignmentError(GraphcError, ValueError):
    """An assignment to something else than a variable, or two of them in one run."""


class GradientError(GraphcError, ValueError):
    """A derivative that was asked for and does not exist, or lacks its seed."""


class FeedError(GraphcError, ValueError):
    """A feed that is missing, unknown, or of another dtype, rank or size than declared."""


class GuardError(FeedError):
    """Fed sizes that break an equality of dims on which the program relies."""


class FetchError(GraphcError, ValueError):
    """A fetch that names nothing, or something from another graph."""


class OutOfRangeError(GraphcError, IndexError):
    """An index outside its axis, found while running."""


class LinAlgError(GraphcError, NumPyLinAlgError):
    """A matrix that has no such factors or inverse, found while running."""


class CallbackError(GraphcError, RuntimeError):
    """A Python function that failed when a program called it, or gave something else than declared.

    Its `__cause__` is what the function raised.
    """


class IterationLimitError(GraphcError, RuntimeError):
    """A loop that goes on after as many turns as it may take, found while running."""


class DeclarationError(GraphcError, TypeError):
    """An op declared without one of its fields, or twice."""


class VerificationError(GraphcError, ValueError):
    """A graph that breaks an invariant of the intermediate form."""


class ParseError(GraphcError, ValueError):
    """Text that is not a graph in the text form."""


class TargetError(GraphcError, ValueError):
    """A file that names no program, or fails to build one, where the command line asks for it."""


class CompileError(GraphcError, RuntimeError):
    """A graph that could not be turned into machine code."""


class SessionError(GraphcError, RuntimeError):
    """A session used after it was closed, or against its rules."""


class BenchmarkError(GraphcError, RuntimeError):
    """A benchmark that was asked for and cannot be run."""
