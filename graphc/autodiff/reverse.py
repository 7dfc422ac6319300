"""Reverse accumulation: from cotangents of results to cotangents of inputs, as graph nodes."""

from __future__ import annotations

from collections.abc import Sequence

from graphc.errors import GradientError
from graphc.ir.graph import topological
from graphc.ir.location import created_at, derived_from
from graphc.ir.node import Node
from graphc.ir.opdef import NoDerivative
from graphc.ir.types import TensorType, TupleType
from graphc.ops.declaring import sum_of
from graphc.ops.structure import item

#: Of a tensor, or of each of several results.
Cotangent = Node | tuple[Node | None, ...]


def cotangents(ys: Sequence[Node], xs: Sequence[Node], seeds: Sequence[Node]) -> list[Node | None]:
    """For each x the sum over ys of seed * dy/dx; None for an x on which no y depends.

    An integer or bool x has no derivative: None. If one x depends on another, the other's dy/dx
    takes in what goes through the first. Linear in the number of nodes between xs and ys.
    GradientError if the way leads through an op that cannot be differentiated. The nodes made
    point at the user's line of the primal node.
    """
    order = topological(ys)
    active = dependents(order, xs)
    arrived: dict[Node, list[Node]] = {}
    for y, seed in zip(ys, seeds, strict=True):
        if y in active:
            arrived.setdefault(y, []).append(seed)
    wanted, found = set(xs), {}
    parts: dict[Node, dict[int, Node]] = {}  # of nodes with several results
    for node in reversed(order):
        if node not in active or (node not in arrived and node not in parts):
            continue
        with created_at(derived_from(node.location)):
            if node in parts:
                _push(node, _all_parts(node, parts.pop(node)), active, arrived)
                continue
            total = sum_of(arrived.pop(node))
            if node in wanted:
                found[node] = total
            if node.op is item:
                known, k = parts.setdefault(node.inputs[0], {}), node.attrs["k"]
                known[k] = sum_of([known[k], total]) if k in known else total
            else:
                _push(node, total, active, arrived)
    return [found.get(x) for x in xs]


def _all_parts(node: Node, known: dict[int, Node]) -> tuple[Node | None, ...]:
    """The cotangent of each result of a node, None where there is none."""
    assert isinstance(node.type, TupleType)
    return tuple(known.get(k) for k in range(len(node.type.elements)))


def dependents(order: Sequence[Node], xs: Sequence[Node]) -> set[Node]:
    """The nodes, of those in order and xs, that a derivative can reach from xs."""
    active = {x for x in xs if has_floats(x)}
    for node in order:
        if node in active or not is_differentiable(node):
            continue
        if any(operand in active for operand in node.inputs):
            active.add(node)
    return active


def is_differentiable(node: Node) -> bool:
    """Whether the node is more than locally constant in its inputs."""
    return has_floats(node) and not (isinstance(node.op.vjp, NoDerivative) and node.op.vjp.zero)


def has_floats(node: Node) -> bool:
    """Whether the node's values can move continuously."""
    return not isinstance(node.type, TensorType) or node.type.dtype.is_float


def _push(node: Node, g: Cotangent, active: set[Node], arrived: dict[Node, list[Node]]) -> None:
    """Hand the node's cotangent on to its inputs."""
    if not is_differentiable(node) or not any(operand in active for operand in node.inputs):
        return
    if isinstance(node.op.vjp, NoDerivative):
        raise GradientError(
            f"cannot be differentiated: it {node.op.vjp.reason}",
            op=node.op.name,
            location=node.location,
        )
    for operand, part in zip(node.inputs, node.op.vjp(node, g), strict=True):
        if part is not None and operand in active:
            arrived.setdefault(operand, []).append(part)
