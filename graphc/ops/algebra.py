"""Arithmetic on nodes for derivative rules, where a number stands for a tensor filled with it."""

from __future__ import annotations

from graphc.ir.node import Node
from graphc.ops.declaring import ops, scalar_like

Operand = Node | float


def _pair(left: Operand, right: Operand) -> tuple[Node, Node]:
    if isinstance(left, Node):
        return left, right if isinstance(right, Node) else scalar_like(left, right)
    assert isinstance(right, Node), "one operand must be a node"
    return scalar_like(right, left), right


def add(left: Operand, right: Operand) -> Node:
    """left + right."""
    return ops.add(*_pair(left, right))


def sub(left: Operand, right: Operand) -> Node:
    """left - right."""
    return ops.sub(*_pair(left, right))


def mul(left: Operand, right: Operand) -> Node:
    """left * right."""
    return ops.mul(*_pair(left, right))


def div(left: Operand, right: Operand) -> Node:
    """left / right."""
    return ops.div(*_pair(left, right))


def neg(value: Node) -> Node:
    """-value."""
    return ops.neg(value)


def square(value: Node) -> Node:
    """value * value."""
    return ops.mul(value, value)


def equal(left: Operand, right: Operand) -> Node:
    """Whether left == right, by element."""
    return ops.eq(*_pair(left, right))


def less(left: Operand, right: Operand) -> Node:
    """Whether left < right, by element."""
    return ops.lt(*_pair(left, right))


def where(condition: Node, then: Operand, otherwise: Operand) -> Node:
    """`then` where the condition holds, else `otherwise`."""
    return ops.where(condition, *_pair(then, otherwise))
