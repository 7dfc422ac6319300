"""Sums over rows of wide values: how many parts they are cut into, and that only shapes decide."""

from __future__ import annotations

from typing import Any

import pytest

from graphc.ir.dims import symbol
from graphc.passes.pipeline import run_passes
from graphc.schedule.bands.cutting import in_bands
from graphc.schedule.bands.sums import parts_of
from graphc.schedule.bands.wide import Parts, all_regions, regions
from graphc.schedule.splitting import split_reductions
from tests.schedule.bands.attention import Attention

b, t = symbol("b"), symbol("t")


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((4096, 4096), 8),
        ((1, 512, 64), 8),
        ((1, 511, 2000), 4),
        ((1, 127, 2000), 1),
        ((2, 512, 512), 4),
        ((1, 3, 512, 512), 4),
        ((1, 7, 512, 512), 2),
        ((2, 4, 512, 512), 1),
        ((b, 1, 512, 512), 1),
        ((t, t), 8),
        ((1, 2, t, t), 4),
        ((0, 512, 512), 1),
    ],
    ids=str,
)
def test_parts(shape: tuple[Any, ...], expected: int) -> None:
    """Eight stacks or parts of them, of 64 rows or more, as far as it is known."""
    assert parts_of(shape) == expected


def prepared(form: str, shape: tuple[Any, ...], *, spread: bool = False) -> Any:
    graph, _ = run_passes(Attention(form, shape).graph(spread=spread))
    return split_reductions(graph)


@pytest.mark.parametrize("form", ["plain", "by_letters", "twice"])
@pytest.mark.parametrize("spread", [False, True])
def test_parts_do_not_depend_on_what_else_is_asked_for(form: str, spread: bool) -> None:
    """Where something else needs the weights there is no band, but there are the same parts."""
    shape = (1, 300, 2, 16) if form == "by_letters" else (1, 2, 300, 16)
    graph = prepared(form, shape, spread=spread)
    uses = [use.parts for region in all_regions(graph) for use in region.uses.values()]
    layers = 2 if form == "twice" else 1
    assert uses.count(None) == uses.count(Parts(4, 75)) == 2 * layers == len(uses) // 2
    assert len(regions(graph)) == (0 if spread else layers)


def test_rows_of_a_part_follow_one_another() -> None:
    _, bands = in_bands(prepared("plain", (1, 1, 600, 16)))
    assert [band.parts for band in bands] == [None, Parts(8, 75)]
    _, bands = in_bands(prepared("plain", (2, 4, 600, 16)))
    assert [band.parts for band in bands] == [None, Parts(1, 600)]
