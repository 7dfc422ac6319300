"""Reverse accumulation: from cotangents of results to cotangents of inputs, as graph nodes."""

from __future__ import annotations

from collections.abc import Sequence

from graphc.autodiff.branches import Branches, Cotangent, seeded
from graphc.errors import GradientError
from graphc.ir.graph import topological
from graphc.ir.location import created_at, derived_from
from graphc.ir.node import Node
from graphc.ir.opdef import NoDerivative
from graphc.ir.types import TensorType, TupleType
from graphc.ops import ops
from graphc.ops.structure import item


def cotangents(ys: Sequence[Node], xs: Sequence[Node], seeds: Sequence[Node]) -> list[Node | None]:
    """For each x the sum over ys of seed * dy/dx; None for an x on which no y depends.

    An integer or bool x has no derivative: None. If one x depends on another, the other's dy/dx
    takes in what goes through the first. Where a `where` takes one branch, what the other one's
    derivative is does not count, infinite or NaN. Linear in the number of nodes between xs and ys.
    GradientError if the way leads through an op that cannot be differentiated. The nodes made
    point at the user's line of the primal node.
    """
    order = topological(ys)
    active = dependents(order, xs)
    arrived: dict[Node, list[Cotangent]] = {}
    for y, seed in zip(ys, seeds, strict=True):
        if y in active:
            arrived.setdefault(y, []).append(seeded(seed))
    wanted, found = set(xs), {}
    parts: dict[Node, list[Node | None]] = {}  # of nodes with several results
    branches = Branches()
    for node in reversed(order):
        if node not in active or (node not in arrived and node not in parts):
            continue
        with created_at(derived_from(node.location)):
            if node in parts:
                _push(node, tuple(parts.pop(node)), branches, active, arrived)
                continue
            total = branches.total(arrived.pop(node))
            if node in wanted:
                found[node] = branches.settled(total)
            if node.op is item:
                _gather(node, branches.settled(total), parts)
            else:
                _push(node, total, branches, active, arrived)
    return [found.get(x) for x in xs]


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


def _gather(node: Node, g: Node, parts: dict[Node, list[Node | None]]) -> None:
    """Add the cotangent of one of several results to what is known of all of them."""
    (whole,), k = node.inputs, node.attrs["k"]
    assert isinstance(whole.type, TupleType)
    known = parts.setdefault(whole, [None] * len(whole.type.elements))
    earlier = known[k]
    known[k] = g if earlier is None else ops.add(earlier, g)


def _push(
    node: Node,
    g: Cotangent | tuple[Node | None, ...],
    branches: Branches,
    active: set[Node],
    arrived: dict[Node, list[Cotangent]],
) -> None:
    """Hand the node's cotangent, or those of its results, on to its inputs."""
    if not is_differentiable(node) or not any(operand in active for operand in node.inputs):
        return
    if isinstance(node.op.vjp, NoDerivative):
        raise GradientError(
            f"cannot be differentiated: it {node.op.vjp.reason}",
            op=node.op.name,
            location=node.location,
        )
    for operand, part in zip(node.inputs, branches.handed_on(node, g), strict=True):
        if part is not None and operand in active:
            arrived.setdefault(operand, []).append(part)
