"""Reductions of a product's results over rows, in its kernel, have the bits of kernels apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import strategies

from graphc.compiler import compile_graph
from graphc.ir.dtypes import DType, float32, float64
from graphc.ir.graph import extract
from graphc.ir.node import Node
from graphc.ops import ops
from graphc.schedule.statements import Product, Update
from tests.codegen.products.checking import Array, Given, k, known, m, n, relu
from tests.codegen.products.test_same_bits import numbers
from tests.codegen.running import Program
from tests.codegen.targets import chosen
from tests.properties.comparing import for_all, quick_and_long

TARGETS = chosen()

#: Rows, depth, columns: part of a block of rows, some blocks, blocks shared out, panels of depth
#: and columns, and nothing.
SIZES = (
    (1, 4, 9), (64, 30, 5), (65, 7, 1030), (300, 70, 530), (1000, 9, 45), (700, 650, 1100),
    (257, 1000, 33), (130, 0, 5), (0, 3, 5), (5, 3, 0),
)  # fmt: skip


def results(total: Node, factor: Node) -> list[Node]:
    """What is reduced: the product itself, and a formula of it that is stored too."""
    return [total, ops.mul(total, factor)]


def reduced(total: Node, scaled: Node) -> list[Node]:
    """Reductions over rows; of infinities and NaN too, and of what is not stored."""
    over: dict[str, Any] = {"axes": (0,)}
    return [
        ops.sum(scaled, **over), ops.max(total, **over), ops.min(scaled, **over),
        ops.prod(ops.exp(total), **over), ops.any(ops.lt(total, scaled), **over),
    ]  # fmt: skip


class Both:
    """Reductions of a product's results with it, and of the same results given as data."""

    def __init__(self, shape: tuple[Any, Any, Any], dtype: DType, target: Any = None) -> None:
        rows, depth, columns = shape
        self.given = Given(dtype)
        total = ops.matmul(self.given(rows, depth), self.given(depth, columns))
        stored = results(total, self.given(rows, columns))
        sums = reduced(*stored)
        self.together = Program(self.given.nodes, [*stored, *sums], target)
        self.alone = Program(self.given.nodes, sums, target)
        data = Given(dtype)
        self.apart = Program(data.nodes, reduced(data(rows, columns), data(rows, columns)), target)

    def check(self, sizes: tuple[int, int, int], seed: int = 0) -> None:
        named = dict(zip("mkn", sizes, strict=True))
        feeds = [
            numbers(known(node.shape, named), self.given.dtype, seed + place) / 64
            for place, node in enumerate(self.given.nodes)
        ]
        first, second, *got = self.together(*feeds)
        expected = bits(self.apart(first, second))
        assert bits(got) == expected
        assert bits(self.alone(*feeds)) == expected


def bits(arrays: list[Array]) -> list[bytes]:
    return [array.tobytes() for array in arrays]


@pytest.mark.parametrize("dtype", [float32, float64], ids=str)
@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_bits_are_those_of_kernels_apart(target: Any, dtype: DType) -> None:
    both = Both((m, k, n), dtype, target)
    for sizes in SIZES:
        both.check(sizes)


@pytest.mark.parametrize("sizes", [(300, 70, 530), (129, 30, 64), (2000, 20, 48)], ids=str)
def test_bits_of_known_sizes(sizes: tuple[int, int, int]) -> None:
    Both(sizes, float32).check(sizes)


@quick_and_long(20, 300)
def test_bits_of_any_sizes(examples: int) -> None:
    both = Both((m, k, n), float32)
    size = strategies.integers(0, 700)
    sizes = strategies.tuples(size, strategies.integers(0, 40), strategies.integers(0, 150))
    for_all(sizes, both.check, examples)


def updates(*outputs: Node) -> int:
    """How many results over rows grow in kernels of products."""
    made = compile_graph(extract("made", list(outputs)), stop="kernels").schedule
    assert made is not None
    every = [one for launch in made.launches for one in launch.kernel.statements()]
    inside = [part for one in every if isinstance(one, Product) for part in one.body]
    return sum(isinstance(part, Update) for part in inside)


def test_what_is_in_the_kernel() -> None:
    """Where rows of the product lead; not where they are columns, or there is a stack as well."""
    x = Given()
    total = relu(ops.matmul(x(m, 40), x(40, n)))
    assert updates(ops.sum(total, axes=(0,)), total) == 1
    turned = ops.permute_dims(ops.matmul(x(m, 40), x(40, n)), axes=(1, 0))
    assert updates(ops.sum(turned, axes=(0,))) == 0
    stack = ops.matmul(x(200, m, 40), x(200, 40, n))
    assert updates(ops.sum(stack, axes=(0, 1))) == 0


def labelled(x: Given) -> Node:
    """Rows, a stack, and columns."""
    left, right = x(m, 3, 40), x(3, 40, n)
    return ops.contract(left, right, subscripts="abc,bcd->abd")


def side_by_side(x: Given) -> Node:
    """Rows far apart, with many products of a stack in between: blocks of them are small."""
    return ops.contract(x(m, 50, 40), x(50, 40, 32), subscripts="abc,bcd->abd")


def with_two_columns(x: Given) -> Node:
    """Two dims of columns, side by side."""
    return ops.contract(x(m, 40), x(40, 3, n), subscripts="ab,bcd->acd")


@pytest.mark.parametrize("build", [labelled, side_by_side, with_two_columns])
def test_results_of_three_dims(build: Callable[[Given], Node]) -> None:
    x, y = Given(), Given()
    total = build(x)
    assert updates(ops.sum(total, axes=(0,))) == 1
    program = Program(x.nodes, [total, ops.sum(total, axes=(0,))])
    apart = Program(y.nodes, [ops.sum(y(*total.shape), axes=(0,))])
    for rows in (1, 64, 300):
        feeds = [numbers(known(node.shape, {"m": rows, "n": 70})) for node in x.nodes]
        product, got = program(*feeds)
        assert bits([got]) == bits(apart(product))
