"""Kernels of products: blocks of rows and columns, with what is done to every result.

A product is any sum of products of two operands, of matrices or along windows of an image. The
dims of its result are rows if only the left operand depends on them, columns if only the right one
does; those on which both depend are a stack of products. Blocks of all three are shared out among
threads. Neither they nor anything that the code generator cuts changes a bit, since every
result is one chain of multiply-adds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from graphc.ir import dims, lowering, scalar
from graphc.ir.dims import Size
from graphc.ir.indexing import delinearize, linearize
from graphc.ir.node import Node
from graphc.ir.scalar import Expr, Index
from graphc.ir.types import Shape
from graphc.schedule.collapse import collapse
from graphc.schedule.fusion import Fusion, Group
from graphc.schedule.kernel import Kernel
from graphc.schedule.reading import Buffer, Builder
from graphc.schedule.statements import Axis, Loop, Product, Statement, Store

Limits = tuple[tuple[int | None, int], ...]

#: Up to how many rows, or columns, a product has, and how many of them a block has at most:
#: enough that packing them costs little, few enough that a product of some size is shared out.
#: Columns are cut as rows are where there is but one block of rows, or may be.
ROWS = ((128, 128), (512, 256), (2048, 512), (None, 1024))
COLUMNS = ((None, 1024),)

#: Steps of depth from which on results may be stored apart, and how much larger than the left one
#: an operand must be for that to pay.
LONG, TURNED = 1024, 2

#: Rows or columns of a block where it is not known how many there are.
UNKNOWN = 256, 512

#: Blocks have a multiple of this many rows and columns, unless they are the last.
UNIT = 32


@dataclass(frozen=True, slots=True)
class Roles:
    """The dims of a product's result, by number: stacks, rows and columns."""

    stack: tuple[int, ...]
    rows: tuple[int, ...]
    columns: tuple[int, ...]
    swapped: bool

    def with_fewer_columns(self) -> Roles:
        """The first dim of columns as one of the stack instead."""
        first, *rest = self.columns
        return replace(self, stack=tuple(sorted((*self.stack, first))), columns=tuple(rest))


def product_kernel(group: Group, fusion: Fusion) -> tuple[Kernel, tuple[Buffer, ...]] | None:
    """The kernel of a product and what is fused to it; None if it has no rows or no columns."""
    roles = _roles(group.nodes[0], fusion)
    while roles is not None:
        made = _Blocks(group, fusion, roles).build()
        if made is not None:
            return made
        roles = roles.with_fewer_columns()
    return None


def _roles(node: Node, fusion: Fusion) -> Roles | None:
    rule = node.op.lowering
    assert isinstance(rule, lowering.Reduce)
    builder = Builder(fusion)
    axes = [builder.axis(size) for size in node.shape]
    depth = [builder.axis(size) for size in rule.extents(node)]
    index, inner = (tuple(axis.position for axis in some) for some in (axes, depth))
    operands = rule.operands(node, index, inner, builder.reader(node))
    left, right = (_needs(operand) for operand in operands)
    found: dict[tuple[bool, bool], list[int]] = {}
    for k, axis in enumerate(axes):
        if axis.extent != 1:
            found.setdefault((axis.name in left, axis.name in right), []).append(k)
    rows, columns = found.get((True, False), []), found.get((False, True), [])
    swapped = bool(rows) and (not columns or rows[-1] > columns[-1])
    if _is_turned(node, axes, depth, operands, swapped):
        swapped = not swapped
    if swapped:
        rows, columns = columns, rows
    columns, apart = _side_by_side(columns, node.shape)
    stack = found.get((True, True), []) + found.get((False, False), []) + apart
    if not columns or len(found.get((False, False), [])) > 0:
        return None
    return Roles(tuple(sorted(stack)), tuple(rows), tuple(columns), swapped)


def _is_turned(
    node: Node, axes: list[Axis], depth: list[Axis], operands: tuple[Expr, ...], swapped: bool
) -> bool:
    """Whether exchanging rows and columns saves more than it costs.

    The right operand's columns must be neighbours when it is packed. Where steps of depth are, in
    both operands, one is turned around: better the one with fewer elements, if depth is long.
    """
    left, right = reversed(operands) if swapped else operands
    if not all(_step(part, depth[-1]) == 1 for part in (left, right)):
        return False
    heights = [
        dims.product(axis.extent for axis in axes if axis.name in _needs(part))
        for part in (left, right)
    ]
    steps = dims.product(axis.extent for axis in depth)
    if not all(isinstance(size, int) for size in heights):
        return False
    is_long = not isinstance(steps, int) or steps >= LONG
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


def _needs(expr: Expr) -> frozenset[str]:
    names: set[str] = set()
    for part in scalar.walk((expr,)):
        for size in part.indices():
            names |= dims.symbols(size)
    return frozenset(names)


class _Blocks:
    """A product's kernel under construction."""

    def __init__(self, group: Group, fusion: Fusion, roles: Roles) -> None:
        self.group, self.fusion, self.roles = group, fusion, roles
        self.node = group.nodes[0]
        rule = self.node.op.lowering
        assert isinstance(rule, lowering.Reduce)
        self.rule = rule
        self.builder = Builder(fusion)

    def build(self) -> tuple[Kernel, tuple[Buffer, ...]] | None:
        """The kernel; None if columns of several dims lie apart in what is stored or read."""
        shape, roles, builder = self.node.shape, self.roles, self.builder
        stack = tuple(shape[k] for k in roles.stack)
        height = dims.product(shape[k] for k in roles.rows)
        width = tuple(shape[k] for k in roles.columns)
        row_block, column_block = _block_sizes(height, width)
        rows, columns = count(height, row_block), count(dims.product(width), column_block)
        block = builder.axis(dims.product((*stack, rows, columns)))
        *place, row_number, column_number = delinearize(block.position, (*stack, rows, columns))
        row = builder.axis(extent(height, row_block, row_number))
        column = builder.axis(extent(dims.product(width), column_block, column_number))
        inner = (column,) if len(width) == 1 else tuple(builder.axis(size) for size in width)
        at_row = delinearize(row_block * row_number + row.position, self._sizes(roles.rows))
        at_column = (
            (column_block * column_number + column.position,)
            if len(width) == 1
            else tuple(axis.position for axis in inner)
        )
        index = self._index(tuple(place), at_row, at_column)
        depth = tuple(builder.axis(size) for size in self.rule.loops(self.node, index))
        reader = builder.reader(self.node)
        steps = tuple(axis.position for axis in depth)
        left, right = self.rule.operands(self.node, index, steps, reader)
        if roles.swapped:
            left, right = right, left
        name = builder.result()
        body = self._body(index, name)
        if len(width) > 1:
            joined, body = collapse(inner, body)
            if len(joined) != 1:
                return None
            (column,) = joined
        product = Product(name, self.node.dtype, row, column, inner, depth, left, right, body)
        return builder.kernel((Loop(block, (product,)),), parallel=True)

    def _sizes(self, numbers: tuple[int, ...]) -> Shape:
        return tuple(self.node.shape[k] for k in numbers)

    def _index(self, stack: Index, rows: Index, columns: Index) -> Index:
        """The index of a result from the positions in its three kinds of dims."""
        found: dict[int, Size] = {}
        for numbers, positions in (
            (self.roles.stack, stack), (self.roles.rows, rows), (self.roles.columns, columns),
        ):  # fmt: skip
            found |= dict(zip(numbers, positions, strict=True))
        return tuple(found.get(k, 0) for k in range(len(self.node.shape)))

    def _body(self, point: Index, name: str) -> tuple[Statement, ...]:
        """What is stored at one place of the result."""
        builder = self.builder
        body: list[Statement] = []
        short = point[: self.group.rank]
        for node in self.group.nodes:
            index = short + (0,) * (len(node.shape) - len(short))
            is_sum = node is self.node
            value = scalar.local(name, node.dtype) if is_sum else builder.element(node, index)
            builder.computed[node] = (index, value)
            if node in self.fusion.kept:
                target = builder.argument(node, written=True)
                body.append(Store(target, linearize(index, node.shape), value))
        return tuple(body)


def _block_sizes(height: Size, width: Shape) -> tuple[Size, Size]:
    """Rows and columns of a block."""
    rows = _block(height, ROWS, UNKNOWN[0])
    if len(width) > 1:
        return rows, dims.product(width)
    is_cut = isinstance(height, int) and rows != height
    return rows, _block(width[0], COLUMNS if is_cut else ROWS, UNKNOWN[1])


def _block(size: Size, limits: Limits, unknown: int) -> int:
    """As few blocks as the limits allow, all nearly of one size."""
    if not isinstance(size, int):
        return unknown
    most = next(block for limit, block in limits if limit is None or size <= limit)
    count = max(1, -(-size // most))
    return max(1, min(size, -(-size // (count * UNIT)) * UNIT))


def count(size: Size, block: Size) -> Size:
    """How many blocks cover the rows or columns."""
    if size == block:
        return 1
    return dims.floordiv(size + block - 1, block)


def extent(size: Size, block: Size, number: Size) -> Size:
    """Rows or columns of a block, of which the last may be short."""
    if isinstance(size, int) and isinstance(block, int) and size % block == 0:
        return block
    if size == block:
        return size
    return dims.minimum(block, size - block * number)
