"""The forms in which an op declares how it is computed.

Each form gives the value of one element; loops, fusion, vectors and threads are the scheduler's
and the code generator's business. There are six forms, and every primitive is one of them or,
where it is a formula of other ops that only the scheduler should choose, a `Composite`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from graphc.ir.dims import Size
from graphc.ir.routines import Steps
from graphc.ir.scalar import Expr, Index
from graphc.ir.types import Shape

if TYPE_CHECKING:
    from graphc.ir.node import Node


class Read(Protocol):
    """Reads one element of the op's k-th input; where the condition is false, zero, unread."""

    def __call__(self, k: int, index: Index, where: Expr | None = None) -> Expr: ...


@dataclass(frozen=True, slots=True)
class Pointwise:
    """Every element of the result follows from a few elements of the inputs.

    Elementwise ops, views, gathers and generators are all of this form; it fuses freely.
    """

    element: Callable[[Node, Index, Read], Expr]


@dataclass(frozen=True, slots=True)
class Piece:
    """Elements of a result that all combine the same terms, fewer than those of the whole.

    `turns` are loops around them, and there are as many as `shape` says along each dim of the
    result; `at` tells where in it they are, from positions in the loops and in that shape.
    `extents` and `operands` are as for the whole, but for an element of the piece.
    """

    turns: tuple[int, ...]
    shape: Shape
    at: Callable[[Index, Index], Index]
    extents: Callable[[Index], tuple[Size, ...]]
    operands: Callable[[Index, Index, Index, Read], tuple[Expr, ...]]


@dataclass(frozen=True, slots=True)
class Reduce:
    """Every element combines many: `operands` over all positions of `extents`.

    `combiner` is one of sum, prod, max, min, any, all, argmax, argmin, or dot (which multiplies
    its two operands and adds them up). `inner_last` says that the last reduced loop runs along
    the operands' last axis: then partial results are kept per lane along it. `extents_at` are the
    loops for one element, if they are not the same for all. `pieces` are what a dot falls into
    where elements leave out terms, each its own; none if it is better taken whole.
    """

    combiner: str
    extents: Callable[[Node], tuple[Size, ...]]
    operands: Callable[[Node, Index, Index, Read], tuple[Expr, ...]]
    inner_last: Callable[[Node], bool]
    extents_at: Callable[[Node, Index], tuple[Size, ...]] | None = None
    pieces: Callable[[Node], tuple[Piece, ...]] | None = None

    def loops(self, node: Node, index: Index) -> tuple[Size, ...]:
        """The extents of the loops for the element at an index."""
        return self.extents_at(node, index) if self.extents_at else self.extents(node)


@dataclass(frozen=True, slots=True)
class BlockReduce:
    """Partial results of a reduction, one for every `size` rows (or elements of a vector).

    Made by the scheduler, which puts them together in a second step.
    """

    size: int


@dataclass(frozen=True, slots=True)
class Scan:
    """Running combination along one axis, inclusive of the element itself."""

    combiner: str
    axis: Callable[[Node], int]


@dataclass(frozen=True, slots=True)
class Scatter:
    """The first input, with values combined into it at computed positions, in their order.

    `extents` are the loops over the updates, `target` the position in the result, `value` what
    is combined with what is there by `combiner`, as a reduction of that name would.
    """

    extents: Callable[[Node], tuple[Size, ...]]
    target: Callable[[Node, Index, Read], Index]
    value: Callable[[Node, Index, Read], Expr]
    combiner: str


@dataclass(frozen=True, slots=True)
class Sort:
    """A stable sort along one axis, NaN last; the result is the values or their positions."""

    axis: Callable[[Node], int]
    positions: bool


@dataclass(frozen=True, slots=True)
class Library:
    """Matrices, each worked on by routines of LAPACK; leading dims are a stack of them.

    `rank` dims at the end of the result are those of one matrix, all of them for None; `steps` says
    what is done for one. `failure` is what an error says of a matrix for which `Steps.fail_if`
    holds, `blamed` the op that it names, if that is another one. With `columns`, threads share out
    the columns of one result as well, so many at a time (see `Steps.columns`); the first input is
    then in memory. With `tasks`, as many of them work on one matrix, at once where they do not wait
    for each other (see `Steps.task`).
    """

    rank: int | None
    steps: Callable[[Node, Steps], None]
    failure: str = ""
    blamed: str = ""
    columns: int = 0
    tasks: Callable[[Node], Size] | None = None


@dataclass(frozen=True, slots=True)
class Composite:
    """What other ops compute; the scheduler puts them in the op's place."""

    written_out: Callable[[Node], Node]


@dataclass(frozen=True, slots=True)
class Buffer:
    """A value that is in memory before the run starts: a feed, a variable, a constant."""


@dataclass(frozen=True, slots=True)
class Control:
    """Graphs that run several times, or only if something holds; all operands are in memory."""


@dataclass(frozen=True, slots=True)
class Part:
    """One of several results, in memory where the op that made them has put it."""


Lowering = (
    Pointwise
    | Reduce
    | BlockReduce
    | Scan
    | Scatter
    | Sort
    | Library
    | Composite
    | Buffer
    | Control
    | Part
)
