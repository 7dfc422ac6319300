"""What is known is not emitted, and comes out as the machine would have it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import pytest
from llvmlite import ir

from graphc.codegen.builder import Builder, known
from graphc.codegen.values import I1, I8, I32, I64, POINTER, VOID, zeros

Made = tuple[Builder, ir.Value, ir.Value]


@pytest.fixture
def made() -> Made:
    """A builder, a number and an address that nothing is known of."""
    kind = ir.FunctionType(VOID, [I64, POINTER])
    function = ir.Function(ir.Module(), kind, name="f")
    return Builder(function.append_basic_block("entry")), *function.args


def emitted(builder: Builder) -> list[str]:
    return [
        str(instruction).split(" = ")[-1].split()[0] for instruction in builder.block.instructions
    ]


OPERATIONS: dict[str, tuple[Callable[..., ir.Value], Callable[[int, int], int]]] = {
    "add": (Builder.add, lambda a, b: a + b),
    "sub": (Builder.sub, lambda a, b: a - b),
    "mul": (Builder.mul, lambda a, b: a * b),
    "<": (lambda builder, a, b: builder.icmp_signed("<", a, b), lambda a, b: a < b),
    ">=": (lambda builder, a, b: builder.icmp_signed(">=", a, b), lambda a, b: a >= b),
    "!=": (lambda builder, a, b: builder.icmp_signed("!=", a, b), lambda a, b: a != b),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_numbers_are_worked_out(name: str, made: Made) -> None:
    emit, work_out = OPERATIONS[name]
    numbers = (-(1 << 63), -7, -1, 0, 1, 6, (1 << 62) + 3, (1 << 63) - 1)
    for a, b in product(numbers, numbers):
        expected = (int(work_out(a, b)) + (1 << 63)) % (1 << 64) - (1 << 63)
        assert known(emit(made[0], I64(a), I64(b))) == expected
    assert not emitted(made[0])


def test_what_changes_nothing_is_left_out(made: Made) -> None:
    builder, number, address = made
    for value in (
        builder.add(number, I64(0)), builder.add(I64(0), number), builder.sub(number, I64(0)),
        builder.mul(number, I64(1)), builder.mul(I64(1), number),
        builder.select(I1(1), number, I64(3)), builder.select(I1(0), I64(3), number),
    ):  # fmt: skip
        assert value is number
    assert known(builder.mul(number, I64(0))) == known(builder.mul(I64(0), number)) == 0
    assert builder.gep(address, [I64(0)], source_etype=I8) is address
    assert not emitted(builder)


def test_everything_else_is_emitted(made: Made) -> None:
    builder, number, address = made
    truth = builder.icmp_signed("<", number, I64(3))
    builder.select(truth, builder.add(number, I64(1)), builder.sub(I64(0), number))
    builder.gep(address, [builder.mul(number, number)], source_etype=I8)
    pair = zeros(ir.VectorType(I64, 2))
    builder.mul(builder.add(pair, pair), pair)
    builder.add(I32(1), I32(2))
    assert emitted(builder) == [
        "icmp", "add", "sub", "select", "mul", "getelementptr", "add", "mul", "add",
    ]  # fmt: skip


def test_a_branch_that_is_known_is_none(made: Made) -> None:
    builder, number, _ = made
    function = builder.block.function
    first, second = (function.append_basic_block() for _ in range(2))
    builder.cbranch(I1(1), first, second)
    builder.position_at_end(first)
    builder.cbranch(builder.icmp_signed("==", number, I64(0)), first, second)
    text = str(function)
    assert text.count("br label") == 1 and text.count("br i1") == 1
