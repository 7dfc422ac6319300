"""Products with all that surrounds them are what the reference says, at sizes of all kinds."""

from __future__ import annotations

import re
from typing import Any

import pytest

from graphc.compiler import compile_graph
from graphc.ir.dtypes import float32, float64
from graphc.ir.graph import extract
from graphc.ir.node import Node
from graphc.ops import ops
from tests.codegen.products.checking import Checked, Given, k, m, n
from tests.codegen.products.product_programs import PROGRAMS
from tests.codegen.targets import chosen

TARGETS = chosen()
on_targets = pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)

#: Rows, depth and columns: nothing, one, around a vector and a tile, primes, more than a panel.
SIZES = (
    (0, 5, 7), (5, 0, 7), (5, 7, 0), (1, 1, 1), (1, 40, 40), (40, 1, 40), (40, 40, 1), (2, 3, 5),
    (14, 16, 32), (15, 17, 33), (61, 53, 67), (29, 8, 131), (131, 9, 29), (3, 520, 5),
    (17, 1031, 19),
)  # fmt: skip
STATIC = (23, 37, 41)


@on_targets
@pytest.mark.parametrize("name", PROGRAMS)
def test_values(name: str, target: Any) -> None:
    """With sizes known when it runs, and with sizes known when it is compiled."""
    x = Given()
    run = Checked(x.nodes, PROGRAMS[name](x, m, k, n), target)
    for number, sizes in enumerate(SIZES):
        run(dict(zip("mkn", sizes, strict=True)) | {"b": number % 4}, most=2)


@pytest.mark.parametrize("name", PROGRAMS)
def test_values_of_known_sizes(name: str) -> None:
    x = Given(float64)
    run = Checked(x.nodes, PROGRAMS[name](x, *STATIC))
    run({"b": 3} if any("b" in str(node.shape) for node in x.nodes) else {})


# Room ----------------------------------------------------------------------------------------

#: Bytes that a kernel may need: threads of the pool have three times that on their stacks.
MOST_ROOM = (8 << 20) // 3

#: Places of any type in a function that are on the stack of the thread that runs a program.
MOST_ON_STACK = 600

#: Rows, depth and columns.
SHAPES = [
    (m, 1, n), (m, 2, n), (m, 1, 5000), (m, 16, n), (m, k, n), (1000, k, 700), (64, k, 700),
    (4096, 4096, 4096), (13, 3, n),
]  # fmt: skip

# data, weights, and padding of convolutions
IMAGES = [
    ((n, 1, 300, 400), (9, 1, 1, 1), 0),
    ((n, 2, 2000, 3000), (3, 2, 1, 1), 0),
    ((n, 64, 28, 28), (64, 64, 3, 3), 1),
    ((n, 320, 9, 500), (8, 320, 2, 1), 0),
    ((n, 3, 90, 400), (8, 3, 30, 30), 0),
    ((n, 49, 40, 500), (8, 49, 13, 1), 0),
    ((n, 1, 700, 500), (4, 1, 630, 1), 0),
]


@pytest.mark.parametrize("dtype", [float32, float64], ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_products_leave_room(shape: Any, dtype: Any) -> None:
    x, (rows, steps, columns) = Given(dtype), shape
    total = ops.matmul(x(rows, steps), x(steps, columns))
    assert 0 < room(ops.add(total, total)) < MOST_ROOM


@pytest.mark.parametrize("dtype", [float32, float64], ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_columns_that_pass_by_leave_room(shape: Any, dtype: Any) -> None:
    """Results that are only stored take more columns together than others do."""
    x, (rows, steps, columns) = Given(dtype), shape
    assert 0 < room(ops.matmul(x(rows, steps), x(steps, columns))) < (5 << 20)


@pytest.mark.parametrize("dtype", [float32, float64], ids=str)
@pytest.mark.parametrize(("data", "weights", "pad"), IMAGES, ids=str)
def test_convolutions_leave_room(data: Any, weights: Any, pad: int, dtype: Any) -> None:
    x, on_both = Given(dtype), (pad, pad)
    attrs = {"strides": (1, 1), "low": on_both, "high": on_both, "dilations": (1, 1)}
    assert 0 < room(ops.convolution(x(*data), x(*weights), **attrs)) < MOST_ROOM


def room(node: Node) -> int:
    """Bytes that the largest kernel of a node needs; all but little of them off the stack."""
    made = compile_graph(extract("room", [node]), TARGETS["host"], stop="llvm")
    assert made.modules is not None and made.rooms is not None
    claimed = re.compile(r"alloca .*, i64 (\d+)")
    for module in made.modules.values():
        for function in module.functions:
            if not function.name.endswith(".on_stack"):
                assert sum(map(int, claimed.findall(str(function)))) <= MOST_ON_STACK
    return max(made.rooms.values())


@pytest.mark.parametrize("steps", [1, 2])
def test_few_steps_and_any_number_of_columns(steps: int) -> None:
    x = Given()
    total = ops.matmul(x(m, steps), x(steps, n))
    Checked(x.nodes, [ops.add(total, total)])({"m": 40, "n": 2100}, most=3)
