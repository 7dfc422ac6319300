"""Programs of products, compiled once and compared with the reference at many sizes.

Operands are small integers, so that every sum is exact in floats whatever its order, and results
must be equal to the last bit. All memory lies beside fences.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from graphc.codegen.target import Target
from graphc.ir import dims
from graphc.ir.dims import symbol
from graphc.ir.dtypes import DType, float32
from graphc.ir.graph import extract
from graphc.ir.node import Node
from graphc.ops import ops
from graphc.runtime.reference import evaluate
from tests.codegen.running import Program

Array = np.ndarray[Any, Any]
Sizes = Mapping[str, int]
Shape = tuple[Any, ...]

m, k, n, b = (symbol(name) for name in "mknb")


class Given:
    """Placeholders of a program, in the order in which they are made."""

    def __init__(self, dtype: DType = float32) -> None:
        self.dtype = dtype
        self.nodes: list[Node] = []

    def of(self, dtype: DType) -> Given:
        """The same program's placeholders, made of another dtype."""
        other = Given(dtype)
        other.nodes = self.nodes
        return other

    def __call__(self, *shape: Any, dtype: DType | None = None) -> Node:
        name = f"x{len(self.nodes)}"
        self.nodes.append(ops.placeholder(shape=shape, dtype=dtype or self.dtype, name=name))
        return self.nodes[-1]


class Checked:
    """A program whose outputs are those of the reference, to the bit unless `rtol` is given."""

    def __init__(
        self,
        inputs: Sequence[Node],
        outputs: Sequence[Node],
        target: Target | None = None,
        rtol: float = 0,
    ) -> None:
        self.inputs, self.rtol = list(inputs), rtol
        self.graph = extract("checked", outputs, inputs=inputs)
        self.program = Program(inputs, outputs, target)

    def __call__(self, sizes: Sizes = {}, most: int = 8, seed: int = 0) -> None:  # noqa: B006
        """Run on integers up to `most`."""
        feeds = self.feeds(sizes, most, seed)
        expected, _ = evaluate(self.graph, dict(zip(self.inputs, feeds, strict=True)), sizes)
        for place, (got, want) in enumerate(zip(self.program(*feeds), expected, strict=True)):
            assert (got.dtype, got.shape) == (want.dtype, want.shape)
            message = f"output {place} with {dict(sizes)}"
            np.testing.assert_allclose(got, want, self.rtol, self.rtol, err_msg=message)

    def feeds(self, sizes: Sizes, most: int = 8, seed: int = 0) -> list[Array]:
        rng = np.random.default_rng((seed, *sizes.values()))
        shapes = (known(node.shape, sizes) for node in self.inputs)
        return [
            rng.integers(-most, most, shape, endpoint=True).astype(node.tensor.dtype.numpy)
            for shape, node in zip(shapes, self.inputs, strict=True)
        ]


def known(shape: Shape, sizes: Sizes) -> tuple[int, ...]:
    """A shape for the sizes of symbols."""
    return tuple(size if isinstance(size, int) else dims.evaluate(size, sizes) for size in shape)


def constant(value: float, like: Node) -> Node:
    """A number in the shape and dtype of another value."""
    number = ops.constant(value=np.asarray(value, like.tensor.dtype.numpy))
    return ops.broadcast_to(number, shape=like.shape)


def plus(x: Node, value: float) -> Node:
    return ops.add(x, constant(value, x))


def spread(x: Node, like: Node) -> Node:
    return ops.broadcast_to(x, shape=like.shape)


def turned(x: Node) -> Node:
    """The last two dims exchanged."""
    rank = len(x.shape)
    return ops.permute_dims(x, axes=(*range(rank - 2), rank - 1, rank - 2))


def relu(x: Node) -> Node:
    return ops.maximum(x, constant(0, x))


#: A product as a function of placeholders and its three dims, rows, depth and columns.
Build = Callable[[Given, Any, Any, Any], list[Node]]
