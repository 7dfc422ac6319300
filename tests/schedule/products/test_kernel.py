"""Kernels of products: roles of dims, blocks, and what falls back to plain loops."""

from __future__ import annotations

import textwrap
from typing import Any

import pytest

from graphc.compiler import compile_graph
from graphc.ir import dims
from graphc.ir.dims import symbol
from graphc.ir.dtypes import DType, float32, float64, int32
from graphc.ir.graph import extract
from graphc.ir.node import Node
from graphc.ops import ops
from graphc.schedule.keeping import FEWEST, is_packed
from graphc.schedule.statements import Loop, Product, Store
from tests.schedule.products.product_kernels import PRODUCT_KERNELS
from tests.schedule.programs import kernels_of, parsed, scheduled

m, k, n = (symbol(name) for name in "mkn")


@pytest.mark.parametrize("title", PRODUCT_KERNELS)
def test_kernels(title: str) -> None:
    program, expected = PRODUCT_KERNELS[title]
    assert kernels_of(parsed(program)) == textwrap.dedent(expected).strip()


def placeholder(*shape: Any, dtype: DType = float32) -> Node:
    return ops.placeholder(shape=shape, dtype=dtype)


def product(rows: Any, depth: Any, columns: Any, dtype: DType = float32) -> Node:
    left, right = placeholder(rows, depth, dtype=dtype), placeholder(depth, columns, dtype=dtype)
    return ops.matmul(left, right)


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (product(16, 16, 16), FEWEST <= 16**3),
        (product(15, 16, 17), False),
        (product(n, 1, 1), True),
        (product(n, 0, 5), False),
        (product(64, 64, 64, float64), True),
        (product(64, 64, 64, int32), False),
        (ops.add(placeholder(64, 64), placeholder(64, 64)), False),
        (ops.sum(placeholder(64, 64), axes=(0,)), False),
    ],
    ids=["enough", "too few", "any", "none", "f64", "integers", "no sum", "a plain sum"],
)
def test_what_is_packed(node: Node, expected: bool) -> None:
    assert is_packed(node) is expected


# Blocks -------------------------------------------------------------------------------------


def blocks_of(*shape: Any) -> tuple[Loop, Product]:
    """The loop over blocks, and the product in it, of one product of that shape."""
    (launch,) = scheduled(extract("blocks", [product(*shape)])).launches
    (loop,) = launch.kernel.body
    assert isinstance(loop, Loop)
    (inside,) = loop.body
    assert isinstance(inside, Product)
    return loop, inside


SIZES = [2, 15, 16, 17, 31, 32, 33, 127, 128, 129, 511, 513, 1021, 1024, 1025, 2049, 5000]


@pytest.mark.parametrize("columns", [250, 1025, n])
@pytest.mark.parametrize("rows", [*SIZES, m])
def test_blocks_cover_a_result_once(rows: Any, columns: Any) -> None:
    """Every row and column of every block is stored to an element of its own."""
    loop, inside = blocks_of(rows, 9, columns)
    for height in (rows,) if isinstance(rows, int) else (0, 1, 130, 300):
        for width in (columns,) if isinstance(columns, int) else (0, 1, 513):
            check_cover(loop, inside, {"m": height, "n": width}, height * width)


def check_cover(loop: Loop, inside: Product, sizes: dict[str, int], count: int) -> None:
    (store,) = inside.body
    seen: list[range] = []
    for block in range(dims.evaluate(loop.axis.extent, sizes)):
        here = sizes | {loop.axis.name: block}
        rows, columns = (
            dims.evaluate(axis.extent, here) for axis in (inside.row, inside.column)
        )  # fmt: skip
        assert rows > 0 and columns > 0
        for row in range(rows):
            place = here | {inside.row.name: row, inside.column.name: 0}
            first = dims.evaluate(store.offset, place)  # type: ignore[union-attr]
            seen.append(range(first, first + columns))
    seen.sort(key=lambda part: part.start)
    assert [part.start for part in seen] == [0, *(part.stop for part in seen)][: len(seen)]
    assert sum(map(len, seen)) == count


def test_dims_of_size_one_are_neither_rows_nor_columns() -> None:
    x, y = placeholder(3, 1, 40, 64), placeholder(3, 1, 64, 50)
    (launch,) = scheduled(extract("ones", [ops.matmul(x, y)])).launches
    (loop,) = launch.kernel.body
    assert isinstance(loop, Loop) and loop.axis.extent == 3


# rows, steps of depth and columns; whether rows and columns are exchanged
@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ((32, 1024, 4096), True),  # many steps for each row, and far more columns
        ((32, 1024, 64), False),  # turning as many columns costs no more
        ((33, 1024, 4096), False),  # storing so many rows apart would cost more
        ((256, 1024, 1024), False),
        ((8, 512, 1024), False),  # few steps
        ((n, 1024, 1024), False),
    ],
)
def test_which_operand_is_turned(sizes: tuple[Any, int, int], expected: bool) -> None:
    """Both have their depth side by side. If exchanged, a block's columns lie apart when stored."""
    rows, steps, columns = sizes
    x, y = placeholder(rows, steps), placeholder(columns, steps)
    product = ops.matmul(x, ops.permute_dims(y, axes=(1, 0)))
    launch = scheduled(extract("turned", [product])).launches[0]
    (found,) = (one for one in launch.kernel.statements() if isinstance(one, Product))
    (store,) = found.body
    assert isinstance(store, Store)
    assert (found.column.step(store.offset) != 1) == expected


# Without columns ----------------------------------------------------------------------------


@pytest.mark.parametrize("stack", [n, 90])
def test_a_stack_of_inner_products_is_a_plain_loop(stack: Any) -> None:
    """Every dim of the result is in both operands: there are neither rows nor columns."""
    x, y = placeholder(stack, 1, 64), placeholder(stack, 64, 1)
    made = compile_graph(extract("inner", [ops.matmul(x, y)]), stop="kernels").schedule
    assert made is not None
    statements = [one for launch in made.launches for one in launch.kernel.statements()]
    assert not any(isinstance(one, Product) for one in statements)
