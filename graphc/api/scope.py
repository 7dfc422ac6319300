"""Which graph is under construction: the innermost `with gc.Graph():` of this thread or task."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING

from graphc.errors import GraphError
from graphc.ir.location import capture

if TYPE_CHECKING:
    from graphc.api.graph import Graph

_open: ContextVar[tuple[Graph, ...]] = ContextVar("graphc_open_graphs", default=())


def innermost() -> Graph | None:
    """The graph of the innermost `with` block, if there is one."""
    graphs = _open.get()
    return graphs[-1] if graphs else None


def current(op: str) -> Graph:
    """The graph of the innermost `with` block; GraphError if there is none."""
    graph = innermost()
    if graph is None:
        raise GraphError(
            "there is no graph to build in; write it inside `with gc.Graph():`",
            op=op,
            location=capture(),
        )
    return graph


def enter(graph: Graph) -> None:
    """Open a graph; what is built goes there until `leave`."""
    _open.set((*_open.get(), graph))


def leave(graph: Graph) -> None:
    """Close the graph that was opened last."""
    graphs = _open.get()
    if not graphs or graphs[-1] is not graph:
        raise GraphError(f"{graph!r} is not the innermost graph that is open")
    _open.set(graphs[:-1])
