"""Rewrites of scatters that write at most one element along an axis: selects, which fuse.

Where every position but one is a straight count, as in the derivative of `take_along_axis`, an
element of the result gets its update exactly if it lies at the one computed position. Then the
result is a `where` on `position == index`, made in one pass with whatever reads it. The check
of the position stays.
"""

from __future__ import annotations

from graphc.ir.dtypes import int64
from graphc.ir.node import Node
from graphc.ir.types import Shape
from graphc.ops import ops
from graphc.ops.declaring import scalar_like
from graphc.passes.numbers import number
from graphc.passes.rewriting import NodeRule


def scatter_of_one(node: Node) -> Node | None:
    """Updates of uniform numbers, one at most along an axis, are chosen by their position."""
    base, *indices, updates = node.inputs
    start = number(base)
    counted = _counted_dims(node)
    free = [k for k in range(len(indices)) if k not in counted]
    if start is None or len(free) != 1 or not _rest_is_one(indices[0].shape, counted):
        return None
    axis: int = node.attrs["axes"][free[0]]
    position = ops.checked_index(indices[free[0]], extent=(base.shape[axis],), axis=axis)
    here = _laid_out(position, base.shape, _sources_of_position(node, counted))
    update = _laid_out(updates, base.shape, _sources_of_update(node, counted))
    count = ops.iota(shape=base.shape, axis=axis, dtype=int64)
    added = ops.add(update, scalar_like(update, start.item()))
    return ops.where(ops.eq(here, count), added, base)


def _counted_dims(node: Node) -> dict[int, int]:
    """For each index tensor that counts along one of its dims the whole of its axis: the dim."""
    base, *indices, _ = node.inputs
    found: dict[int, int] = {}
    for k, (axis, index) in enumerate(zip(node.attrs["axes"], indices, strict=True)):
        if index.op is not ops.iota or index.dtype is not int64:  # a narrow one may wrap around
            continue
        dim = index.attrs["axis"]
        if index.shape[dim] == base.shape[axis] and dim not in found.values():
            found[k] = dim
    return found


def _rest_is_one(shape: Shape, counted: dict[int, int]) -> bool:
    return all(size == 1 for dim, size in enumerate(shape) if dim not in counted.values())


def _sources_of_position(node: Node, counted: dict[int, int]) -> dict[int, int]:
    """Which dim of the index tensors runs along which axis of the result."""
    axes = node.attrs["axes"]
    return {axes[k]: dim for k, dim in counted.items()}


def _sources_of_update(node: Node, counted: dict[int, int]) -> dict[int, int]:
    """Which dim of the updates runs along which axis of the result."""
    base, first = node.inputs[0], node.inputs[1]
    position, rank = node.attrs["position"], len(first.shape)
    indexed = _sources_of_position(node, counted)
    found = {axis: position + dim for axis, dim in indexed.items()}
    rest = [axis for axis in range(len(base.shape)) if axis not in node.attrs["axes"]]
    for place, axis in enumerate(rest):
        found[axis] = place if place < position else place + rank
    return found


def _laid_out(node: Node, shape: Shape, sources: dict[int, int]) -> Node:
    """The node over a shape: its dim `sources[axis]` along each axis, repeated along others.

    The dims that are not named have size 1.
    """
    named = [sources[axis] for axis in sorted(sources)]
    others = [dim for dim in range(len(node.shape)) if dim not in named]
    moved = ops.permute_dims(node, axes=(*named, *others))
    column = tuple(size if axis in sources else 1 for axis, size in enumerate(shape))
    return ops.broadcast_to(ops.reshape(moved, shape=column), shape=shape)


def sum_of_one(node: Node) -> Node | None:
    """Along an axis on which all but one element are zeros, the sum is that element."""
    (x,) = node.inputs
    if x.op is not ops.where or len(node.attrs["axes"]) != 1:
        return None
    (axis,) = node.attrs["axes"]
    condition, chosen, other = x.inputs
    zero = number(other)
    if zero is None or zero.item() != 0 or not _picks_one(condition, axis):
        return None
    element = _without(chosen, axis)
    if element is None:
        return None
    if not node.dtype.is_float:
        return element
    return ops.add(element, scalar_like(element, 0.0))  # a sum is never -0.0


def _picks_one(condition: Node, axis: int) -> bool:
    """Whether the condition holds at exactly one position along the axis."""
    if condition.op is not ops.eq:
        return False
    for count, position in (condition.inputs, condition.inputs[::-1]):
        if count.op is ops.iota and count.attrs["axis"] == axis:
            single = _without(position, axis)
            return single is not None and _is_within(single, condition.shape[axis])
    return False


def _is_within(position: Node, extent: object) -> bool:
    """Whether all positions are known to lie along an axis of the extent."""
    while position.op in (ops.reshape, ops.permute_dims, ops.broadcast_to):
        position = position.inputs[0]
    if position.op is ops.checked_index:
        return bool(position.attrs["extent"] == (extent,))
    known = number(position)
    return known is not None and isinstance(extent, int) and 0 <= int(known) < extent


def _without(node: Node, axis: int) -> Node | None:
    """The elements of a node that repeats them along an axis, without that axis."""
    shape = (*node.shape[:axis], *node.shape[axis + 1 :])
    if node.op is not ops.broadcast_to:
        return None
    (source,) = node.inputs
    missing = len(node.shape) - len(source.shape)
    place = axis - missing
    if place >= 0 and source.shape[place] != 1:
        return None
    if place >= 0:
        kept = (*source.shape[:place], *source.shape[place + 1 :])
        source = ops.reshape(source, shape=kept)
    return source if source.shape == shape else ops.broadcast_to(source, shape=shape)


SCATTER_RULES: tuple[NodeRule, ...] = (
    NodeRule(("scatter_add",), scatter_of_one),
    NodeRule(("sum",), sum_of_one),
)
