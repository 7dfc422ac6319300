"""Which operands can be read where they lie."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from graphc.codegen.products.in_place import depth_axis, place_of
from graphc.ir.dims import symbol
from graphc.ir.dtypes import float32, float64
from graphc.ir.graph import extract
from graphc.ir.node import Node
from graphc.ops import ops
from graphc.schedule.contents import products
from graphc.schedule.lowering import own_results, schedule
from graphc.schedule.statements import Product, Store
from tests.codegen.products.checking import Given, relu, turned
from tests.codegen.products.product_programs import cut

b = symbol("b")


def only_product(*outputs: Node) -> Product:
    launches = schedule(own_results(extract("test", outputs))).launches
    ((found, _),) = (one for launch in launches for one in products(launch.kernel))
    return found


def steps(build: Callable[[Given], Node]) -> tuple[Any, Any]:
    """Elements between rows and steps of the left operand, columns and steps of the right one."""
    made = only_product(build(Given()))
    places = (
        place_of(made, made.left, made.row),
        place_of(made, made.right, made.columns[0]),
    )
    left, right = (None if place is None else (place.across, place.step) for place in places)
    return left, right


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (lambda x: ops.matmul(x(20, 30), x(30, 40)), ((30, 1), (1, 40))),
        (lambda x: ops.matmul(x(b, 30), x(30, 40)), ((30, 1), (1, 40))),
        (lambda x: ops.matmul(turned(x(30, 20)), x(30, 40)), ((1, 20), (1, 40))),
        (lambda x: ops.matmul(x(20, 30), turned(x(40, 30))), ((30, 1), (30, 1))),
        (lambda x: ops.matmul(x(20, b), turned(x(40, b))), ((b, 1), (b, 1))),
        (
            lambda x: ops.matmul(cut(x(60, 99), (3, 5), (2, 3), 20, 30), x(30, 40)),
            ((198, 3), (1, 40)),
        ),
        (
            lambda x: ops.matmul(x(20, 30), ops.flip(x(30, 40), axes=(0,))),
            ((30, 1), (1, -40)),
        ),
        (lambda x: ops.matmul(relu(x(20, 30)), x(30, 40)), (None, (1, 40))),
        (
            lambda x: ops.matmul(x(20, 30), ops.astype(x(30, 40, dtype=float64), dtype=float32)),
            ((30, 1), None),
        ),
        (
            lambda x: ops.matmul(x(20, 30), ops.pad(x(29, 40), low=(1, 0), high=(0, 0), value=0.0)),
            ((30, 1), None),
        ),
    ],
)
def test_places(build: Callable[[Given], Node], expected: Any) -> None:
    """Of plain reads at even distances; not of formulas, conversions, and reads on condition."""
    assert steps(build) == expected


def test_depth_has_one_axis_of_several_steps() -> None:
    """A convolution's window is a second one."""
    x = Given()
    options: dict[str, Any] = dict.fromkeys(("strides", "dilations"), (1,))
    options |= dict.fromkeys(("low", "high"), (0,))
    wide = only_product(ops.convolution(x(2, 30, 50), x(9, 30, 3), **options))
    assert depth_axis(wide) is None
    assert place_of(wide, wide.left, wide.row) is None
    narrow = only_product(ops.convolution(x(2, 30, 50), x(9, 30, 1), **options))
    axis = depth_axis(narrow)
    assert axis is not None and axis.extent == 30


def test_what_is_written_meanwhile_has_no_place() -> None:
    made = only_product(ops.matmul(Given()(20, 30), Given()(30, 40)))
    (store,) = made.body
    assert isinstance(store, Store)
    source = str(made.left.source)
    changed = replace(made, body=(replace(store, target=source),))
    assert place_of(made, made.left, made.row) is not None
    assert place_of(changed, made.left, made.row) is None
