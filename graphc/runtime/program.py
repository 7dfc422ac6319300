"""One set of fetches made runnable, by machine code or by the reference interpreter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from graphc.codegen.caching.object_cache import current_cache
from graphc.codegen.executable import Executable, Input, Role
from graphc.compiler import compile_graph, declared_input
from graphc.ir.graph import Graph
from graphc.runtime.binding import bind
from graphc.runtime.native import Native
from graphc.runtime.reference import evaluate

Array = np.ndarray[Any, Any]


class Program(Protocol):
    """Computes outputs and new values of variables from placeholders and variables."""

    placeholders: tuple[Input, ...]
    executable: Executable | None

    def run(
        self, placeholders: Sequence[Array], variables: Sequence[Array]
    ) -> tuple[list[Array], list[Array]]:
        """(outputs, updates), all fresh; raises before anything changes."""
        ...


class NativeProgram:
    """A graph compiled to machine code."""

    def __init__(self, graph: Graph) -> None:
        compiled = compile_graph(graph, cache=current_cache()).executable
        assert compiled is not None
        self.executable: Executable | None = compiled
        self.placeholders = compiled.placeholders
        self.native = Native(compiled)

    def run(
        self, placeholders: Sequence[Array], variables: Sequence[Array]
    ) -> tuple[list[Array], list[Array]]:
        """Run the machine code."""
        native = self.native
        signature = native.signature(placeholders)
        outputs = native.fresh(Role.OUTPUT, signature)
        updates = native.fresh(Role.UPDATE, signature)
        native.call(signature, placeholders, variables, outputs, updates)
        return outputs, updates


class ReferenceProgram:
    """A graph interpreted node by node with NumPy, without passes: slow, and plainly right."""

    executable: Executable | None = None

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self.placeholders = tuple(declared_input(node) for node in graph.placeholders)

    def run(
        self, placeholders: Sequence[Array], variables: Sequence[Array]
    ) -> tuple[list[Array], list[Array]]:
        """Interpret the graph."""
        graph = self._graph
        shapes = [array.shape for array in placeholders]
        symbols = bind(self.placeholders, shapes, graph.guards)
        inputs = dict(zip(graph.placeholders, placeholders, strict=True))
        inputs |= dict(zip(graph.variables, variables, strict=True))
        return evaluate(graph, inputs, symbols)
