"""Derivatives of strided convolutions by their data, piece by piece."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from graphc.compiler import compile_graph
from graphc.ir import dims
from graphc.ir.dims import symbol
from graphc.ir.dtypes import float32, float64
from graphc.ir.graph import extract
from graphc.ir.node import Node
from graphc.ops import ops
from graphc.ops.windows import counted
from graphc.runtime.reference import evaluate
from graphc.schedule.products.pieces import pieces_of
from graphc.schedule.statements import Product
from tests.codegen.products.checking import Checked, Given, b, constant, relu, spread
from tests.codegen.targets import chosen

TARGETS = chosen()

# sizes, kernel, strides, low, high, dilations; the terms that each piece has for an output
CASES: dict[str, tuple[Any, ...]] = {
    "an even size": ((8, 8), (3, 3), (2, 2), (1, 1), (1, 1), (1, 1), (1, 2, 2, 4)),
    "an odd size": ((9,), (3,), (2,), (1,), (1,), (1,), (1, 2)),
    "residues without weights": ((9,), (2,), (3,), (0,), (1,), (1,), (0, 1)),
    "gaps as wide as the stride": ((12,), (3,), (2,), (2,), (2,), (2,), (0, 3)),
    "gaps wider than the stride": ((14,), (3,), (2,), (1,), (1,), (3,), (1, 2)),
    "cut off rather than padded": ((9,), (2,), (2,), (-1,), (-2,), (1,), (1, 1)),
    "one dim of two": ((6, 7), (2, 3), (1, 2), (0, 1), (1, 1), (1, 1), (2, 4)),
    "residues taken in turns": ((12, 12), (4, 4), (4, 4), (0, 0), (0, 0), (1, 1), (1,)),
    "a wide stride": ((40, 33), (7, 9), (8, 8), (0, 3), (1, 1), (1, 1), (0, 0, 0, 0, 1, 1, 1, 2)),
    "a single position": ((2, 2), (2, 2), (2, 2), (0, 0), (0, 0), (1, 1), (1,)),
    "more lines than a panel": ((70, 66), (3, 3), (2, 2), (1, 1), (1, 1), (1, 1), (1, 2, 2, 4)),
}


def derivative(x: Given, title: str, **others: Any) -> Node:
    sizes, kernel, strides, low, high, dilations, _ = CASES[title]
    attrs = {"strides": strides, "low": low, "high": high, "dilations": dilations} | others
    counts = counted(attrs, sizes, kernel)
    return ops.convolution_input(x(b, 5, *counts), x(5, 3, *kernel), **attrs, shape=sizes)


@pytest.mark.parametrize("title", CASES)
def test_each_piece_has_the_terms_that_it_needs(title: str) -> None:
    node = derivative(Given(float32), title)
    found = [dims.product(piece.extents((0,) * len(node.shape))[1:]) for piece in pieces_of(node)]
    assert tuple(sorted(found)) == CASES[title][-1]


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
@pytest.mark.parametrize("title", CASES)
def test_values(title: str, target: Any) -> None:
    x = Given(float32)
    run = Checked(x.nodes, [derivative(x, title)], target)
    for batch in (0, 1, 3):
        run({"b": batch}, most=3)


@pytest.mark.parametrize("title", ["an even size", "residues without weights", "a wide stride"])
def test_what_is_done_with_results_is_done_where_they_belong(title: str) -> None:
    x = Given(float64)
    total = derivative(x, title)
    bias, other = x(*total.shape[1:2], *(1,) * (len(total.shape) - 2)), x(*total.shape)
    fused = relu(ops.add(ops.add(total, spread(bias, total)), other))
    run = Checked(x.nodes, [fused, ops.sum(total, axes=(0,))])
    for batch in (1, 3):
        run({"b": batch}, most=3)


def test_pieces_of_one_column_that_are_no_products() -> None:
    """Cotangents of one number have no columns; what is stored once a line is no vector."""
    x = Given(float64)
    three = ops.constant(value=np.asarray(3.0))
    g = ops.broadcast_to(three, shape=(2, 64, 28, 1))
    attrs = {"strides": (1, 2), "low": (0, 0), "high": (0, 0), "dilations": (1, 1)}
    run = Checked(x.nodes, [ops.convolution_input(g, x(64, 32, 3, 3), **attrs, shape=(30, 3))])
    run({}, most=3)


def test_sizes_that_are_symbols() -> None:
    """Padding that follows from a size, as of "same", leaves it open which residues come first."""
    x, h = Given(float32), symbol("h")
    low = dims.floordiv(dims.remainder(h, 2) + 1, 2)
    attrs = {"strides": (2, 3), "low": (low, 0), "high": (1, 0), "dilations": (1, 1)}
    g = x(b, 8, dims.floordiv(h + low + 1 - 3, 2) + 1, 5)
    node = ops.convolution_input(g, x(8, 4, 3, 4), **attrs, shape=(h, 16))
    run = Checked(x.nodes, [ops.add(node, x(b, 4, h, 16))])
    for height in (1, 2, 7, 12):
        run({"h": height, "b": 2}, most=3)


def test_windows_that_are_symbols() -> None:
    x, k = Given(float32), symbol("k")
    attrs = {"strides": (3,), "low": (1,), "high": (2,), "dilations": (1,)}
    g = x(b, 8, dims.floordiv(64 + 3 - k, 3) + 1)
    run = Checked(x.nodes, [ops.convolution_input(g, x(8, 4, k), **attrs, shape=(64,))])
    for size in (1, 2, 5):
        run({"k": size, "b": 2}, most=3)


@pytest.mark.parametrize(
    ("outputs", "kernel", "stride", "dilation", "is_product"),
    [(1, 3, 2, 1, False), (40, 3, 2, 1, True), (40, 3, 12, 1, True), (8, 9, 9, 2, True)],
    ids=["few terms", "pieces", "many residues", "more pieces than a kernel takes"],
)
def test_infinite_weights_meet_zeros_around_cotangents_but_not_between(
    outputs: int, kernel: int, stride: int, dilation: int, is_product: bool
) -> None:
    rng = np.random.default_rng(0)
    attrs = {"strides": (stride,) * 2, "dilations": (dilation,) * 2, "low": (0, 0), "high": (0, 0)}
    w = rng.integers(-3, 3, (outputs, 3, kernel, kernel)).astype(np.float32)
    w[:, :, 0, 1], w[:, :, 1, 2] = np.inf, -np.inf
    reach = dilation * (kernel - 1)
    sizes = tuple(stride * 4 + reach + n for n in (0, 1))
    g = np.ones((1, outputs, *counted(attrs, sizes, w.shape[2:])), np.float32)
    x = Given(float32)
    nodes = [x(*array.shape) for array in (g, w)]
    run = Checked(nodes, [ops.convolution_input(*nodes, **attrs, shape=sizes)])
    schedule = run.program.compilation.schedule
    assert schedule is not None
    found = [s for one in schedule.launches for s in one.kernel.statements()]
    assert any(isinstance(s, Product) for s in found) is is_product
    (got,) = run.program(g, w)
    (want,), _ = evaluate(run.graph, dict(zip(nodes, (g, w), strict=True)), {})
    np.testing.assert_array_equal(got, want)
    assert np.isinf(want).any()
    assert np.isnan(want).any()
    inside = slice(reach, -reach - 1)
    assert not np.isnan(want[:, :, inside, inside]).any()


@pytest.mark.parametrize("title", ["an even size", "residues taken in turns", "a wide stride"])
def test_memory_is_that_of_the_result_and_a_fixed_workspace(title: str) -> None:
    x = Given(float32)
    node = derivative(x, title)
    made = compile_graph(extract("test", [node], inputs=x.nodes)).executable
    assert made is not None
    few, many = (made.usage({"b": batch}) for batch in (1, 1000))
    assert many.arena == few.arena
    assert many.outputs == 4000 * dims.product(node.shape[1:])


def test_sums_without_columns_are_loops_for_each_piece() -> None:
    """As the derivative of a sum, whose cotangents are all the same."""
    x = Given(float32)
    attrs = {"strides": (2, 2), "low": (1, 1), "high": (1, 1), "dilations": (1, 1)}
    ones = constant(1, x(b, 40, 4, 5))
    node = ops.convolution_input(ones, x(40, 3, 3, 3), **attrs, shape=(8, 10))
    run = Checked(x.nodes, [node])
    for batch in (0, 1, 3):
        run({"b": batch}, most=3)
