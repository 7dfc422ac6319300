"""Kernels of products: blocks of rows and columns, with what is done to every result.

A product is any sum of products of two operands, of matrices or along windows of an image. The
dims of its result are rows if only the left operand depends on them, columns if only the right one
does; those on which both depend are a stack of products. Blocks of all three are shared out among
threads. Neither they nor anything that the code generator cuts changes a bit, since every
result is one chain of multiply-adds.
"""

from __future__ import annotations

from graphc.ir import dims, lowering, scalar
from graphc.ir.combiners import identity
from graphc.ir.dims import Size
from graphc.ir.indexing import delinearize, linearize
from graphc.ir.lowering import BlockReduce, Piece
from graphc.ir.node import Node
from graphc.ir.scalar import Expr, Index
from graphc.ir.types import Shape
from graphc.schedule.blocks import BLOCK, blocks_of
from graphc.schedule.collapse import collapse
from graphc.schedule.groups import Fusion, Group
from graphc.schedule.kernel import Kernel
from graphc.schedule.points import nest
from graphc.schedule.products.blocks import block_sizes, is_shallow
from graphc.schedule.products.pieces import falls_apart, frame_of, has_terms, neighbours, pieces_of
from graphc.schedule.products.roles import Roles, roles_of
from graphc.schedule.products.sides import Side, is_apart, is_even, joined
from graphc.schedule.reading import Buffer, Builder
from graphc.schedule.statements import (
    Axis,
    Combine,
    Loop,
    Product,
    Statement,
    Store,
    Update,
)

Body = tuple[Statement, ...]

#: Columns of several pictures of a batch in a block, up to how many each has for that, blocks
#: that there are at least, and how many rows are too few.
TOGETHER, SMALL, FEWEST, NARROW = 1024, 512, 4, 16


def product_kernel(group: Group, fusion: Fusion) -> tuple[Kernel, tuple[Buffer, ...]] | None:
    """The kernel of a product and what is fused to it; None if it has no rows or no columns."""
    node = group.nodes[0]
    roles = roles_of(node, fusion)
    if roles is not None and _are_small(node, roles):
        made = _Blocks(group, fusion, roles.together(), together=True).built()
        if made is not None:
            return made
    while roles is not None:
        made = _Blocks(group, fusion, roles).built()
        if made is not None:
            return made
        roles = roles.with_fewer_columns()
    return None


def _are_small(node: Node, roles: Roles) -> bool:
    """Whether a product has too few columns to make up for packing its left operand.

    Then those that lie apart, such as the images of a batch, are better taken together. It is
    packed if several dims are summed over, as those of a window are. With few rows vectors go along
    columns, and their lines had better be long.
    """
    pieces = pieces_of(node)
    shape = frame_of(pieces)
    depths = (piece.extents((0,) * len(shape)) for piece in pieces)
    is_packed = any(sum(size != 1 for size in depth) > 1 for depth in depths)
    inner, rows = (dims.product(_sizes(shape, some)) for some in (roles.columns, roles.rows))
    if not is_packed or len(roles.apart) != 1 or (isinstance(rows, int) and rows <= NARROW):
        return False
    return isinstance(inner, int) and inner <= SMALL


class _Blocks:
    """A product's kernel under construction; columns that lie apart may be taken together."""

    def __init__(
        self, group: Group, fusion: Fusion, roles: Roles, *, together: bool = False
    ) -> None:
        self.group, self.fusion, self.roles, self.is_together = group, fusion, roles, together
        self.node = group.nodes[0]
        self.pieces = pieces_of(self.node)
        self.shape = frame_of(self.pieces)
        self.sums = [node for node in group.nodes if isinstance(node.op.lowering, BlockReduce)]

    def built(self) -> tuple[Kernel, tuple[Buffer, ...]] | None:
        """The kernel, its rows apart and its columns flat if that is possible."""
        for apart, flat in ((True, True), (True, False), (False, True), (False, False)):
            self.builder = Builder(self.fusion)
            made = self.build(apart, flat)
            if made is not None:
                return made
        return None

    def build(self, apart: bool, flat: bool) -> tuple[Kernel, tuple[Buffer, ...]] | None:
        """The kernel; None if columns of several dims lie apart in what is stored or read.

        If the dims of rows are to be `apart`, as those of a window are, so must they lie. If those
        of columns are to be `flat`, one axis counts through them. A block has the same rows and
        columns of every piece.
        """
        roles, outer = self.roles, self.roles.outer
        stack = tuple(self.shape[k] for k in roles.stack)
        height, width = (_sizes(self.shape, numbers) for numbers in (roles.rows, roles.columns))
        if apart and (self.sums or not is_apart(height)):
            return None
        if flat:
            if len(width) < 2 or self._has_lines or not self._is_flat(width):
                return None
            width = (dims.product(width),)
        high, wide = self._sides(height if apart else (dims.product(height),), width, stack)
        down = outer == len(stack) and self._go_down(high)
        others = (*stack[:outer], high.count, *stack[outer:], wide.count)
        blocks = (*stack, wide.count, high.count) if down else others
        block = self.builder.axis(dims.product(blocks))
        place = list(delinearize(block.position, blocks))
        row_number, column_number = place.pop(-1 if down else outer), place.pop()
        body: list[Statement] = []
        for pieces in self._taken_together():
            numbers = tuple(place), row_number, column_number
            made = self._piece(pieces, (high, wide), numbers, apart, flat)
            if made is None:
                return None
            body.extend(made)
        return self.builder.kernel((Loop(block, tuple(body)),), parallel=True)

    def _taken_together(self) -> list[list[Piece]]:
        """Pieces, each with those without terms whose elements are neighbours of its own."""
        if self.sums or len(self.pieces) == 1:
            return [[piece] for piece in self.pieces]
        found: list[list[Piece]] = []
        for pieces in neighbours(self.pieces):
            first, *others = [[piece] for piece in pieces if has_terms(piece)] or [[]]
            found += [[*first, *(p for p in pieces if not has_terms(p))], *others]
        return found

    def _go_down(self, high: Side) -> bool:
        """Whether blocks below one another come next: a thread takes them together."""
        is_known = isinstance(high.count, int)
        return is_known and not self.sums and not is_shallow(steps_of(self.node))

    def _sides(self, height: Shape, width: Shape, stack: Shape) -> tuple[Side, Side]:
        """The rows and the columns in blocks."""
        wide = Side(width, _together(width)) if self.is_together else None
        row_block, column_block = block_sizes(
            dims.product(height), width, steps_of(self.node),
            dims.product(stack) * (wide.count if wide else 1),
            stored=len(self.fusion.kept.intersection(self.group.nodes)),
            unit=BLOCK if self.sums else 1, row_bytes=self.roles.row_bytes(self.node),
        )  # fmt: skip
        return Side(height, row_block), wide or Side(width, column_block)

    def _piece(
        self, pieces: list[Piece], sides: tuple[Side, Side], numbers: tuple[Index, Size, Size],
        apart: bool, flat: bool,
    ) -> tuple[Statement, ...] | None:  # fmt: skip
        """What a block computes of a piece, and of others that are zeros at places beside it."""
        roles, builder, (high, wide), (piece, *others) = self.roles, self.builder, sides, pieces
        (place, row_number, column_number), turns = numbers, tuple(map(builder.axis, piece.turns))
        height, width = (_sizes(piece.shape, some) for some in (roles.rows, roles.columns))
        rows = high.axes(builder, row_number, height if apart else (dims.product(height),))
        columns = wide.axes(builder, column_number, (dims.product(width),) if flat else width)
        at_row, at_column = high.at(rows, row_number), wide.at(columns, column_number)
        if not apart:
            at_row = delinearize(at_row[0], height)
        if flat:
            at_column = delinearize(at_column[0], width)
        own, turn = roles.index(place, at_row, at_column), tuple(axis.position for axis in turns)
        index = piece.at(turn, own)
        nothing = scalar.const(0, self.node.dtype)
        beside = [one for other in others for one in self._body(other.at(turn, own), nothing, 0)]
        if not has_terms(piece):
            body = (*self._body(index, nothing, 0), *beside)
            axes, body = collapse((*turns, *rows, *columns), body)
            return nest(axes, body, vector=bool(axes) and axes[-1].extent != 1)
        depth = tuple(builder.axis(size) for size in piece.extents(own))
        steps = tuple(axis.position for axis in depth)
        left, right = piece.operands(turn, own, steps, builder.reader(self.node))
        if roles.swapped:
            left, right = right, left
        name = builder.result()
        first_row = high.run * row_number
        value = scalar.local(name, self.node.dtype)
        body = (*self._body(index, value, first_row + rows[0].position), *beside)
        cleared = self._cleared(index, first_row, rows[0], columns)
        if apart and len(collapse(rows, (Combine(name, (left,)),))[0]) == 1:
            return None
        row, body = joined(rows, body)
        column, body = self._column(columns, body)
        if row is None or column is None or (flat and not is_even(column, body)):
            return None
        product = Product(
            name, self.node.dtype, row, column, rows, columns, depth, left, right, body
        )
        several = tuple(axis for axis in turns if axis.extent != 1)
        return (*cleared, *nest(several, (product,), vector=False))

    @property
    def _has_lines(self) -> bool:
        """Whether columns may lie in lines apart."""
        return self.is_together or falls_apart(self.node)

    def _column(self, columns: tuple[Axis, ...], body: Body) -> tuple[Axis | None, Body]:
        """An axis that counts through the columns, which may lie in lines apart."""
        column, moved = joined(columns, body)
        if column is None and self._has_lines:
            return self.builder.axis(dims.product(axis.extent for axis in columns)), body
        return column, moved

    def _is_flat(self, width: Shape) -> bool:
        """Whether the dims of columns run straight through what is read, or had better seem so.

        That is where inner ones are of unknown size and none moves with depth, as in a window.
        """
        axes = tuple(self.builder.axis(size) for size in width)
        rows, stack = ((0,) * len(numbers) for numbers in (self.roles.rows, self.roles.stack))
        index = self.roles.index(stack, rows, tuple(axis.position for axis in axes))
        depth, _, right = operands_at(self.builder, self.node, self.roles, index)
        if any(
            _overlap(load, axis, step) for load in _loads(right) for axis in axes for step in depth
        ):
            return False
        is_known = all(isinstance(size, int) for size in width[1:])
        return not is_known or len(collapse(axes, (Combine("", (right,)),))[0]) == 1

    def _body(self, point: Index, result: Expr, row: Size) -> Body:
        """What is stored of a result at its place, in a row of that number.

        Stores come last, for they may go over what is read at the place.
        """
        builder = self.builder
        grown: list[Statement] = []
        stores: list[Statement] = []
        short = point[: self.group.rank]
        for node in self.group.nodes:
            if node in self.sums:
                grown.append(self._grown(node, short, row))
                continue
            index = short + (0,) * (len(node.shape) - len(short))
            is_sum = node is self.node
            value = result if is_sum else builder.element(node, index)
            builder.computed[node] = (index, value)
            if node in self.fusion.kept:
                target = builder.argument(node, written=True)
                stores.append(Store(target, linearize(index, node.shape), value))
        return (*grown, *stores)

    # Reductions over rows --------------------------------------------------------------------

    def _grown(self, node: Node, point: Index, row: Size) -> Update:
        """A block's result takes in what there is at a place."""
        (source,) = node.inputs
        index = point + (0,) * (len(source.shape) - len(point))
        value = self.builder.value(source, index)
        target = self.builder.argument(node, written=True)
        return Update(target, self._place(node, index, row), node.attrs["combiner"], value)

    @staticmethod
    def _place(node: Node, index: Index, row: Size) -> Size:
        """Where the result is of the block to which a row belongs, at an index of what is read."""
        block = dims.floordiv(row, BLOCK)
        return linearize((block, *index[node.attrs["count"] :]), node.shape)

    def _cleared(
        self, point: Index, first_row: Size, row: Axis, columns: tuple[Axis, ...]
    ) -> tuple[Statement, ...]:
        """Results of blocks of rows begin with what changes nothing."""
        found: list[Statement] = []
        for node in self.sums:
            block = self.builder.axis(blocks_of(row.extent, BLOCK))
            own = tuple(self.builder.axis(axis.extent) for axis in columns)
            moved = {old.name: new.position for old, new in zip(columns, own, strict=True)}
            index = tuple(dims.substitute(position, moved) for position in point)
            start = scalar.const(identity(node.attrs["combiner"], node.dtype), node.dtype)
            place = self._place(node, index, first_row + BLOCK * block.position)
            store = Store(self.builder.argument(node, written=True), place, start)
            found.extend(nest((block, *own), (store,)))
        return tuple(found)


def steps_of(node: Node) -> Size:
    """Steps of depth of a product."""
    rule = node.op.lowering
    assert isinstance(rule, lowering.Reduce)
    return dims.product(rule.extents(node))


def operands_at(
    builder: Builder, node: Node, roles: Roles, index: Index
) -> tuple[tuple[Axis, ...], Expr, Expr]:
    """Axes of depth, and the left and the right operand of the element of a product at an index."""
    rule = node.op.lowering
    assert isinstance(rule, lowering.Reduce)
    depth = tuple(builder.axis(size) for size in rule.loops(node, index))
    steps = tuple(axis.position for axis in depth)
    left, right = rule.operands(node, index, steps, builder.reader(node))
    return (depth, right, left) if roles.swapped else (depth, left, right)


def _loads(operand: Expr) -> list[Expr]:
    return [expr for expr in scalar.walk((operand,)) if expr.name == "load"]


def _overlap(load: Expr, axis: Axis, depth: Axis) -> bool:
    """Whether columns move through memory together with depth, as the places of a window do."""
    pairs = [(one.step(load.offset), one.extent) for one in (axis, depth)]
    (own, count), (other, steps) = pairs
    if load.args or own is None:
        return True
    if other is None or 0 in (own, other) or 1 in (count, steps):
        return False
    return not (_is_multiple(own, other * steps) or _is_multiple(other, own * count))


def _is_multiple(size: Size, unit: Size) -> bool:
    return bool(unit != 0 and dims.divide(size, unit)[1] == 0)


def _sizes(shape: Shape, numbers: tuple[int, ...]) -> Shape:
    return tuple(shape[k] for k in numbers)


def _together(width: Shape) -> int:
    """Columns of a block of several pictures: a quarter of all, or fewer if that is unknown."""
    first, inner = width[0], dims.product(width[1:])
    assert isinstance(inner, int)
    most = inner * -(-first // FEWEST) if isinstance(first, int) else TOGETHER // 2
    return min(TOGETHER, most)
