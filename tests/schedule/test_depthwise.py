"""Depthwise convolutions and their derivatives, written out as chains and as sums."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from graphc.ir.dtypes import float32, int32
from graphc.ir.graph import extract
from graphc.ir.node import Node
from graphc.ops import ops
from graphc.ops.windows import counted
from graphc.schedule import splitting
from graphc.schedule.depthwise import is_chain, is_depthwise
from graphc.schedule.keeping import once_computed
from graphc.schedule.splitting import split_reductions
from tests.codegen.products.checking import Checked, Given, b
from tests.codegen.products.test_image import windows
from tests.native import run_native

# groups, sizes, kernel and windows
CASES: dict[str, tuple[Any, ...]] = {
    "pictures": ((5,), (9, 19), (3, 3), {"low": (1,), "high": (1,)}),
    "sequences": ((3,), (40,), (5,), {}),
    "one channel": ((), (9, 30), (2, 3), {"dilations": (2,)}),
    "short rows": ((3,), (9, 16), (3, 3), {"low": (1,), "high": (1,)}),
    "groups of groups": ((2, 3), (5, 6, 18), (1, 2, 3), {"high": (2,)}),
    "many places": ((2,), (9, 25), (4, 4), {}),
    "short": ((2,), (9, 12), (4, 4), {}),
    "strides": ((5,), (9, 20), (3, 3), {"low": (1,), "high": (1,), "strides": (2,)}),
    "wide strides": ((2,), (11, 35), (2, 4), {"low": (1,), "strides": (3,)}),
}


def derivative(x: Given, title: str, channels: tuple[int, int] = (1, 1), **others: Any) -> Node:
    groups, sizes, kernel, attrs = CASES[title]
    attrs = windows(len(sizes), **attrs) | others
    inputs, outputs = channels
    counts = counted(attrs, sizes, kernel)
    data, cotangents = x(b, *groups, inputs, *sizes), x(b, *groups, outputs, *counts)
    return ops.convolution_weights(data, cotangents, **attrs, shape=kernel)


@pytest.mark.parametrize("title", sorted(set(CASES) - {"short"}))
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
    assert is_depthwise(derivative(x, "pictures", strides=(1, 2)))
    assert not is_depthwise(derivative(x, "pictures", (1, 2)))
    assert not is_depthwise(derivative(x, "pictures", (2, 1)))
    assert not is_depthwise(derivative(Given(int32), "pictures"))
    for title, strides in (("many places", (1, 1)), ("many places", (1, 2)), ("short", (1, 1))):
        wanted = (title, strides) == ("many places", (1, 1))
        assert is_depthwise(derivative(x, title, strides=strides)) is wanted


# Chains --------------------------------------------------------------------------------------


def convolution(x: Given, title: str, channels: tuple[int, int] = (1, 1), **others: Any) -> Node:
    groups, sizes, kernel, attrs = CASES[title]
    inputs, outputs = channels
    data, weights = x(b, *groups, inputs, *sizes), x(*groups, outputs, inputs, *kernel)
    return ops.convolution(data, weights, **windows(len(sizes), **attrs) | others)


def by_data(x: Given, title: str, channels: tuple[int, int] = (1, 1), **others: Any) -> Node:
    groups, sizes, kernel, attrs = CASES[title]
    attrs = windows(len(sizes), **attrs) | others
    inputs, outputs = channels
    counts = counted(attrs, sizes, kernel)
    g, weights = x(b, *groups, outputs, *counts), x(*groups, outputs, inputs, *kernel)
    return ops.convolution_input(g, weights, **attrs, shape=sizes)


@pytest.mark.parametrize("build", [convolution, by_data], ids=lambda build: build.__name__)
@pytest.mark.parametrize("title", ["pictures", "sequences", "strides", "wide strides"])
def test_chains_have_the_bits_of_products(
    build: Callable[..., Node], title: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = Given(float32)
    node = build(x, title)
    assert is_chain(node)
    names = {one.op.name for one in split_reductions(extract("test", [node])).nodes}
    assert not any(name.startswith("convolution") for name in names)
    draw = np.random.default_rng(0)
    feeds = {
        one: draw.normal(size=[3 if n is b else n for n in one.shape]).astype(np.float32)
        for one in x.nodes
    }
    (mine,) = run_native([node], feeds)
    monkeypatch.setattr(splitting, "is_chain", lambda _: False)
    (other,) = run_native([node], feeds)
    assert mine.tobytes() == other.tobytes()


@pytest.mark.parametrize("build", [convolution, by_data], ids=lambda build: build.__name__)
@pytest.mark.parametrize("title", [title for title in CASES if title != "one channel"])
def test_values_of_chains(build: Callable[..., Node], title: str) -> None:
    x = Given(float32)
    run = Checked(x.nodes, [build(x, title)])
    for batch in (0, 1, 5):
        run({"b": batch}, most=3)


def test_other_products_stay() -> None:
    x = Given(float32)
    assert is_chain(convolution(x, "one channel")) and not is_chain(by_data(x, "one channel"))
    for build in (convolution, by_data):
        assert is_chain(build(x, "pictures"))
        assert not is_chain(build(x, "pictures", (1, 2)))
        assert not is_chain(build(x, "pictures", (2, 1)))
        assert not is_chain(build(x, "many places"))
        assert not is_chain(build(Given(int32), "pictures"))
    assert not is_chain(by_data(x, "pictures", low=(-1, 0)))


def test_what_a_chain_reads_is_worked_out_once() -> None:
    """Unless that costs no more than to read it from memory."""
    x = Given(float32)
    data, weights = x(b, 5, 1, 9, 19), x(5, 1, 1, 3, 3)
    attrs = windows(2, low=(1,), high=(1,))
    for work, count in ((ops.neg, 1), (ops.tanh, 2)):
        graph = split_reductions(extract("test", [ops.convolution(work(data), weights, **attrs)]))
        assert len(once_computed(graph)[0]) == count
