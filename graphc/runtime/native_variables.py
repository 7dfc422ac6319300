"""The values of variables in memory that compiled programs write to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from graphc.codegen.calls.layout import Cell, State
from graphc.errors import SessionError
from graphc.ir.node import Node
from graphc.runtime.call_code import CallCode
from graphc.runtime.turns import Turns
from graphc.runtime.variables import fitting
from graphc.runtime.words import zeros

Array = np.ndarray[Any, Any]


class Place:
    """Where a variable is: its value, and memory of the same size for the next one if need be.

    Programs that cannot write a new value over the old one write it to the spare memory, and then
    exchange the two.
    """

    def __init__(self, value: Array) -> None:
        self._memory = [value.copy()]
        self.words = zeros(len(Cell))
        self.words[Cell.CURRENT] = self._memory[0].ctypes.data
        self.nbytes = value.nbytes

    @property
    def value(self) -> Array:
        """The current value itself."""
        current = self.words[Cell.CURRENT]
        return next(array for array in self._memory if array.ctypes.data == current)

    def need_spare(self) -> None:
        """Have memory for a second value from now on."""
        if len(self._memory) == 1:
            self._memory.append(np.empty_like(self._memory[0]))
        if not self.words[Cell.SPARE]:
            self.words[Cell.SPARE] = self._memory[1].ctypes.data


class NativeVariables:
    """A place for each variable, used in turns.

    Whoever reads or writes values does so inside `turns.during`.
    """

    def __init__(self, initial: Mapping[Node, Array], code: CallCode) -> None:
        self.turns = Turns(code)
        self.free_turns = Turns(code)  # for programs that use no variable
        self._places: dict[Node, Place] = {}
        self.add(initial)

    def add(self, initial: Mapping[Node, Array]) -> None:
        """Take in variables that were declared after the session was opened."""
        for node, value in initial.items():
            if node not in self._places:
                self._places.setdefault(node, Place(value))

    def places(self, nodes: Iterable[Node]) -> list[Place]:
        """Where these variables are."""
        return [self._places[node] for node in nodes]

    def get(self, node: Node) -> Array:
        """A copy of the current value."""
        return self.turns.during(False, lambda: self._open(node).value.copy())

    def set(self, node: Node, value: Any) -> None:
        """Write a value of the variable's dtype and shape."""
        array = fitting(node, value)
        self.turns.during(True, lambda: np.copyto(self._open(node).value, array))

    def read(self, nodes: Iterable[Node]) -> list[Array]:
        """Copies of the values at one moment."""
        return self.turns.during(False, lambda: [self._open(n).value.copy() for n in nodes])

    def check_open(self) -> None:
        """SessionError once closed."""
        if self.turns.state[State.CLOSED]:
            raise SessionError("the session is closed")

    def close(self) -> None:
        """Forget all values, after the runs that use them."""
        for turns in (self.turns, self.free_turns):
            turns.state[State.CLOSED] = 1
        self.free_turns.during(True, lambda: None)
        self.turns.during(True, self._places.clear)

    def _open(self, node: Node) -> Place:
        self.check_open()
        return self._places[node]
