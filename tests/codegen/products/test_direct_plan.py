"""Which products go without packing."""

from __future__ import annotations

from typing import Any

import pytest

from graphc.codegen.caches import OF_SERVERS
from graphc.codegen.products.direct_plan import FEW_ROWS, PANEL, direct, most
from graphc.codegen.target import Target
from graphc.ir.dims import minimum, symbol
from graphc.ir.dtypes import float32
from graphc.ops import ops
from tests.codegen.products.checking import Given, relu, turned
from tests.codegen.products.test_in_place import only_product

b, k, n = symbol("b"), symbol("k"), symbol("n")
WIDE = Target("x86_64-unknown-linux-gnu", "", "", 512, OF_SERVERS)


def product(rows: Any, depth: Any, columns: Any) -> Any:
    x = Given()
    return only_product(ops.matmul(x(rows, depth), x(depth, columns)))


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ((64, 64, 64), (64, False)),
        ((512, 512, 512), (PANEL, True)),
        ((1024, 1024, 1024), None),
        ((b, 784, 10), (784, False)),
        ((b, 784, 300), (PANEL, True)),
        ((b, 784, 1000), (PANEL, True)),
        ((b, k, 64), (PANEL, True)),
        ((b, k, n), (PANEL, True)),
        ((64, 64, n), (64, False)),
        ((b, 100, n), (100, False)),
        ((4000, 1000, n), (PANEL, True)),
        ((8, 4096, 4096), (64, True)),
        ((FEW_ROWS + 1, 512, 4096), None),
        ((200, k, 100), (PANEL, True)),
        ((4096, 16, 4096), (16, False)),
        ((700, 128, 512), (128, False)),
        ((257, 128, 1024), (128, False)),
        ((20, 100, 3000), (100, False)),
    ],
)
def test_which_are_direct(sizes: tuple[Any, ...], expected: Any) -> None:
    """Small ones, and those of few rows; not where much would be read again from afar."""
    found = direct(product(*sizes), WIDE)
    assert (None if found is None else (found.depth, found.deep)) == expected
    if found is not None:
        assert found.left is not None and found.right is not None


def test_large_results_are_written_row_by_row() -> None:
    orders = {
        sizes: found.by_rows
        for sizes in [(4096, 16, 4096), (64, 64, 64), (512, 512, 512), (1000, 16, 1000)]
        if (found := direct(product(*sizes), WIDE))
    }
    assert list(orders.values()) == [True, False, False, True]


def test_one_operand_may_be_copied() -> None:
    x = Given()
    left = direct(only_product(ops.matmul(relu(x(40, 30)), x(30, 50))), WIDE)
    assert left is not None and left.left is None and left.right is not None
    right = direct(only_product(ops.matmul(x(b, 30), turned(x(50, 30)))), WIDE)
    assert right is not None and right.left is not None and right.right is None
    both = only_product(ops.matmul(relu(x(40, 30)), relu(x(30, 50))))
    assert direct(both, WIDE) is None


def test_lines_in_each_others_way_are_packed() -> None:
    """Rows of the right operand that fall on the same lines of a cache."""
    assert direct(product(b, 512, 512), WIDE) is not None
    doubles = Given().of(float32)
    wide = ops.slice(doubles(512, 4096), start=(0, 0), step=(1, 1), shape=(512, 512))
    assert direct(only_product(ops.matmul(doubles(b, 512), wide)), WIDE) is None


@pytest.mark.parametrize(
    ("size", "expected"),
    [(7, 7), (0, None), (b, None), (minimum(10, b), 16), (minimum(1000, b), 1000),
     (minimum(1100, b), None), (minimum(b, 3 * b), None)],
)  # fmt: skip
def test_how_large_a_size_is_at_most(size: Any, expected: int | None) -> None:
    assert most(size) == expected
