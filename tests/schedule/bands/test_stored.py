"""Which wide values are stored for the way back, and that nothing wide is worked out again then."""

from __future__ import annotations

from typing import Any

import pytest

from graphc.ir.graph import Graph
from graphc.ir.node import Node
from graphc.passes.pipeline import run_passes
from graphc.schedule.bands.cutting import Band, in_bands
from graphc.schedule.bands.wide import is_wide_product
from tests.schedule.bands.attention import Attention

#: Elements of the weights of 2 heads and 256 positions.
ONE = 2 * 256 * 256


def cut(form: str, shape: tuple[Any, ...], cache: int = 0) -> tuple[Graph, tuple[Band, ...]]:
    graph, _ = run_passes(Attention(form, shape).graph())
    return in_bands(graph, cache)


def read(band: Band) -> list[str]:
    """The wide values that a band finds in memory."""
    found = _operands(band) - {*band.nodes, *band.inline}
    return sorted({node.op.name for node in found if node.shape == band.shape})


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("plain", ["exp"]), ("causal", ["exp"]), ("capped", ["exp", "fma"]), ("dropped", ["exp"]),
        ("linear", ["mul"]),
    ],
)  # fmt: skip
def test_what_is_stored(form: str, expected: list[str]) -> None:
    """What costs much, and not what follows from it at little cost."""
    _, (forward, back) = cut(form, (1, 2, 256, 16), 1 << 30)
    assert read(back) == expected
    assert read(forward) == []
    assert [sum(map(is_wide_product, band.nodes)) for band in (forward, back)] == [1, 1]


@pytest.mark.parametrize(
    ("shape", "cache", "expected"),
    [
        ((1, 2, 256, 16), 8 * ONE, True),
        ((1, 2, 256, 16), 8 * ONE - 2, False),
        (("b", 2, 256, 16), 1 << 40, False),
        ((1, 2, "t", 16), 1 << 40, False),
        (("b", 4, 64, 16), 0, True),
        (("b", 4, 65, 16), 0, False),
    ],
    ids=str,
)
def test_where_there_is_memory(shape: tuple[Any, ...], cache: int, expected: bool) -> None:
    """In half of the cache, or in as much as operands have: four of 64x16 for weights of 64x64."""
    _, (_, back) = cut("plain", shape, cache)
    assert (read(back) == ["exp"]) is expected


@pytest.mark.parametrize(("layers", "expected"), [(0, [0, 0]), (1, [0, 1]), (2, [1, 1])])
def test_the_last_layer_is_first(layers: int, expected: list[int]) -> None:
    """What is stored last is read soonest."""
    graph, bands = cut("twice", (1, 2, 256, 16), 8 * ONE * layers)
    place = {node: k for k, node in enumerate(graph.nodes)}
    forward = sorted((one for one in bands if one.parts is None), key=lambda b: place[b.nodes[0]])
    operands = {operand for band in bands if band.parts for operand in _operands(band)}
    stored = [sum(n.shape == band.shape and n in operands for n in band.nodes) for band in forward]
    assert stored == expected


def _operands(band: Band) -> set[Node]:
    return {operand for node in band.nodes for operand in node.inputs}
