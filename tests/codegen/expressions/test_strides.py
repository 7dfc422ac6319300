"""Shuffles of rows, followed on the numbers of the lanes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from llvmlite import ir

from graphc.codegen.expressions.strides import exchanged, pick, put_together, taken_apart

LANES = (2, 4, 8, 16)


class Row:
    """A row that knows what its lanes hold."""

    def __init__(self, lanes: list[int]) -> None:
        self.lanes = lanes
        self.type = ir.VectorType(ir.IntType(32), len(lanes))


class Shuffles:
    """Stands in for a builder: shuffles lanes at once, and counts how often."""

    def __init__(self) -> None:
        self.count = 0

    def shuffle_vector(self, left: Row, right: Row, mask: Any) -> Row:
        self.count += 1
        both = left.lanes + right.lanes
        return Row([both[number.constant] for number in mask.constant])


def numbered(lanes: int, count: int) -> list[Any]:
    return [Row(list(range(lanes * k, lanes * (k + 1)))) for k in range(count)]


def held(rows: list[Any]) -> list[list[int]]:
    return [row.lanes for row in rows]


@pytest.mark.parametrize("lanes", LANES)
@pytest.mark.parametrize("step", range(2, 17))
def test_rows_are_taken_apart_and_put_together(lanes: int, step: int) -> None:
    rows, builder = numbered(lanes, step), Shuffles()
    apart = taken_apart(builder, rows)  # type: ignore[arg-type]
    expected = np.arange(lanes * step).reshape(lanes, step).T
    assert held(apart) == expected.tolist()
    assert held(put_together(builder, apart)) == held(rows)  # type: ignore[arg-type]


@pytest.mark.parametrize("lanes", LANES)
def test_a_square_of_rows_is_turned(lanes: int) -> None:
    turned = exchanged(Shuffles(), numbered(lanes, lanes))  # type: ignore[arg-type]
    assert held(turned) == np.arange(lanes * lanes).reshape(lanes, lanes).T.tolist()


def test_few_shuffles_are_needed() -> None:
    """By factors: 8 rows take 3 rounds of 8; 16 lanes are exchanged in 4 rounds of 16."""
    for work, most in ((taken_apart, 24), (put_together, 24)):
        builder = Shuffles()
        work(builder, numbered(16, 8))  # type: ignore[arg-type]
        assert builder.count == most
    builder = Shuffles()
    exchanged(builder, numbered(16, 16))  # type: ignore[arg-type]
    assert builder.count == 64


def test_lanes_are_picked_in_any_order() -> None:
    rng = np.random.default_rng(0)
    for _ in range(100):
        positions = rng.integers(0, 40, 8).tolist()
        row: Any = pick(Shuffles(), numbered(8, 5), positions)  # type: ignore[arg-type]
        assert row.lanes == positions
