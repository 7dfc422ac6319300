"""Operands that must be matrices, or stacks of them in the last two dims."""

from __future__ import annotations

from graphc.api.blame import fail_dtype, fail_shape
from graphc.api.broadcasting import common_shape, fitted
from graphc.api.manipulation import reshaped
from graphc.api.operands import TensorLike, to_node
from graphc.ir.dims import unify
from graphc.ir.node import Node
from graphc.ops.algebra import add, mul
from graphc.ops.contraction import transposed


def matrix_node(op: str, x: TensorLike) -> Node:
    """The node of matrices; ShapeError for one of less than two dims."""
    node = to_node(op, x)
    if len(node.shape) < 2:
        fail_shape(op, f"needs a matrix, or a stack of them, not {node.type}")
    return node


def square_node(op: str, x: TensorLike) -> Node:
    """The node with one size for rows and columns, which may still differ when it is fed."""
    return as_square(op, matrix_node(op, x))


def as_square(op: str, node: Node) -> Node:
    """The node of matrices with one size for rows and columns; ShapeError if they differ."""
    *lead, rows, columns = node.shape
    found = unify(rows, columns)
    if found is None:
        fail_shape(op, f"needs as many rows as columns, not {node.type}")
    size, _ = found
    return fitted(node, (*lead, size, size))


def symmetric_node(op: str, x: TensorLike) -> Node:
    """The symmetric part (x + x.T)/2 of square matrices."""
    node = square_node(op, x)
    half = mul(node, 0.5)
    return add(half, transposed(half))


def system_nodes(op: str, a: Node, b: Node) -> tuple[Node, Node, bool]:
    """Both sides of systems with the same leading dims, and whether b was a single vector."""
    if len(a.shape) < 2 or not b.shape:
        fail_shape(op, f"needs a matrix and at least a vector, not {a.type} and {b.type}")
    is_vector = len(b.shape) == 1
    b = reshaped(b, (*b.shape, 1)) if is_vector else b
    lead = common_shape(op, [a.shape[:-2], b.shape[:-2]])
    left, right = (fitted(node, (*lead, *node.shape[-2:])) for node in (a, b))
    return left, right, is_vector


def check_float(op: str, node: Node) -> None:
    """DTypeError for anything but floating point."""
    if not node.dtype.is_float:
        fail_dtype(op, f"needs floating point, not {node.dtype.name}; convert with gc.astype")
