from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import graphc as gc
from graphc.api.slices import span_of
from graphc.errors import AttributeValueError, ShapeError
from graphc.ir.dims import evaluate, symbol

BOUNDS = st.none() | st.integers(-8, 8)
STEPS = st.none() | st.integers(-4, 4).filter(bool)
SLICES = st.builds(slice, BOUNDS, BOUNDS, STEPS)


@given(SLICES, st.integers(0, 7))
def test_known_dims_are_sliced_as_python_does(key: slice, size: int) -> None:
    span = span_of("index", key, size)
    assert isinstance(span.start, int)
    assert isinstance(span.count, int)
    positions = [span.start + k * span.step for k in range(span.count)]
    assert positions == list(range(size))[key]


@given(SLICES)
def test_dims_known_when_fed_are_sliced_as_python_does(key: slice) -> None:
    span = span_of("index", key, symbol("n"))
    for size in range(12):
        start, count = (evaluate(part, {"n": size}) for part in (span.start, span.count))
        assert [start + k * span.step for k in range(count)] == list(range(size))[key]


@given(SLICES)
def test_the_first_of_some_positions_can_be_read(key: slice) -> None:
    span = span_of("index", key, symbol("n"))
    for size in range(12):
        start, count = (evaluate(part, {"n": size}) for part in (span.start, span.count))
        assert count == 0 or 0 <= start < size


@pytest.mark.parametrize(
    ("key", "count"),
    [
        (slice(None), "n"),
        (slice(1, None), "max(0, n - 1)"),
        (slice(None, None, 2), "(n + 1)//2"),
        (slice(None, None, -1), "n"),
        (slice(None, -1), "max(0, n - 1)"),
        (slice(0, 0), 0),
    ],
)
def test_counts_are_simple(key: slice, count: Any) -> None:
    assert span_of("index", key, symbol("n")).count == count


def test_a_dim_as_a_bound_counts_from_the_start() -> None:
    n, m = symbol("n"), symbol("m")
    assert span_of("index", slice(None, n), n).covers(n)
    assert span_of("index", slice(n, None), n + 2).count == 2
    span = span_of("index", slice(m, None), n)
    for known_n in range(4):
        for known_m in range(6):
            count = evaluate(span.count, {"n": known_n, "m": known_m})
            assert count == len(range(known_n)[known_m:])


@pytest.mark.parametrize(
    ("key", "error", "message"),
    [
        (slice(None, None, 0), AttributeValueError, "an integer other than 0, not 0"),
        (slice(None, None, symbol("n")), AttributeValueError, "an integer other than 0, not n"),
        (slice(0.5, None), AttributeValueError, "a bound of a slice must be an integer, not 0.5"),
    ],
)
def test_errors(key: slice, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        span_of("index", key, 5)


def test_a_tensor_is_no_bound() -> None:
    with gc.Graph():
        x = gc.placeholder(gc.int64, ())
        with pytest.raises(ShapeError, match="a shape that depends on the data"):
            gc.zeros(5)[:x]
