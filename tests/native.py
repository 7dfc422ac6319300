"""Runs nodes natively, without a session, for tests below the API."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from graphc.codegen.executable import Role
from graphc.compiler import compile_graph
from graphc.ir.graph import extract
from graphc.ir.node import Node
from graphc.runtime.feeds import as_input
from graphc.runtime.native import Native

Array = np.ndarray[Any, Any]
Feeds = Mapping[Node, Array]


def run_native(outputs: Sequence[Node], feeds: Feeds, *, verify: bool = False) -> list[Array]:
    """Compile and run; feeds are converted as the session converts them."""
    return compile_native(outputs, verify=verify)(feeds)


def compile_native(
    outputs: Sequence[Node], *, verify: bool = False
) -> Callable[[Feeds], list[Array]]:
    """Compile once; the result runs on any feeds."""
    graph = extract("test", outputs)
    executable = compile_graph(graph, verify=verify).executable
    assert executable is not None
    native = Native(executable)
    names = [*executable.placeholders, *executable.variables]

    def run(feeds: Feeds) -> list[Array]:
        nodes = (*graph.placeholders, *graph.variables)
        arrays = [as_input(name, feeds[node]) for name, node in zip(names, nodes, strict=True)]
        count = len(graph.placeholders)
        signature = native.signature(arrays[:count])
        results = native.fresh(Role.OUTPUT, signature)
        native.call(signature, arrays[:count], arrays[count:], results, [])
        return results

    return run
