"""Convolution and its two derivatives as products, with what surrounds them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from graphc.ir.dtypes import float64
from graphc.ir.node import Node
from graphc.ops import ops
from graphc.ops.windows import counted
from tests.codegen.products.checking import Checked, Given, b, constant, plus, relu, spread
from tests.codegen.targets import chosen

TARGETS = chosen()
Ints = tuple[int, ...]


@dataclass(frozen=True)
class Case:
    """Groups, channels, outputs, spatial sizes and windows of a convolution."""

    channels: tuple[Ints, int, int]
    sizes: Ints
    kernel: Ints
    strides: Ints
    low: Ints
    high: Ints
    dilations: Ints

    @property
    def attrs(self) -> dict[str, Ints]:
        return {
            "strides": self.strides, "low": self.low, "high": self.high,
            "dilations": self.dilations,
        }  # fmt: skip

    def data(self, x: Given, batch: Any) -> Node:
        groups, channels, _ = self.channels
        return x(batch, *groups, channels, *self.sizes)

    def weights(self, x: Given) -> Node:
        groups, channels, outputs = self.channels
        return x(*groups, outputs, channels, *self.kernel)

    def cotangents(self, x: Given, batch: Any) -> Node:
        groups, _, outputs = self.channels
        return x(batch, *groups, outputs, *counted(self.attrs, self.sizes, self.kernel))


def case(
    groups: Ints, channels: int, outputs: int, sizes: Ints, kernel: Ints,
    strides: int = 1, low: int = 0, high: int | None = None, dilations: int = 1,
) -> Case:  # fmt: skip
    """One with the same windows along every dim."""
    every = tuple((part,) * len(sizes) for part in (strides, low, high or low, dilations))
    return Case((groups, channels, outputs), sizes, kernel, *every)


# name: a convolution
CASES = {
    "one dim": case((), 5, 17, (40,), (3,)),
    "one dim, padded and strided": case((), 5, 17, (41,), (4,), 3, 2, 1),
    "the whole row": case((), 3, 40, (50,), (50,)),
    "two dims": case((), 3, 14, (9, 11), (3, 2)),
    "padded": case((), 4, 9, (8, 13), (3, 3), low=1),
    "padded a lot": case((), 2, 20, (4, 5), (3, 3), low=5, high=3),
    "cut off": case((), 3, 20, (12, 11), (2, 2), low=-1, high=-2),
    "strided": case((), 6, 31, (11, 17), (2, 3), 2, 1),
    "strided beyond the window": case((), 6, 16, (13, 13), (2, 2), 3),
    "dilated": case((), 3, 8, (15, 16), (3, 2), 1, 2, dilations=3),
    "everything": case((2,), 3, 5, (17, 14), (3, 2), 2, 3, 1, 2),
    "one channel": case((), 1, 6, (28, 28), (5, 5), low=2),
    "one output": case((), 16, 1, (9, 10), (3, 3), low=1),
    "single elements": case((), 33, 35, (6, 7), (1, 1)),
    "groups": case((3,), 4, 6, (7, 9), (3, 3), low=1),
    "depthwise": case((19,), 1, 1, (10, 12), (3, 3), low=1),
    "depthwise, several outputs": case((7,), 1, 3, (10, 12), (3, 3), 2, 1),
    "groups of groups": case((2, 3), 2, 4, (9, 8), (2, 2)),
    "one window": case((), 8, 70, (5, 5), (5, 5)),
    "deep": case((), 64, 9, (8, 8), (3, 3), low=1),
    "three dims": case((), 3, 10, (5, 6, 7), (2, 3, 3), low=1),
    "three dims, different": Case(
        ((2,), 2, 5), (6, 7, 8), (2, 1, 3), (1, 2, 3), (1, 0, 2), (0, 1, 1), (2, 1, 1)
    ),
}  # fmt: skip


def all_three(of: Case, x: Given, batch: Any) -> list[Node]:
    data, weights = of.data(x, batch), of.weights(x)
    cotangents = of.cotangents(x, batch)
    return [
        ops.convolution(data, weights, **of.attrs),
        ops.convolution_input(cotangents, weights, **of.attrs, shape=of.sizes),
        ops.convolution_weights(data, cotangents, **of.attrs, shape=of.kernel),
    ]


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
@pytest.mark.parametrize("name", CASES)
def test_any_batch(name: str, target: Any) -> None:
    x = Given()
    run = Checked(x.nodes, all_three(CASES[name], x, b), target)
    for batch in (0, 1, 2, 5, 9):
        run({"b": batch}, most=3)


@pytest.mark.parametrize("name", CASES)
def test_a_known_batch(name: str) -> None:
    x = Given(float64)
    Checked(x.nodes, all_three(CASES[name], x, 3))(most=3)


# What surrounds them -------------------------------------------------------------------------

PADDED = case((), 6, 10, (7, 9), (3, 3), low=1)


def with_biases(x: Given, total: Node) -> list[Node]:
    """One along every dim, which follow the rows or one of the columns' dims."""
    shapes = ((10, 1, 1), (1, 7, 1), (9,), (7, 9), (10, 1, 9))
    return [relu(ops.add(total, spread(x(*shape), total))) for shape in shapes]


def with_views(x: Given, total: Node) -> list[Node]:
    """Residuals whose rows do not follow one another as the result's do."""
    across = ops.permute_dims(x(b, 10, 9, 7), axes=(0, 1, 3, 2))
    inside = ops.slice(x(b, 10, 8, 12), start=(0, 0, 1, 2), step=(1,) * 4, shape=total.shape)
    last = ops.permute_dims(x(b, 7, 9, 10), axes=(0, 3, 1, 2))
    return [ops.add(total, other) for other in (x(b, 10, 7, 9), across, inside, last)]


def by_channels(x: Given, total: Node) -> list[Node]:
    """As batch normalisation does it, and with the result's sums."""
    scaled = ops.mul(total, spread(x(10, 1, 1), total))
    return [ops.sum(total, axes=(0, 2, 3)), relu(scaled), ops.add(scaled, spread(x(), total))]


@pytest.mark.parametrize("surround", [with_biases, with_views, by_channels])
def test_results_taken_further(surround: Callable[[Given, Node], list[Node]]) -> None:
    """The dims of columns are joined only where all that is read allows it."""
    x = Given()
    total = ops.convolution(PADDED.data(x, b), PADDED.weights(x), **PADDED.attrs)
    alone = [Checked(x.nodes, [one]) for one in surround(x, total)]
    for run in (*alone, Checked(x.nodes, surround(x, total))):
        for batch in (1, 4):
            run({"b": batch})


@pytest.mark.parametrize("batch", [b, 4])
def test_formulas_end_where_padding_begins(batch: Any) -> None:
    """Padding counts as 0, whatever a formula makes of 0."""
    x = Given()
    data, weights = PADDED.data(x, batch), PADDED.weights(x)
    cotangents = PADDED.cotangents(x, batch)
    outputs = [
        ops.convolution(plus(data, 1), weights, **PADDED.attrs),
        ops.convolution(relu(plus(data, 1)), plus(weights, 1), **PADDED.attrs),
        ops.convolution(constant(2, data), weights, **PADDED.attrs),
        ops.convolution_input(plus(cotangents, 1), weights, **PADDED.attrs, shape=PADDED.sizes),
        ops.convolution_weights(plus(data, 1), cotangents, **PADDED.attrs, shape=PADDED.kernel),
        ops.convolution_weights(data, plus(cotangents, 1), **PADDED.attrs, shape=PADDED.kernel),
    ]
    run = Checked(x.nodes, outputs)
    for size in (0, 1, 4) if batch is b else (4,):
        run({"b": size} if batch is b else {}, most=3)


@pytest.mark.parametrize("outputs", [8, 130], ids=["in parts", "at once"])
def test_sums_over_an_empty_batch(outputs: int) -> None:
    """Depth is a batch and images that take several panels each: none, for a batch of nothing."""
    x = Given()
    data, cotangents, scale = x(b, 60, 34, 34), x(b, outputs, 32, 32), x(b, 1, 1, 1)
    attrs = {"strides": (1, 1), "low": (0, 0), "high": (0, 0), "dilations": (1, 1)}
    scaled = ops.mul(data, spread(scale, data))
    found = [
        ops.convolution_weights(data, cotangents, **attrs, shape=(3, 3)),
        ops.convolution_weights(scaled, cotangents, **attrs, shape=(3, 3)),
    ]
    run = Checked(x.nodes, found)
    for batch in (0, 1, 2):
        run({"b": batch}, most=1)


# Small pictures ------------------------------------------------------------------------------

SMALL = {
    "small pictures": case((), 40, 35, (7, 7), (3, 3), low=1),
    "lines": case((2,), 20, 33, (30,), (5,), low=2),
    "small pictures, strided": case((), 24, 20, (9, 8), (3, 3), 2, 1),
    "single positions": case((), 30, 20, (3, 3), (3, 3)),
}


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
@pytest.mark.parametrize("batch", [b, 1, 3, 26])
@pytest.mark.parametrize("name", SMALL)
def test_pictures_taken_together(name: str, batch: Any, target: Any) -> None:
    x = Given()
    total = ops.convolution(SMALL[name].data(x, batch), SMALL[name].weights(x), **SMALL[name].attrs)
    bias = x(total.shape[-len(SMALL[name].sizes) - 1], *(1,) * len(SMALL[name].sizes))
    outputs = [*all_three(SMALL[name], x, batch), relu(ops.add(total, spread(bias, total)))]
    run = Checked(x.nodes, outputs, target)
    for size in (0, 1, 3, 40) if batch is b else (batch,):
        run({"b": size} if batch is b else {}, most=2)


def test_pieces_of_one_column_a_line_store_nothing_beside_it() -> None:
    """Of a picture one element wide: the middle residue has a single position in each line."""
    given = Given()
    x, w = given(1, 1, 20, 1), given(1, 8, 3, 3)
    result = ops.convolution_input(
        x, w, strides=(1, 2), low=(0, 0), high=(0, 0), dilations=(1, 1), shape=(22, 3)
    )
    Checked(given.nodes, [result])()
