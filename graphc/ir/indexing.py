"""Positions of elements: row-major offsets and the way back, with symbolic sizes."""

from __future__ import annotations

from graphc.ir import dims
from graphc.ir.dims import Dim, Remainder, Size
from graphc.ir.types import Shape

Index = tuple[Size, ...]


def linearize(index: Index, shape: Shape) -> Size:
    """The row-major offset of an index, in elements.

    A quotient and remainder of one number by one size, as `delinearize` makes them, are put
    together again.
    """
    if not index:
        return 0
    offset = index[0]
    for position, size in zip(index[1:], shape[1:], strict=True):
        offset = _rejoin(offset, position, size)
    return offset


def _rejoin(high: Size, low: Size, size: Size) -> Size:
    """high*size + low; where low is n % size and high is n//size plus something, without both."""
    whole = _dividend(low, size)
    if whole is not None:
        excess = high - dims.floordiv(whole, size)
        if _term_count(excess) < _term_count(high):
            return whole + excess * size
    return high * size + low


def _term_count(size: Size) -> int:
    return len(size.terms) if isinstance(size, Dim) else 0


def _dividend(low: Size, size: Size) -> Size | None:
    """The n of a size that is n % size."""
    if not isinstance(low, Dim) or len(low.terms) != 1:
        return None
    ((monomial, coefficient),) = low.terms.items()
    match monomial:
        case (Remainder(numerator, denominator),) if coefficient == 1 and denominator == size:
            return numerator
        case _:
            return None


def delinearize(offset: Size, shape: Shape) -> Index:
    """The index of a row-major offset that lies inside the shape."""
    first = next((k for k, size in enumerate(shape) if size != 1), len(shape))
    index: list[Size] = []
    for size in reversed(shape[first + 1 :]):
        plain = size in (0, 1)  # among no elements any index will do
        index.append(0 if plain else dims.remainder(offset, size))
        offset = offset if plain else dims.floordiv(offset, size)
    if first < len(shape):
        index.append(offset)
    return (0,) * first + tuple(reversed(index))


def reindex(index: Index, shape: Shape, other: Shape) -> Index:
    """The index under another shape of the element at an index under one shape.

    Dims are matched group by group, so that those which a reshape leaves alone stay plain.
    """
    result: list[Size] = []
    for mine, theirs in dim_groups(shape, other):
        offset = linearize(index[mine[0] : mine[1]], shape[mine[0] : mine[1]])
        result.extend(delinearize(offset, other[theirs[0] : theirs[1]]))
    return tuple(result)


def dim_groups(shape: Shape, other: Shape) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Ranges of dims of two shapes of equal size that cover the same elements, finest first."""
    groups = []
    i = j = 0
    while i < len(shape) or j < len(other):
        start, start_other = i, j
        i, j = _next_group(shape, other, i, j)
        groups.append(((start, i), (start_other, j)))
    return groups


def _next_group(shape: Shape, other: Shape, i: int, j: int) -> tuple[int, int]:
    """The ends of the shortest ranges from i and j with equal products (or of everything)."""
    left: Size = 1
    reach: dict[Size, int] = {}
    for end in range(i, len(shape)):
        left = left * shape[end]
        reach.setdefault(left, end + 1)
    right: Size = 1
    for end_other in range(j, len(other)):
        right = right * other[end_other]
        if right in reach and right != 0 and right != 1:
            return reach[right], end_other + 1
    return len(shape), len(other)
