"""Random programs out of ops whose NumPy reference has the bits that IEEE 754 asks for."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from graphc.errors import GraphcError
from graphc.ir.dims import Guard, Size, substitute, symbol
from graphc.ir.dtypes import bool_, float32, float64, int8, int32
from graphc.ir.graph import Graph, extract, topological
from graphc.ir.node import Node
from graphc.ir.opdef import REGISTRY, OpDef
from graphc.ops import ops
from graphc.ops.declaring import scalar_like
from tests.passes.values import placeholder

N, M = symbol("n"), symbol("m")
#: What n and m must be fed as: guards between them, and with 3, are part of the programs.
SIZE = 3
_UNARY = [
    "neg",
    "abs",
    "sign",
    "floor",
    "round",
    "sqrt",
    "logical_not",
    "identity",
    "stop_gradient",
]
_BINARY = [
    "add",
    "sub",
    "mul",
    "div",
    "maximum",
    "minimum",
    "eq",
    "lt",
    "bitwise_xor",
    "logical_and",
]
_NUMBERS = (0.0, -0.0, 1.0, -1.0, 2.0, 0.5, -8.0, 3.0)
_DTYPES = (float32, int32, int8, float64, bool_)


def _holds(guard: Guard) -> bool:
    sizes = {"n": SIZE, "m": SIZE}
    return substitute(guard.left, sizes) == substitute(guard.right, sizes)


class _Maker:
    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        shapes: list[tuple[Size, ...]] = [(N, 4), (M, 4), (4,), (N, 1)]
        self.inputs = [
            placeholder(f"x{k}", dtype, shape)
            for k, (dtype, shape) in enumerate(
                [(float32, shape) for shape in shapes] + [(int32, (N, 4)), (bool_, (N, 4))]
            )
        ]
        self.nodes = list(self.inputs)

    def pick(self) -> Node:
        recent = self.nodes[-8:] if self.rng.random() < 0.7 else self.nodes
        return recent[self.rng.integers(len(recent))]

    def any_of(self, names: list[str]) -> OpDef:
        return REGISTRY[names[self.rng.integers(len(names))]]

    def unary(self) -> Node:
        return self.any_of(_UNARY)(self.pick())

    def binary(self) -> Node:
        x, y = self.pick(), self.pick()
        return self.any_of(_BINARY)(x, self.fitted(y, x))

    def with_number(self) -> Node:
        x, value = self.pick(), _NUMBERS[self.rng.integers(len(_NUMBERS))]
        number = scalar_like(x, value if x.dtype.is_float else int(value))
        operands = (x, number) if self.rng.random() < 0.5 else (number, x)
        return self.any_of(_BINARY)(*operands)

    def contraction(self) -> Node:
        x = self.pick()
        product = ops.mul(x, self.fitted(self.pick(), x))
        self.nodes.append(product)
        z = self.fitted(self.pick(), x)
        return ops.add(product, z) if self.rng.random() < 0.5 else ops.sub(z, product)

    def where(self) -> Node:
        x = self.pick()
        y = self.fitted(self.pick(), x)
        return ops.where(ops.lt(x, y), x, y)

    def view(self) -> Node:
        x = self.pick()
        rank = len(x.shape)
        axes = tuple(int(axis) for axis in self.rng.permutation(rank))
        match self.rng.integers(5):
            case 0:
                return ops.permute_dims(x, axes=axes)
            case 1:
                return ops.flip(x, axes=axes[:1])
            case 2:
                return ops.broadcast_to(x, shape=(2, *x.shape) if rank < 3 else x.shape)
            case 3:
                return ops.reshape(x, shape=(1, *x.shape) if x.shape[:1] != (1,) else x.shape[1:])
            case _:
                kept = tuple(3 if size == 4 else size for size in x.shape)
                start = tuple(int(size == 4) for size in x.shape)
                return ops.slice(x, start=start, step=(1,) * rank, shape=kept)

    def reduction(self) -> Node:
        x = self.pick()
        axes = tuple(range(len(x.shape)))[-1:]
        return self.any_of(["max", "sum", "prod"])(x, axes=axes)

    def conversion(self) -> Node:
        return ops.astype(self.pick(), dtype=_DTYPES[self.rng.integers(len(_DTYPES))])

    def fitted(self, node: Node, like: Node) -> Node:
        """The node, made to the other's dtype and shape where that needs no thought."""
        if node.dtype is not like.dtype:
            node = ops.astype(node, dtype=like.dtype)
        if len(node.shape) < len(like.shape):
            node = ops.broadcast_to(node, shape=like.shape)
        return node

    def step(self) -> None:
        """Add a node; operands that do not fit when n and m are SIZE call for another try."""
        makers: list[Callable[[], Node]] = [
            self.unary, self.binary, self.with_number, self.contraction, self.where, self.view,
            self.reduction, self.conversion,
        ]  # fmt: skip
        before = len(self.nodes)
        try:
            self.nodes.append(makers[self.rng.integers(len(makers))]())
        except GraphcError:
            del self.nodes[before:]
        made = topological(self.nodes[before:])
        if not all(_holds(guard) for node in made for guard in node.guards):
            del self.nodes[before:]


def random_nodes(seed: int, count: int) -> tuple[list[Node], list[Node]]:
    """(inputs, nodes computed from them): at least so many, always the same for a seed."""
    maker = _Maker(seed)
    while len(maker.nodes) < count + len(maker.inputs):
        maker.step()
    return maker.inputs, maker.nodes[len(maker.inputs) :]


def random_graph(seed: int, count: int = 40, outputs: int = 4) -> Graph:
    """A graph that returns the last nodes of a random program."""
    inputs, nodes = random_nodes(seed, count)
    return extract(f"random{seed}", nodes[-outputs:], inputs=inputs)
