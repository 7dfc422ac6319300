"""Kernels of products whose results are worked on row by row, while they are near.

A block of rows, with all columns, is left where other kernels find it if any needs it, else in
scratch. What follows from these rows, reductions along them included, is what a kernel of its own
would do with rows in memory: the same stages, and the same bits.
"""

from __future__ import annotations

from graphc.ir import dims, scalar
from graphc.ir.dims import Size
from graphc.ir.indexing import delinearize, linearize
from graphc.ir.lowering import BlockReduce, Pointwise
from graphc.ir.node import Node
from graphc.ir.scalar import Expr, Index
from graphc.ir.types import Shape
from graphc.schedule.blocks import BLOCK, blocks_of
from graphc.schedule.collapse import collapse
from graphc.schedule.groups import Fusion, Group
from graphc.schedule.keeping import is_packed
from graphc.schedule.kernel import Kernel, Scratch
from graphc.schedule.products.blocks import may_be_whole, whole_rows
from graphc.schedule.products.kernel import operands_at, steps_of
from graphc.schedule.products.pieces import falls_apart
from graphc.schedule.products.roles import Roles, roles_of
from graphc.schedule.products.sides import Side, is_apart, joined
from graphc.schedule.reading import Buffer, Builder, Held
from graphc.schedule.rows import Rows
from graphc.schedule.statements import Axis, Combine, Loop, Product, Statement, Store

#: Columns from which on results go to where another value is to be: rows of fewer are worked on
#: together, for which what they read must stay as it is.
LONG = 32

#: Rows of so many bytes would fall into the same places of a cache.
PAGE, LINE = 1024, 64


def rank_of_rows(product: Node, reasons: dict[Node, str]) -> int | None:
    """The leading dims of a product whose rows can be had whole, that is all but its columns.

    None if there are none: columns are other than the last dims, too many, or of unknown number,
    or rows are too few to be shared out by themselves.
    """
    if not is_packed(product) or falls_apart(product):
        return None
    roles = roles_of(product, Fusion(reasons, [], set(), {}))
    if roles is None or not roles.rows:
        return None
    rank = roles.columns[0]
    inner = tuple(k for k in range(rank, roles.rank) if product.shape[k] != 1)
    if roles.columns != inner:
        return None
    rows, columns, stack = _sizes(product, roles)
    pays = may_be_whole(
        dims.product(rows), columns, steps_of(product), dims.product(stack),
        itemsize=product.dtype.itemsize, row_bytes=roles.row_bytes(product),
    )  # fmt: skip
    return rank if pays else None


def _sizes(product: Node, roles: Roles) -> tuple[Shape, Shape, Shape]:
    """The dims of rows, of columns, and of the stack."""
    rows, columns, stack = (
        tuple(product.shape[k] for k in some) for some in (roles.rows, roles.columns, roles.stack)
    )
    return rows, columns, stack


def product_rows_kernel(group: Group, fusion: Fusion) -> tuple[Kernel, tuple[Buffer, ...]]:
    """The kernel of a product and of what follows from its rows."""
    made = _ProductRows(group, fusion)
    kernel = made.build()
    home = made.place_of_later()
    return kernel if home is None else _ProductRows(group, fusion, home).build()


class _ProductRows(Rows):
    """Such a kernel under construction: the rows are those of a block.

    `home` is a value that other kernels read and into whose memory the results go until they have
    been read for it; None if there is no such value.
    """

    def __init__(self, group: Group, fusion: Fusion, home: Node | None = None) -> None:
        self.node, self.home = group.nodes[0], home
        self.is_kept = self.node in fusion.kept
        super().__init__(group, fusion)

    def _open_domain(self) -> None:
        builder, roles = self.builder, roles_of(self.node, self.fusion)
        assert roles is not None
        self.roles = roles
        self.sides, columns, stack = _sizes(self.node, roles)
        reduces = any(isinstance(node.op.lowering, BlockReduce) for node in self.group.nodes)
        width = dims.product(columns)
        assert isinstance(width, int)
        self.width = width
        block = whole_rows(
            dims.product(self.sides), width, steps_of(self.node), dims.product(stack),
            itemsize=self.node.dtype.itemsize, unit=BLOCK if reduces else 1,
            row_bytes=roles.row_bytes(self.node),
        )  # fmt: skip
        apart = not reduces and self._are_apart()
        side = Side(self.sides if apart else (dims.product(self.sides),), block)
        tasks = (*stack[: roles.outer], side.count, *stack[roles.outer :])
        self.task = builder.axis(dims.product(tasks))
        self.stack = list(delinearize(self.task.position, tasks))
        number, inner = self.stack.pop(roles.outer), dims.product(side.sizes[1:])
        self.most, self.first = side.run * inner, side.run * inner * number
        axes = side.axes(builder, number)
        self.height = dims.product(axis.extent for axis in axes)
        self.product = self._product(axes)
        self._open_rows(reduces)

    def _are_apart(self) -> bool:
        """Whether rows of several dims are not evenly far apart, as those of windows are not."""
        if not is_apart(self.sides):
            return False
        builder = Builder(self.fusion)
        axes = tuple(builder.axis(size) for size in self.node.shape)
        index = tuple(axis.position for axis in axes)
        left = operands_at(builder, self.node, self.roles, index)[1]
        rows = tuple(axes[k] for k in self.roles.rows)
        store = Store("", linearize(index, self.node.shape), scalar.const(0, left.dtype))
        read, stored = (collapse(rows, (one,))[0] for one in (Combine("", (left,)), store))
        return len(read) > 1 and len(stored) == 1

    def _at(self, row: Size, columns: Index) -> Index:
        """The index of a result in a row of the block, which is counted through all their dims."""
        return self.roles.index(
            tuple(self.stack), delinearize(self.first + row, self.sides), columns
        )

    def _product(self, rows: tuple[Axis, ...]) -> Product:
        """The results of a block, to where its rows are read from."""
        builder, node = self.builder, self.node
        columns = tuple(builder.axis(node.shape[k]) for k in self.roles.columns)
        places = tuple(axis.position for axis in columns)
        row = linearize(tuple(axis.position for axis in rows), tuple(axis.extent for axis in rows))
        index = self._at(row, places)
        depth, left, right = operands_at(builder, node, self.roles, index)
        name = builder.result()
        held = self._held(row)
        if held is None:
            target, offset = builder.argument(node, written=True), linearize(index, node.shape)
        else:
            target, offset = held.name, held.offset(node, index)
        store = Store(target, offset, scalar.local(name, node.dtype))
        high, body = joined(rows, (store,))
        wide, body = joined(columns, body)
        assert high is not None and wide is not None
        return Product(name, node.dtype, high, wide, rows, columns, depth, left, right, body)

    def _held(self, row: Size) -> Held | None:
        """Where a row of results is, if not in memory of its own."""
        if self.is_kept:
            return None
        if self.home is not None:
            return Held(self.builder.argument(self.home, written=True), 0)
        assert isinstance(self.most, int)
        is_aligned = self.width * self.node.dtype.itemsize % PAGE == 0
        step = self.width + is_aligned * LINE // self.node.dtype.itemsize
        if not self.builder.scratch:
            self.builder.scratch.append(Scratch("s0", self.node.dtype, self.most * step))
        return Held("s0", self.rank, base=step * row)

    def _open_rows(self, reduces: bool) -> None:
        """The loops over the block's rows, and where these are read."""
        builder = self.builder
        self.block = builder.axis(blocks_of(self.height, BLOCK)) if reduces else None
        start = BLOCK * self.block.position if self.block else 0
        self.row = builder.axis(
            dims.minimum(BLOCK, self.height - start) if reduces else self.height
        )
        place = start + self.row.position
        self.domain = self._at(place, (0,) * len(self.roles.columns))[: self.rank]
        held = self._held(place)
        if held is not None:
            builder.held[self.node] = held

    def build(self) -> tuple[Kernel, tuple[Buffer, ...]]:
        """The product of a block, and the loops over its rows."""
        rows = self.loops(self.group.nodes[1:])
        body: tuple[Statement, ...] = (self.product, *rows)
        return self.builder.kernel((Loop(self.task, body),), parallel=True)

    @property
    def _number(self) -> Size:
        assert self.block is not None
        return dims.floordiv(self.first, BLOCK) + self.block.position

    # The place of a later value --------------------------------------------------------------

    def _stores(self, node: Node, index: Index, value: Expr) -> list[Statement]:
        found = super()._stores(node, index, value)
        if node is self.home:
            self.stages[self.place[node]].last.extend(found)
            return []
        return found

    def place_of_later(self) -> Node | None:
        """A value of the results' kind that may go over them, as all else has read them by then.

        So they go to memory that is written anyway, and tiles wait less for it than rows do.
        """
        if self.is_kept or self.width < LONG:
            return None
        return next(filter(self._goes_over, self.group.nodes), None)

    def _goes_over(self, node: Node) -> bool:
        if node not in self.fusion.kept or not isinstance(node.op.lowering, Pointwise):
            return False
        if (node.shape, node.dtype) != (self.node.shape, self.node.dtype):
            return False
        end, links = self.place[node], self.fusion.links
        readers = [other for other in self.group.nodes if self.node in links.get(other, {})]
        return all(
            self.place[reader] < end
            or (self.place[reader] == end and links[reader][self.node].same)
            for reader in readers
        )
