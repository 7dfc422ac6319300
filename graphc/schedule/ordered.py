"""Kernels whose elements must be taken in order: scatters and sorts."""

from __future__ import annotations

from graphc.ir import lowering, scalar
from graphc.ir.dims import Size
from graphc.ir.dtypes import DType, int64
from graphc.ir.indexing import linearize
from graphc.ir.node import Node
from graphc.ir.scalar import Expr, Index
from graphc.schedule.groups import Fusion, Group
from graphc.schedule.kernel import Kernel, Scratch, Workspace
from graphc.schedule.points import nest
from graphc.schedule.reading import Buffer, Builder
from graphc.schedule.statements import Axis, Sort, Statement, Store, Update

#: Bytes of a sort that each thread may have to itself: more than this is one workspace, and serial.
_PRIVATE = 1 << 16

Made = tuple[Kernel, tuple[Buffer, ...]]


def around(builder: Builder, node: Node, axis: int) -> tuple[tuple[Axis, ...], Axis, Index]:
    """Loops over all dims but one, a loop along that one, and the index inside all of them.

    Dims of size 1 take no loop: the index does not depend on it, so it could not be a vector's.
    """
    axes = [builder.axis(size) for k, size in enumerate(node.shape) if k != axis]
    along = builder.axis(node.shape[axis])
    index = [outer.position for outer in axes]
    index.insert(axis, along.position)
    return tuple(outer for outer in axes if outer.extent != 1), along, tuple(index)


def scatter_kernel(group: Group, fusion: Fusion) -> Made:
    """First the base is copied, then the updates are combined with it in order."""
    (node,) = group.nodes
    rule = node.op.lowering
    assert isinstance(rule, lowering.Scatter)
    builder = Builder(fusion)
    read = builder.reader(node)
    target = builder.argument(node, written=True)
    copied = tuple(builder.axis(size) for size in node.shape)
    at = tuple(axis.position for axis in copied)
    copy = nest(copied, (Store(target, linearize(at, node.shape), read(0, at)),))
    axes = tuple(builder.axis(size) for size in rule.extents(node))
    index = tuple(axis.position for axis in axes)
    offset = linearize(rule.target(node, index, read), node.shape)
    value = rule.value(node, index, read)
    change = Update(target, offset, rule.combiner, value, _all_in_range(offset))
    return builder.kernel((*copy, *_update_loops(axes, change)), parallel=False)


def _update_loops(axes: tuple[Axis, ...], update: Update) -> tuple[Statement, ...]:
    apart = bool(axes) and _lanes_stay_apart(axes[-1], update.offset)
    return nest(axes, (update,), vector=apart)


def _lanes_stay_apart(axis: Axis, offset: Size) -> bool:
    """Whether neighbours along the axis are combined at neighbouring places."""
    computed = scalar.opaque_values(offset)
    return axis.step(offset) == 1 and not any(value.depends_on(axis.symbol) for value in computed)


def _all_in_range(offset: Size) -> Expr | None:
    """Whether every computed index in an offset is inside its axis; None if there is none."""
    conditions = [
        scalar.is_in_range(expr.args[0], expr.data[0])
        for expr in scalar.walk(tuple(scalar.opaque_values(offset)))
        if expr.name == "checked"
    ]
    return scalar.logical_and(*conditions) if conditions else None


def sort_kernel(group: Group, fusion: Fusion) -> Made:
    """Every line along the sorted axis on its own; threads share lines with room of their own."""
    (node,) = group.nodes
    rule = node.op.lowering
    assert isinstance(rule, lowering.Sort)
    builder = Builder(fusion)
    axes, along, index = around(builder, node, rule.axis(node))
    key = builder.reader(node)(0, index)
    keys, places = _piles(builder, key.dtype, 2 * along.extent)
    target = builder.argument(node, written=True)
    offset = linearize(index, node.shape)
    line = Sort(along, key, keys, places, target, offset, rule.positions)
    parallel = bool(axes) and bool(builder.scratch)
    return builder.kernel(nest(axes, (line,), vector=False), parallel=parallel)


def _piles(builder: Builder, dtype: DType, size: Size) -> tuple[str, str]:
    """Room for the keys of two lines and for their places: of a known few, for each thread."""
    if isinstance(size, int) and size * (dtype.itemsize + int64.itemsize) <= _PRIVATE:
        builder.scratch += [Scratch("s0", dtype, size), Scratch("s1", int64, size)]
        return "s0", "s1"
    keys = builder.argument(Workspace(dtype, size), written=True)
    return keys, builder.argument(Workspace(int64, size), written=True)
