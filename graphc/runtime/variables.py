"""The values of variables, which change only when a whole run has succeeded."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from graphc.errors import DTypeError, SessionError, ShapeError
from graphc.ir.node import Node
from graphc.runtime.feeds import as_array

Array = np.ndarray[Any, Any]


class Variables:
    """A value for each variable. An array in here is never written to, only replaced.

    So a run keeps the values it started with, whatever other threads assign meanwhile. Who
    replaces values holds `updating` from reading the old ones on.
    """

    def __init__(self, initial: Mapping[Node, Array]) -> None:
        self._values: dict[Node, Array] = {}
        self._closed = False
        self.updating = threading.RLock()
        self.add(initial)
        _existing.add(self)

    def add(self, initial: Mapping[Node, Array]) -> None:
        """Take in variables that were declared after the session was opened."""
        if initial.keys() <= self._values.keys():
            return
        with self.updating:
            self._values = {**initial, **self._values}

    def read(self, nodes: Iterable[Node]) -> list[Array]:
        """The values at one moment; do not write to them."""
        values = self._values  # another thread may put new ones in its place
        return [values[node] for node in nodes]

    def get(self, node: Node) -> Array:
        """A copy of the current value."""
        return self._values[node].copy()

    def set(self, node: Node, value: Any) -> None:
        """Replace a value by a copy of one of the variable's dtype and shape."""
        array = fitting(node, value).copy()
        with self.updating:
            self.replace([node], [array])

    def check_open(self) -> None:
        """SessionError once closed."""
        if self._closed:
            raise SessionError("the session is closed")

    def close(self) -> None:
        """Forget all values. Runs that use them go on."""
        self._closed = True
        self._values = {}

    def replace(self, nodes: Sequence[Node], values: Sequence[Array]) -> None:
        """Put new arrays, which nobody else holds, in the place of old ones, all at once."""
        self._values = {**self._values, **dict(zip(nodes, values, strict=True))}


def fitting(node: Node, value: Any) -> Array:
    """A value as an array of a variable's dtype and shape, perhaps the value itself.

    DTypeError or ShapeError if it is none.
    """
    try:
        array = as_array(value, node.dtype)
    except DTypeError as reason:
        raise DTypeError(
            f"the variable {node.name} is {node.dtype.name} and cannot be set to {reason.message}",
            location=node.location,
        ) from None
    if array.shape != node.shape:
        raise ShapeError(
            f"the variable {node.name} has the shape {list(node.shape)}, not {list(array.shape)}",
            location=node.location,
        )
    return array


_existing: weakref.WeakSet[Variables] = weakref.WeakSet()


def _unlock_all() -> None:
    """Free the locks in a forked child, where the threads that held them do not exist.

    Their runs have not taken effect there: a run replaces values in one step, at its end.
    """
    for variables in _existing:
        variables.updating = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_unlock_all)
