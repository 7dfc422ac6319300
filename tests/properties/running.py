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
from graphc.runtime.reference import evaluate
from graphc.schedule.reasons import Why
from tests.codegen.fences import Fenced, fenced_copy
from tests.properties.pairing import Array, Sizes


class Compiled:
    """A graph as machine code in this process."""

    def __init__(self, graph: Graph, target: Target | None = None) -> None:
        self.graph = graph
        self.compilation: Compilation = compile_graph(graph, target)
        assert self.compilation.executable is not None
        schedule = self.compilation.schedule
        assert schedule is not None
        assert all(one.why is not Why.UNPROVEN for one in schedule.separations), "a rule is missing"
        self.executable = self.compilation.executable
        self.native = Native(self.executable)

    def __call__(
        self, feeds: Mapping[Node, Array], memory: int = 0xFF, pool: int | None = None
    ) -> list[Array]:
        """The outputs; feeds must be arrays of the declared dtypes.

        `memory` is the byte of which the arena and the results are full beforehand (255: NaN).
        Everything lies before a fence: reading or writing beyond it ends the process. `pool` is
        the address of a thread pool.
        """
        placeholders = [fenced_copy(feeds[node]) for node in self.graph.placeholders]
        variables = [fenced_copy(feeds[node]) for node in self.graph.variables]
        signature = self.native.signature(placeholders)
        arena = Fenced((signature.layout.total + ALIGNMENT,), np.uint8)
        self.native._arenas[:] = [arena.array]
        fresh = self.native.fresh(Role.OUTPUT, signature)
        results = [Fenced(array.shape, array.dtype) for array in fresh]
        for area in (arena, *results):
            area.array.reshape(-1).view(np.uint8).fill(memory)
        arrays = [result.array for result in results]
        self.native.call(signature, placeholders, variables, arrays, [], pool)
        for area in (arena, *results):
            area.check()
        assert np.all(arena.array[signature.layout.total :] == memory)
        return [result.array.copy() for result in results]


def interpret(
    graph: Graph, original: Graph, feeds: Mapping[Node, Array], sizes: Sizes
) -> list[Array]:
    """The outputs by the reference interpreter; inputs are those of the original, by place."""
    given = (*original.placeholders, *original.variables)
    own = (*graph.placeholders, *graph.variables)
    inputs = {mine: feeds[other] for mine, other in zip(own, given, strict=True)}
    return evaluate(graph, inputs, sizes)[0]


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
