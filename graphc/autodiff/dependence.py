"""What every element of a tensor depends on: a walk like forward accumulation's, with patterns."""

from __future__ import annotations

import numpy as np

from graphc.autodiff.patterns import Pattern, union
from graphc.autodiff.relations import pattern_of, size_of
from graphc.autodiff.reverse import dependents
from graphc.errors import GradientError, GraphcError
from graphc.ir.graph import PLACEHOLDER, VARIABLE, topological
from graphc.ir.node import Node
from graphc.ir.opdef import Array
from graphc.ir.types import TensorType
from graphc.ops.structure import item


def dependence(y: Node, x: Node) -> Pattern:
    """The elements of x by which the derivative of each element of y may differ from 0.

    GradientError for a size on the way that is known only when fed.
    """
    order = topological([y])
    active, known = dependents(order, [x]), Constants()
    found: dict[Node, Pattern] = {}
    for node in order:
        if node not in active:
            continue
        _check_sizes(node)
        if node is x:
            found[node] = Pattern.identity(size_of(x))
            continue
        parts = [
            _through(node, k, found[operand], known)
            for k, operand in enumerate(node.inputs)
            if operand in found
        ]
        found[node] = union(parts)
    none = np.zeros(0, np.int64)
    return found[y] if y in found else Pattern.of(none, none, size_of(y), size_of(x))


def _through(node: Node, k: int, pattern: Pattern, known: Constants) -> Pattern:
    """Ops that hold graphs mix all that they are given: a tuple is taken as one element."""
    if not isinstance(node.type, TensorType):
        return pattern.everywhere(1)
    if node.op is item:
        return pattern.everywhere(size_of(node))
    return pattern_of(node, k, pattern, known)


def _check_sizes(node: Node) -> None:
    shapes = node.type.elements if not isinstance(node.type, TensorType) else (node.type,)
    for type_ in shapes:
        if not all(isinstance(size, int) for size in type_.shape):
            raise GradientError(
                f"has the type {type_}, but where derivatives are 0 can be told only of sizes that "
                "are known; use numbers for dims, or gc.jacobian",
                op="sparse_jacobian",
                location=node.location,
            )


class Constants:
    """The values of nodes that are the same whatever is fed."""

    def __init__(self) -> None:
        self._found: dict[Node, Array | None] = {}

    def __call__(self, node: Node) -> Array | None:
        """The node's value; None if it depends on a feed or a variable, or cannot be computed."""
        if node not in self._found:
            for inner in topological([node]):
                if inner not in self._found:
                    self._found[inner] = self._value(inner)
        return self._found[node]

    def _value(self, node: Node) -> Array | None:
        if node.op.name in (PLACEHOLDER, VARIABLE) or not isinstance(node.type, TensorType):
            return None
        inputs = [self._found[operand] for operand in node.inputs]
        sizes = (*node.shape, *(node.attrs["dim"] if node.op.name == "size" else ()))
        if any(value is None for value in inputs) or not all(isinstance(n, int) for n in sizes):
            return None
        try:
            with np.errstate(all="ignore"):
                return np.asarray(node.op.reference(node.attrs, *inputs))
        except GraphcError:
            return None
