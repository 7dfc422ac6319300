"""Loops that follow a product are functions of their own, where nothing keeps them."""

from __future__ import annotations

import pytest

from graphc.codegen.kernels import emit_kernel
from graphc.codegen.nests.apart import may_be_apart
from graphc.codegen.target import current_target
from graphc.compiler import compile_graph
from graphc.ir import scalar
from graphc.ir.dims import symbol
from graphc.ir.dtypes import float32
from graphc.ir.graph import extract
from graphc.ir.node import Node
from graphc.ops import ops
from graphc.schedule.statements import (
    Axis,
    Combine,
    Fold,
    Loop,
    Reduction,
    Statement,
    Store,
)

ROW, PLACE = Axis("$0", symbol("n")), Axis("$1", 40)
OFFSET = 40 * ROW.position + PLACE.position
VALUE = scalar.load("a0", OFFSET, float32)
SUM = Fold(
    (Reduction("%r0", "sum", float32, float32, True),),
    (Loop(PLACE, (Combine("%r0", (VALUE,)),), vector=True),),
)


def stored(name: str) -> Store:
    return Store("a1", ROW.position, scalar.local(name, float32))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ((SUM, stored("%r0")), True),
        ((SUM, stored("%r1")), False),  # of something around it
        ((Store("a1", ROW.position, VALUE),), False),  # no rows
    ],
)
def test_what_may_be_apart(body: tuple[Statement, ...], expected: bool) -> None:
    assert may_be_apart(Loop(ROW, body)) is expected


def functions(output: Node) -> list[str]:
    """Functions defined for the only kernel."""
    made = compile_graph(extract("made", [output]), stop="kernels").schedule
    assert made is not None
    (launch,) = made.launches
    module = emit_kernel(launch.kernel, current_target()).module
    return [f.name for f in module.functions if not f.is_declaration]


def test_rows_behind_a_product_are_a_function() -> None:
    x = ops.placeholder(shape=(symbol("n"), 40), dtype=float32)
    y = ops.placeholder(shape=(40, 40), dtype=float32)
    product = ops.matmul(x, y)
    assert any(name.endswith(".rows") for name in functions(ops.sum(product, axes=(1,))))
    assert not any(".rows" in name for name in functions(product))
    assert not any(".rows" in name for name in functions(ops.sum(x, axes=(1,))))
