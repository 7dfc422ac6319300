"""Nodes that hold one number, whatever their shape."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from graphc.ir.graph import CONSTANT
from graphc.ir.node import Node
from graphc.ir.opdef import Array
from graphc.ir.types import Shape
from graphc.ops import ops


def number(node: Node) -> Array | None:
    """The number with which a constant, or one broadcast, is filled, as an array of no dims.

    None if the node is something else or holds more than one element of its own.
    """
    source = node.inputs[0] if node.op.name == "broadcast_to" else node
    if source.op.name != CONSTANT or source.attrs["value"].size != 1:
        return None
    return np.asarray(source.attrs["value"], source.dtype.numpy).reshape(())


def has_one_element(node: Node) -> bool:
    """Whether every dim is known to be 1 (a scalar has none)."""
    return all(size == 1 for size in node.shape)


def one_element_source(node: Node) -> Node | None:
    """The single element that a node repeats, if it is a broadcast of one."""
    if node.op.name == "broadcast_to" and has_one_element(node.inputs[0]):
        return node.inputs[0]
    return None


def repeated(element: Node, shape: Shape) -> Node:
    """One element, of any rank, repeated over a shape."""
    single = element if element.shape == () else ops.reshape(element, shape=())
    return single if shape == () else ops.broadcast_to(single, shape=shape)


def same_bits(first: Array, second: Array) -> bool:
    """Whether two numbers are the same in dtype and bits, so that -0.0 is not 0.0."""
    return first.dtype == second.dtype and first.tobytes() == second.tobytes()


def are_all(sizes: Sequence[object], value: int) -> bool:
    """Whether every size is known to be the value."""
    return all(size == value for size in sizes)
