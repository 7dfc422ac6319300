"""Derivatives of depthwise convolutions by their weights, written out as sums."""

from __future__ import annotations

from typing import Any

import pytest

from graphc.ir.dtypes import float32, int32
from graphc.ir.graph import extract
from graphc.ir.node import Node
from graphc.ops import ops
from graphc.ops.windows import counted
from graphc.schedule.depthwise import is_depthwise
from graphc.schedule.splitting import split_reductions
from tests.codegen.products.checking import Checked, Given, b
from tests.codegen.products.test_image import windows

# groups, sizes, kernel and windows
CASES: dict[str, tuple[Any, ...]] = {
    "pictures": ((5,), (9, 19), (3, 3), {"low": (1,), "high": (1,)}),
    "sequences": ((3,), (40,), (5,), {}),
    "one channel": ((), (9, 30), (2, 3), {"dilations": (2,)}),
    "short rows": ((3,), (9, 16), (3, 3), {"low": (1,), "high": (1,)}),
    "groups of groups": ((2, 3), (5, 6, 18), (1, 2, 3), {"high": (2,)}),
}


def derivative(x: Given, title: str, channels: tuple[int, int] = (1, 1), **others: Any) -> Node:
    groups, sizes, kernel, attrs = CASES[title]
    attrs = windows(len(sizes), **attrs) | others
    inputs, outputs = channels
    counts = counted(attrs, sizes, kernel)
    data, cotangents = x(b, *groups, inputs, *sizes), x(b, *groups, outputs, *counts)
    return ops.convolution_weights(data, cotangents, **attrs, shape=kernel)


@pytest.mark.parametrize("title", sorted(set(CASES) - {"short rows"}))
def test_values(title: str) -> None:
    x = Given(float32)
    node = derivative(x, title)
    graph = split_reductions(extract("test", [node]))
    assert not any(one.op is ops.convolution_weights for one in graph.nodes)
    run = Checked(x.nodes, [node])
    for batch in (0, 1, 70):
        run({"b": batch}, most=3)


def test_others_are_products() -> None:
    x = Given(float32)
    assert is_depthwise(derivative(x, "pictures"))
    assert not is_depthwise(derivative(x, "short rows"))
    assert not is_depthwise(derivative(x, "pictures", (1, 2)))
    assert not is_depthwise(derivative(x, "pictures", (2, 1)))
    assert not is_depthwise(derivative(x, "pictures", strides=(1, 2)))
    assert not is_depthwise(derivative(Given(int32), "pictures"))
