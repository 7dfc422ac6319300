"""Graphs compiled and run without a session."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from graphc.codegen.executable import Role
from graphc.codegen.target import Target
from graphc.compiler import Compilation, compile_graph
from graphc.ir.graph import Graph
from graphc.ir.node import Node
from graphc.memory.plan import ALIGNMENT
from graphc.runtime.native import Native
from tests.properties.pairing import Array


class Compiled:
    """A graph as machine code in this process."""

    def __init__(self, graph: Graph, target: Target | None = None) -> None:
        self.graph = graph
        self.compilation: Compilation = compile_graph(graph, target)
        assert self.compilation.executable is not None
        self.executable = self.compilation.executable
        self.native = Native(self.executable)

    def __call__(self, feeds: Mapping[Node, Array], memory: int = 0xFF) -> list[Array]:
        """The outputs; feeds must be contiguous arrays of the declared dtypes.

        `memory` is the byte of which the arena and the results are full beforehand (255: NaN).
        """
        placeholders = [feeds[node] for node in self.graph.placeholders]
        variables = [feeds[node] for node in self.graph.variables]
        signature = self.native.signature(placeholders)
        results = self.native.fresh(Role.OUTPUT, signature)
        arena = np.full(signature.layout.total + ALIGNMENT, memory, np.uint8)
        self.native._arenas[:] = [arena]
        for array in results:
            array.reshape(-1).view(np.uint8).fill(memory)
        self.native.call(signature, placeholders, variables, results, [])
        return results


def same_bits(left: Sequence[Array], right: Sequence[Array]) -> list[bool]:
    """Whether arrays have the same type, shape and bits (any NaN being equal to any)."""
    return [
        a.dtype == b.dtype and a.shape == b.shape and _bits(a) == _bits(b)
        for a, b in zip(left, right, strict=True)
    ]


def _bits(x: Array) -> bytes:
    if x.dtype.kind == "f":
        x = x.copy()
        x[x != x] = float("nan")
    return x.tobytes()
