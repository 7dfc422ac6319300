"""How much a launch is: bytes of its arguments, and operations of its products."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

import pytest

from graphc.ir import dims
from graphc.ir.dims import Size, maximum, minimum, symbol
from graphc.ir.dtypes import DType, float32, float64, int32
from graphc.ir.graph import extract
from graphc.ir.node import Node
from graphc.ops import ops
from graphc.schedule.contents import (
    bytes_moved,
    computed,
    flops,
    is_contraction,
    product_flops,
    products,
    written,
)
from graphc.schedule.kernel import Launch
from graphc.schedule.lowering import own_results, schedule
from graphc.schedule.splitting import split_reductions
from graphc.schedule.statements import Axis, Product

n, m = symbol("n"), symbol("m")


def placeholder(name: str, *shape: Size, dtype: DType = float32) -> Node:
    return ops.placeholder(shape=shape, dtype=dtype, name=name)


def launches(*outputs: Node) -> tuple[Launch, ...]:
    return schedule(own_results(split_reductions(extract("test", outputs)))).launches


def convolution(rows: Size) -> Node:
    image = placeholder("x", rows, 3, 8, 8)
    kernels = placeholder("w", 5, 3, 3, 3)
    options = dict.fromkeys(("strides", "dilations", "low", "high"), (1, 1))
    return ops.convolution(image, kernels, **options)


MATMULS: dict[str, tuple[tuple[Size, ...], tuple[Size, ...]]] = {
    "numbers": ((7, 5), (5, 9)),
    "many rows": ((2000, 5), (5, 9)),
    "many rows and columns": ((1000, 5), (5, 1100)),
    "any rows": ((n, 5), (5, 9)),
    "any columns": ((5, 7), (7, n)),
    "any depth": ((300, n), (n, 70)),
    "any of all": ((n, m), (m, 2 * n + 1)),
    "a stack": ((3, n, 7), (3, 7, 400)),
    "any stack": ((n, 2, m, 7), (n, 2, 7, m + 3)),
}
SIZES = [(1, 1), (3, 700), (256, 2), (257, 513), (1025, 31)]


@pytest.mark.parametrize("title", MATMULS)
def test_operations_of_a_product(title: str) -> None:
    """Two for each step of depth of each result, in an expression and for numbers."""
    left, right = MATMULS[title]
    found = launches(ops.matmul(placeholder("x", *left), placeholder("y", *right)))
    expected = 2 * dims.product((*left, right[-1]))
    if len(found) == 1:
        assert flops(found[0].kernel) == expected
    for sizes in ({"n": rows, "m": steps} for rows, steps in SIZES):
        counts = [dims.evaluate(known(launch), sizes) for launch in found]
        assert sum(counts) == dims.evaluate(expected, sizes)
        for launch, count in zip(found, counts, strict=True):
            for product, around in products(launch.kernel):
                assert counted(product, around, sizes) == count


def known(launch: Launch) -> Size:
    found = flops(launch.kernel)
    assert found is not None
    return found


def counted(product: Product, around: tuple[Axis, ...], sizes: Mapping[str, Size]) -> int:
    """Operations of a product whose sizes are known, position by position."""
    known = dict(sizes)
    first, *rest = (*around, product.row, product.column, *product.depth)

    total = 0
    for k in range(dims.evaluate(first.extent, known)):
        here = {**known, first.name: k}
        total += 2 * prod(max(0, dims.evaluate(axis.extent, here)) for axis in rest)
    return total


def test_operations_of_a_convolution() -> None:
    """Places around the edges count as all others."""
    (launch,) = launches(convolution(n))
    assert flops(launch.kernel) == 2 * n * 5 * 8 * 8 * 3 * 3 * 3


@pytest.mark.parametrize(
    ("extent", "inner", "count"),
    [
        (8, symbol("$0", 7) + 1, 36),  # a triangle
        (n, symbol("$0", n - 1) + 1, None),
        (4, minimum(10, 35 - 10 * symbol("$0", 3)), 35),
        (dims.floordiv(n + 9, 10), minimum(10, n - 10 * symbol("$0", dims.floordiv(n - 1, 10))), n),
        (n, minimum(10, m - 10 * symbol("$0", n - 1)), None),  # of m are not all there
        (2, maximum(m, 10 * symbol("$0", 1)), m + maximum(m, 10)),
    ],
)
def test_loops_whose_extent_depends_on_others(
    extent: Size, inner: Size, count: Size | None
) -> None:
    (launch,) = launches(ops.matmul(placeholder("x", n, 5), placeholder("y", 5, 6)))
    ((product, _),) = products(launch.kernel)
    rows = Product(
        product.result, product.dtype, Axis("$1", inner), Axis("$2", 1), product.rows,
        product.columns, (Axis("$3", 1),), product.left, product.right, product.body,
    )  # fmt: skip
    found = product_flops(rows, (Axis("$0", extent),))
    assert found == (None if count is None else 2 * count)


def test_what_is_no_product_has_none() -> None:
    whole = placeholder("i", n, 5, dtype=int32)
    for node in (
        ops.exp(placeholder("x", n)),
        ops.matmul(whole, placeholder("j", 5, n, dtype=int32)),
    ):
        assert [flops(launch.kernel) for launch in launches(node)] == [0]


def test_bytes_of_arguments() -> None:
    x, y = placeholder("x", n, 3), placeholder("y", n, 3, dtype=float64)
    (launch,) = launches(ops.add(x, ops.astype(y, dtype=float32)))
    assert bytes_moved(launch.kernel) == 3 * n * (4 + 8 + 4)
    (twice,) = launches(ops.add(x, x))
    assert bytes_moved(twice.kernel) == 3 * n * (4 + 4)


def test_what_is_added_to_is_read_and_written() -> None:
    index, values = placeholder("i", n, dtype=int32), placeholder("x", n)
    added = ops.scatter_add(placeholder("to", 9), index, values, axes=(0,), position=0)
    moved = dims.evaluate(sum(bytes_moved(each.kernel) for each in launches(added)), {"n": 100})
    assert moved >= 100 * (4 + 4) + 9 * (4 + 4 + 4)


def test_what_a_launch_computes_and_writes() -> None:
    x = placeholder("x", n)
    inner = ops.exp(x)
    outer = ops.add(inner, inner)
    (launch,) = launches(outer)
    assert computed(launch) == {inner, outer}
    assert written(launch) == [outer]


def test_contractions() -> None:
    product = ops.matmul(placeholder("x", 4, 5), placeholder("y", 5, 6))
    assert is_contraction(product) and is_contraction(convolution(n))
    assert not is_contraction(ops.sum(product, axes=(0,))) and not is_contraction(ops.exp(product))
