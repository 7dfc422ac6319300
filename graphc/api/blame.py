"""Errors that name the function the user called and the line of the call."""

from __future__ import annotations

from types import TracebackType
from typing import NoReturn

from graphc.errors import (
    AttributeValueError,
    DTypeError,
    GradientError,
    GraphcError,
    GraphError,
    ShapeError,
)
from graphc.ir.location import capture


class blamed:
    """Errors that leave the block without an op or a line get the ones that are known here."""

    # A class, since the frames of contextlib would be taken for the user's.

    def __init__(self, op: str) -> None:
        self._op = op

    def __enter__(self) -> None:
        return None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if isinstance(error, GraphcError) and error.location is None:
            op = error.op or self._op
            raise type(error)(error.message, op=op, location=capture()) from None


def fail_shape(op: str, message: str) -> NoReturn:
    """Raise a ShapeError at the user's line."""
    raise ShapeError(message, op=op, location=capture())


def fail_dtype(op: str, message: str) -> NoReturn:
    """Raise a DTypeError at the user's line."""
    raise DTypeError(message, op=op, location=capture())


def fail_attribute(op: str, message: str) -> NoReturn:
    """Raise an AttributeValueError at the user's line."""
    raise AttributeValueError(message, op=op, location=capture())


def fail_graph(op: str, message: str) -> NoReturn:
    """Raise a GraphError at the user's line."""
    raise GraphError(message, op=op, location=capture())


def fail_gradient(op: str, message: str) -> NoReturn:
    """Raise a GradientError at the user's line."""
    raise GradientError(message, op=op, location=capture())
