"""Kernels in which every point of the domain stands for itself: maps, products and their like."""

from __future__ import annotations

from itertools import chain

from graphc.ir import dims, lowering, scalar
from graphc.ir.indexing import linearize
from graphc.ir.node import Node
from graphc.ir.scalar import Expr, Index
from graphc.schedule.collapse import collapse
from graphc.schedule.groups import Fusion, Group
from graphc.schedule.kernel import Kernel
from graphc.schedule.ranges import moved, ranges
from graphc.schedule.reading import Buffer, Builder
from graphc.schedule.statements import (
    Axis,
    Combine,
    Fold,
    Loop,
    Reduction,
    Statement,
    Store,
    axes_of,
    walk,
)


def point_kernel(group: Group, fusion: Fusion) -> tuple[Kernel, tuple[Buffer, ...]]:
    """A loop over the domain, several points of its last dim together."""
    builder = Builder(fusion)
    domain = tuple(builder.axis(size) for size in group.domain)
    point = tuple(axis.position for axis in domain)
    body: list[Statement] = []
    for node in group.nodes:
        index = point + (0,) * (len(node.shape) - len(point))
        if isinstance(node.op.lowering, lowering.Reduce):
            fold, value = _ordered_fold(builder, node, node.op.lowering, index)
            body.append(fold)
        else:
            value = builder.element(node, index)
        builder.computed[node] = (index, value)
        if node in fusion.kept:
            target = builder.argument(node, written=True)
            body.append(Store(target, linearize(index, node.shape), value))
    axes, statements = collapse(domain, tuple(body))
    parts = ranges(axes[-1], statements) if len(axes) > 1 else []
    if parts:
        inner = _in_ranges(builder, statements, axes[-1], parts)
        return builder.kernel(nest(axes[:-1], inner, vector=False), parallel=True)
    together = not _extents_differ(axes, statements)
    return builder.kernel(nest(axes, statements, vector=together), parallel=bool(axes))


def _in_ranges(
    builder: Builder, body: tuple[Statement, ...], axis: Axis, parts: list[tuple[int, int]]
) -> tuple[Loop, ...]:
    """Loops over ranges of an axis; one for all of the same length, which share what they read."""
    lengths = {end - first for first, end in parts}
    together = [parts] if len(lengths) == 1 else [[part] for part in parts]
    loops = []
    for ranges_ in together:
        part = builder.axis(ranges_[0][1] - ranges_[0][0])
        stores = (moved(body, axis, first, part) for first, _ in ranges_)
        loops.append(Loop(part, tuple(chain.from_iterable(stores)), vector=True))
    return tuple(loops)


def _extents_differ(axes: tuple[Axis, ...], body: tuple[Statement, ...]) -> bool:
    """Whether loops inside are of another length for each position of the innermost axis."""
    inner = [axis for statement in walk(body) for axis in axes_of(statement)]
    return any(axes[-1].name in dims.symbols(axis.extent) for axis in inner if axes)


def nest(
    axes: tuple[Axis, ...], body: tuple[Statement, ...], *, vector: bool = True
) -> tuple[Statement, ...]:
    """Loops around a body, the innermost, unless `vector` is false, over several positions."""
    for k, axis in enumerate(reversed(axes)):
        body = (Loop(axis, body, vector=vector and k == 0),)
    return body


def _ordered_fold(
    builder: Builder, node: Node, rule: lowering.Reduce, index: Index
) -> tuple[Fold, Expr]:
    """A reduction that takes its elements in order, one after another."""
    axes = tuple(builder.axis(size) for size in rule.loops(node, index))
    inner = tuple(axis.position for axis in axes)
    operands = rule.operands(node, index, inner, builder.reader(node))
    name = builder.result()
    place = axes[-1].position if rule.combiner in ("argmax", "argmin") else None
    reduction = Reduction(name, rule.combiner, node.dtype, operands[0].dtype, False, place)
    body = nest(axes, (Combine(name, operands),), vector=False)
    return Fold((reduction,), body), checked_result(node, rule, name)


def checked_result(node: Node, rule: lowering.Reduce, name: str) -> Expr:
    """The reduction's value; the position of an extreme of nothing is an error at run time."""
    value = scalar.local(name, node.dtype)
    if rule.combiner in ("argmax", "argmin"):
        (extent,) = rule.extents(node)
        site = scalar.Site(node, node.attrs["axis"])
        return value if isinstance(extent, int) else scalar.checked(value, extent, site)
    return value
