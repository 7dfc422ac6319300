"""Sums in parts: which are cut, and that the parts are those of the whole."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from graphc.ir import dims
from graphc.ir.dims import symbol
from graphc.ir.dtypes import DType, float32, float64, int32
from graphc.ir.node import Node
from graphc.ops import ops
from graphc.schedule.products.parts import PARTS, in_parts
from tests.codegen.products.checking import Checked, Given, constant, plus, turned

m, k, n = (symbol(name) for name in "mkn")


def product(rows: Any, depth: Any, columns: Any, dtype: DType = float32) -> Node:
    left = ops.placeholder(shape=(rows, depth), dtype=dtype)
    return ops.matmul(left, ops.placeholder(shape=(depth, columns), dtype=dtype))


def weights_of(batch: Any, size: Any, outputs: int = 8) -> Node:
    """The gradient of a convolution's weights: depth is a batch and an image."""
    x = ops.placeholder(shape=(batch, 3, size + 2), dtype=float32)
    g = ops.placeholder(shape=(batch, outputs, size), dtype=float32)
    return ops.convolution_weights(
        x, g, strides=(1,), low=(0,), high=(0,), dilations=(1,), shape=(3,)
    )


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (product(128, k, 128), True),
        (product(127, k, 128), False),
        (product(256, k, 256), True),
        (product(256, k, 257), False),
        (product(m, k, 16), False),
        (product(m, 5000, 16), False),
        (product(64, 1024, 64), True),
        (product(64, 1023, 64), False),
        (product(64, 1023, 80), False),
        (product(64, 1024, 80), True),
        (product(256, 1000, 256), False),
        (product(1000, 7, 60), False),
        (product(128, k, 128, float64), True),
        (product(128, k, 128, int32), False),
        (weights_of(n, 300), True),
        (weights_of(n, 200), False),
        (weights_of(7, 100_000), False),
        (weights_of(7, m), False),
        (weights_of(8, 100_000), True),
    ],
)
def test_which_sums_are_cut(node: Node, expected: bool) -> None:
    """Those with few results, much to add up for each position of the first axis, and long ones."""
    found = in_parts(node)
    assert (found is not None) is expected
    if found is not None:
        assert found.type == node.type
        assert found.inputs[0].shape[1:] == node.shape


@pytest.mark.parametrize(
    ("depth", "expected"), [(0, 0), (1, 1), (512, 1), (513, 2), (2000, 4), (9999, 8)]
)
def test_short_sums_of_unknown_length_have_fewer_parts(depth: int, expected: int) -> None:
    for node, given in (
        (product(128, k, 128), {"k": depth}),
        (product(128, k * n, 128), {"k": depth, "n": 1}),
    ):
        found = in_parts(node)
        assert found is not None
        assert dims.evaluate(found.inputs[0].shape[0], given) == expected
    known = in_parts(product(64, 1024, 64))
    assert known is not None and known.inputs[0].shape[0] == PARTS


def both_ways(x: Given, depth: Any) -> list[Node]:
    """Plain operands, transposed ones, and formulas that are not 0 at 0."""
    left, right = x(depth, 128), x(depth, 128)
    return [
        ops.matmul(turned(left), right),
        plus(ops.matmul(turned(plus(left, 1)), right), 3),
        ops.matmul(turned(plus(left, 1)), plus(right, 2)),
        ops.matmul(turned(constant(1, left)), right),
    ]


@pytest.mark.parametrize("dtype", [float32, float64], ids=str)
def test_any_depth(dtype: DType) -> None:
    """Also less than a position for each part, or none."""
    x = Given(dtype)
    run = Checked(x.nodes, both_ways(x, k))
    for depth in (0, 1, 5, 7, 8, 9, 15, 16, 17, 63, 300, 511, 512, 1030, 4097):
        run({"k": depth}, most=3)


@pytest.mark.parametrize("depth", [256, 257, 261, 263, 264, 8 * 520 + 3])
def test_a_known_depth(depth: int) -> None:
    x = Given()
    Checked(x.nodes, both_ways(x, depth))(most=3)


@pytest.mark.parametrize("batch", [n, 77])
def test_convolutions(batch: Any) -> None:
    """Parts end at images, and padding is no part of any."""
    x = Given()
    data, cotangents = x(batch, 5, 31), x(batch, 70, 61)
    attrs = {"strides": (1,), "low": (17,), "high": (15,), "dilations": (1,)}
    outputs = [
        ops.convolution_weights(left, right, **attrs, shape=(3,))
        for left in (data, plus(data, 1))
        for right in (cotangents, plus(cotangents, 1))
    ]
    assert in_parts(outputs[0]) is not None
    run = Checked(x.nodes, outputs)
    for size in (0, 1, 7, 8, 9, 21) if batch is n else (77,):
        run({"n": size} if batch is n else {}, most=2)


def test_parts_differ_in_depth_even_where_one_operand_is_a_number() -> None:
    """Then only the other one depends on the part; it is not one of the columns for that."""
    x, three = Given(float32), ops.constant(value=np.asarray(3, np.float32))
    g = ops.broadcast_to(three, shape=(n, 1, m))
    attrs = {"strides": (1,), "low": (0,), "high": (0,), "dilations": (1,), "shape": (4,)}
    run = Checked(x.nodes, [ops.convolution_weights(x(n, 32, m + 3), g, **attrs)])
    for sizes in ({"n": 1, "m": 1}, {"n": 9, "m": 60}, {"n": 30, "m": 7}):
        run(sizes, most=3)


def test_infinities_of_other_parts_stay_there() -> None:
    """What lies beyond a part's end counts as 0 in both operands, not as 0 times a number."""
    x = Given()
    run = Checked(x.nodes, [ops.matmul(turned(x(k, 128)), x(k, 128))])
    left = np.ones((9, 128), np.float32)
    left[2:, :5] = np.inf
    (got,) = run.program(left, np.ones((9, 128), np.float32))
    assert np.all(got[:5] == np.inf) and np.all(got[5:] == 9)
