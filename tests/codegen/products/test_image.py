"""Operands read along sliding windows: which are, and that images hold what every step reads."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from graphc.codegen.products.image import Image
from graphc.codegen.products.plan import plan
from graphc.codegen.target import Target
from graphc.compiler import compile_graph
from graphc.ir import dims
from graphc.ir.dtypes import float32
from graphc.ir.graph import extract
from graphc.ir.node import Node
from graphc.ops import ops
from graphc.schedule.statements import Axis, Product
from tests.codegen.products.checking import Checked, Given, n

WIDE = Target("x86_64-unknown-linux-gnu", "", "", 512)


def windows(rank: int, **attrs: Any) -> dict[str, Any]:
    plain = {"strides": (1,), "low": (0,), "high": (0,), "dilations": (1,)}
    return {name: value * rank for name, value in (plain | attrs).items()}


def convolution(x: Given, data: tuple[Any, ...], weights: tuple[Any, ...], **attrs: Any) -> Node:
    return ops.convolution(x(*data), x(*weights), **windows(len(data) - 2, **attrs))


# what is convolved with what and how, and by how much each dim of the image is longer
SLIDING = {
    "an image": ((n, 64, 28, 28), (64, 64, 3, 3), {"low": (1,), "high": (1,)}, (2, 2)),
    "windows of one row": ((n, 8, 20, 40), (16, 8, 1, 5), {}, (0, 4)),
    "a sequence": ((n, 8, 100), (16, 8, 7), {}, (6,)),
    "a sequence cut into blocks": ((n, 8, 3000), (16, 8, 7), {}, (6,)),
    "one output, and images one after another": ((n, 8, 28, 28), (1, 8, 3, 3), {}, (2, 2)),
    "windows with gaps": ((n, 8, 40, 40), (16, 8, 3, 3), {"dilations": (2,)}, (4, 4)),
    "a volume": ((n, 4, 9, 17, 33), (8, 4, 2, 2, 2), {}, (1, 1, 1)),
    "strides": ((n, 8, 40, 40), (8, 8, 3, 3), {"strides": (2,)}, (2, 2)),
    "strides of three, some places of the window alone": (
        (n, 2, 33, 47),
        (5, 2, 4, 5),
        {"strides": (3,), "low": (1,), "dilations": (2,)},
        (6, 8),
    ),
    "a known batch": ((3, 1, 28, 28), (6, 1, 5, 5), {"low": (2,), "high": (2,)}, (4, 4)),
}
STILL = {
    "single elements": ((n, 8, 40, 40), (64, 8, 1, 1), {}),
    "an image of unknown size": ((n, 8, 40, n), (16, 8, 3, 3), {}),
    "windows as long as rows, and many outputs": ((n, 8, 9, 9), (500, 8, 5, 5), {}),
}


def planned(node: Node) -> tuple[Product, Image | None]:
    made = compile_graph(extract("test", [node]), WIDE, stop="kernels")
    assert made.schedule is not None
    (product,) = (
        statement
        for launch in made.schedule.launches
        for statement in launch.kernel.statements()
        if isinstance(statement, Product)
    )
    return product, plan(product, WIDE).image


@pytest.mark.parametrize("title", SLIDING)
def test_what_slides(title: str) -> None:
    data, weights, attrs, reach = SLIDING[title]
    _, image = planned(convolution(Given(float32), data, weights, **attrs))
    assert image is not None
    assert tuple(slide.reach for slide in image.slides if slide.depth) == tuple(filter(None, reach))


@pytest.mark.parametrize("title", STILL)
def test_what_does_not(title: str) -> None:
    data, weights, attrs = STILL[title]
    _, image = planned(convolution(Given(float32), data, weights, **attrs))
    assert image is None


def test_a_product_of_matrices_does_not_slide() -> None:
    x = Given(float32)
    assert planned(ops.matmul(x(100, 100), x(100, 100)))[1] is None


@pytest.mark.parametrize("title", SLIDING)
def test_steps_begin_inside_the_image(title: str) -> None:
    """From where a step begins, the last column of a panel is still an element of the image."""
    data, weights, attrs, _ = SLIDING[title]
    product, image = planned(convolution(Given(float32), data, weights, **attrs))
    made = plan(product, WIDE)
    assert image is not None
    depth, columns = made.depth, made.columns
    start = image.start(columns, depth)
    assert 0 < columns.run * columns.size <= made.right_step
    places = []
    for numbers in np.ndindex(depth.run, *(known(axis) for axis in depth.whole)):
        axes = (depth.within, *depth.whole)
        here = {axis.name: int(k) for axis, k in zip(axes, numbers, strict=True)}
        places.append(dims.evaluate(start, here | {depth.count: depth.run}))
    assert len(set(places)) == len(places)
    last = columns.run * columns.size - 1
    assert min(places) >= 0
    assert max(places) + last < made.right_size - made.tile.columns + 1


def known(axis: Axis) -> int:
    assert isinstance(axis.extent, int)
    return axis.extent


@pytest.mark.parametrize("title", SLIDING)
def test_values(title: str) -> None:
    """The convolution, and its gradient by the data, in which windows slide backwards."""
    data, weights, attrs, _ = SLIDING[title]
    x = Given(float32)
    forward = convolution(x, data, weights, **attrs)
    kept = windows(len(data) - 2, **attrs) | {"shape": data[2:]}
    back = ops.convolution_input(x(*forward.shape), x(*weights), **kept)
    run = Checked(x.nodes, [forward, back])
    for size in (1, 2) if n in data else (3,):
        run({"n": size} if n in data else {}, most=3)
