"""Loops in pieces in which conditions are known."""

from __future__ import annotations

import numpy as np
import pytest

from graphc.codegen.nests.pieces import MOST_CUTS, pieces, same_everywhere
from graphc.ir import scalar
from graphc.ir.dims import Opaque, Size, of_atom, symbol
from graphc.ir.dtypes import float32, float64, int64
from graphc.ir.scalar import Expr
from graphc.ops import ops
from graphc.schedule.statements import Axis, Loop, Store
from tests.codegen.sampling import FEW, Compile, assert_same, n, numbers, placeholder
from tests.native import run_native

AXIS = Axis("$1", 100)
AT = AXIS.position


def below(position: Size, bound: Size) -> Expr:
    condition = scalar.in_bounds(position, bound)
    assert condition is not None
    return condition


def choosing(condition: Expr) -> Loop:
    """A loop that reads one buffer where a condition holds, and zeros elsewhere."""
    return Loop(AXIS, (Store("a1", AT, scalar.load("a0", AT, float32, condition)),), vector=True)


def values(loop: Loop) -> list[str]:
    stores = [store for piece in pieces(loop) for store in piece.body]
    return [str(store.value) for store in stores if isinstance(store, Store)]


def test_each_piece_knows_its_conditions() -> None:
    loop = choosing(below(AT - 3, 90))
    assert values(loop) == ["0x0.0p+0", "a0[$1]", "0x0.0p+0"]
    assert [piece.end for piece in pieces(loop)] == [3, 93, None]


def test_a_quotient_changes_at_a_multiple() -> None:
    assert [piece.end for piece in pieces(choosing(below(AT // 4, 7)))] == [28, None]


def test_what_is_always_so_needs_no_cut() -> None:
    condition = scalar.compare("lt", scalar.index(AT), scalar.index(100 + symbol("n")))
    assert len(pieces(choosing(condition))) == 1


def test_no_cut_without_a_known_order() -> None:
    m = symbol("m")
    both = scalar.logical_and(
        *(scalar.compare("lt", scalar.index(AT), scalar.index(size)) for size in (n, m))
    )
    assert len(pieces(choosing(both))) == 1


def test_no_more_than_a_few_cuts() -> None:
    bounds = [scalar.compare("lt", scalar.index(AT), scalar.index(k * n)) for k in range(1, 6)]
    assert len(pieces(choosing(scalar.logical_and(*bounds[:MOST_CUTS])))) == MOST_CUTS + 1
    assert len(pieces(choosing(scalar.logical_and(*bounds[: MOST_CUTS + 1])))) == 1


def test_a_condition_that_is_the_same_in_all_of_a_loop() -> None:
    row = symbol("$0", 9)
    condition = scalar.compare("lt", scalar.index(row), scalar.index(5))
    assert same_everywhere(choosing(condition)) is condition
    assert same_everywhere(choosing(below(AT, 50))) is None


@pytest.mark.parametrize("axis", [0, 1])
def test_joined_and_padded(axis: int, program: Compile) -> None:
    x, y = placeholder(n, 70), placeholder(n, 70, name="y")
    low, high = ((2, 0), (0, 3)), ((1, 17), (0, 0))
    joined = ops.concat(x, y, x, axis=axis)
    padded = [ops.pad(x, low=a, high=b, value=2.5) for a, b in zip(low, high, strict=True)]
    run = program([x, y], [joined, *padded])
    for length in FEW:
        a, b = numbers((length, 70), float32), numbers((length, 70), float32, 1)
        got = run(a, b)
        assert_same(got[0], np.concatenate([a, b, a], axis))
        for k in range(2):
            widths = tuple(zip(low[k], high[k], strict=True))
            assert_same(got[1 + k], np.pad(a, widths, constant_values=2.5))


def test_a_condition_inside_a_position_decides_nothing() -> None:
    computed = scalar.load("a1", 0, int64, below(symbol("m") - 3, 50))
    place = of_atom(Opaque(computed, 99))
    loop = Loop(AXIS, (Store("a2", AT, scalar.load("a0", place, float32)),), vector=True)
    assert same_everywhere(loop) is None


def test_elements_at_positions_that_are_read_at_positions() -> None:
    x = placeholder(5, 5, 5, dtype=float64)
    second = ops.constant(value=np.array([1]))
    place = ops.gather(ops.argsort(x, axis=1), second, axes=(1,), position=1)
    across = [ops.iota(shape=(5, 1, 5), axis=k, dtype=int64) for k in (0, 2)]
    y = ops.gather(x, across[0], place, across[1], axes=(0, 1, 2), position=0)
    data = np.random.default_rng(0).normal(size=(5, 5, 5))
    (found,) = run_native([y], {x: data})
    np.testing.assert_array_equal(found, np.sort(data, 1)[:, 1:2])
