"""The NumPy interpreter: every graph node by node, for tests and for those who doubt a result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from graphc.errors import GraphcError
from graphc.ir import dims
from graphc.ir.dims import Dim
from graphc.ir.graph import Graph
from graphc.ir.node import Node
from graphc.ir.opdef import Array
from graphc.ir.types import TensorType


def evaluate(
    graph: Graph, inputs: Mapping[Node, Array], symbols: Mapping[str, int] | None = None
) -> tuple[list[Array], list[Array]]:
    """(outputs, new values of the updated variables), given placeholders and variables.

    `symbols` gives the sizes of symbolic dims; without it they are read off the inputs.
    """
    sizes = dict(symbols) if symbols is not None else bind_sizes(graph, inputs)
    values: dict[Node, Any] = {}
    with np.errstate(all="ignore"):
        for node in graph.nodes:
            values[node] = inputs[node] if node in inputs else _compute(node, values, sizes)
            sizes |= _found_out(node, values[node], sizes)
    return (
        [np.array(values[node], order="C") for node in graph.outputs],
        [np.array(values[value], order="C") for _, value in graph.updates],
    )


def bind_sizes(graph: Graph, inputs: Mapping[Node, Array]) -> dict[str, int]:
    """The value of each symbol that stands alone as a dim of some input."""
    sizes: dict[str, int] = {}
    for node in (*graph.placeholders, *graph.variables):
        for dim, size in zip(node.shape, inputs[node].shape, strict=True):
            if isinstance(dim, Dim) and {str(dim)} == dims.symbols(dim):
                sizes.setdefault(str(dim), size)
    return sizes


def _found_out(node: Node, value: Any, sizes: Mapping[str, int]) -> dict[str, int]:
    """Sizes that are known only now: of what loops have recorded."""
    if isinstance(node.type, TensorType):
        return {}
    return {
        str(dim): size
        for type_, array in zip(node.type.elements, value, strict=True)
        for dim, size in zip(type_.shape, array.shape, strict=True)
        if isinstance(dim, Dim) and str(dim) not in sizes and {str(dim)} == dims.symbols(dim)
    }


def _compute(node: Node, values: Mapping[Node, Any], sizes: Mapping[str, int]) -> Any:
    attrs = {key: known(value, sizes) for key, value in node.attrs.items()}
    try:
        result = node.op.reference(attrs, *(values[operand] for operand in node.inputs))
    except GraphcError as error:
        raise type(error)(error.message, op=node.op.name, location=node.location) from None
    if isinstance(node.type, TensorType):
        return np.asarray(result, node.type.dtype.numpy)
    return result


def known(value: Any, sizes: Mapping[str, int]) -> Any:
    """An attribute with its symbolic dims replaced by their values, and graphs by functions."""
    if isinstance(value, Dim):
        return dims.evaluate(value, sizes)
    if isinstance(value, Graph):
        return _Function(value, sizes)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return tuple(known(part, sizes) for part in value)
    return value


class _Function:
    """A graph inside of an op as a function of arrays."""

    def __init__(self, graph: Graph, sizes: Mapping[str, int]) -> None:
        self._graph, self._sizes = graph, sizes

    def __call__(self, *arrays: Array) -> list[Array]:
        inputs = dict(zip(self._graph.placeholders, arrays, strict=True))
        return evaluate(self._graph, inputs, self._sizes)[0]

    def empty(self) -> list[Array]:
        """Arrays of the types that it returns."""
        return [
            np.zeros(known(node.shape, self._sizes), node.dtype.numpy)
            for node in self._graph.outputs
        ]
