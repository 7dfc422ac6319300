"""Products of derivatives with tangents and cotangents."""

from __future__ import annotations

from typing import Any

from graphc.api.gradients import (
    Tensors,
    Weights,
    floats_of,
    in_shape_of,
    one_for_each,
    weight_of,
    weighted,
)
from graphc.api.jacobians import gradient_of_scalar
from graphc.api.operands import graph_of
from graphc.api.shapes import filled
from graphc.api.tensor import Tensor
from graphc.api.value import Value
from graphc.autodiff.forward import tangents as forward_accumulation
from graphc.autodiff.linearization import Linearization
from graphc.autodiff.reverse import cotangents as reverse_accumulation
from graphc.ir.node import Node


def vjp(ys: Tensors, xs: Tensors, cotangents: Weights) -> list[Tensor]:
    """For each x the sum of the ys' elements' derivatives by it, weighted by the cotangents.

    Each cotangent has its y's shape and dtype; None stands for zeros. The results have the xs'
    shapes and can be differentiated again: the transpose of `jvp`, and `gradients` with a weight
    for every y. GradientError as for `gradients`.

    >>> import graphc as gc
    >>> with gc.Graph():
    ...     x = gc.placeholder(gc.float64, ("n",))
    ...     (g,) = gc.vjp(gc.sin(x), x, gc.ones_like(x))
    >>> g.shape
    (n,)
    """
    op = "vjp"
    y_list, x_list = floats_of(op, "y", ys), floats_of(op, "x", xs)
    graph = graph_of(op, *y_list, *x_list)
    nodes, seeds = weighted(op, "cotangents", cotangents, ys)
    found = reverse_accumulation(nodes, [x.node for x in x_list], seeds)
    return [graph.tensor(in_shape_of(x, part)) for x, part in zip(x_list, found, strict=True)]


def hvp(y: Tensor, xs: Tensors, vectors: Weights) -> Any:
    """The Hessian of a scalar times vectors, which have the xs' shapes, as the result has.

    Nested as the xs: a tensor for one, a list for a list. None stands for zeros. By forward over
    reverse accumulation, at the cost of a few gradients. The results can be differentiated again.
    GradientError as for `gradients`.

    >>> import graphc as gc
    >>> with gc.Graph():
    ...     x = gc.placeholder(gc.float64, (3,))
    ...     curvature = gc.hvp(gc.sum(x**3), x, gc.ones_like(x))
    >>> curvature.shape
    (3,)
    """
    op = "hvp"
    slopes = gradient_of_scalar(op, y, xs)
    x_list = floats_of(op, "x", xs)
    graph = graph_of(op, *slopes, *x_list)
    nodes, seeds = weighted(op, "vectors", vectors, xs)
    found = forward_accumulation([slope.node for slope in slopes], nodes, seeds)
    results = [graph.tensor(in_shape_of(x, part)) for x, part in zip(x_list, found, strict=True)]
    return results[0] if isinstance(xs, Value) else results


def linearize(ys: Tensors, xs: Tensors) -> Linearized:
    """The derivative of ys at xs as a function of tangents, for several directions.

    What the derivative needs of the primal values is built once, here; each call builds the part
    that is linear in the tangents. GradientError as for `gradients`.

    >>> import graphc as gc
    >>> with gc.Graph():
    ...     x = gc.placeholder(gc.float64, (3,))
    ...     along = gc.linearize(gc.exp(x), x)
    ...     (first,), (second,) = along(gc.ones_like(x)), along(x)
    >>> first.node.inputs[1] is second.node.inputs[1]
    True
    """
    op = "linearize"
    y_list, x_list = floats_of(op, "y", ys), floats_of(op, "x", xs)
    graph_of(op, *y_list, *x_list)
    linear = Linearization.of([y.node for y in y_list], [x.node for x in x_list])
    return Linearized(y_list, xs, linear)


class Linearized:
    """The derivative of some ys by some xs: called with tangents of the xs it gives the ys'."""

    def __init__(self, ys: list[Tensor], xs: Tensors, linear: Linearization) -> None:
        self._ys = ys
        self._xs = xs
        self._linear = linear

    def __repr__(self) -> str:
        types = [", ".join(str(t.node.type) for t in side) for side in (self._x_list, self._ys)]
        return f"<gc.Linearized ({types[0]}) -> ({types[1]})>"

    def __call__(self, tangents: Weights) -> list[Tensor]:
        """For each y its derivative along the tangents, as `gc.jvp` gives it."""
        op = "linearize"
        given = one_for_each(op, "tangents", tangents, self._xs)
        graph = graph_of(op, *self._ys, *given)
        directions = [
            _zeros(x) if tangent is None else weight_of(op, x, tangent)
            for x, tangent in zip(self._x_list, given, strict=True)
        ]
        found = self._linear.along(directions)
        pairs = zip(self._ys, found, strict=True)
        return [graph.tensor(in_shape_of(y, part)) for y, part in pairs]

    @property
    def _x_list(self) -> list[Tensor]:
        return floats_of("linearize", "x", self._xs)


def _zeros(x: Tensor) -> Node:
    return filled(x.shape, 0, x.dtype)
