"""Kernels as text, what they share, and the parts a launch refers to."""

from __future__ import annotations

import pytest

from graphc.ir import scalar
from graphc.ir.dims import symbol
from graphc.ir.dtypes import DType, float32, float64, int32, int64
from graphc.ir.node import Node
from graphc.ir.scalar import Expr
from graphc.ops import ops
from graphc.schedule.kernel import (
    Argument,
    Axis,
    Kernel,
    Launch,
    Map,
    Reduce,
    Scan,
    Scatter,
    Schedule,
    Sort,
    Stage,
    Workspace,
)

n = symbol("n")
ROW = Axis("$0", n)
INNER = Axis("$1", 4)
IN = Argument("a0", float32, 4 * n, False)
OUT = Argument("a1", float32, 4 * n, True)


def load(text: str = "a0") -> Expr:
    return scalar.load(text, 4 * ROW.position + INNER.position, float32)


AT = 4 * ROW.position + INNER.position

STAGES: list[tuple[Stage, str]] = [
    (Map("a1", AT, scalar.same("exp", load()), (INNER,)),
     "for $1 < 4: a1[4*$0 + $1] = exp(a0[4*$0 + $1])"),
    (Map("a1", ROW.position, scalar.const(1.5, float32)), "a1[$0] = 0x1.8000000000000p+0"),
    (Reduce((INNER,), "sum", (load(),), "r0", float32, True),
     "for $1 < 4: r0 = lanes sum(a0[4*$0 + $1])"),
    (Reduce((INNER,), "dot", (load(), load()), "r0", float32, False),
     "for $1 < 4: r0 = dot(a0[4*$0 + $1], a0[4*$0 + $1])"),
    (Scan((INNER,), "prod", load(), "a1", AT),
     "for $1 < 4: a1[4*$0 + $1] = running prod(a0[4*$0 + $1])"),
    (Scatter((INNER,), "a1", INNER.position, load()), "for $1 < 4: a1[$1] += a0[4*$0 + $1]"),
    (Sort((INNER,), load(), "a2", "a3", "a1", AT, True),
     "for $1 < 4: a1[4*$0 + $1] = argsort(a0[4*$0 + $1]) using a2, a3"),
]  # fmt: skip


@pytest.mark.parametrize(("stage", "text"), STAGES)
def test_stages_as_text(stage: Stage, text: str) -> None:
    kernel = Kernel((ROW,), (stage,), (IN, OUT), "$0")
    assert str(kernel).splitlines() == [
        "kernel(a0: f32[4*n], out a1: f32[4*n]) {", "  for $0 < n vector $0:", f"    {text}", "}",
    ]  # fmt: skip


def test_what_is_used_twice_is_named_once() -> None:
    power = scalar.same("exp", load())
    value = scalar.same("mul", power, power)
    kernel = Kernel((ROW,), (Map("a1", AT, value, (INNER,)),), (IN, OUT), None)
    assert "t0 = exp(a0[4*$0 + $1])" in str(kernel)
    assert "a1[4*$0 + $1] = mul(t0, t0)" in str(kernel)


def launch(kernel: Kernel) -> Launch:
    return Launch(kernel, (), (), "is fetched or assigned", kernel.sites)


def rounded_power(dtype: DType) -> Kernel:
    """i32(floor(exp(5.75))), which text does not tell apart for two float dtypes."""
    value = scalar.same("floor", scalar.same("exp", scalar.const(5.75, dtype)))
    stage = Map("a0", 0, scalar.cast(value, int32))
    return Kernel((), (stage,), (Argument("a0", int32, 1, True),), None)


def test_distinct_kernels() -> None:
    """Equal ones are one, in the order of first use; dtypes of constants tell others apart."""
    single, double = rounded_power(float32), rounded_power(float64)
    assert str(single) == str(double)
    again = rounded_power(float32)
    schedule = Schedule(tuple(map(launch, (double, single, again, double))))
    assert schedule.distinct() == [double, single]


def reading(sites: tuple[Node, Node]) -> Kernel:
    """A sum of two elements at checked positions, each checked for a node."""
    position = scalar.load("a0", 0, int64)
    parts = [scalar.cast(scalar.checked(position, 5, site), float32) for site in sites]
    stage = Map("a1", 0, scalar.same("add", *parts))
    arguments = (Argument("a0", int64, 1, False), Argument("a1", float32, 1, True))
    return Kernel((), (stage,), arguments, None, tuple(dict.fromkeys(sites)))


def test_kernels_that_check_alike_are_shared() -> None:
    """For other nodes, but as many of them in the same places."""
    x = ops.placeholder(shape=(5,), dtype=float32, name="x")
    i = ops.placeholder(shape=(), dtype=int64, name="i")
    one, two, three = (ops.gather(x, i, axes=(0,), position=0) for _ in range(3))
    kernels = [reading((one, two)), reading((two, three)), reading((one, one))]
    assert [kernel.key() == kernels[0].key() for kernel in kernels] == [True, True, False]
    assert Schedule(tuple(map(launch, kernels))).distinct() == [kernels[0], kernels[2]]


def test_expressions_come_before_their_users() -> None:
    power = scalar.same("exp", load())
    kernel = Kernel((ROW,), (Map("a1", AT, scalar.same("neg", power), (INNER,)),), (IN, OUT), None)
    assert [expr.name for expr in kernel.expressions()] == ["load", "exp", "neg"]


def test_memory_and_launches_equal_only_themselves() -> None:
    assert Workspace(float32, 8) != Workspace(float32, 8)
    kernel = rounded_power(float32)
    assert launch(kernel) != launch(kernel)
    assert kernel == rounded_power(float32)
