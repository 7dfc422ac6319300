"""Products of more than one panel in every direction, and where their sums wait in between."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from graphc.codegen.target import Target
from graphc.ir.dtypes import DType, float32, float64
from graphc.ir.node import Node
from graphc.ops import ops
from tests.codegen.products.checking import Checked, Given, b, constant, k, m, n, spread, turned
from tests.codegen.targets import chosen

TARGETS = chosen()
on_targets = pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
Finish = Callable[[Given, Node], list[Node]]


def plain(x: Given, total: Node) -> list[Node]:
    """Sums wait in the result, and stay there."""
    return [total]


def biased(x: Given, total: Node) -> list[Node]:
    """They wait in the result, and are changed there."""
    return [ops.add(total, spread(x(1), total))]


def compared(x: Given, total: Node) -> list[Node]:
    """They wait apart: the result has room for bools alone."""
    return [ops.lt(total, constant(1, total))]


def narrowed(x: Given, total: Node) -> list[Node]:
    other = float64 if x.dtype is float32 else float32
    return [ops.astype(total, dtype=other)]


def both(x: Given, total: Node) -> list[Node]:
    return [ops.lt(total, constant(1, total)), ops.neg(total)]


FINISHES = [plain, biased, compared, narrowed, both]
on_finishes = pytest.mark.parametrize("finish", FINISHES, ids=lambda finish: finish.__name__)

# rows, depth and columns: sums of all rows are kept, sums of some, blocks of unknown size
SHAPES = [(100, 1300, 700), (500, 1290, 530), (300, 2 * 640, 1024), (m, k, n), (m, 513, n)]


@on_targets
@on_finishes
def test_matrices(finish: Finish, target: Target) -> None:
    for dtype, shape in ((float32, SHAPES[0]), (float32, SHAPES[1]), (float64, SHAPES[2])):
        run_matrices(finish, shape, dtype, target)
    run_matrices(finish, SHAPES[3], float64, target)
    run_matrices(finish, SHAPES[4], float32, target)


def run_matrices(finish: Finish, shape: Any, dtype: DType, target: Target) -> None:
    rows, depth, columns = shape
    x = Given(dtype)
    right = turned(x(columns, depth)) if depth == 1290 else x(depth, columns)
    left = turned(x(depth, rows)) if depth == 513 else x(rows, depth)
    run = Checked(x.nodes, finish(x, ops.matmul(left, right)), target)
    sizes = {"m": 259, "k": 1300, "n": 531}
    run({str(size): sizes[str(size)] for size in shape if not isinstance(size, int)}, most=2)


def channels(x: Given) -> Node:
    """Depth in runs of channels, each with its whole window."""
    attrs = {"strides": (1, 1), "low": (1, 1), "high": (1, 1), "dilations": (1, 1)}
    return ops.convolution(x(b, 130, 30, 27), x(20, 130, 3, 3), **attrs)


def images(x: Given) -> Node:
    """Depth in runs of rows of images, one image after another."""
    attrs = {"strides": (1, 1), "low": (0, 0), "high": (0, 0), "dilations": (1, 1)}
    return ops.convolution_weights(x(b, 50, 34, 36), x(b, 150, 32, 34), **attrs, shape=(3, 3))


def long_rows(x: Given) -> Node:
    """Depth in parts of rows: the images and their rows lie outside."""
    attrs = {"strides": (1, 1), "low": (0, 0), "high": (0, 0), "dilations": (1, 1)}
    return ops.convolution_weights(x(b, 300, 3, 702), x(b, 300, 2, 701), **attrs, shape=(2, 2))


def wide_images(x: Given) -> Node:
    """Columns in runs of rows of an image."""
    attrs = {"strides": (1, 1), "low": (1, 1), "high": (1, 1), "dilations": (1, 1)}
    return ops.convolution(x(b, 2, 40, 70), x(30, 2, 3, 3), **attrs)


def wider_images(x: Given) -> Node:
    """Columns in parts of rows of an image."""
    attrs = {"strides": (1, 1), "low": (1, 1), "high": (1, 1), "dilations": (1, 1)}
    return ops.convolution(x(b, 2, 3, 1100), x(30, 2, 3, 3), **attrs)


@on_targets
@pytest.mark.parametrize("finish", [biased, compared], ids=lambda finish: finish.__name__)
def test_convolutions(finish: Finish, target: Target) -> None:
    for build in (channels, images, long_rows, wide_images, wider_images):
        x = Given()
        run = Checked(x.nodes, finish(x, build(x)), target)
        for batch in (0, 1, 2):
            run({"b": batch}, most=2)
