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


def cut(form: str, shape: tuple[Any, ...]) -> tuple[Graph, tuple[Band, ...]]:
    graph, _ = run_passes(Attention(form, shape).graph())
    return in_bands(graph)


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
    _, (forward, back) = cut(form, (1, 2, 256, 128))
    assert read(back) == expected
    assert read(forward) == []
    assert [sum(map(is_wide_product, band.nodes)) for band in (forward, back)] == [1, 1]


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((1, 2, 256, 64), True),
        ((1, 2, 256, 63), False),
        ((1, 2, "t", 64), False),
        (("b", 4, 64, 16), True),
        (("b", 4, 65, 16), False),
    ],
    ids=str,
)
def test_where_there_is_memory(shape: tuple[Any, ...], expected: bool) -> None:
    """In as much as operands have: four of 64x16 for weights of 64x64."""
    _, (_, back) = cut("plain", shape)
    assert (read(back) == ["exp"]) is expected


def _operands(band: Band) -> set[Node]:
    return {operand for node in band.nodes for operand in node.inputs}
