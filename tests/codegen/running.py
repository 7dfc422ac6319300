"""Small programs compiled once and run on many feeds, with fences around all their memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.codegen.executable import Role
from graphc.codegen.target import Target
from graphc.compiler import Compilation, compile_graph
from graphc.ir.graph import extract
from graphc.ir.node import Node
from graphc.runtime.native import Native
from tests.codegen.fences import Fenced, fenced_copy

Array = np.ndarray[Any, Any]


class Program:
    """Outputs as a function of placeholders, as machine code in this process."""

    def __init__(
        self, inputs: Sequence[Node], outputs: Sequence[Node], target: Target | None = None
    ) -> None:
        graph = extract("test", outputs, inputs=inputs)
        self.compilation: Compilation = compile_graph(graph, target, verify=True)
        assert self.compilation.executable is not None
        self._native = Native(self.compilation.executable)

    def __call__(self, *feeds: Array) -> list[Array]:
        """Run with every feed and result directly before a fence, and again directly behind one.

        Both must give the same bits.
        """
        first, second = self._run(feeds, behind=False), self._run(feeds, behind=True)
        for one, other in zip(first, second, strict=True):
            assert one.tobytes() == other.tobytes()
        return first

    def _run(self, feeds: Sequence[Array], behind: bool) -> list[Array]:
        given = [fenced_copy(np.asarray(feed), behind=behind) for feed in feeds]
        signature = self._native.signature(given)
        fresh = self._native.fresh(Role.OUTPUT, signature)
        results = [Fenced(array.shape, array.dtype, behind=behind) for array in fresh]
        self._native.call(signature, given, [], [result.array for result in results], [])
        for result in results:
            result.check()
        return [result.array.copy() for result in results]
