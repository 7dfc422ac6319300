"""Rewrites of reductions, scans and sorts along axes that hold one element, or along none.

Each is exact: it gives the bits that combining that one element gives.
"""

from __future__ import annotations

import numpy as np

from graphc.ir.dtypes import int64
from graphc.ir.node import Node
from graphc.ops import ops
from graphc.passes.numbers import are_all, repeated
from graphc.passes.rewriting import NodeRule

_OVER_AXES = ("sum", "prod", "max", "min", "any", "all")
_ALONG_AXIS = ("cumsum", "cumprod", "sort")
_POSITIONS = ("argmax", "argmin", "argsort")


def reduction_of_one(node: Node) -> Node | None:
    """Over axes of size 1, or none, there is nothing to combine.

    Sums of floats are left alone: one that starts from 0.0 turns -0.0 into 0.0.
    """
    (x,) = node.inputs
    if node.op is ops.sum and node.dtype.is_float:
        return None
    if not are_all([x.shape[axis] for axis in node.attrs["axes"]], 1):
        return None
    return ops.reshape(x, shape=node.shape)


def reduction_in_order(node: Node) -> Node | None:
    """Axes are named in ascending order: their order does not count."""
    axes = tuple(node.attrs["axes"])
    if axes == tuple(sorted(axes)):
        return None
    return node.op(node.inputs[0], axes=tuple(sorted(axes)))


def scan_of_one(node: Node) -> Node | None:
    """A running sum or product of one element, or that element sorted, is the element."""
    (x,) = node.inputs
    return x if x.shape[node.attrs["axis"]] == 1 else None


def position_of_one(node: Node) -> Node | None:
    """Among one element the position is 0."""
    (x,) = node.inputs
    if x.shape[node.attrs["axis"]] != 1:
        return None
    return repeated(ops.constant(value=np.asarray(0, int64.numpy)), node.shape)


REDUCTION_RULES: tuple[NodeRule, ...] = (
    NodeRule(_OVER_AXES, reduction_of_one),
    NodeRule(_OVER_AXES, reduction_in_order),
    NodeRule(_ALONG_AXIS, scan_of_one),
    NodeRule(_POSITIONS, position_of_one),
)
