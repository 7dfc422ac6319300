"""A program for a set of fetches, joined to the variables of a session."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any, Protocol

import numpy as np

from graphc.codegen.executable import Executable, Input
from graphc.ir import dims
from graphc.ir.dtypes import DType
from graphc.ir.graph import Graph
from graphc.ir.node import Node
from graphc.runtime.binding import bind
from graphc.runtime.calling import BoundStep
from graphc.runtime.fetches import Fetches
from graphc.runtime.minibatches import Minibatches
from graphc.runtime.program import Program
from graphc.runtime.variables import Variables

Array = np.ndarray[Any, Any]
Shape = tuple[int, ...]


class Step(Protocol):
    """Computes outputs from placeholders and variables, and assigns variables."""

    @property
    def nodes(self) -> tuple[Node, ...]:
        """The placeholders."""
        ...

    @property
    def placeholders(self) -> tuple[Input, ...]:
        """The placeholders as the program declares them."""
        ...

    @property
    def executable(self) -> Executable | None:
        """The compiled program, if it is one."""
        ...

    @property
    def output_dtypes(self) -> list[DType]:
        """The dtypes of the outputs."""
        ...

    def check_open(self) -> None:
        """SessionError once the session is closed."""
        ...

    def output_shapes(self, shapes: Sequence[Shape]) -> Sequence[Shape]:
        """Shapes of the outputs, given those of the placeholders; FeedError if they do not fit."""
        ...

    def callable_for(self, fetches: Fetches, order: Sequence[Node]) -> BoundStep:
        """A callable of feeds in that order."""
        ...

    def wake(self) -> None:
        """Let those who wait for a run look whether their turn has come."""
        ...

    def compute(self, arrays: Sequence[Array], out: Sequence[Array | None]) -> Sequence[Array]:
        """The outputs of a run, in the arrays of `out` where there are some."""
        ...

    def repeat(self, batches: Minibatches, out: Sequence[Array]) -> None:
        """Run with one minibatch after the other, and put each run's outputs into rows of `out`."""
        ...


class PlainStep:
    """A step whose every run goes through Python.

    So runs the reference interpreter, and machine code where the native call path cannot be used.
    """

    def __init__(self, graph: Graph, program: Program, variables: Variables) -> None:
        self._program = program
        self._variables, self._graph = variables, graph
        self._reads = graph.variables
        self._writes = [variable for variable, _ in graph.updates]
        self.nodes, self.placeholders = graph.placeholders, program.placeholders
        self.output_dtypes = [node.dtype for node in graph.outputs]

    @property
    def executable(self) -> Executable | None:
        """See `Step`."""
        return self._program.executable

    def callable_for(self, fetches: Fetches, order: Sequence[Node]) -> BoundStep:
        """See `Step`."""
        return BoundStep(self, fetches, order)

    def wake(self) -> None:
        """Nobody waits in native code."""

    def check_open(self) -> None:
        """See `Step`."""
        self._variables.check_open()

    def output_shapes(self, shapes: Sequence[Shape]) -> Sequence[Shape]:
        """See `Step`."""
        symbols = bind(self.placeholders, shapes, self._graph.guards)
        return [
            tuple(dims.evaluate(size, symbols) for size in node.shape)
            for node in self._graph.outputs
        ]

    def compute(self, arrays: Sequence[Array], out: Sequence[Array | None]) -> Sequence[Array]:
        """See `Step`."""
        variables = self._variables
        with variables.updating if self._writes else nullcontext():
            self.check_open()
            outputs, updates = self._program.run(arrays, variables.read(self._reads))
            if self._writes:
                variables.replace(self._writes, updates)
        for array, value in zip(out, outputs, strict=True):
            if array is not None:
                np.copyto(array, value)
        pairs = zip(out, outputs, strict=True)
        return [value if array is None else array for array, value in pairs]

    def repeat(self, batches: Minibatches, out: Sequence[Array]) -> None:
        """See `Step`."""
        for step, arrays in enumerate(batches):
            values = self.compute(arrays, [None] * len(out))
            for stacked, value in zip(out, values, strict=True):
                stacked[step] = value


def empty_rows(step: Step, batches: Minibatches) -> list[Array]:
    """Arrays for the outputs of all runs, without content."""
    shapes = step.output_shapes(batches.shapes)
    return [
        np.empty((batches.steps, *shape), dtype.numpy)
        for shape, dtype in zip(shapes, step.output_dtypes, strict=True)
    ]
