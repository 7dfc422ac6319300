"""Depthwise convolutions and their derivatives, written out as chains and as sums."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from graphc.ir.dims import symbol
from graphc.ir.dtypes import float32, int32
from graphc.ir.graph import extract
from graphc.ir.node import Node
from graphc.ops import ops
from graphc.ops.windows import counted
from graphc.schedule import splitting
from graphc.schedule.keeping import once_computed
from graphc.schedule.lowering import prepared, schedule
from graphc.schedule.products.depthwise import is_chain, is_depthwise
from graphc.schedule.splitting import split_reductions
from graphc.schedule.statements import Loop, Store
from tests.codegen.products.checking import Checked, Given, b, relu, spread
from tests.codegen.products.test_image import windows
from tests.codegen.targets import chosen
from tests.native import run_native

TARGETS = chosen()

# groups, sizes, kernel and windows
CASES: dict[str, tuple[Any, ...]] = {
    "pictures": ((5,), (9, 19), (3, 3), {"low": (1,), "high": (1,)}),
    "sequences": ((3,), (40,), (5,), {}),
    "one channel": ((), (9, 30), (2, 3), {"dilations": (2,)}),
    "short rows": ((3,), (9, 16), (3, 3), {"low": (1,), "high": (1,)}),
    "groups of groups": ((2, 3), (5, 6, 18), (1, 2, 3), {"high": (2,)}),
    "many places": ((2,), (9, 25), (4, 4), {}),
    "short": ((2,), (9, 12), (4, 4), {}),
    "too many places": ((2,), (12, 30), (5, 10), {}),
    "strides": ((5,), (9, 20), (3, 3), {"low": (1,), "high": (1,), "strides": (2,)}),
    "wide strides": ((2,), (11, 35), (2, 4), {"low": (1,), "strides": (3,)}),
    "large windows": ((3,), (23, 37), (5, 5), {"low": (2,), "high": (2,)}),
    "large windows, strides": (
        (3,),
        (21, 70),
        (5, 7),
        {"low": (2,), "high": (3,), "strides": (2,)},
    ),
    "the largest windows": ((2,), (14, 14), (7, 7), {"low": (3,), "high": (3,)}),
    "windows cut off": ((2,), (15, 40), (5, 5), {"low": (-1,), "high": (-2,)}),
    "strides of lines": ((2,), (70,), (9,), {"low": (4,), "strides": (4,)}),
    "wide steps": ((2,), (9, 90), (3, 5), {"strides": (5,), "low": (2,)}),
}

#: Those of which the derivative by weights is sums for each place.
SUMS = [title for title in CASES if title != "too many places"]


def derivative(x: Given, title: str, channels: tuple[int, int] = (1, 1), **others: Any) -> Node:
    groups, sizes, kernel, attrs = CASES[title]
    attrs = windows(len(sizes), **attrs) | others
    inputs, outputs = channels
    counts = counted(attrs, sizes, kernel)
    data, cotangents = x(b, *groups, inputs, *sizes), x(b, *groups, outputs, *counts)
    return ops.convolution_weights(data, cotangents, **attrs, shape=kernel)


@pytest.mark.parametrize("title", SUMS)
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
    assert not is_depthwise(derivative(x, "too many places"))


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
@pytest.mark.parametrize("title", [title for title in CASES if title != "too many places"])
def test_chains_have_the_bits_of_products(
    build: Callable[..., Node], title: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = Given(float32)
    node = build(x, title)
    assert is_chain(node)
    found = {one.op for one in split_reductions(extract("test", [node])).nodes}
    assert not found & {ops.convolution, ops.convolution_input}
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
@pytest.mark.parametrize("title", CASES)
@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_values_of_chains(build: Callable[..., Node], title: str, target: Any) -> None:
    x = Given(float32)
    run = Checked(x.nodes, [build(x, title)], target)
    for batch in (0, 1, 5):
        run({"b": batch}, most=3)


def test_other_products_stay() -> None:
    x = Given(float32)
    for build in (convolution, by_data):
        assert is_chain(build(x, "pictures")) and is_chain(build(x, "one channel"))
        assert not is_chain(build(x, "pictures", (1, 2)))
        assert not is_chain(build(x, "pictures", (2, 1)))
        assert not is_chain(build(x, "too many places"))
        assert not is_chain(build(Given(int32), "pictures"))


def test_neighbours_along_lines_are_one_loop() -> None:
    """Columns of all residues are stored in one loop, whose stores become whole rows."""
    x = Given(float32)
    launch, *_ = schedule(*prepared(extract("test", [by_data(x, "strides")]))).launches
    loops = [loop for loop in launch.kernel.statements() if isinstance(loop, Loop) and loop.vector]
    stores = [sum(isinstance(one, Store) for one in loop.body) for loop in loops]
    assert stores and all(count % 2 == 0 for count in stores)


def test_sizes_that_are_symbols() -> None:
    """Lines that are taken together, and those that are left."""
    x, h, w = Given(float32), symbol("h"), symbol("w")
    attrs = windows(2, low=(2,), high=(2,))
    data, weights = x(b, 2, 1, h, w), x(2, 1, 1, 5, 5)
    total = ops.convolution(data, weights, **attrs)
    outputs = [
        relu(ops.add(total, spread(x(2, 1, 1, 1), total))),
        ops.convolution_input(total, weights, **attrs, shape=(h, w)),
    ]
    run = Checked(x.nodes, outputs)
    for height, width in ((1, 1), (4, 40), (5, 16), (7, 33), (9, 70)):
        run({"h": height, "w": width, "b": 2}, most=2)


def test_what_is_done_with_results_is_done_in_their_kernel() -> None:
    x = Given(float32)
    data, weights = x(b, 3, 1, 20, 21), x(3, 1, 1, 5, 5)
    total = ops.convolution(data, weights, **windows(2, low=(2,), high=(2,)))
    plain = ops.reshape(total, shape=(b, 3, 20, 21))
    run = Checked(x.nodes, [relu(ops.add(plain, spread(x(3, 1, 1), plain)))])
    schedule = run.program.compilation.schedule
    assert schedule is not None and len(schedule.launches) == 1
    run({"b": 2}, most=3)


def test_what_a_chain_reads_is_worked_out_once() -> None:
    x = Given(float32)
    g, weights = x(b, 5, 1, 9, 19), x(5, 1, 1, 3, 3)
    for stride in (1, 2):
        attrs = windows(2, low=(1,), high=(1,), strides=(stride,))
        sizes = tuple(stride * (n - 1) + 1 for n in (9, 19))
        node = ops.convolution_input(ops.neg(g), weights, **attrs, shape=sizes)
        stored, _ = once_computed(split_reductions(extract("test", [node])))
        assert ops.neg in {one.op for one in stored}
