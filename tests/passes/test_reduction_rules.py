"""Every rule for reductions, scans and sorts."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from graphc.ir.dims import Size, symbol
from graphc.ir.dtypes import DType, bool_, float32, float64, int8
from graphc.ir.node import Node
from graphc.ir.opdef import REGISTRY
from graphc.ops import ops
from graphc.passes.reduction_rules import REDUCTION_RULES
from tests.passes.values import assert_applies, placeholder, rule_named

N = symbol("n")
Sample = tuple[str, DType, tuple[Size, ...], Callable[[Node], Node]]

APPLIES: list[Sample] = [
    *(
        ("reduction_of_one", dtype, shape, partial(REGISTRY[op], axes=axes))
        for op, dtype in (
            ("sum", int8), ("prod", float32), ("max", float64), ("min", float32), ("any", bool_),
            ("all", bool_), ("max", int8),
        )
        for shape, axes in (((N, 3), ()), ((N, 1), (1,)), ((1, 1), (1, 0)), ((1, N, 1), (0, 2)))
    ),
    ("reduction_in_order", float32, (2, 3, N), lambda x: ops.sum(x, axes=(2, 0))),
    ("reduction_in_order", float32, (2, 3, N), lambda x: ops.max(x, axes=(2, 1, 0))),
    ("scan_of_one", float32, (N, 1), lambda x: ops.cumsum(x, axis=1)),
    ("scan_of_one", int8, (1,), lambda x: ops.cumprod(x, axis=0)),
    ("scan_of_one", float64, (N, 1), lambda x: ops.sort(x, axis=1)),
    ("position_of_one", float32, (N, 1), lambda x: ops.argmax(x, axis=1)),
    ("position_of_one", float32, (1,), lambda x: ops.argmin(x, axis=0)),
    ("position_of_one", float32, (1, N), lambda x: ops.argsort(x, axis=0)),
]  # fmt: skip

DOES_NOT_APPLY: list[Sample] = [
    ("reduction_of_one", float32, (N, 1), lambda x: ops.sum(x, axes=(1,))),
    ("reduction_of_one", float32, (N, 1), lambda x: ops.max(x, axes=(0, 1))),
    ("reduction_of_one", float32, (0,), lambda x: ops.max(x, axes=(0,))),
    ("reduction_in_order", float32, (2, N), lambda x: ops.sum(x, axes=(0, 1))),
    ("scan_of_one", float32, (N, 1), lambda x: ops.cumsum(x, axis=0)),
    ("position_of_one", float32, (N,), lambda x: ops.argmax(x, axis=0)),
]


@pytest.mark.parametrize("sample", APPLIES, ids=lambda sample: sample[0])
def test_applies(sample: Sample) -> None:
    name, dtype, shape, make = sample
    assert_applies(rule_named(REDUCTION_RULES, name), make(placeholder("x", dtype, shape)))


@pytest.mark.parametrize("sample", DOES_NOT_APPLY, ids=lambda sample: sample[0])
def test_does_not_apply(sample: Sample) -> None:
    name, dtype, shape, make = sample
    node = make(placeholder("x", dtype, shape))
    assert rule_named(REDUCTION_RULES, name).apply(node) is None


def test_every_rule_has_samples() -> None:
    assert {name for name, *_ in APPLIES} == {rule.name for rule in REDUCTION_RULES}
