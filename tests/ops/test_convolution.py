"""What the registry test leaves open of convolution: errors, conditions, infinite weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from graphc.errors import DTypeError, ShapeError
from graphc.ir.dims import symbol
from graphc.ir.dtypes import float32, float64
from graphc.ir.lowering import Reduce
from graphc.ir.node import Node
from graphc.ir.scalar import walk
from graphc.ops import ops
from tests.native import run_native
from tests.ops.applying import apply
from tests.ops.lowering_interpreter import reader


def windows(rank: int = 1, **changes: Any) -> dict[str, Any]:
    """Windows at every position, without padding, but for what is changed."""
    usual = {"strides": 1, "low": 0, "high": 0, "dilations": 1}
    return {key: (changes.get(key, value),) * rank for key, value in usual.items()}


def place(x: Any, w: Any, **changes: Any) -> Node:
    rank = len(x) - 3
    data = ops.placeholder(shape=x, dtype=float32, name="x")
    weights = ops.placeholder(shape=w, dtype=float32, name="w")
    return ops.convolution(data, weights, **windows(rank, **changes))


@pytest.mark.parametrize(
    ("x", "w", "changes", "message"),
    [
        ((2, 1, 3, 4), (1, 2, 3, 5), {}, "over 5 elements is larger than spatial dim 0, 4"),
        ((2, 1, 3, 4), (1, 2, 3, 3), {"dilations": 2}, "over 5 elements is larger"),
        ((2, 1, 3, 4), (1, 2, 3, 7), {"low": 1, "high": 1}, "0, 6 elements with padding"),
        ((2, 1, 3, 4), (1, 2, 3, 0), {}, "at least one element along spatial dim 0"),
        ((2, 1, 3, 4), (1, 2, 2, 3), {}, "channels of data and of weights must be equal"),
        ((2, 4, 3, 4), (2, 2, 3, 3), {}, "groups of data and of weights must be equal"),
        ((2, 1, 3, 4), (1, 2, 3, 3), {"strides": 0}, "at least 1"),
        ((2, 1, 3, 4), (1, 2, 3, 3), {"dilations": 0}, "at least 1"),
        ((2, 1, 3, 4), (1, 2, 3, 3, 3), {}, "data and weights need as many dims, 1 spatial"),
    ],
)
def test_shapes_that_do_not_fit(x: Any, w: Any, changes: Any, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        place(x, w, **changes)


def test_dtypes_are_one() -> None:
    x = ops.placeholder(shape=(1, 1, 1, 3), dtype=float32)
    w = ops.placeholder(shape=(1, 1, 1, 2), dtype=float64)
    with pytest.raises(DTypeError, match="one dtype"):
        ops.convolution(x, w, **windows())


def test_an_entry_is_needed_for_every_dim() -> None:
    x = ops.placeholder(shape=(1, 1, 1, 3, 3), dtype=float32)
    with pytest.raises(ShapeError, match="an entry for every dim"):
        ops.convolution(x, x, **{**windows(2), "low": (0,)})


def test_the_sizes_of_an_adjoint_belong_to_its_input() -> None:
    g = ops.placeholder(shape=(1, 1, 2, 5), dtype=float32)
    w = ops.placeholder(shape=(1, 2, 3, 3), dtype=float32)
    assert ops.convolution_input(g, w, **windows(), shape=(7,)).shape == (1, 1, 3, 7)
    with pytest.raises(ShapeError, match="numbers of windows .* 6 is not 5"):
        ops.convolution_input(g, w, **windows(), shape=(8,))


def test_sizes_that_are_known_when_fed() -> None:
    n, h, c, k = (symbol(name) for name in "nhck")
    node = place((n, 1, c, h, 9), (1, 4, symbol("d"), 3, k), strides=2, low=1, high=1)
    assert [str(size) for size in node.shape] == ["n", "1", "4", "(h + 1)//2", "(-k + 1)//2 + 6"]
    assert [str(guard) for guard in node.guards] == [
        "c == d", "max(0, h - 1) == h - 1", "max(-k + 11, 0) == -k + 11",
    ]  # fmt: skip


def conditions(node: Node) -> list[str]:
    """What must hold for the operands of a convolution to be read."""
    rule = node.op.lowering
    assert isinstance(rule, Reduce)
    index = [symbol(f"i{k}", extent - 1) for k, extent in enumerate(node.shape)]
    inner = [symbol(f"j{k}", extent - 1) for k, extent in enumerate(rule.extents(node))]
    loads = rule.operands(node, tuple(index), tuple(inner), reader(node))
    return [expr.name for expr in walk(loads) if expr.name in ("eq", "ge", "lt")]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"strides": 2, "dilations": 3}, []),
        ({"low": 1}, ["ge"]),
        ({"high": 1}, ["lt"]),
        ({"low": -1, "high": -1}, []),
    ],
)
@pytest.mark.parametrize("size", [8, symbol("h")])
def test_only_padding_needs_conditions(size: Any, changes: Any, expected: list[str]) -> None:
    node = place((2, 1, 3, size), (1, 4, 3, 3), **changes)
    assert conditions(node) == expected


@pytest.mark.parametrize(("stride", "expected"), [(1, False), (2, True)])
def test_only_strides_need_divisions(stride: int, expected: bool) -> None:
    g = ops.placeholder(shape=(2, 1, 4, 3), dtype=float32)
    w = ops.placeholder(shape=(1, 4, 3, 2), dtype=float32)
    attrs = windows(strides=stride)
    node = ops.convolution_input(g, w, **attrs, shape=(2 * stride + 2,))
    assert ("eq" in conditions(node)) is expected


@pytest.mark.parametrize("run", ["reference", "native"])
def test_padding_is_zeros_which_times_infinity_are_nan(run: str) -> None:
    x, w = np.ones((1, 1, 1, 3)), np.array([[[[np.inf, 1.0]]]])
    attrs = windows(low=1)
    if run == "reference":
        found = apply("convolution", x, w, **attrs)
    else:
        nodes = [ops.placeholder(shape=a.shape, dtype=float64) for a in (x, w)]
        feeds = {nodes[0]: x, nodes[1]: w}
        (found,) = run_native([ops.convolution(*nodes, **attrs)], feeds)
    np.testing.assert_array_equal(found[0, 0, 0], [np.nan, np.inf, np.inf])
