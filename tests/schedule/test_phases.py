"""Derivatives of strided convolutions by their data, phase by phase."""

from __future__ import annotations

from typing import Any

import pytest

from graphc.ir.dtypes import float32, int32
from graphc.ir.graph import extract
from graphc.ir.node import Node
from graphc.ops import ops
from graphc.ops.windows import counted
from graphc.schedule.phases import has_phases
from graphc.schedule.splitting import split_reductions
from tests.codegen.products.checking import Checked, Given, b

# sizes, kernel, strides, low, high, dilations; how many weights each phase has
CASES: dict[str, tuple[Any, ...]] = {
    "an even size": ((8, 8), (3, 3), (2, 2), (1, 1), (1, 1), (1, 1), (1, 2, 2, 4)),
    "an odd size": ((9,), (3,), (2,), (1,), (1,), (1,), (1, 2)),
    "phases without weights": ((9,), (2,), (3,), (0,), (1,), (1,), (1, 1)),
    "gaps as wide as the stride": ((12,), (3,), (2,), (2,), (2,), (2,), (3,)),
    "gaps wider than the stride": ((14,), (3,), (2,), (1,), (1,), (3,), (1, 2)),
    "cut off rather than padded": ((9,), (2,), (2,), (-1,), (-2,), (1,), (1, 1)),
    "one dim of two": ((6, 7), (2, 3), (1, 2), (0, 1), (1, 1), (1, 1), (2, 4)),
}


def derivative(x: Given, title: str, **others: Any) -> Node:
    sizes, kernel, strides, low, high, dilations, _ = CASES[title]
    attrs = {"strides": strides, "low": low, "high": high, "dilations": dilations} | others
    counts = counted(attrs, sizes, kernel)
    return ops.convolution_input(x(b, 5, *counts), x(5, 3, *kernel), **attrs, shape=sizes)


def parts(node: Node) -> list[Node]:
    graph = split_reductions(extract("test", [node]))
    return [part for part in graph.nodes if part.op is ops.convolution_input]


@pytest.mark.parametrize("title", CASES)
def test_each_phase_has_the_weights_that_it_needs(title: str) -> None:
    found = parts(derivative(Given(float32), title))
    rank = len(CASES[title][0])
    counts = []
    for part in found:
        assert part.attrs["strides"] == (1,) * rank
        count = 1
        for size in part.inputs[1].shape[-rank:]:
            assert isinstance(size, int)
            count *= size
        counts.append(count)
    assert tuple(sorted(counts)) == CASES[title][-1]


@pytest.mark.parametrize("title", CASES)
def test_values(title: str) -> None:
    x = Given(float32)
    run = Checked(x.nodes, [derivative(x, title)])
    for batch in (0, 1, 3):
        run({"b": batch}, most=3)


def test_what_has_none() -> None:
    assert not has_phases(derivative(Given(int32), "an even size"))
    assert not has_phases(derivative(Given(float32), "an even size", strides=(1, 1)))
    assert not has_phases(ops.exp(Given(float32)(3)))
