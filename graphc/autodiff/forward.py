"""Forward accumulation: from tangents of inputs to tangents of results, as graph nodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphc.autodiff.reverse import dependents, is_differentiable
from graphc.errors import GradientError
from graphc.ir.graph import topological
from graphc.ir.location import created_at, derived_from
from graphc.ir.node import Node
from graphc.ir.opdef import NoDerivative
from graphc.ir.types import TupleType
from graphc.ops.declaring import sum_of
from graphc.ops.structure import item


def tangents(ys: Sequence[Node], xs: Sequence[Node], seeds: Sequence[Node]) -> list[Node | None]:
    """For each y the sum over xs of dy/dx * seed; None for a y that depends on no x.

    The transpose of `reverse.cotangents`, also in what it means when an x occurs twice, is an
    integer or depends on another x. Linear in the number of nodes between xs and ys.
    GradientError if the way leads through an op that cannot be differentiated. The nodes made
    point at the user's line of the primal node.
    """
    order = topological(ys)
    active = dependents(order, xs)
    given: dict[Node, list[Node]] = {}
    for x, seed in zip(xs, seeds, strict=True):
        given.setdefault(x, []).append(seed)
    known: dict[Node, Node] = {}
    parts: dict[Node, tuple[Node | None, ...]] = {}  # of nodes with several results
    for node in order:
        if node not in active:
            continue
        with created_at(derived_from(node.location)):
            if isinstance(node.type, TupleType):
                parts[node] = _tangent(node, known)
                continue
            terms = [*given.get(node, ()), *_pushed(node, known, parts)]
            if terms:
                known[node] = sum_of(terms)
    return [known.get(y) for y in ys]


def _pushed(
    node: Node, known: dict[Node, Node], parts: dict[Node, tuple[Node | None, ...]]
) -> list[Node]:
    """The tangent that comes from the node's inputs, if any does."""
    if not is_differentiable(node):
        return []
    if node.op is item:
        part = parts[node.inputs[0]][node.attrs["k"]] if node.inputs[0] in parts else None
        return [] if part is None else [part]
    return [_tangent(node, known)] if any(operand in known for operand in node.inputs) else []


def _tangent(node: Node, known: dict[Node, Node]) -> Any:
    """What the op's rule makes of the tangents of its inputs."""
    if isinstance(node.op.jvp, NoDerivative):
        raise GradientError(
            f"cannot be differentiated: it {node.op.jvp.reason}",
            op=node.op.name,
            location=node.location,
        )
    return node.op.jvp(node, tuple(known.get(operand) for operand in node.inputs))
