"""Convolutions of any sizes and windows, of formulas, with anything done to their results."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from graphc.ir.dtypes import float32, float64
from graphc.ir.node import Node
from graphc.ops import ops
from tests.codegen.products.checking import Checked, Given, b, constant, plus, relu, spread
from tests.codegen.products.test_convolutions import Case


class Chooser:
    """Draws the parts of a program."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.x = Given(self.of(float32, float32, float64))

    def of(self, *choices: Any) -> Any:
        return choices[int(self.rng.integers(len(choices)))]

    def order(self, count: int) -> tuple[int, ...]:
        return tuple(int(place) for place in self.rng.permutation(count))

    def case(self) -> Case:
        rank = self.of(1, 2, 2, 3)
        kernel = tuple(self.of(1, 2, 3, 4) for _ in range(rank))
        dilations = tuple(self.of(1, 1, 2, 3) for _ in range(rank))
        low, high = (tuple(self.of(-1, 0, 0, 1, 2, 5) for _ in range(rank)) for _ in range(2))
        least = zip(kernel, dilations, low, high, strict=True)
        sizes = tuple(
            d * (k - 1) + 1 - min(first, 0) - min(last, 0) + int(self.rng.integers(15 // rank))
            for k, d, first, last in least
        )
        groups = self.of((), (), (2,), (1,), (3, 2))
        strides = tuple(self.of(1, 1, 2, 3) for _ in range(rank))
        channels = groups, self.of(1, 2, 3, 8, 16), self.of(1, 2, 7, 16, 17, 33)
        return Case(channels, sizes, kernel, strides, low, high, dilations)

    def some(self, like: Node) -> Node:
        """A placeholder with some of a value's dims."""
        shape = (size if self.of(True, False) else 1 for size in like.shape)
        return spread(self.x(*shape), like)

    def formula(self, value: Node) -> Node:
        return self.of(
            lambda: value, lambda: plus(value, 1), lambda: relu(value),
            lambda: ops.mul(value, self.some(value)),
        )()  # fmt: skip

    def finished(self, total: Node) -> Node:
        rank = len(total.shape)
        order = self.order(rank)
        axes = order[: self.of(1, 2, rank)]
        return self.of(
            lambda: total, lambda: ops.add(total, self.some(total)),
            lambda: ops.lt(total, constant(1, total)), lambda: ops.sum(total, axes=axes),
            lambda: ops.permute_dims(total, axes=order), lambda: relu(plus(total, 1)),
            lambda: ops.sub(self.moved(total), total),
        )()  # fmt: skip

    def moved(self, like: Node) -> Node:
        """A placeholder of a value's shape, with its dims in another order in memory."""
        order = self.order(len(like.shape))
        inverse = tuple(order.index(place) for place in range(len(order)))
        return ops.permute_dims(self.x(*(like.shape[k] for k in order)), axes=inverse)


def program(choose: Chooser) -> list[Node]:
    of, x = choose.case(), choose.x
    batch = choose.of(b, b, 1, 3, 8)
    data, weights = of.data(x, batch), of.weights(x)
    cotangents = of.cotangents(x, batch)
    formula = choose.formula
    totals = [
        ops.convolution(formula(data), formula(weights), **of.attrs),
        ops.convolution_input(formula(cotangents), formula(weights), **of.attrs, shape=of.sizes),
        ops.convolution_weights(formula(data), formula(cotangents), **of.attrs, shape=of.kernel),
    ]
    return [choose.finished(total) for total in totals] + totals[: choose.of(0, 0, 3)]


def run_some(seeds: range) -> None:
    for seed in seeds:
        choose = Chooser(seed)
        outputs = program(choose)
        run = Checked(choose.x.nodes, outputs)
        for batch in (0, 1, 3, 11):
            run({"b": batch}, most=2, seed=seed)


def test_some() -> None:
    run_some(range(12))


@pytest.mark.long
@pytest.mark.parametrize("first", range(0, 600, 100))
def test_many(first: int) -> None:
    run_some(range(first, first + 100))
