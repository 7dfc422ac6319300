"""Products whose left operand slides: their tiles, panels and images, and when they are chosen."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from graphc.codegen.products.choice import chosen
from graphc.codegen.products.plan import Plan
from graphc.codegen.products.window_plan import (
    IMAGE_BYTES,
    MOST_DEPTH,
    MOST_ROWS,
    SUM_BYTES,
    WindowPlan,
    exchanged,
    window_plan,
)
from graphc.codegen.target import Target
from graphc.compiler import compile_graph
from graphc.ir import dims
from graphc.ir.dtypes import float32
from graphc.ir.graph import extract
from graphc.ir.node import Node
from graphc.ops import ops
from graphc.schedule.statements import Product
from tests.codegen.products.checking import Given, m, n
from tests.codegen.products.test_image import convolution, known, windows

X86 = "x86_64-unknown-linux-gnu"
WIDE, NARROW = Target(X86, "", "", 512), Target(X86, "", "", 256)
PAD = {"low": (1,), "high": (1,)}


def gradient(x: Given, data: Any, weights: Any, **attrs: Any) -> Node:
    """By the weights."""
    forward = convolution(Given(float32), data, weights, **attrs)
    kept = windows(len(data) - 2, **attrs) | {"shape": weights[2:]}
    return ops.convolution_weights(x(*data), x(*forward.shape), **kept)


# what is made how of data and weights; rows and vectors of a tile with 16 lanes
WINDOWS: dict[str, tuple[Any, ...]] = {
    "lines of two tiles": (convolution, (n, 64, 28, 28), (64, 64, 3, 3), PAD, 14, 2),
    "short lines": (convolution, (n, 64, 7, 7), (64, 64, 3, 3), PAD, 7, 2),
    "a stride": (convolution, (n, 64, 28, 28), (64, 64, 3, 3), PAD | {"strides": (2,)}, 14, 2),
    "few outputs": (convolution, (n, 6, 14, 14), (16, 6, 5, 5), {}, 20, 1),
    "a long sequence": (convolution, (n, 64, 3000), (64, 64, 7), {}, 13, 2),
    "places of a window": (gradient, (n, 64, 28, 28), (64, 64, 3, 3), PAD, 9, 2),
    "places of a strided one": (
        gradient, (n, 64, 28, 28), (64, 64, 3, 3), PAD | {"strides": (2,)}, 9, 2,
    ),
}  # fmt: skip
OTHERS: dict[str, tuple[Any, ...]] = {
    "one output for each channel": (convolution, (n, 8, 28, 28), (1, 8, 3, 3), PAD),
    "single elements": (convolution, (n, 64, 28, 28), (64, 64, 1, 1), {}),
    "windows side by side": (convolution, (n, 8, 28, 28), (64, 8, 2, 2), {"strides": (2,)}),
}


def product_of(node: Node) -> Product:
    made = compile_graph(extract("test", [node]), WIDE, stop="kernels")
    assert made.schedule is not None
    return next(
        statement
        for launch in made.schedule.launches
        for statement in launch.kernel.statements()
        if isinstance(statement, Product)
    )


def planned(title: str, target: Target = WIDE) -> WindowPlan:
    build, data, weights, attrs, *_ = WINDOWS[title]
    product = product_of(build(Given(float32), data, weights, **attrs))
    for one in (product, exchanged(product)):
        found = window_plan(one, target)
        if found is not None:
            return found
    raise AssertionError("nothing slides")


@pytest.mark.parametrize("title", WINDOWS)
def test_tiles(title: str) -> None:
    found = planned(title)
    assert (found.tile.rows, found.tile.vectors) == WINDOWS[title][4:]


@pytest.mark.parametrize("title", sorted(set(WINDOWS) - {"a long sequence"}))
def test_they_are_chosen(title: str) -> None:
    build, data, weights, attrs, *_ = WINDOWS[title]
    product = product_of(build(Given(float32), data, weights, **attrs))
    assert isinstance(chosen(product, WIDE), WindowPlan)


@pytest.mark.parametrize("title", OTHERS)
def test_others_are_not(title: str) -> None:
    build, data, weights, attrs = OTHERS[title]
    product = product_of(build(Given(float32), data, weights, **attrs))
    assert isinstance(chosen(product, WIDE), Plan)


def test_neither_are_products_of_matrices() -> None:
    x = Given(float32)
    for node in (
        ops.matmul(x(100, 1300), x(1300, 700)),
        ops.matmul(x(m, n), x(n, 30)),
        ops.matmul(x(m, 8), x(8, n)),
    ):
        product = product_of(node)
        assert window_plan(product, WIDE) is window_plan(exchanged(product), WIDE) is None


@pytest.mark.parametrize("target", [WIDE, NARROW], ids=["512", "256"])
@pytest.mark.parametrize("title", WINDOWS)
def test_all_steps_and_rows_lie_in_the_image(title: str, target: Target) -> None:
    found = planned(title, target)
    image, depth = found.image, found.depth
    inner = (depth.within, *depth.whole)
    start = image.start(found.rows, depth)
    starts = []
    for numbers in np.ndindex(depth.run, *(known(axis) for axis in depth.whole)):
        here = {axis.name: int(k) for axis, k in zip(inner, numbers, strict=True)}
        starts.append(dims.evaluate(start, here | {depth.count: depth.run}))
    assert len(starts) == found.steps and min(starts) >= 0
    # the rows of a panel, each once: their distances from the first
    last = sum(
        slide.step * (found.most(axis) - 1) * pitch
        for slide, axis, pitch in zip(
            image.slides[-len(found.rows.inner) :], found.rows.inner, pitches(found), strict=True
        )
    )
    assert max(starts) + last < image.size(found.rows, depth)


def pitches(found: WindowPlan) -> list[int]:
    """Elements of the image from one position of an axis of rows to the next."""
    pitch, result = 1, []
    slides = found.image.slides[-len(found.rows.inner) :]
    for slide, axis in reversed(list(zip(slides, found.rows.inner, strict=True))):
        result.insert(0, pitch)
        pitch *= slide.long(found.most(axis))
    return result


@pytest.mark.parametrize("title", WINDOWS)
def test_memory_is_bounded(title: str) -> None:
    found = planned(title)
    assert found.image.size(found.rows, found.depth) * 4 <= IMAGE_BYTES
    assert found.steps <= MOST_DEPTH and found.rows.run * found.rows.size <= MOST_ROWS
    assert not found.is_deep or found.sum_count * 4 <= SUM_BYTES
    assert found.strip_step >= found.rows.run * found.rows.size + found.tile.lanes
