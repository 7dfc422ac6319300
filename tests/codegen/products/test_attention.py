"""Attention in bands of rows: the numbers of the formula, and the bits of kernels of their own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.ir import dims
from graphc.ir.graph import Graph, extract
from graphc.runtime.reference import evaluate
from graphc.schedule import lowering
from tests.codegen.running import Program
from tests.schedule.bands.attention import FORMS, Attention
from tests.schedule.bands.forms import outputs

Array = np.ndarray[Any, Any]

#: Shapes of queries with the sizes of their dims.
SHAPES: dict[str, tuple[tuple[Any, ...], list[dict[str, int]]]] = {
    "heads": (("b", 4, 64, 32), [{"b": 2}, {"b": 0}]),
    "blocks of rows": ((2, 4, 150, 17), [{}]),
    "any length": (("b", 4, "t", 16), [{"b": 2, "t": 70}, {"b": 3, "t": 1}, {"b": 1, "t": 0}]),
    "one head": ((270, 32), [{}]),
    "one head of any length": (("t", 24), [{"t": 300}, {"t": 5}, {"t": 0}]),
    "two heads of any length": ((1, 2, "t", 16), [{"t": 700}, {"t": 130}, {"t": 1}]),
    "few heads": ((1, 3, 523, 8), [{}]),
}


def feeds_of(graph: Graph, sizes: dict[str, int]) -> list[Array]:
    rng = np.random.default_rng(1)
    shapes = [tuple(dims.evaluate(n, sizes) for n in node.shape) for node in graph.placeholders]
    return [
        np.asarray(rng.normal(size=shape), node.dtype.numpy)
        for node, shape in zip(graph.placeholders, shapes, strict=True)
    ]


def outputs_of(graph: Graph, feeds: list[Array]) -> list[Array]:
    return Program(graph.placeholders, graph.outputs)(*feeds)


TRIES = [
    *(("plain", shape) for shape in SHAPES),
    *((form, "heads") for form in FORMS if form != "plain"),
    ("causal", "any length"), ("twice", "any length"), ("masked", "blocks of rows"),
    ("capped", "one head"), ("linear", "one head of any length"),
]  # fmt: skip


@pytest.mark.parametrize(("form", "shape"), TRIES)
def test_numbers_and_bits(form: str, shape: str) -> None:
    """Those of the formula; and those of kernels of their own, which store the weights."""
    declared, tries = SHAPES[shape]
    if form == "by_letters":
        declared = (declared[0], declared[2], declared[1], declared[3])
    attention = Attention(form, declared)
    together, apart = attention.graph(), attention.graph(spread=True)
    first, second = (Program(graph.placeholders, graph.outputs) for graph in (together, apart))
    for sizes in tries:
        feeds = feeds_of(together, sizes)
        got, other = first(*feeds), second(*feeds)
        expected, _ = evaluate(together, dict(zip(together.placeholders, feeds, strict=True)))
        for mine, theirs, plain in zip(got, other, expected, strict=False):
            assert mine.tobytes() == theirs.tobytes()
            np.testing.assert_allclose(mine, plain, rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("length", [3000, 20_000], ids=str)
def test_rows_of_any_length(length: int) -> None:
    """Blocks for which there is scratch, and blocks that are too large for it."""
    graph = Attention("plain", (1, 2, length, 4), back=False).graph()
    rng = np.random.default_rng(0)
    q, k, v = feeds_of(graph, {})
    (got,) = outputs_of(graph, [q, k, v])
    for row in rng.integers(0, length, 20):
        weights = np.exp(k[0, 1].astype(float) @ q[0, 1, row] / 2)
        expected = weights @ v[0, 1] / weights.sum()
        np.testing.assert_allclose(got[0, 1, row], expected, rtol=1e-3, atol=1e-5)


def test_doubles() -> None:
    attention = Attention("causal", ("b", 4, 80, 20), gc.float64)
    together, apart = attention.graph(), attention.graph(spread=True)
    feeds = feeds_of(together, {"b": 2})
    expected, _ = evaluate(together, dict(zip(together.placeholders, feeds, strict=True)))
    for mine, theirs, plain in zip(
        outputs_of(together, feeds), outputs_of(apart, feeds), expected, strict=False
    ):
        assert mine.tobytes() == theirs.tobytes()
        np.testing.assert_allclose(mine, plain, rtol=1e-11, atol=1e-13)


def test_nothing_is_cut_off() -> None:
    """Infinities and NaN spread as the formula has it, forbidden positions or not."""
    attention = Attention("causal", (2, 4, 64, 16))
    together, apart = attention.graph(), attention.graph(spread=True)
    feeds = feeds_of(together, {})
    feeds[2][0, 1, 40, 3] = np.inf
    feeds[1][1, 2, 5, 0] = np.nan
    got, other = outputs_of(together, feeds), outputs_of(apart, feeds)
    for mine, theirs in zip(got, other, strict=False):
        np.testing.assert_array_equal(np.isnan(mine), np.isnan(theirs))
        np.testing.assert_array_equal(mine, theirs)
    assert np.isnan(got[0][0, 1, 0, 3])  # 0 times infinity


@pytest.mark.parametrize(
    "form",
    ["groups by letters", "one head of keys by letters", "few queries", "causal by a triangle",
     "dropout by sines"],
)  # fmt: skip
def test_bits_of_other_forms(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of kernels of their own, for which masks and random numbers are stored."""
    with gc.Graph():
        graph = extract("test", [one.node for one in outputs(form, back=True)])
    feeds = feeds_of(graph, {})
    got = outputs_of(graph, feeds)
    monkeypatch.setattr(lowering, "in_bands", lambda graph: (graph, ()))
    for mine, theirs in zip(got, outputs_of(graph, feeds), strict=True):
        assert mine.tobytes() == theirs.tobytes()
    if form == "dropout by sines":
        return  # what is dropped hangs on the last bit of a sine
    expected, _ = evaluate(graph, dict(zip(graph.placeholders, feeds, strict=True)))
    for mine, plain in zip(got, expected, strict=True):
        np.testing.assert_allclose(mine, plain, rtol=1e-3, atol=2e-3)
