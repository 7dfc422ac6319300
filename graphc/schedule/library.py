"""Kernels that hand the matrices of a stack, one by one, to routines of a library."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from graphc.ir import dims, lowering, scalar
from graphc.ir.dims import Size, symbol
from graphc.ir.dtypes import DType, int32, int64
from graphc.ir.indexing import delinearize, linearize
from graphc.ir.node import Node
from graphc.ir.routines import Area, Blocks, Columns, Element
from graphc.ir.scalar import Expr
from graphc.ir.types import Shape
from graphc.schedule.calls import REACHED, WAIT, Call, Check, Pointer
from graphc.schedule.collapse import collapse
from graphc.schedule.groups import Fusion, Group
from graphc.schedule.keeping import is_buffer, is_shared_out
from graphc.schedule.kernel import Kernel, Scratch, Workspace
from graphc.schedule.points import nest
from graphc.schedule.reading import Buffer, Builder
from graphc.schedule.statements import (
    Axis,
    Combine,
    Either,
    Fold,
    Loop,
    Reduction,
    Statement,
    Store,
    Turns,
)
from graphc.schedule.work import NANOSECOND

#: What a call takes besides its arithmetic, and operations of arithmetic in a nanosecond.
_CALL_NANOSECONDS, _FLOPS = 300, 10

#: From one counter of progress to the next: threads that look at one leave the others alone.
PROGRESS_STEP = 8

#: Bytes of one room that all matrices use in turn, on the stack of the thread that works on them.
_MOST_ON_STACK = 1 << 15


#: Sizes that only the kernel has, and what they stand for.
Named = tuple[tuple[str, Size], ...]


def library_kernel(group: Group, fusion: Fusion) -> tuple[Kernel, tuple[Buffer, ...], Named]:
    """A loop over the stack, parallel; matrices are no part of each other's work."""
    (node,) = group.nodes
    rule = node.op.lowering
    assert isinstance(rule, lowering.Library)
    steps = _Steps(Builder(fusion), node, rule)
    rule.steps(node, steps)
    axes, body = collapse(steps.pieces, tuple(steps.body))
    kernel, buffers = steps.builder.kernel(nest(axes, body, vector=False), parallel=bool(axes))
    return kernel, buffers, tuple((name, size) for size, name in steps.names.items())


class _Steps:
    """See `graphc.ir.routines.Steps`: the body of the loop over the stack, under construction."""

    def __init__(self, builder: Builder, node: Node, rule: lowering.Library) -> None:
        self.builder, self.node = builder, node
        lead = () if rule.rank is None else node.shape[: len(node.shape) - rule.rank]
        self.body: list[Statement] = []
        self.task: Size = 0
        self.names: dict[Size, str] = {}
        self.tasks = self._named(rule.tasks(node)) if rule.tasks and 0 not in lead else 1
        self._read = builder.reader(node)
        self._rank = len(lead)
        self._own = dims.product(node.shape[len(lead) :])
        self._given: dict[int, Area] = {}
        if self.tasks == 1:
            self._matrix_by_matrix(lead, rule)
        else:
            self._task_by_task(lead)

    def _matrix_by_matrix(self, lead: Shape, rule: lowering.Library) -> None:
        stack = tuple(self.builder.axis(size) for size in lead)
        self._place = tuple(axis.position for axis in stack)
        self._number = linearize(self._place, lead)
        self.columns, blocks = self._columns(rule.columns)
        self.pieces = stack + blocks
        extents = (*lead, *(axis.extent for axis in blocks))
        self._piece = linearize(tuple(axis.position for axis in self.pieces), extents)
        self._count = dims.product(extents)

    def _task_by_task(self, lead: Shape) -> None:
        """One axis for all tasks: the first of every matrix, then the second of every one.

        Threads take them in that order. So a task may wait for earlier ones of its matrix, and they
        are mostly over, as those of other matrices lie between.
        """
        self._count = dims.product(lead)
        axis = self.builder.axis(self.tasks * self._count)
        self.task = dims.floordiv(axis.position, self._count)
        self._number = self._piece = dims.remainder(axis.position, self._count)
        self._place = delinearize(self._number, lead)
        self.columns, self.pieces = self._columns(0)[0], (axis,)

    def _columns(self, most: int) -> tuple[Columns, tuple[Axis, ...]]:
        """The columns of a piece of work, and the axis that counts such pieces if there is one."""
        count = self.node.shape[-1] if self.node.shape else 1
        if not is_shared_out(self.node):
            return Columns(0, count, count), ()
        block = self.builder.axis(dims.maximum(dims.floordiv(count + most - 1, most), 1))
        start = block.position * most
        rest = dims.minimum(count - start, most)
        return Columns(start, rest, dims.minimum(count, most)), (block,)

    @property
    def result(self) -> Area:
        name = self.builder.argument(self.node, written=True)
        return Area(name, self.node.dtype, self._number * self._own)

    def room(self, size: Size, dtype: DType | None = None) -> Area:
        kind = dtype or self.node.dtype
        is_small = isinstance(size, int) and size * kind.itemsize <= _MOST_ON_STACK
        if is_small and self.tasks == 1:
            name = f"s{len(self.builder.scratch)}"
            self.builder.scratch.append(Scratch(name, kind, int(size)))
            return Area(name, kind, 0)
        return self._workspace(kind, size)

    def progress(self, size: Size) -> Area:
        return self._workspace(int64, size * PROGRESS_STEP, zeroed=True)

    def _workspace(self, dtype: DType, size: Size, zeroed: bool = False) -> Area:
        of_program = {name: value for value, name in self.names.items()}
        workspace = Workspace(dtype, dims.substitute(self._count * size, of_program), zeroed)
        name = self.builder.argument(workspace, written=True)
        return Area(name, dtype, self._piece * size)

    def given(self, k: int) -> Area:
        if k not in self._given:
            self._given[k] = self._area_of(k)
        return self._given[k]

    def _area_of(self, k: int) -> Area:
        operand = self.node.inputs[k]
        shape = operand.shape[self._rank :]
        size = dims.product(shape)
        if is_buffer(operand) or operand in self.builder.fusion.reasons:
            name = self.builder.argument(operand)
            return Area(name, operand.dtype, self._number * size)
        copy = self.room(size, operand.dtype)
        self.fill(copy, shape, lambda *index: self.read(k, *index))
        return copy

    def read(self, k: int, *index: Size) -> Expr:
        return self._read(k, (*self._place, *index))

    def fill(self, area: Area, extents: tuple[Size, ...], element: Element) -> None:
        self.fill_at(area, extents, lambda *index: linearize(index, extents), element)

    def fill_at(
        self, area: Area, extents: tuple[Size, ...], place: Callable[..., Size], element: Element
    ) -> None:
        axes = tuple(self.builder.axis(size) for size in extents)
        index = tuple(axis.position for axis in axes)
        store = Store(area.buffer, area.offset + place(*index), element(*index))
        self.body.extend(nest(*collapse(axes, (store,))))

    def is_finite(self, area: Area, size: Size) -> Expr:
        return self.is_finite_at(area, (1, size), lambda _, column: column)

    def is_finite_at(
        self, area: Area, extents: tuple[Size, Size], place: Callable[..., Size]
    ) -> Expr:
        name = self.builder.result()
        column, row = (self.builder.axis(size) for size in reversed(extents))
        zero = scalar.const(0.0, area.dtype)
        element = area.element(place(row.position, column.position))
        value = scalar.same("mul", element, zero)  # NaN if it is not finite
        several = column.extent != 1
        loop = Loop(column, (Combine(name, (value,)),), vector=several)
        body = (loop,) if row.extent == 1 else (Loop(row, (loop,)),)
        reduction = Reduction(name, "sum", area.dtype, area.dtype, several)
        self.body.append(Fold((reduction,), body))
        return scalar.compare("eq", scalar.local(name, area.dtype), zero)

    def combined(self, combiner: str, size: Size, element: Element) -> Expr:
        name, axis = self.builder.result(), self.builder.axis(size)
        value = element(axis.position)
        reduction = Reduction(name, combiner, value.dtype, value.dtype, False)
        self.body.append(Fold((reduction,), (Loop(axis, (Combine(name, (value,)),)),)))
        return scalar.local(name, value.dtype)

    def call(
        self,
        routine: str,
        *given: str | float | Size | Area,
        flops: Size,
        where: Expr | None = None,
    ) -> Expr:
        name = self.builder.result()
        parts = tuple(
            Pointer(part.buffer, part.offset) if isinstance(part, Area) else part for part in given
        )
        work = _CALL_NANOSECONDS * NANOSECOND + flops * (NANOSECOND // _FLOPS)
        self.body.append(Call(name, routine, self.node.dtype, parts, work, where))
        return scalar.local(name, int32)

    def blocks(self, blocks: Blocks) -> Blocks:
        return Blocks(blocks.extent, self._named(blocks.size), self._named(blocks.count))

    def _named(self, size: Size) -> Size:
        """A symbol for a formula; no dim of a program can have its name."""
        if isinstance(size, int):
            return size
        return symbol(self.names.setdefault(size, f"$size{len(self.names)}"))

    @contextmanager
    def when(self, less: Size, more: Size) -> Iterator[None]:
        around, self.body = self.body, []
        yield
        inner, self.body = tuple(self.body), around
        if dims.is_nonnegative(more - less - 1):
            self.body.extend(inner)
        elif not dims.is_nonnegative(less - more):
            condition = scalar.compare("lt", scalar.index(less), scalar.index(more))
            self.body.append(Either(condition, inner, ()))

    @contextmanager
    def turns(self, count: Size) -> Iterator[Size]:
        around, self.body = self.body, []
        axis = self.builder.axis(count)
        yield axis.position
        inner, self.body = tuple(self.body), around
        self.body.append(Turns(axis, inner))

    def wait(self, counters: Area, number: Size, least: Size) -> None:
        self.call(WAIT, counters.at(number * PROGRESS_STEP), least, flops=0)

    def reached(self, counters: Area, number: Size, value: Size) -> None:
        self.call(REACHED, counters.at(number * PROGRESS_STEP), value, flops=0)

    def fail_if(self, condition: Expr) -> None:
        number = scalar.op("add", int64, scalar.index(self._number), scalar.const(1, int64))
        shown = scalar.select(condition, number, scalar.const(0, int64))
        site = scalar.Site(self.node, self._rank)
        self.body.append(Check(scalar.checked(shown, 1, site)))
