"""Derivatives by central differences, and what is needed to compare with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from graphc.ir.graph import extract
from graphc.ir.node import Node
from graphc.ir.opdef import Array
from graphc.ops import ops
from graphc.runtime.reference import evaluate

#: A value for each of several nodes; None where it has none, which counts as zero.
Values = Sequence[Array | None]


@dataclass(frozen=True)
class Program:
    """Nodes computed from placeholders; a missing output stands for zero and stays missing."""

    inputs: Sequence[Node]
    outputs: Sequence[Node | None]
    symbols: Mapping[str, int] | None = None

    def __call__(self, values: Sequence[Array]) -> list[Array | None]:
        present = [node for node in self.outputs if node is not None]
        graph = extract("program", present, inputs=self.inputs)
        feeds = dict(zip(self.inputs, values, strict=True))
        found = iter(evaluate(graph, feeds, self.symbols)[0])
        return [None if node is None else next(found) for node in self.outputs]


def slopes(
    program: Program, values: Sequence[Array], along: Values, step: float
) -> list[Array | None]:
    """The derivative of each output along a direction, with an error of the order of step**4."""

    def central(by: float) -> list[Array | None]:
        ahead, behind = program(moved(values, along, by)), program(moved(values, along, -by))
        return [
            None if a is None or b is None else _difference(a, b) / (2 * by)
            for a, b in zip(ahead, behind, strict=True)
        ]

    return [
        None if near is None or far is None else (4 * near - far) / 3
        for near, far in zip(central(step), central(2 * step), strict=True)
    ]


def _difference(a: Array, b: Array) -> Array:
    """a - b in float64; 0 where they are equal, be it infinite."""
    with np.errstate(invalid="ignore"):
        return np.where(a == b, 0.0, np.asarray(a - b, np.float64))


def moved(values: Sequence[Array], along: Values, by: float) -> list[Array]:
    """values + by * along, where there is a direction."""
    return [
        value if way is None else value + value.dtype.type(by) * way
        for value, way in zip(values, along, strict=True)
    ]


def random_values(nodes: Sequence[Node | None], like: Values, rng: np.random.Generator) -> Values:
    """Random arrays of the shapes of others, for the nodes of floating point."""
    return [
        rng.uniform(-1, 1, value.shape).astype(value.dtype)
        if node is not None and value is not None and node.dtype.is_float
        else None
        for node, value in zip(nodes, like, strict=True)
    ]


def placeholder_like(node: Node, name: str) -> Node:
    """A placeholder of the node's type."""
    return ops.placeholder(shape=node.shape, dtype=node.dtype, name=name)


def present(values: Values) -> list[Array]:
    """The values that are there."""
    return [value for value in values if value is not None]


def assert_equal_products(
    left: tuple[Values, Values], right: tuple[Values, Values], tolerance: float
) -> None:
    """<left[0], left[1]> == <right[0], right[1]>, relative to the sizes of what is added up."""
    terms = np.concatenate([_products(*left), -_products(*right)])
    assert abs(np.sum(terms)) <= tolerance * np.sum(np.abs(terms))


def _products(left: Values, right: Values) -> Array:
    parts = [
        np.asarray(a, np.float64).ravel() * np.asarray(b, np.float64).ravel()
        for a, b in zip(left, right, strict=True)
        if a is not None and b is not None
    ]
    return np.concatenate([np.zeros(0), *parts])
