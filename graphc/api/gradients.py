"""Derivatives of tensors, as tensors of the same graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from graphc.api.blame import fail_gradient
from graphc.api.broadcasting import fitted, shape_text
from graphc.api.operands import TensorLike, described, graph_of, to_node
from graphc.api.shapes import as_list, filled
from graphc.api.tensor import Tensor
from graphc.api.value import Value
from graphc.autodiff.forward import tangents as forward_accumulation
from graphc.autodiff.reverse import cotangents, has_floats, is_differentiable
from graphc.ir.dims import unify
from graphc.ir.graph import topological
from graphc.ir.node import Node

#: One tensor or several.
Tensors: TypeAlias = Tensor | Sequence[Tensor]
#: A weight for each element of one tensor, or of several; None where there is none.
Weights: TypeAlias = "TensorLike | Sequence[TensorLike | None] | None"


def gradients(ys: Tensors, xs: Tensors, grad_ys: Weights = None) -> list[Tensor]:
    """For each x the derivative of the sum of all ys by it, of x's shape and dtype.

    `grad_ys` gives a weight for each element of each y, in y's shape; it may be left out for a y of
    no dims, whose weight is 1. An x on which no y depends gets zeros; `depends_on` tells. The
    results can be differentiated again. GradientError if an x or y is not floating point, a weight
    is missing, or the way leads through an op that has no derivative.
    """
    op = "gradients"
    y_list, x_list = floats_of(op, "y", ys), floats_of(op, "x", xs)
    graph = graph_of(op, *y_list, *x_list)
    weights = one_for_each(op, "grad_ys", grad_ys, ys)
    seeds = [_seed(op, y, weight) for y, weight in zip(y_list, weights, strict=True)]
    found = cotangents([y.node for y in y_list], [x.node for x in x_list], seeds)
    return [graph.tensor(in_shape_of(x, part)) for x, part in zip(x_list, found, strict=True)]


def jvp(ys: Tensors, xs: Tensors, tangents: Weights) -> list[Tensor]:
    """For each y its derivative along a direction: how it changes as the xs move by the tangents.

    Each tangent has its x's shape and dtype; None stands for zeros. The results have the ys'
    shapes, and can be differentiated again. GradientError as for `gradients`.
    """
    op = "jvp"
    y_list, x_list = floats_of(op, "y", ys), floats_of(op, "x", xs)
    graph = graph_of(op, *y_list, *x_list)
    nodes, seeds = weighted(op, "tangents", tangents, xs)
    found = forward_accumulation([y.node for y in y_list], nodes, seeds)
    return [graph.tensor(in_shape_of(y, part)) for y, part in zip(y_list, found, strict=True)]


def depends_on(ys: Tensors, xs: Tensors) -> list[bool]:
    """For each x whether a derivative of some y by it can differ from 0.

    A y that reaches x only through rounding, comparisons, integers or `stop_gradient` does not.
    """
    y_list, x_list = _listed("depends_on", ys), _listed("depends_on", xs)
    graph_of("depends_on", *y_list, *x_list)
    order = topological([y.node for y in y_list])
    reached = {y.node for y in y_list if y.dtype.is_float}
    for node in reversed(order):
        if node in reached and is_differentiable(node):
            reached.update(operand for operand in node.inputs if has_floats(operand))
    return [x.node in reached for x in x_list]


def _listed(op: str, tensors: Tensors) -> list[Tensor]:
    several = as_list(tensors)
    if not all(isinstance(x, Tensor) for x in several):
        fail_gradient(op, f"takes a tensor or a list of tensors, not {tensors!r}")
    return several


def floats_of(op: str, what: str, tensors: Tensors) -> list[Tensor]:
    """The tensors as a list; GradientError if one is not floating point."""
    several = _listed(op, tensors)
    for tensor in several:
        if not tensor.dtype.is_float:
            fail_gradient(
                op, f"the {what} {described(tensor)} is of {tensor.dtype.name}, not floating point"
            )
    return several


def one_for_each(op: str, what: str, weights: Weights, tensors: Tensors) -> list[TensorLike | None]:
    """One weight for each tensor, from a list or, for a lone tensor, from the weight itself."""
    count = 1 if isinstance(tensors, Value) else len(tensors)
    if weights is None:
        return [None] * count
    if isinstance(tensors, Value) and not _is_list_of_one(weights):
        return [weights]
    if not isinstance(weights, list | tuple) or len(weights) != count:
        fail_gradient(op, f"needs {what}= as a list of {count}, one for each tensor")
    return list(weights)


def weighted(
    op: str, what: str, weights: Weights, tensors: Tensors
) -> tuple[list[Node], list[Node]]:
    """The tensors that have a weight, and their weights, as nodes."""
    each = one_for_each(op, what, weights, tensors)
    pairs = [
        (tensor.node, weight_of(op, tensor, weight))
        for tensor, weight in zip(as_list(tensors), each, strict=True)
        if weight is not None
    ]
    return [node for node, _ in pairs], [seed for _, seed in pairs]


def _is_list_of_one(weights: Weights) -> bool:
    return isinstance(weights, list | tuple) and len(weights) == 1 and isinstance(weights[0], Value)


def _seed(op: str, y: Tensor, weight: TensorLike | None) -> Node:
    if weight is not None:
        return weight_of(op, y, weight)
    if y.shape != ():
        fail_gradient(
            op,
            f"{described(y)} is not a scalar; pass grad_ys= of shape {shape_text(y.shape)}, "
            "or differentiate gc.sum of it",
        )
    return filled((), 1, y.dtype)


def weight_of(op: str, tensor: Tensor, weight: TensorLike) -> Node:
    """The weight as a node of the tensor's type; a Python number fills it."""
    graph_of(op, tensor, weight)
    node = to_node(op, weight, tensor.dtype)
    if isinstance(weight, bool | int | float):
        node = fitted(node, tensor.shape)
    fits = len(node.shape) == tensor.ndim and all(
        unify(mine, theirs) is not None
        for mine, theirs in zip(tensor.shape, node.shape, strict=True)
    )
    if not fits or node.dtype is not tensor.dtype:
        fail_gradient(op, f"a weight of type {node.type} does not fit {described(tensor)}")
    return fitted(node, tensor.shape)


def in_shape_of(tensor: Tensor, derivative: Node | None) -> Node:
    """The derivative in the tensor's shape; zeros if there is none."""
    if derivative is None:
        return filled(tensor.shape, 0, tensor.dtype)
    return fitted(derivative, tensor.shape)
