"""Row-major positions against NumPy's, with known and with symbolic sizes."""

from __future__ import annotations

from math import prod

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphc.ir import dims
from graphc.ir.dims import Size, symbol
from graphc.ir.indexing import delinearize, dim_groups, linearize, reindex
from graphc.ir.types import Shape

SIZES = {"n": 3, "m": 4}
n, m = symbol("n"), symbol("m")
i, j, k = symbol("i"), symbol("j"), symbol("k")

#: Pairs of shapes with as many elements.
RESHAPES: tuple[tuple[Shape, Shape], ...] = (
    ((6,), (2, 3)), ((2, 3, 4), (6, 4)), ((4, 6), (3, 8)), ((1,), ()), ((5, 1, 7), (35,)),
    ((2, 1, 3), (2, 3)), ((n, 4), (n, 2, 2)), ((n, m), (n * m,)), ((n * m,), (n, m)),
    ((2, n, 6), (2 * n, 2, 3)), ((n, 5, m), (n, m, 5)), ((n, 1, m), (n, m)), ((2 * n, 3), (n, 6)),
)  # fmt: skip


def known(shape: Shape) -> tuple[int, ...]:
    return tuple(dims.evaluate(size, SIZES) for size in shape)


def loop(shape: Shape) -> tuple[Size, ...]:
    """A symbolic index that lies inside the shape."""
    return tuple(
        symbol(f"at{axis}", size - 1) if size != 1 else 0 for axis, size in enumerate(shape)
    )


def at(index: tuple[Size, ...], position: tuple[int, ...]) -> tuple[int, ...]:
    """A symbolic index with the loops at a position."""
    values = SIZES | {f"at{axis}": place for axis, place in enumerate(position)}
    return tuple(dims.evaluate(size, values) for size in index)


@pytest.mark.parametrize("pair", [*RESHAPES, *((b, a) for a, b in RESHAPES)], ids=str)
def test_reindex_finds_the_element_that_a_reshape_puts_there(pair: tuple[Shape, Shape]) -> None:
    shape, other = pair
    index = reindex(loop(shape), shape, other)
    elements = np.arange(prod(known(other))).reshape(known(other))
    for position in np.ndindex(*known(shape)):
        found = elements[at(index, position)]
        assert found == elements.reshape(known(shape))[position]


@pytest.mark.parametrize("shape", [shape for pair in RESHAPES for shape in pair], ids=str)
def test_linearize_is_row_major_and_delinearize_its_inverse(shape: Shape) -> None:
    index = loop(shape)
    offset = linearize(index, shape)
    back = delinearize(symbol("offset", prod(shape) - 1), shape)
    for count, position in enumerate(np.ndindex(*known(shape))):
        assert at((offset,), position) == (count,)
        assert tuple(dims.evaluate(size, SIZES | {"offset": count}) for size in back) == position


def test_a_quotient_and_its_remainder_become_their_dividend() -> None:
    assert linearize((i // 5, i % 5), (n, 5)) == i
    assert linearize((i // n, i % n), (m, n)) == i
    assert linearize((i // 5 + 2, i % 5), (n, 5)) == i + 10
    assert linearize((2 * j + i // 5, i % 5), (n, 5)) == i + 10 * j
    assert linearize((j, i // 5, i % 5), (n, m, 5)) == i + 5 * m * j
    assert linearize((j, i % 5), (n, 5)) == 5 * j + i % 5
    assert linearize((j + 2 * (i // 5), i % 5), (n, 5)) == i % 5 + 10 * (i // 5) + 5 * j
    assert linearize(delinearize(i, (n, 4, 5)), (n, 4, 5)) == i


def test_dims_that_a_reshape_leaves_alone_stay_plain() -> None:
    assert reindex((i, j, k), (n, 4, 6), (n, 4, 2, 3)) == (i, j, k // 3, k % 3)
    assert dim_groups((n, 2, 3), (n, 6)) == [((0, 1), (0, 1)), ((1, 3), (1, 2))]
    assert dim_groups((n, 0), (0, n)) == [((0, 2), (0, 2))]


@given(st.data())
def test_reshapes_with_and_without_symbols_agree(data: st.DataObject) -> None:
    """Cut one list of factors into groups in two ways; a symbol may stand for a factor."""
    factors = data.draw(st.lists(st.sampled_from([1, 2, 3, 5, n, m]), min_size=1, max_size=5))
    shape, other = (grouped(factors, data.draw(cuts(len(factors)))) for _ in range(2))
    index = reindex(loop(shape), shape, other)
    elements = np.arange(prod(known(other))).reshape(known(other))
    for position in np.ndindex(*known(shape)):
        assert elements[at(index, position)] == elements.reshape(known(shape))[position]


def cuts(count: int) -> st.SearchStrategy[list[bool]]:
    return st.lists(st.booleans(), min_size=count, max_size=count)


def grouped(factors: list[Size], starts: list[bool]) -> Shape:
    shape: list[Size] = []
    for factor, starts_here in zip(factors, starts, strict=True):
        if starts_here or not shape:
            shape.append(factor)
        else:
            shape[-1] = shape[-1] * factor
    return tuple(shape)
