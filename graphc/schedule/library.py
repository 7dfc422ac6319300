"""Kernels that hand the matrices of a stack, one by one, to routines of a library."""

from __future__ import annotations

from collections.abc import Callable

from graphc.ir import dims, lowering, scalar
from graphc.ir.dims import Size
from graphc.ir.dtypes import DType, int32, int64
from graphc.ir.indexing import linearize
from graphc.ir.node import Node
from graphc.ir.routines import Area, Columns, Element
from graphc.ir.scalar import Expr
from graphc.schedule.calls import Call, Check, Pointer
from graphc.schedule.collapse import collapse
from graphc.schedule.groups import Fusion, Group
from graphc.schedule.keeping import is_buffer, is_shared_out
from graphc.schedule.kernel import Kernel, Scratch, Workspace
from graphc.schedule.points import nest
from graphc.schedule.reading import Buffer, Builder
from graphc.schedule.statements import (
    Axis,
    Combine,
    Fold,
    Loop,
    Reduction,
    Statement,
    Store,
)
from graphc.schedule.work import NANOSECOND

#: What a call takes besides its arithmetic, and operations of arithmetic in a nanosecond.
_CALL_NANOSECONDS, _FLOPS = 300, 10

#: Bytes of one room that all matrices use in turn, on the stack of the thread that works on them.
_MOST_ON_STACK = 1 << 15


def library_kernel(group: Group, fusion: Fusion) -> tuple[Kernel, tuple[Buffer, ...]]:
    """A loop over the stack, parallel; matrices are no part of each other's work."""
    (node,) = group.nodes
    rule = node.op.lowering
    assert isinstance(rule, lowering.Library)
    steps = _Steps(Builder(fusion), node, rule)
    rule.steps(node, steps)
    axes, body = collapse(steps.pieces, tuple(steps.body))
    return steps.builder.kernel(nest(axes, body, vector=False), parallel=bool(axes))


class _Steps:
    """See `graphc.ir.routines.Steps`: the body of the loop over the stack, under construction."""

    def __init__(self, builder: Builder, node: Node, rule: lowering.Library) -> None:
        self.builder, self.node = builder, node
        lead = () if rule.rank is None else node.shape[: len(node.shape) - rule.rank]
        self.stack = tuple(builder.axis(size) for size in lead)
        self.body: list[Statement] = []
        self._place = tuple(axis.position for axis in self.stack)
        self._number = linearize(self._place, lead)
        self.columns, blocks = self._columns(rule.columns)
        self.pieces = self.stack + blocks
        extents = (*lead, *(axis.extent for axis in blocks))
        self._piece = linearize(tuple(axis.position for axis in self.pieces), extents)
        self._count = dims.product(extents)
        self._read = builder.reader(node)
        self._own = dims.product(node.shape[len(lead) :])
        self._given: dict[int, Area] = {}

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
        if isinstance(size, int) and size * kind.itemsize <= _MOST_ON_STACK:
            name = f"s{len(self.builder.scratch)}"
            self.builder.scratch.append(Scratch(name, kind, size))
            return Area(name, kind, 0)
        workspace = Workspace(kind, self._count * size)
        name = self.builder.argument(workspace, written=True)
        return Area(name, kind, self._piece * size)

    def given(self, k: int) -> Area:
        if k not in self._given:
            self._given[k] = self._area_of(k)
        return self._given[k]

    def _area_of(self, k: int) -> Area:
        operand = self.node.inputs[k]
        shape = operand.shape[len(self.stack) :]
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
        name, axis = self.builder.result(), self.builder.axis(size)
        zero = scalar.const(0.0, area.dtype)
        value = scalar.same("mul", area.element(axis.position), zero)  # NaN if it is not finite
        several = axis.extent != 1
        loop = Loop(axis, (Combine(name, (value,)),), vector=several)
        reduction = Reduction(name, "sum", area.dtype, area.dtype, several)
        self.body.append(Fold((reduction,), (loop,)))
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

    def fail_if(self, condition: Expr) -> None:
        number = scalar.op("add", int64, scalar.index(self._number), scalar.const(1, int64))
        shown = scalar.select(condition, number, scalar.const(0, int64))
        site = scalar.Site(self.node, len(self.stack))
        self.body.append(Check(scalar.checked(shown, 1, site)))
