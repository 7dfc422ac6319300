"""Bands: nothing wide between them, and their nodes in one place."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from graphc.ir.graph import Graph
from graphc.passes.pipeline import run_passes
from graphc.runtime.reference import evaluate
from graphc.schedule.bands.cutting import in_bands
from tests.schedule.bands.attention import FORMS, Attention


def optimized(form: str, heads: int, back: bool) -> Graph:
    shape = (2, 72, heads, 16) if form == "by_letters" else (2, heads, 72, 16)
    graph, _ = run_passes(Attention(form, shape, back=back).graph())
    return graph


@pytest.mark.parametrize("back", [False, True])
@pytest.mark.parametrize("heads", [1, 3])
@pytest.mark.parametrize("form", FORMS)
def test_bands(form: str, heads: int, back: bool) -> None:
    graph = optimized(form, heads, back)
    cut, bands = in_bands(graph)
    layers = 2 if form == "twice" else 1
    each = 1 + back
    assert len(bands) == layers * each
    place = {node: k for k, node in enumerate(cut.nodes)}
    for node in cut.nodes:
        assert all(place[operand] < place[node] for operand in node.inputs)
    for band in bands:
        places = [place[node] for node in band.nodes]
        assert places == list(range(places[0], places[0] + len(places)))
        read = {operand for node in band.nodes for operand in node.inputs} - set(band.nodes)
        assert not any(node.shape == band.shape and _is_of_a_band(node, bands) for node in read)


def _is_of_a_band(node: Any, bands: Any) -> bool:
    return any(node in band.nodes for band in bands)


@pytest.mark.parametrize("form", FORMS)
def test_the_values_are_the_same(form: str) -> None:
    graph = optimized(form, 1, True)
    cut, _ = in_bands(graph)
    rng = np.random.default_rng(0)
    feeds = {
        node: rng.normal(size=node.shape).astype(node.dtype.numpy) for node in graph.placeholders
    }
    for one, other in zip(evaluate(graph, feeds)[0], evaluate(cut, feeds)[0], strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_graph_without_wide_products_stays() -> None:
    graph = optimized("plain", 3, False)
    (band,) = in_bands(graph)[1]
    small, _ = run_passes(Attention("plain", (2, 3, 16, 16)).graph())
    assert in_bands(small) == (small, ())
    assert band.uses.keys() <= set(graph.nodes)
