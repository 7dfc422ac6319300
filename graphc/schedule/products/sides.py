"""Rows and columns of a product in blocks, and axes that count through several dims of them."""

from __future__ import annotations

from dataclasses import dataclass

from graphc.ir import dims, scalar
from graphc.ir.dims import Size
from graphc.ir.scalar import Index
from graphc.ir.types import Shape
from graphc.schedule.collapse import collapse
from graphc.schedule.products.blocks import count, even, extent
from graphc.schedule.reading import Builder
from graphc.schedule.statements import Axis, Statement, roots_of, sizes_of, walk

Body = tuple[Statement, ...]

#: The most rows that inner dims may have for the outer one to be cut apart from them.
FEW = 128


@dataclass(frozen=True, slots=True)
class Side:
    """The rows or the columns of a product, in blocks along the first of their dims."""

    sizes: Shape
    block: Size

    @property
    def run(self) -> Size:
        """Positions of the first dim in a block."""
        first, inner = self.sizes[0], dims.product(self.sizes[1:])
        if len(self.sizes) == 1:
            return self.block
        if not isinstance(inner, int) or not isinstance(self.block, int):
            return first
        run = max(1, self.block // max(1, inner))
        return even(first, run) if isinstance(first, int) else run

    @property
    def count(self) -> Size:
        """The number of blocks."""
        return count(self.sizes[0], self.run)

    def axes(self, builder: Builder, number: Size, sizes: Shape | None = None) -> tuple[Axis, ...]:
        """The axes of a block, of fewer positions where a piece has other sizes."""
        sizes = self.sizes if sizes is None else sizes
        first = builder.axis(extent(sizes[0], self.run, number))
        return (first, *(builder.axis(size) for size in sizes[1:]))

    def at(self, axes: tuple[Axis, ...], number: Size) -> Index:
        """Where in the dims a position of the axes is."""
        first, *others = (axis.position for axis in axes)
        return (self.run * number + first, *others)


def is_apart(sizes: Shape) -> bool:
    """Whether the outer one of several dims of rows may be cut apart from those inside it."""
    inner = dims.product(sizes[1:])
    return len(sizes) > 1 and isinstance(inner, int) and inner <= FEW


def joined(axes: tuple[Axis, ...], body: Body) -> tuple[Axis | None, Body]:
    """An axis that counts through all of these in what is stored and read after; None if none."""
    if len(axes) == 1:
        return axes[0], body
    joined, body = collapse(axes, body)
    return (joined[0] if len(joined) == 1 else None), body


def is_even(axis: Axis, body: Body) -> bool:
    """Whether all that is read and stored is at even distances along an axis."""
    sizes = [size for statement in walk(body) for size in sizes_of(statement)]
    exprs = scalar.walk(tuple(expr for statement in walk(body) for expr in roots_of(statement)))
    sizes += [size for expr in exprs for size in expr.indices()]
    return all(axis.step(size) is not None for size in sizes)
