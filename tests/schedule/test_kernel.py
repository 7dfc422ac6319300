"""Kernels as text, what they share, and the parts a launch refers to."""

from __future__ import annotations

import pytest

from graphc.ir import scalar
from graphc.ir.dims import Opaque, of_atom, symbol
from graphc.ir.dtypes import DType, bool_, float32, float64, int32, int64
from graphc.ir.node import Node
from graphc.ir.scalar import Expr
from graphc.ops import ops
from graphc.schedule.kernel import Argument, Kernel, Launch, Schedule, Scratch, Workspace
from graphc.schedule.statements import (
    Axis,
    Combine,
    Fold,
    Loop,
    Reduction,
    Sort,
    Statement,
    Store,
    Update,
    walk,
)

n = symbol("n")
ROW = Axis("$0", n)
INNER = Axis("$1", 4)
IN = Argument("a0", float32, 4 * n, False)
OUT = Argument("a1", float32, 4 * n, True)
AT = 4 * ROW.position + INNER.position


def load(text: str = "a0") -> Expr:
    return scalar.load(text, AT, float32)


def reduction(combiner: str, lanes: bool, result: str = "%r0") -> Reduction:
    return Reduction(result, combiner, float32, float32, lanes)


def combined(*operands: Expr, result: str = "%r0", vector: bool = False) -> Loop:
    return Loop(INNER, (Combine(result, operands),), vector)


RUNNING = Store("a1", AT, scalar.local("%r0", float32))

STATEMENTS: list[tuple[Statement, list[str]]] = [
    (Store("a1", ROW.position, scalar.const(1.5, float32)), ["a1[$0] = 0x1.8000000000000p+0"]),
    (Loop(INNER, (Store("a1", AT, scalar.same("exp", load())),), vector=True),
     ["vector for $1 < 4:", "  a1[4*$0 + $1] = exp(a0[4*$0 + $1])"]),
    (Fold((reduction("sum", True),), (combined(load(), vector=True),)),
     ["fold %r0 = lanes sum:", "  vector for $1 < 4:", "    %r0 <- a0[4*$0 + $1]"]),
    (Fold((reduction("dot", False),), (combined(load(), load()),)),
     ["fold %r0 = dot:", "  for $1 < 4:", "    %r0 <- a0[4*$0 + $1], a0[4*$0 + $1]"]),
    (Fold((reduction("sum", True), reduction("max", True, "%r1")),
          (combined(load()), combined(load(), result="%r1"))),
     ["fold %r0 = lanes sum, %r1 = lanes max:", "  for $1 < 4:", "    %r0 <- a0[4*$0 + $1]",
      "  for $1 < 4:", "    %r1 <- a0[4*$0 + $1]"]),
    (Fold((reduction("prod", False),), (Loop(INNER, (Combine("%r0", (load(),)), RUNNING)),)),
     ["fold %r0 = prod:", "  for $1 < 4:", "    %r0 <- a0[4*$0 + $1]",
      "    a1[4*$0 + $1] = %r0"]),
    (Update("a1", INNER.position, "sum", load()), ["a1[$1] sum= a0[4*$0 + $1]"]),
    (Update("a1", 0, "max", load(), scalar.load("a2", 0, bool_)),
     ["a1[0] max= a0[4*$0 + $1] if a2[0]"]),
    (Sort(INNER, load(), "a2", "a3", "a1", AT, True),
     ["for $1 < 4: a1[4*$0 + $1] = argsort(a0[4*$0 + $1]) using a2, a3"]),
    (Sort(INNER, load(), "a2", "a3", "a1", AT, False),
     ["for $1 < 4: a1[4*$0 + $1] = sort(a0[4*$0 + $1]) using a2, a3"]),
]  # fmt: skip


def over_rows(*body: Statement, parallel: bool = True, scratch: int = 0) -> Kernel:
    room = (Scratch("s0", float32, scratch),) if scratch else ()
    return Kernel((Loop(ROW, body),), (IN, OUT), room, parallel)


@pytest.mark.parametrize(("statement", "text"), STATEMENTS)
def test_statements_as_text(statement: Statement, text: list[str]) -> None:
    assert str(over_rows(statement)).splitlines() == [
        "kernel(a0: f32[4*n], out a1: f32[4*n]) {", "  parallel for $0 < n:",
        *(f"    {line}" for line in text), "}",
    ]  # fmt: skip


def test_scratch_and_a_loop_that_is_not_cut_as_text() -> None:
    kernel = over_rows(Store("s0", 0, load()), parallel=False, scratch=4)
    assert str(kernel).splitlines()[:2] == [
        "kernel(a0: f32[4*n], out a1: f32[4*n]) scratch s0: f32[4] {", "  for $0 < n:",
    ]  # fmt: skip


def test_only_the_outermost_loop_is_cut() -> None:
    inner = Loop(Axis("$0", n), (Store("a1", AT, load()),))
    assert str(over_rows(inner)).count("parallel") == 1


def test_what_is_used_twice_is_named_once() -> None:
    power = scalar.same("exp", load())
    value = scalar.same("mul", power, power)
    text = str(over_rows(Loop(INNER, (Store("a1", AT, value),))))
    assert text.count("exp") == 1
    assert "      t0 = exp(a0[4*$0 + $1])\n      a1[4*$0 + $1] = mul(t0, t0)" in text


def test_what_two_statements_use_is_named_before_the_first() -> None:
    power = scalar.same("exp", load())
    loop = Loop(INNER, (Combine("%r0", (power,)), Store("a1", AT, power)))
    lines = str(over_rows(Fold((reduction("sum", True),), (loop,)))).splitlines()
    assert [line.strip() for line in lines[4:7]] == [
        "t0 = exp(a0[4*$0 + $1])", "%r0 <- t0", "a1[4*$0 + $1] = t0",
    ]  # fmt: skip


def test_statements_are_walked_outer_ones_first() -> None:
    store = Store("a1", AT, load())
    loop = combined(load())
    fold = Fold((reduction("sum", False),), (loop,))
    kernel = over_rows(fold, store)
    assert list(kernel.statements()) == [kernel.body[0], fold, loop, loop.body[0], store]
    assert list(walk((store,))) == [store]


def launch(kernel: Kernel) -> Launch:
    return Launch(kernel, (), (), "is fetched or assigned", kernel.sites)


def rounded_power(dtype: DType) -> Kernel:
    """i32(floor(exp(5.75))), which text does not tell apart for two float dtypes."""
    value = scalar.same("floor", scalar.same("exp", scalar.const(5.75, dtype)))
    store = Store("a0", 0, scalar.cast(value, int32))
    return Kernel((store,), (Argument("a0", int32, 1, True),), (), False)


def test_distinct_kernels() -> None:
    """Equal ones are one, in the order of first use; dtypes of constants tell others apart."""
    single, double = rounded_power(float32), rounded_power(float64)
    assert str(single) == str(double)
    again = rounded_power(float32)
    schedule = Schedule(tuple(map(launch, (double, single, again, double))))
    assert schedule.distinct() == [double, single]


def reading(sites: tuple[Node, Node]) -> Kernel:
    """A sum of two checked positions, each checked for a node."""
    position = scalar.load("a0", 0, int64)
    checks = [scalar.checked(position, 5, scalar.Site(node, 0)) for node in sites]
    parts = [scalar.cast(check, float32) for check in checks]
    store = Store("a1", 0, scalar.same("add", *parts))
    arguments = (Argument("a0", int64, 1, False), Argument("a1", float32, 1, True))
    found = tuple(scalar.Site(node, 0) for node in dict.fromkeys(sites))
    return Kernel((store,), arguments, (), False, found)


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
    kernel = over_rows(Loop(INNER, (Store("a1", AT, scalar.same("neg", power)),)))
    assert [expr.name for expr in kernel.expressions()] == ["load", "exp", "neg"]


def test_expressions_in_offsets_and_extents_are_found() -> None:
    """Positions that the kernel reads: where it stores, and how far it loops."""
    place = scalar.load("a2", 0, int64)
    atom = of_atom(Opaque(place, 3))
    stored = over_rows(Store("a1", atom, scalar.const(1.0, float32)))
    assert place in stored.expressions()
    looped = over_rows(Loop(Axis("$1", atom), (Store("a1", AT, load()),)))
    assert place in looped.expressions()


@pytest.mark.parametrize(
    "other",
    [
        over_rows(combined(load()), parallel=False),
        over_rows(combined(load()), scratch=4),
        over_rows(combined(load(), vector=True)),
        over_rows(combined(load()), combined(load())),
    ],
)
def test_what_tells_kernels_apart(other: Kernel) -> None:
    assert other.key() != over_rows(combined(load())).key()


def test_memory_and_launches_equal_only_themselves() -> None:
    assert Workspace(float32, 8) != Workspace(float32, 8)
    kernel = rounded_power(float32)
    assert launch(kernel) != launch(kernel)
    assert kernel == rounded_power(float32)
