"""The dims of a product's result: rows, columns, and a stack of products.

Rows are those on which only the left operand depends, columns those on which only the right one
does; what both depend on is a stack.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from graphc.ir import dims, scalar
from graphc.ir.dims import Size
from graphc.ir.node import Node
from graphc.ir.scalar import Expr, Index
from graphc.ir.types import Shape
from graphc.schedule.groups import Fusion
from graphc.schedule.products.pieces import frame_of, has_terms, pieces_of
from graphc.schedule.reading import Builder
from graphc.schedule.statements import Axis

#: Steps of depth from which on results may be stored apart, those for each of the left operand's
#: rows, and how much larger than this an operand must be for that to pay.
LONG, LONG_FOR_ROW, TURNED = 1024, 32, 2


@dataclass(frozen=True, slots=True)
class Roles:
    """The dims of a product's result, by number: stacks, rows and columns.

    `apart` are those of the stack that would be columns, did they not lie apart from the others.
    """

    stack: tuple[int, ...]
    rows: tuple[int, ...]
    columns: tuple[int, ...]
    rank: int
    swapped: bool
    apart: tuple[int, ...] = ()

    def together(self) -> Roles:
        """Those that lie apart as columns, before the others."""
        stack = tuple(k for k in self.stack if k not in self.apart)
        return replace(self, stack=stack, columns=(*self.apart, *self.columns), apart=())

    def index(self, stack: Index, rows: Index, columns: Index) -> Index:
        """The index of a result from positions in its dims; 0 in those of one element."""
        found: dict[int, Size] = {}
        for numbers, positions in (
            (self.stack, stack), (self.rows, rows), (self.columns, columns),
        ):  # fmt: skip
            found |= dict(zip(numbers, positions, strict=True))
        return tuple(found.get(k, 0) for k in range(self.rank))

    @property
    def outer(self) -> int:
        """How many dims of the stack come before the rows in memory."""
        first = min(self.rows, default=self.rank)
        return sum(number < first for number in self.stack)

    def row_bytes(self, node: Node) -> Size:
        """Bytes from row to row where products of a stack stand side by side; else 0."""
        if self.outer == len(self.stack):
            return 0
        return dims.product(node.shape[self.rows[-1] + 1 :]) * node.dtype.itemsize

    def with_fewer_columns(self) -> Roles:
        """The first dim of columns as one of the stack instead."""
        first, *rest = self.columns
        return replace(self, stack=tuple(sorted((*self.stack, first))), columns=tuple(rest))


def roles_of(node: Node, fusion: Fusion) -> Roles | None:
    """The roles of a product's dims; None if it has no rows or no columns."""
    pieces, builder = pieces_of(node), Builder(fusion)
    shape = frame_of(pieces)
    piece = next(filter(has_terms, pieces), pieces[0])
    axes = [builder.axis(size) for size in shape]
    depth = [builder.axis(size) for size in piece.extents((0,) * len(shape))]
    index, inner = (tuple(axis.position for axis in some) for some in (axes, depth))
    operands = piece.operands((0,) * len(piece.turns), index, inner, builder.reader(node))
    counted = frozenset().union(*map(dims.symbols, piece.extents(index)))  # parts differ in depth
    left, right = (symbols_in(operand) | counted for operand in operands)
    found: dict[tuple[bool, bool], list[int]] = {}
    for k, axis in enumerate(axes):
        if axis.extent != 1:
            found.setdefault((axis.name in left, axis.name in right), []).append(k)
    rows, columns = found.get((True, False), []), found.get((False, True), [])
    swapped = bool(rows) and (not columns or rows[-1] > columns[-1])
    if swapped:
        rows, columns = columns, rows
    is_one = not _side_by_side(columns, shape)[1]  # rows count through what lies apart as well
    if is_one and _is_turned(axes, depth, operands, swapped):
        rows, columns, swapped = columns, rows, not swapped
    columns, apart = _side_by_side(columns, shape)
    stack = found.get((True, True), []) + found.get((False, False), []) + apart
    if not columns or len(found.get((False, False), [])) > 0:
        return None
    apart = sorted(apart)
    return Roles(
        tuple(sorted(stack)), tuple(rows), tuple(columns), len(axes), swapped, tuple(apart)
    )


def _is_turned(
    axes: list[Axis], depth: list[Axis], operands: tuple[Expr, ...], swapped: bool
) -> bool:
    """Whether exchanging rows and columns saves more than it costs.

    The right operand's columns must be neighbours when it is packed. Where steps of depth are, in
    both operands, one is turned around: better the one with fewer elements, if depth is long. That
    saves time for every element of the larger one, and costs some for every result, twenty times as
    much.
    """
    left, right = reversed(operands) if swapped else operands
    if not all(_step(part, depth[-1]) == 1 for part in (left, right)):
        return False
    heights = [
        dims.product(axis.extent for axis in axes if axis.name in symbols_in(part))
        for part in (left, right)
    ]
    steps = dims.product(axis.extent for axis in depth)
    if not all(isinstance(size, int) for size in heights):
        return False
    known = steps if isinstance(steps, int) else LONG
    is_long = known >= LONG and known >= LONG_FOR_ROW * heights[0]
    return bool(is_long and heights[1] > TURNED * heights[0])


def _step(expr: Expr, axis: Axis) -> Size | None:
    """By how much the loads of an expression move with an axis, those that do."""
    steps = {axis.step(e.offset) for e in scalar.walk((expr,)) if e.name == "load"} - {0}
    return steps.pop() if len(steps) == 1 else None


def _side_by_side(columns: list[int], shape: Shape) -> tuple[list[int], list[int]]:
    """The last columns with no other dim between them, and those apart, such as a batch."""
    near = columns[-1:]
    for k in range(near[0] - 1, -1, -1) if near else ():
        if k in columns:
            near.insert(0, k)
        elif shape[k] != 1:
            break
    return near, [k for k in columns if k not in near]


def symbols_in(expr: Expr) -> frozenset[str]:
    """Names of the axes and dims on which the positions that an expression reads depend."""
    names: set[str] = set()
    for part in scalar.walk((expr,)):
        for size in part.indices():
            names |= dims.symbols(size)
    return frozenset(names)
