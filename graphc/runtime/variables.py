"""The values of variables, which change only when a whole run has succeeded."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from graphc.errors import DTypeError, ShapeError
from graphc.ir.node import Node

Array = np.ndarray[Any, Any]


class Variables:
    """A value for each variable. An array in here is never written to again, only replaced.

    So a run keeps the values it started with, whatever other threads assign meanwhile.
    """

    def __init__(self, initial: Mapping[Node, Array]) -> None:
        self._values = {node: np.array(value) for node, value in initial.items()}
        self.updating = threading.RLock()

    def add(self, initial: Mapping[Node, Array]) -> None:
        """Take in variables that were declared after the session was opened."""
        for node, value in initial.items():
            if node not in self._values:
                self._values[node] = np.array(value)

    def read(self, nodes: Sequence[Node]) -> list[Array]:
        """The current values; do not write to them."""
        return [self._values[node] for node in nodes]

    def get(self, node: Node) -> Array:
        """A copy of the current value."""
        return self._values[node].copy()

    def set(self, node: Node, value: Any) -> None:
        """Replace a value by a copy of an array of the variable's dtype and shape."""
        array = np.asarray(value, None if isinstance(value, np.ndarray) else node.dtype.numpy)
        if array.dtype.newbyteorder("=") != node.dtype.numpy:
            raise DTypeError(
                f"the variable {node.name} is {node.dtype.name}, not {array.dtype.name}; "
                f"convert with .astype(np.{node.dtype.numpy})",
                location=node.location,
            )
        if array.shape != node.shape:
            raise ShapeError(
                f"the variable {node.name} has the shape {list(node.shape)}, "
                f"not {list(array.shape)}",
                location=node.location,
            )
        self.replace([node], [np.array(array, node.dtype.numpy, order="C")])

    def replace(self, nodes: Sequence[Node], values: Sequence[Array]) -> None:
        """Put new arrays, which nobody else holds, in the place of old ones, all at once."""
        self._values = {**self._values, **dict(zip(nodes, values, strict=True))}
