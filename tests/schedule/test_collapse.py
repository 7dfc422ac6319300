"""Neighbouring loops joined into one, only where every offset runs straight through both."""

from __future__ import annotations

import pytest

from graphc.ir import dims
from graphc.ir.dims import Size, symbol
from graphc.ir.dtypes import bool_, float32
from graphc.ir.scalar import Expr, index, load, local
from graphc.schedule.collapse import Body, collapse
from graphc.schedule.statements import (
    Axis,
    Combine,
    Fold,
    Loop,
    Reduction,
    Sort,
    Store,
    Update,
)

n, m = symbol("n"), symbol("m")


def copied(extents: list[Size], target: str, source: str) -> tuple[tuple[Axis, ...], Body]:
    """Axes and a store, with offsets as Python expressions over the axes i, j, k."""
    axes = tuple(Axis(f"${number}", extent) for number, extent in enumerate(extents))
    names = dict(zip("ijk", (axis.position for axis in axes), strict=False)) | {"n": n, "m": m}

    def offset(text: str) -> Size:
        value: Size = eval(text, {"__builtins__": {}}, names)
        return value

    return axes, (Store("a0", offset(target), load("a1", offset(source), float32)),)


# extents, offsets written and read; the extents and offsets that are left
CASES: list[tuple[list[Size], str, str, list[str], str, str]] = [
    ([4, 5], "5*i + j", "5*i + j", ["20"], "$1", "$1"),
    ([n, 5], "5*i + j", "5*i + j", ["5*n"], "$1", "$1"),
    ([n, m], "m*i + j", "m*i + j", ["m*n"], "$1", "$1"),
    ([2, 3, 4], "12*i + 4*j + k", "12*i + 4*j + k", ["24"], "$2", "$2"),
    ([2, 3, 4], "12*i + 4*j + k", "k", ["6", "4"], "4*$1 + $2", "$2"),
    ([2, 3, 4], "12*i + 4*j + k", "4*j + k", ["2", "12"], "12*$0 + $2", "$2"),
    ([4, 5], "5*i + j", "4*j + i", ["4", "5"], "5*$0 + $1", "$0 + 4*$1"),  # transposed
    ([4, 5], "5*i + j", "5*i - j + 4", ["4", "5"], "5*$0 + $1", "5*$0 - $1 + 4"),
    ([4, 5], "5*i + j", "19 - 5*i - j", ["20"], "$1", "19 - $1"),  # reversed as a whole
    ([4, 5], "5*i + j", "10*i + 2*j", ["20"], "$1", "2*$1"),
    ([4, 5], "5*i + j", "10*i + j", ["4", "5"], "5*$0 + $1", "10*$0 + $1"),
    ([4, 5], "5*i + j", "0", ["20"], "$1", "0"),  # the same for all
    ([1, 5], "5*i + j", "j", ["5"], "$1", "$1"),
    ([4, 1], "i + j", "i", ["4"], "$0", "$0"),
    ([1, 1], "i + j", "i", [], "0", "0"),
    ([n], "i", "i", ["n"], "$0", "$0"),
    ([], "0", "0", [], "0", "0"),
]


@pytest.mark.parametrize(("extents", "target", "source", "left", "written", "read"), CASES)
def test_collapse(
    extents: list[Size], target: str, source: str, left: list[str], written: str, read: str
) -> None:
    axes, (store,) = collapse(*copied(extents, target, source))
    assert [str(axis.extent) for axis in axes] == left
    assert isinstance(store, Store)
    assert same_polynomial(store.offset, written)
    assert same_polynomial(store.value.offset, read)


def same_polynomial(size: Size, text: str) -> bool:
    """Whether a size has the value of an expression over $0, $1, $2 wherever they are."""
    points = [(3, 1, 2), (0, 4, 7), (5, 0, 1)]
    return all(_value(size, point) == _value_of(text, point) for point in points)


def _value(size: Size, point: tuple[int, ...]) -> int:
    return dims.evaluate(size, {f"${k}": value for k, value in enumerate(point)})


def _value_of(text: str, point: tuple[int, ...]) -> int:
    for k, value in enumerate(point):
        text = text.replace(f"${k}", str(value))
    return int(eval(text, {"__builtins__": {}}))


ROWS, COLUMNS, INNER = Axis("$0", 4), Axis("$1", 5), Axis("$2", 6)
AT = 5 * ROWS.position + COLUMNS.position


def test_a_position_that_is_a_value_keeps_its_axis() -> None:
    """iota along the rows cannot be told from one joined position."""
    axes, _ = collapse((ROWS, COLUMNS), (Store("a0", AT, index(ROWS.position)),))
    assert axes == (ROWS, COLUMNS)


def summed(value: Expr, *axes: Axis) -> Fold:
    """The sum of a value over axes, in loops of their own."""
    body: Body = (Combine("%r0", (value,)),)
    for axis in reversed(axes):
        body = (Loop(axis, body),)
    return Fold((Reduction("%r0", "sum", float32, float32, False),), body)


def test_inner_loops_stay() -> None:
    """The order inside a reduction is part of its meaning."""
    offset = 30 * ROWS.position + 6 * COLUMNS.position + INNER.position
    body: Body = (summed(load("a0", offset, float32), COLUMNS, INNER),)
    assert collapse((ROWS,), body) == ((ROWS,), body)


def test_loops_around_a_reduction_are_joined() -> None:
    value = load("a0", 6 * AT + INNER.position, float32)
    store = Store("a1", AT, local("%r0", float32))
    axes, body = collapse((ROWS, COLUMNS), (summed(value, INNER), store))
    (axis,) = axes
    assert axis.extent == 20
    expected = load("a0", 6 * axis.position + INNER.position, float32)
    moved = Store("a1", axis.position, local("%r0", float32))
    assert body == (summed(expected, INNER), moved)


def test_the_axes_of_a_ragged_inner_loop_stay() -> None:
    """An inner extent that depends on one axis keeps it apart."""
    inner = Axis("$2", COLUMNS.position + 1)
    body: Body = (summed(load("a0", inner.position, float32), inner),)
    axes, _ = collapse((ROWS, COLUMNS), body)
    assert axes == (ROWS, COLUMNS)


def test_a_single_position_is_put_in_everywhere() -> None:
    """In offsets, values, conditions and extents of all kinds of statements."""
    one, two = Axis("$0", 1), Axis("$1", 5)
    at = 5 * one.position + two.position
    value = load("a0", at, float32)
    where = load("a1", at, bool_)
    body: Body = (
        Store("a2", at, value),
        Update("a3", at, "sum", value, where),
        summed(load("a0", at + INNER.position, float32), Axis("$2", 6 + one.position)),
        Sort(INNER, value, "a4", "a5", "a6", at, False),
    )
    axes, changed = collapse((one, two), body)
    there = two.position
    value, where = load("a0", there, float32), load("a1", there, bool_)
    assert axes == (two,)
    assert changed == (
        Store("a2", there, value),
        Update("a3", there, "sum", value, where),
        summed(load("a0", there + INNER.position, float32), INNER),
        Sort(INNER, value, "a4", "a5", "a6", there, False),
    )
