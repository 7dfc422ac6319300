"""Matrices times vectors, which are sums that read the matrix as it lies in memory."""

from __future__ import annotations

from typing import Any

import pytest

from graphc.ir.dtypes import DType, float32, float64, int32
from graphc.ir.graph import extract
from graphc.ir.node import Node
from graphc.ops import ops
from tests.codegen.products.checking import Checked, Given, b, k, m, n, plus, turned
from tests.schedule.programs import prepared, scheduled

Size = Any


def products(x: Given, m: Size, k: Size, n: Size) -> list[Node]:
    """Rows and columns of one matrix and of stacks, from either side, transposed and not."""
    left, right, row, column = x(m, k), x(k, n), x(1, k), x(k, 1)
    return [
        ops.matmul(left, column), ops.matmul(row, right), ops.matmul(turned(right), column),
        ops.matmul(row, turned(left)), ops.matmul(plus(left, 1), plus(column, 2)),
        ops.matmul(row, column), ops.matmul(x(m, 1), x(1, n)),
        ops.matmul(x(b, m, k), x(b, k, 1)), ops.matmul(x(b, 1, k), x(b, k, n)),
        ops.matmul(x(b, 1, k), x(b, k, 1)),
        ops.matmul(ops.broadcast_to(row, shape=(b, 1, k)), x(b, k, n)),
        ops.matmul(x(b, m, 1, k), ops.permute_dims(x(b, n, m, k), axes=(0, 2, 3, 1))),
        ops.matmul(x(b, m, 1, k), ops.permute_dims(x(b, k, m, n), axes=(0, 2, 1, 3))),
        ops.matmul(ops.permute_dims(x(n, b, m, k), axes=(1, 2, 0, 3)), x(b, m, k, 1)),
    ]  # fmt: skip


@pytest.mark.parametrize("dtype", [float32, float64, int32], ids=str)
def test_values(dtype: DType) -> None:
    x = Given(dtype)
    run = Checked(x.nodes, products(x, m, k, n))
    for sizes in (
        (0, 5, 7),
        (5, 0, 7),
        (5, 7, 0),
        (1, 1, 1),
        (3, 70, 65),
        (130, 17, 4),
        (2, 5000, 3),
    ):
        run(dict(zip("mkn", sizes, strict=True)) | {"b": sizes[0] % 4}, most=4)


@pytest.mark.parametrize("dims", [(3, 5, 7), (70, 64, 67), (5, 1000, 9)], ids=str)
def test_values_of_known_sizes(dims: tuple[int, int, int]) -> None:
    x = Given()
    run = Checked(x.nodes, products(x, *dims))
    for stack in (0, 1, 3):
        run({"b": stack}, most=4)


@pytest.mark.parametrize(
    ("left", "right", "is_sum"),
    [
        ((n, 64), (64, 1), True),
        ((1, 64), (64, n), True),
        ((64, 64), (64, 1), True),
        ((64, 63), (63, 1), False),
        ((1, 63), (63, 64), False),
        ((1, 64), (64, 64), True),
        ((5, n, 64), (5, 64, 1), True),
        ((n, 64), (64, 2), False),
        ((n, 1), (1, 1), True),
    ],
)
def test_which_products_are_sums(left: Any, right: Any, is_sum: bool) -> None:
    """Those with a vector, unless the matrix is known to be small."""
    x = Given()
    names = {
        node.op.name for node in prepared(extract("g", [ops.matmul(x(*left), x(*right))])).nodes
    }
    assert ("matmul" not in names) is is_sum


def test_keys_of_many_heads_are_read_in_the_order_of_memory() -> None:
    """One query of each head, and keys that lie by positions: nothing is laid out first."""
    x = Given()
    keys = ops.permute_dims(x(2, 512, 4, 64), axes=(0, 2, 3, 1))
    first, _ = scheduled(extract("g", [ops.matmul(x(2, 4, 1, 64), keys)])).launches
    text = str(first.kernel)
    assert "for $0 < 4096" in text and "vector for $1 < 64" in text
