"""Which packing is a copy of rows."""

from __future__ import annotations

from typing import Any

import pytest

from graphc.codegen.products.packing import Rows, is_conditional, plain_rows
from graphc.ir import scalar
from graphc.ir.dims import Opaque, of_atom, symbol
from graphc.ir.dtypes import float32, int64
from graphc.ir.scalar import Expr
from graphc.schedule.statements import Axis, Store

n, size = symbol("n"), symbol("size")
ROW, ALONG = Axis("$0", n), Axis("$1", 40)
i, j = ROW.position, ALONG.position
IS_THERE = scalar.compare("lt", scalar.index(j), scalar.index(size))


def load(offset: Any, where: Expr | None = None) -> Expr:
    return scalar.load("a0", offset, float32, where)


def gathered() -> Any:
    """A position that is read from memory."""
    return of_atom(Opaque(scalar.load("a1", i, int64), n))


@pytest.mark.parametrize(
    ("value", "place", "expected"),
    [
        (load(50 * i + j + 7), 64 * i + j, 50),
        (load(size * i + j), 64 * i + j, size),
        (load(-50 * i + j), 64 * i + j, -50),
        (load(j), 64 * i + j, 0),
        (load(50 * i + 2 * j), 64 * i + j, None),
        (load(50 * i - j), 64 * i + j, None),
        (load(i + 50 * j), 64 * i + j, None),
        (load(50 * i), 64 * i + j, None),
        (load(50 * i + j), i + 64 * j, None),
        (load(50 * i + j, IS_THERE), 64 * i + j, None),
        (load(50 * gathered() + j), 64 * i + j, None),
        (load(50 * (i // 3) + j), 64 * i + j, None),
        (scalar.same("neg", load(50 * i + j)), 64 * i + j, None),
    ],
)
def test_plain_rows(value: Expr, place: Any, expected: Any) -> None:
    """A load whose neighbours are neighbours where they go, and rows some steps apart."""
    found = plain_rows((ROW, ALONG), Store("packed", place, value))
    assert found == (None if expected is None else Rows(ROW, ALONG, expected))


def test_rows_are_loops_of_two() -> None:
    store = Store("packed", j, load(j))
    assert plain_rows((ALONG,), store) is None
    assert plain_rows((ROW, Axis("$2", 3), ALONG), store) is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (load(j), False),
        (load(j, IS_THERE), True),
        (scalar.select(IS_THERE, load(j), scalar.const(0.0, float32)), False),
        (scalar.same("neg", load(j, IS_THERE)), True),
    ],
)
def test_conditions(value: Expr, expected: bool) -> None:
    assert is_conditional(Store("packed", j, value)) is expected
