"""Python functions of tensors, called once to see what they build.

The function is called with parameters, placeholders that only what it builds reads. All that it
builds is in the graph under construction, so it may use tensors from around it; what depends on
the parameters is then cut out as a body.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from graphc.api.blame import fail_graph
from graphc.api.graph import Graph
from graphc.api.nesting import leaves_of
from graphc.api.operands import graph_of, is_operand, to_node
from graphc.api.tensor import Tensor
from graphc.control.bodies import parameter_like
from graphc.ir.dtypes import DType
from graphc.ir.node import Node


def operand_nodes(op: str, value: Any, dtypes: Sequence[DType | None] = ()) -> list[Node]:
    """The nodes of the leaves of a nested value; numbers take the dtypes, if there are any."""
    leaves = leaves_of(value)
    kinds = dtypes if len(dtypes) == len(leaves) else [None] * len(leaves)
    for leaf in leaves:
        if not is_operand(leaf):
            fail_graph(op, f"takes tensors, numbers and arrays, nested; not {leaf!r}")
    return [to_node(op, leaf, dtype) for leaf, dtype in zip(leaves, kinds, strict=True)]


def graph_for(op: str, *values: Any) -> Graph:
    """The graph of the tensors in nested values, or else the one under construction."""
    return graph_of(op, *(leaf for value in values for leaf in leaves_of(value)))


def parameters_like(graph: Graph, nodes: Sequence[Node]) -> list[Tensor]:
    """A parameter for each of the nodes, as tensors."""
    return [graph.tensor(parameter_like(node)) for node in nodes]


@contextmanager
def inside(graph: Graph, op: str) -> Iterator[Collection[Node]]:
    """What is built in the block belongs to the body of an op; yields what there was before.

    Tensors that it names or makes are none of the graph's own; variables and placeholders are.
    GraphError for an assignment, which could take effect only at the end of a run.
    """
    mark = graph.mark()
    with graph:
        yield mark.tensors
    if graph.assignments[mark.assignments :]:
        assignment = graph.assignments[mark.assignments]
        graph.forget(mark)
        fail_graph(
            op,
            f"{assignment.variable!r} is assigned inside of the function ({assignment.location}); "
            "return the value, and assign what the operation gives",
        )
    graph.forget(mark)


def called(function: Callable[..., Any], arguments: Sequence[Any], op: str, what: str) -> Any:
    """What a function gives; GraphError if it is no function of so many arguments."""
    if not callable(function):
        fail_graph(op, f"{what} must be a function, not {function!r}")
    try:
        inspect.signature(function).bind(*arguments)
    except TypeError as error:
        parts = ", the parts of the state" if op == "while_loop" and len(arguments) > 1 else ""
        fail_graph(op, f"{what} is called with {len(arguments)} arguments{parts}: {error}")
    except ValueError:  # a function of which nothing is known, written in C
        pass
    return function(*arguments)
