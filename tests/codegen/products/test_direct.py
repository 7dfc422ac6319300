"""Products whose operands are read in place: the bits are those of packed ones, at all sizes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from graphc.codegen.products import plan
from graphc.codegen.products.direct_plan import Direct, direct
from graphc.codegen.target import Target
from graphc.ir.dims import symbol
from graphc.ir.dtypes import DType, float32, float64
from graphc.ir.node import Node
from graphc.ops import ops
from graphc.schedule.statements import Product
from tests.codegen.products.checking import Array, Checked, Given, known, plus, relu, spread, turned
from tests.codegen.products.test_same_bits import numbers
from tests.codegen.running import Program
from tests.codegen.targets import chosen
from tests.schedule.bands.attention import Attention

TARGETS = chosen()
on_targets = pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
b, k, n = symbol("b"), symbol("k"), symbol("n")

Build = Callable[[Given], list[Node]]


def layer(x: Given, rows: Any, depth: Any, columns: Any) -> list[Node]:
    """A bias and relu on the way to the result."""
    sums = ops.matmul(x(rows, depth), x(depth, columns))
    return [relu(ops.add(sums, spread(x(columns), sums)))]


def updated(x: Given, rows: Any, depth: Any, columns: Any) -> list[Node]:
    """Two results of one product that reads what one of them replaces."""
    sums = ops.matmul(turned(x(depth, rows)), x(depth, columns))
    return [ops.sub(x(rows, columns), sums), sums]


CASES: dict[str, Build] = {
    "one tile": lambda x: [ops.matmul(x(8, 70), x(70, 16))],
    "several tiles": lambda x: [ops.matmul(x(32, 20), x(20, 64))],
    "reaching back": lambda x: [ops.matmul(x(37, 20), x(20, 71))],
    "less than a vector": lambda x: [ops.matmul(x(37, 40), x(40, 3))],
    "turned left": lambda x: [ops.matmul(turned(x(40, 37)), x(40, 45))],
    "turned right": lambda x: [ops.matmul(x(37, 40), turned(x(45, 40)))],
    "formula left": lambda x: [ops.matmul(relu(x(37, 40)), x(40, 45))],
    "formula right": lambda x: [ops.matmul(x(b, 40), plus(x(40, 45), 2))],
    "backwards": lambda x: [ops.matmul(x(37, 40), ops.flip(x(40, 45), axes=(0,)))],
    "stack": lambda x: [ops.matmul(x(3, 21, 40), x(3, 40, 19))],
    "bias and relu": lambda x: layer(x, 37, 40, 45),
    "rows not known": lambda x: [ops.matmul(x(b, 40), x(40, 45)), *layer(x, b, 40, 45)],
    "depth not known": lambda x: [ops.matmul(turned(x(k, 37)), x(k, 45)), *updated(x, 37, k, 45)],
    "few rows": lambda x: [ops.matmul(x(5, 150), x(150, 2000)), *layer(x, 13, 150, 2100)],
    "blocks of columns": lambda x: [ops.matmul(x(20, 30), x(30, 2100)), *layer(x, 9, 30, 2100)],
    "blocks of rows": lambda x: [ops.matmul(x(261, 30), x(30, 33)), *layer(x, 300, 30, 33)],
    "deep": lambda x: [ops.matmul(x(21, 4500), x(4500, 35)), *updated(x, 21, 1500, 35)],
    "mostly results": lambda x: [ops.matmul(x(1001, 3), x(3, 1030))],
    "two results": lambda x: updated(x, 37, 40, 45),
    "columns not known": lambda x: [ops.matmul(x(21, 40), x(40, n)), *layer(x, 21, 40, n)],
    "few rows of columns not known": lambda x: [ops.matmul(x(3, 40), x(40, n))],
    "depth and columns not known": lambda x: [ops.matmul(x(21, k), x(k, n)), *layer(x, 9, k, n)],
    "nothing known": lambda x: [ops.matmul(x(b, k), x(k, n)), *updated(x, b, k, n)],
    "rows and columns not known": lambda x: [
        ops.matmul(x(2, b, 40), x(2, 40, n)), *layer(x, b, 40, n)
    ],
    "turned, columns not known": lambda x: [ops.matmul(x(21, 40), turned(x(n, 40)))],
    "both turned, nothing known": lambda x: [ops.matmul(turned(x(k, b)), turned(x(n, k)))],
}  # fmt: skip
ROWS = (0, 1, 2, 7, 8, 9, 31, 300)
SIZES = [{"b": rows, "k": rows, "n": rows} for rows in ROWS]
SIZES += [
    {"b": 5, "k": 1301, "n": 17},
    {"b": 13, "k": 300, "n": 1024},
    {"b": 1024, "k": 280, "n": 5},
]


def sizes_of(x: Given) -> list[dict[str, int]]:
    """Sizes for what is not known in a program.

    In some the steps of depth are so far apart that they would be in each other's way.
    """
    names = {str(size) for node in x.nodes for size in node.shape} & {"b", "k", "n"}
    found = {tuple((name, size[name]) for name in sorted(names)): None for size in SIZES}
    return [dict(one) for one in found]


@on_targets
@pytest.mark.parametrize("name", CASES)
def test_values(name: str, target: Target) -> None:
    x = Given()
    run = Checked(x.nodes, CASES[name](x), target)
    for sizes in sizes_of(x):
        run(sizes, most=3)


def planned(
    build: Build, dtype: DType, patch: pytest.MonkeyPatch, choose: Any
) -> tuple[Given, Program, list[Direct | None]]:
    """A program whose products are emitted as a function chooses, and what it chose."""
    chosen: list[Direct | None] = []

    def noted(product: Product, target: Target) -> Direct | None:
        chosen.append(choose(product, target))
        return chosen[-1]

    patch.setattr(plan, "direct", noted)
    x = Given(dtype)
    return x, Program(x.nodes, build(x)), chosen


def packed(product: Product, target: Target) -> None:
    """No product is direct."""


@pytest.mark.parametrize("dtype", [float32, float64], ids=str)
@pytest.mark.parametrize("name", CASES)
def test_bits_are_those_of_packed_products(
    name: str, dtype: DType, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, first, chosen = planned(CASES[name], dtype, monkeypatch, direct)
    assert chosen and all(one is not None for one in chosen)
    _, second, _ = planned(CASES[name], dtype, monkeypatch, packed)
    for sizes in sizes_of(x):
        feeds: list[Array] = [
            numbers(known(node.shape, sizes), dtype, seed) for seed, node in enumerate(x.nodes)
        ]
        for one, other in zip(first(*feeds), second(*feeds), strict=True):
            np.testing.assert_array_equal(one.view(np.uint8), other.view(np.uint8))


def test_sums_that_go_on_from_what_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Over blocks of rows, in attention's gradient: no result may be worked out twice."""
    graph = Attention("masked", (2, 4, 150, 17)).graph()
    chosen: list[tuple[bool, bool]] = []

    def noted(product: Product, target: Target) -> Direct | None:
        found = direct(product, target)
        chosen.append((product.onto is not None, found is not None))
        return found

    rng = np.random.default_rng(0)
    feeds = [numbers(node.shape, float32, int(rng.integers(99))) for node in graph.placeholders]
    monkeypatch.setattr(plan, "direct", noted)
    first = Program(graph.placeholders, graph.outputs)(*feeds)
    assert (True, True) in chosen
    monkeypatch.setattr(plan, "direct", packed)
    second = Program(graph.placeholders, graph.outputs)(*feeds)
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one.view(np.uint8), other.view(np.uint8))
