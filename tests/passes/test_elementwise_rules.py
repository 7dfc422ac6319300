"""Rules for conversions, constants of equal elements, and repeated elements."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from graphc.ir.dims import symbol
from graphc.ir.dtypes import ALL, DType, bool_, float32, float64, int32, uint8
from graphc.ir.node import Node
from graphc.ops import ops
from graphc.passes.elementwise_rules import (
    ELEMENTWISE_RULES,
    astype_of_astype,
    astype_to_same,
    holds_all,
    repeated_last,
    uniform_constant,
)
from tests.passes.values import (
    Array,
    assert_applies,
    assert_same_bits,
    graph_of,
    placeholder,
    rule_named,
    run,
    telling_values,
)

N = symbol("n")


def converted(x: Node, *dtypes: DType) -> Node:
    for dtype in dtypes:
        x = ops.astype(x, dtype=dtype)
    return x


@pytest.mark.parametrize(("first", "between"), list(product(ALL, ALL)), ids=str)
def test_conversions_without_a_trace(first: DType, between: DType) -> None:
    """Wherever the rule applies both ways give the same bits, and it applies where they must."""
    values = telling_values(first)
    x = placeholder("x", first, values.shape)
    applied = 0
    for last in ALL:
        node = converted(x, between, last)
        better = astype_of_astype(node)
        if better is not None:
            applied += 1
            before, after = run(graph_of(node, better), [values], {})
            assert_same_bits(before, after, f"{first} to {between} to {last}")
    if holds_all(between, first):
        back = astype_of_astype(converted(x, between, first))
        assert back is not None and astype_to_same(back) is x
    else:
        assert not applied


@pytest.mark.parametrize(("wide", "narrow"), list(product(ALL, ALL)), ids=str)
def test_holds_all_is_what_conversion_shows(wide: DType, narrow: DType) -> None:
    """By the extremes of the narrow dtype and the numbers next to them."""
    if wide.is_bool and not narrow.is_bool:
        assert not holds_all(wide, narrow)
        return
    values = telling_values(narrow)
    with np.errstate(all="ignore"):
        there = values.astype(wide.numpy)
        back = there.astype(narrow.numpy)
    survive = np.array_equal(values, back, equal_nan=narrow.is_float)
    in_order = bool(np.all(there[1:] > there[:-1])) if not narrow.is_float else wide.is_float
    assert holds_all(wide, narrow) is (survive and in_order)


@pytest.mark.parametrize(
    ("value", "applies"),
    [
        (np.full((2, 3), 1.5, np.float32), True),
        (np.full(4, np.nan), True),
        (np.full(1025, True), True),
        (np.array([0.0, -0.0, 0.0]), False),
        (np.array([1, 2, 1], np.int8), False),
        (np.array([[1]], np.int8), False),
        (np.zeros((0, 3)), False),
        (np.full((3, 4), 7, np.int16)[::2, ::3], True),
    ],
    ids=lambda value: str(value)[:12].replace("\n", ""),
)
def test_constants_of_equal_elements(value: Array, applies: bool) -> None:
    node = ops.constant(value=value)
    if applies:
        assert_applies(rule_named(ELEMENTWISE_RULES, "uniform_constant"), node)
    else:
        assert uniform_constant(node) is None


@pytest.mark.parametrize("applies", [True, False])
def test_repeated_elements(applies: bool) -> None:
    s, one = placeholder("s", float32, ()), placeholder("one", float32, (1, 1))
    row, column = placeholder("row", float32, (4,)), placeholder("column", float32, (3, 1))
    shape = (3, 4)
    many = {x: ops.broadcast_to(x, shape=shape) for x in (s, one, row, column)}
    full = placeholder("full", float32, shape)
    positive = ops.broadcast_to(placeholder("p", bool_, (4,)), shape=shape)
    samples = {
        True: [
            ops.sqrt(many[s]),
            ops.add(many[s], many[one]),
            ops.mul(many[row], many[s]),
            ops.sub(many[column], many[one]),
            ops.where(positive, many[row], many[one]),
            ops.astype(many[row], dtype=int32),
        ],
        False: [
            ops.add(many[row], many[column]),
            ops.add(full, many[s]),
            ops.sqrt(ops.broadcast_to(full, shape=shape)),
        ],
    }
    for node in samples[applies]:
        if applies:
            assert_applies(rule_named(ELEMENTWISE_RULES, "repeated_last"), node)
        else:
            assert repeated_last(node) is None


def test_conversion_to_the_same_dtype() -> None:
    x = placeholder("x", uint8, (N,))
    assert astype_to_same(converted(x, uint8)) is x
    assert astype_to_same(converted(x, float64)) is None
