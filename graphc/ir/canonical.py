"""A text that tells graphs apart: what a compiled program is looked up by.

The text form (`printer.py`) is for reading: it shortens locations and refers to large arrays by a
short name. This one leaves nothing out that a compiled program or its messages depend on, is not
meant to be read, and is fast to make.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from graphc.ir.graph import Graph
from graphc.ir.node import Node
from graphc.ir.opdef import AttrKind


def canonical_text(graph: Graph) -> str:
    """Equal for two graphs exactly if they compute the same with the same messages.

    Nodes are told by their place, so graphs that list equal nodes in another order differ.
    """
    places = {node: str(k) for k, node in enumerate(graph.nodes)}

    def listed(nodes: Iterable[Node]) -> str:
        return ",".join([places[node] for node in nodes])

    updates = [f"{places[variable]}={places[value]}" for variable, value in graph.updates]
    lines = [
        repr(graph.name),
        listed(graph.placeholders),
        listed(graph.variables),
        listed(graph.outputs),
        ",".join(updates),
        _guards(graph.guards),
    ]
    lines += [_node_text(node, places) for node in graph.nodes]
    return "\n".join(lines)


def _node_text(node: Node, places: Mapping[Node, str]) -> str:
    op, attrs, where = node.op, node.attrs, node.location
    inputs = ",".join([places[operand] for operand in node.inputs])
    given = ";".join([_attribute(kind, attrs[key]) for key, kind in op.attrs.items()])
    line = f"{where.line} {where.file!r}" if where else ""
    guards = _guards(node.guards) if node.guards else ""
    return f"{op.name}|{inputs}|{given}|{node.type}|{node.name!r}|{line}|{guards}"


def _guards(guards: Iterable[object]) -> str:
    return ",".join(map(str, guards))


def _attribute(kind: AttrKind, value: Any) -> str:
    match kind:
        case AttrKind.ARRAY:
            return _array(value)
        case AttrKind.GRAPH:
            return f"{{{canonical_text(value)}}}"
        case AttrKind.INTS | AttrKind.SHAPE:
            return ",".join(map(str, value))
        case AttrKind.FLOAT | AttrKind.TEXT:
            return repr(value)
        case _:
            return str(value)


def _array(array: np.ndarray[Any, Any]) -> str:
    whole = np.ascontiguousarray(array)
    digest = hashlib.sha256(whole.reshape(-1).view(np.uint8).data)
    return f"{array.dtype.str}{array.shape}{digest.hexdigest()}"
