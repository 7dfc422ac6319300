"""Constant folding: what does not depend on feeds or variables is computed while compiling.

Only ops declared `exact` are folded, with their NumPy reference: for others the machine code may
give other bits than NumPy.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from graphc.errors import GraphcError
from graphc.ir.dims import Dim
from graphc.ir.graph import CONSTANT, Graph
from graphc.ir.node import Node
from graphc.ir.opdef import Array, AttrKind, Kind, OpDef
from graphc.ir.types import TensorType
from graphc.ops import ops
from graphc.passes.rewriting import Rewrites, rewrite_graph

#: The most elements that a folded result may have.
MOST_ELEMENTS = 1024


def fold_constants(graph: Graph) -> Graph:
    """The graph with nodes whose inputs are all known replaced by constants."""
    return rewrite_graph(graph, Rewrites((Folding(),)))


class Folding:
    """The rewrite that computes a node; a program never takes more memory by it."""

    name = "folding"

    def concerns(self, op: OpDef) -> bool:
        return op.exact and op.kind is not Kind.STRUCTURE and op.name != CONSTANT

    def apply(self, node: Node) -> Node | None:
        arrays: list[Array] = []
        for operand in node.inputs:
            value = _known(operand)
            if value is None:
                return None
            arrays.append(value)
        if not _is_small(node) or not _has_known_attrs(node):
            return None
        stored = sum(_stored(operand).size for operand in set(node.inputs))
        if node.tensor.size > max(1, stored):
            return None
        result = _computed(node.op, node.attrs, arrays)
        if result is None:
            return None
        array = np.array(result, node.dtype.numpy, order="C")
        array.flags.writeable = False
        return ops.constant(value=array)


def _is_small(node: Node) -> bool:
    if not isinstance(node.type, TensorType):
        return False
    if any(isinstance(size, Dim) for size in node.type.shape):
        return False
    size = node.type.size
    return isinstance(size, int) and size <= MOST_ELEMENTS


def _has_known_attrs(node: Node) -> bool:
    return not any(
        isinstance(size, Dim)
        for key, kind in node.op.attrs.items()
        if kind is AttrKind.SHAPE
        for size in node.attrs[key]
    )


def _known(node: Node) -> Array | None:
    """The value of a constant, or of one broadcast to a shape that is known and small."""
    if node.op.name == CONSTANT:
        return _stored(node)
    if node.op.name != "broadcast_to" or node.inputs[0].op.name != CONSTANT or not _is_small(node):
        return None
    return np.broadcast_to(_stored(node), node.shape)  # type: ignore[arg-type] # no Dim in it


def _stored(node: Node) -> Array:
    """The array that the program holds for a known node."""
    source = node if node.op.name == CONSTANT else node.inputs[0]
    value: Array = source.attrs["value"]
    return value


def _computed(op: OpDef, attrs: Mapping[str, Any], arrays: list[Array]) -> Array | None:
    """The op's result; None for what is an error when it runs, so that it stays one then."""
    try:
        with np.errstate(all="ignore"):
            result: Array = op.reference(attrs, *arrays)
            return result
    except GraphcError:
        return None
