"""How an op says what routines of LAPACK do for one matrix of a stack.

The op's `steps` (see `lowering.Library`) are given a matrix's share of memory and fill it, call
routines on it, and say when the matrix is one that cannot be worked on. Loops over the stack,
threads and addresses are the scheduler's and the code generator's business.

LAPACK stores matrices by columns, graphc by rows: to a routine, a matrix of ours is its transpose.
The ops choose their routines so that this costs no pass over memory: the lower triangle is the
upper one, and to solve A X = B is to solve X' A' = B'.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Protocol

from graphc.ir import dims, scalar
from graphc.ir.dims import Size
from graphc.ir.dtypes import DType
from graphc.ir.scalar import Expr

#: The element at a position.
Element = Callable[..., Expr]


@dataclass(frozen=True, slots=True)
class Area:
    """Memory of one matrix, from an offset of a buffer on."""

    buffer: str
    dtype: DType
    offset: Size

    def at(self, offset: Size) -> Area:
        """The same memory from further on."""
        return replace(self, offset=self.offset + offset)

    def element(self, offset: Size) -> Expr:
        """What it holds at an offset."""
        return scalar.load(self.buffer, self.offset + offset, self.dtype)


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns of its matrix a piece of work is about: from `start` on, `count` of them.

    `most` is as many as any piece has.
    """

    start: Size
    count: Size
    most: Size


class Steps(Protocol):
    """What is done for one matrix, step by step; or for some of its columns."""

    @property
    def result(self) -> Area:
        """The memory of the op's result."""
        ...

    @property
    def columns(self) -> Columns:
        """The columns of the result to be worked on: all, unless they are shared out."""
        ...

    @property
    def tasks(self) -> Size:
        """How many tasks work on the matrix: 1 unless the op has it worked on by several."""
        ...

    @property
    def task(self) -> Size:
        """The number of the task, from 0 on. All steps are those of each, and ask which it is."""
        ...

    def blocks(self, blocks: Blocks) -> Blocks:
        """The same, with names for sizes that are formulas, which are then worked out once."""
        ...

    def when(self, less: Size, more: Size) -> AbstractContextManager[None]:
        """Steps inside are done where `less` < `more`."""
        ...

    def turns(self, count: Size) -> AbstractContextManager[Size]:
        """Steps inside are done so many times, with the number of the turn that they are given."""
        ...

    def progress(self, size: Size) -> Area:
        """Counters that all tasks of a matrix share, and which are 0 at first."""
        ...

    def wait(self, counters: Area, number: Size, least: Size) -> None:
        """Wait until a counter has come so far, and with it what was done before.

        Only tasks of lower numbers may be waited for: they are begun first.
        """
        ...

    def reached(self, counters: Area, number: Size, value: Size) -> None:
        """Let a counter have come so far, with all that was done before."""
        ...

    def room(self, size: Size, dtype: DType | None = None) -> Area:
        """Memory for the matrix alone; elements are of the result's dtype unless another is given.

        Unless it is known to be small, there is as much for every piece of work at once. All tasks
        of a matrix share it.
        """
        ...

    def given(self, k: int) -> Area:
        """The k-th input, to be read only: as it lies in memory, or else a copy."""
        ...

    def read(self, k: int, *index: Size) -> Expr:
        """An element of the k-th input."""
        ...

    def fill(self, area: Area, extents: tuple[Size, ...], element: Element) -> None:
        """Fill an area, row by row, with an element for every position."""
        ...

    def fill_at(
        self, area: Area, extents: tuple[Size, ...], place: Callable[..., Size], element: Element
    ) -> None:
        """Put the element of every position at a place of its own."""
        ...

    def is_finite(self, area: Area, size: Size) -> Expr:
        """Whether there is neither NaN nor infinity in the first elements of an area."""
        ...

    def is_finite_at(
        self, area: Area, extents: tuple[Size, Size], place: Callable[..., Size]
    ) -> Expr:
        """Whether there is neither at places of an area, which run along its rows."""
        ...

    def combined(self, combiner: str, size: Size, element: Element) -> Expr:
        """The elements at 0, 1, ... combined in their order, as `lowering.Reduce` does."""
        ...

    def call(
        self,
        routine: str,
        *given: str | float | Size | Area,
        flops: Size,
        where: Expr | None = None,
    ) -> Expr:
        """Call a routine, where the condition holds; what it returns, 0 if all is well."""
        ...

    def fail_if(self, condition: Expr) -> None:
        """Report the matrix as one that cannot be worked on."""
        ...


def leading(size: Size) -> Size:
    """The distance between rows of a matrix with that many columns; LAPACK asks for at least 1."""
    return dims.maximum(size, 1)


@dataclass(frozen=True, slots=True)
class Blocks:
    """Rows or columns in `count` blocks of `size`, the last of which may have fewer."""

    extent: Size
    size: Size
    count: Size

    def start(self, number: Size) -> Size:
        """Where a block begins."""
        return self.size * number

    def length(self, number: Size) -> Size:
        """How much a block has."""
        return dims.minimum(self.extent - self.start(number), self.size)


def blocks_of(extent: Size, size: Size) -> Blocks:
    """Blocks of that size, at least one."""
    return Blocks(extent, size, dims.maximum(dims.floordiv(extent + size - 1, size), 1))
