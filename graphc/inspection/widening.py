"""A program in double precision, in which everything that it is given is fed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from graphc.ir.dtypes import DType, float64
from graphc.ir.graph import PLACEHOLDER, VARIABLE, Graph, extract
from graphc.ir.location import created_at
from graphc.ir.node import Node
from graphc.ops.declaring import ops


def widened(graph: Graph) -> Graph:
    """The graph's outputs, with float64 for every floating-point dtype.

    Its placeholders are the graph's, then its variables; updates are left out.
    """
    mapping: dict[Node, Node] = {}
    for node in graph.nodes:
        mapping[node] = _widened_node(node, [mapping[operand] for operand in node.inputs])
    inputs = [mapping[node] for node in (*graph.placeholders, *graph.variables)]
    found = extract(graph.name, [mapping[node] for node in graph.outputs], inputs=inputs)
    return replace(found, guards=tuple(dict.fromkeys([*graph.guards, *found.guards])))


def _widened_node(node: Node, inputs: Sequence[Node]) -> Node:
    with created_at(node.location):
        if node.op.name in (PLACEHOLDER, VARIABLE):
            return ops.placeholder(shape=node.shape, dtype=_wide(node.dtype), name=node.name)
        attrs = {key: _wide(value) for key, value in node.attrs.items()}
        return node.op(*inputs, name=node.name, **attrs)


def _wide(value: Any) -> Any:
    """An attribute with float64 in place of other floats; numbers in arrays stay what they are."""
    if isinstance(value, DType):
        return float64 if value.is_float else value
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        return value.astype(float64.numpy)
    return widened(value) if isinstance(value, Graph) else value
