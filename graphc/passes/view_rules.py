"""Rewrites of ops that only move elements. Each is exact: every element keeps its bits."""

from __future__ import annotations

from collections.abc import Iterable

from graphc.ir.dims import Size, is_nonnegative
from graphc.ir.node import Node
from graphc.ir.types import Shape
from graphc.ops import ops
from graphc.passes.numbers import are_all, one_element_source, repeated
from graphc.passes.rewriting import NodeRule

#: In longer concatenations slices are not looked up: all of them together would take square time.
MOST_PARTS = 32


def passed_on(node: Node) -> Node | None:
    """A name or a barrier to derivatives is its input, once gradients are built."""
    return node.inputs[0]


def view_of_repeated(node: Node) -> Node | None:
    """One element repeated stays that, however it is moved."""
    element = one_element_source(node.inputs[0])
    return None if element is None else repeated(element, node.shape)


def reshape_to_same(node: Node) -> Node | None:
    """A reshape to the shape it has is nothing."""
    (x,) = node.inputs
    return x if node.shape == x.shape else None


def reshape_of_reshape(node: Node) -> Node | None:
    """Of two reshapes only the last shape counts."""
    (x,) = node.inputs
    return ops.reshape(x.inputs[0], shape=node.shape) if x.op is node.op else None


def permute_by_nothing(node: Node) -> Node | None:
    """Dims that stay in order are not permuted."""
    axes = node.attrs["axes"]
    return node.inputs[0] if tuple(axes) == tuple(range(len(axes))) else None


def permute_of_permute(node: Node) -> Node | None:
    """Two permutations are one."""
    (x,) = node.inputs
    if x.op is not node.op:
        return None
    inner = x.attrs["axes"]
    return ops.permute_dims(x.inputs[0], axes=tuple(inner[axis] for axis in node.attrs["axes"]))


def broadcast_to_same(node: Node) -> Node | None:
    """A broadcast to the shape it has is nothing."""
    return reshape_to_same(node)


def broadcast_of_broadcast(node: Node) -> Node | None:
    """Of two broadcasts only the last shape counts."""
    (x,) = node.inputs
    return ops.broadcast_to(x.inputs[0], shape=node.shape) if x.op is node.op else None


def broadcast_of_leading_ones(node: Node) -> Node | None:
    """A reshape that only puts 1s in front does what a broadcast does anyway."""
    (x,) = node.inputs
    if x.op is not ops.reshape:
        return None
    (source,) = x.inputs
    added = len(x.shape) - len(source.shape)
    if added < 0 or x.shape != (1,) * added + source.shape:
        return None
    return ops.broadcast_to(source, shape=node.shape)


def slice_of_everything(node: Node) -> Node | None:
    """All elements in their order are the tensor itself."""
    return node.inputs[0] if _covers(node, node.inputs[0].shape, node.shape) else None


def slice_of_slice(node: Node) -> Node | None:
    """Every second of every third is every sixth."""
    (x,) = node.inputs
    if x.op is not node.op:
        return None
    inner = list(zip(x.attrs["start"], x.attrs["step"], strict=True))
    start = tuple(a + b * i for (a, b), i in zip(inner, node.attrs["start"], strict=True))
    step = tuple(b * c for (_, b), c in zip(inner, node.attrs["step"], strict=True))
    return ops.slice(x.inputs[0], start=start, step=step, shape=node.shape)


def slice_of_concat(node: Node) -> Node | None:
    """A slice that lies in one part of a concatenation reads that part."""
    (x,) = node.inputs
    if x.op is not ops.concat or len(x.inputs) > MOST_PARTS:
        return None
    axis: int = x.attrs["axis"]
    offset: Size = 0
    for part in x.inputs:
        low = (*(0,) * axis, offset, *(0,) * (len(x.shape) - axis - 1))
        if _lies_within(node, low, part.shape):
            return _slice_from(node, part, low)
        offset = offset + part.shape[axis]
    return None


def slice_of_pad(node: Node) -> Node | None:
    """A slice that lies inside the padding reads what was padded."""
    (x,) = node.inputs
    if x.op is not ops.pad or not _lies_within(node, x.attrs["low"], x.inputs[0].shape):
        return None
    return _slice_from(node, x.inputs[0], x.attrs["low"])


def slice_of_own_adjoint(node: Node) -> Node | None:
    """A slice reads back what its adjoint has put there."""
    (x,) = node.inputs
    if x.op is not ops.slice_adjoint or node.shape != x.inputs[0].shape:
        return None
    same = all(tuple(node.attrs[key]) == tuple(x.attrs[key]) for key in ("start", "step"))
    return x.inputs[0] if same else None


def slice_adjoint_of_everything(node: Node) -> Node | None:
    """Elements put at all places in their order are the tensor itself."""
    return node.inputs[0] if _covers(node, node.shape, node.inputs[0].shape) else None


def flip_of_nothing(node: Node) -> Node | None:
    """Along dims of size 1 nothing is flipped."""
    (x,) = node.inputs
    axes = _flipped(node)
    if not axes:
        return x
    return ops.flip(x, axes=axes) if len(axes) < len(node.attrs["axes"]) else None


def flip_of_flip(node: Node) -> Node | None:
    """What is flipped twice is not flipped."""
    (x,) = node.inputs
    if x.op is not node.op:
        return None
    axes = tuple(sorted(set(_flipped(node)) ^ set(_flipped(x))))
    return ops.flip(x.inputs[0], axes=axes) if axes else x.inputs[0]


def pad_by_nothing(node: Node) -> Node | None:
    """No padding is nothing."""
    nothing = are_all((*node.attrs["low"], *node.attrs["high"]), 0)
    return node.inputs[0] if nothing else None


def pad_of_pad(node: Node) -> Node | None:
    """Padding twice with one value is padding by the sum."""
    (x,) = node.inputs
    if x.op is not node.op or node.attrs["value"].hex() != x.attrs["value"].hex():
        return None
    low, high = (
        tuple(a + b for a, b in zip(node.attrs[side], x.attrs[side], strict=True))
        for side in ("low", "high")
    )
    return ops.pad(x.inputs[0], low=low, high=high, value=node.attrs["value"])


def concat_of_one(node: Node) -> Node | None:
    """A single tensor is its own concatenation."""
    return node.inputs[0] if len(node.inputs) == 1 else None


def concat_with_nothing(node: Node) -> Node | None:
    """Parts that are known to be empty are left out."""
    axis: int = node.attrs["axis"]
    kept = [part for part in node.inputs if part.shape[axis] != 0] or node.inputs[:1]
    return ops.concat(*kept, axis=axis) if len(kept) < len(node.inputs) else None


def _covers(node: Node, whole: Shape, part: Shape) -> bool:
    steps = zip(node.attrs["step"], whole, strict=True)
    return (
        whole == part
        and are_all(node.attrs["start"], 0)
        and all(step == 1 or size == 1 for step, size in steps)
    )


def _lies_within(node: Node, low: Iterable[Size], shape: Shape) -> bool:
    """Whether all that a slice reads lies, for every feed, in the box at `low` of the shape."""
    reads = zip(node.attrs["start"], node.attrs["step"], node.shape, strict=True)
    for (first, step, count), origin, size in zip(reads, low, shape, strict=True):
        last = first + (count - 1) * step
        least, most = (first, last) if step > 0 else (last, first)
        if not is_nonnegative(least - origin) or not is_nonnegative(origin + size - 1 - most):
            return False
    return True


def _slice_from(node: Node, source: Node, low: Iterable[Size]) -> Node:
    start = tuple(a - b for a, b in zip(node.attrs["start"], low, strict=True))
    return ops.slice(source, start=start, step=node.attrs["step"], shape=node.shape)


def _flipped(node: Node) -> tuple[int, ...]:
    """The axes along which a flip changes anything."""
    return tuple(axis for axis in node.attrs["axes"] if node.shape[axis] != 1)


VIEW_RULES: tuple[NodeRule, ...] = (
    NodeRule(("identity", "stop_gradient"), passed_on),
    NodeRule(("reshape",), reshape_to_same),
    NodeRule(("permute_dims",), permute_by_nothing),
    NodeRule(("broadcast_to",), broadcast_to_same),
    NodeRule(("slice",), slice_of_everything),
    NodeRule(("slice_adjoint",), slice_adjoint_of_everything),
    NodeRule(("flip",), flip_of_nothing),
    NodeRule(("pad",), pad_by_nothing),
    NodeRule(("concat",), concat_of_one),
    NodeRule(("reshape", "permute_dims", "slice", "flip"), view_of_repeated),
    NodeRule(("reshape",), reshape_of_reshape),
    NodeRule(("permute_dims",), permute_of_permute),
    NodeRule(("broadcast_to",), broadcast_of_broadcast),
    NodeRule(("broadcast_to",), broadcast_of_leading_ones),
    NodeRule(("slice",), slice_of_slice),
    NodeRule(("slice",), slice_of_concat),
    NodeRule(("slice",), slice_of_pad),
    NodeRule(("slice",), slice_of_own_adjoint),
    NodeRule(("flip",), flip_of_flip),
    NodeRule(("pad",), pad_of_pad),
    NodeRule(("concat",), concat_with_nothing),
)
