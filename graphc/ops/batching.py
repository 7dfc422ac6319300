"""What batching rules have in common: a node's work done at once for all members of a batch.

A batched value has the batch along a new first axis. Most rules are one of the forms here, which
say where the axis goes; `member_by_member`, that of elementwise ops, is in `declaring.py`.
"""

from __future__ import annotations

from typing import Any

from graphc.ir.dims import Size
from graphc.ir.node import Node
from graphc.ir.opdef import Batch
from graphc.ops.declaring import all_batched, member_by_member, ops

#: Stands for the batch's size.
SIZE = "size"


def no_inputs(node: Node, inputs: tuple[Node, ...], batched: tuple[bool, ...], size: Size) -> Node:
    """The rule of an op without inputs, which is never asked."""
    raise AssertionError("has no input that could have a batch axis")


def axes_after(name: str) -> Batch:
    """The rule of an op whose attribute of that name is an axis of its inputs, or several."""

    def rule(node: Node, inputs: tuple[Node, ...], batched: tuple[bool, ...], size: Size) -> Node:
        axes: Any = node.attrs[name]
        later = axes + 1 if isinstance(axes, int) else tuple(axis + 1 for axis in axes)
        return node.op(*all_batched(inputs, batched, size), **{**node.attrs, name: later})

    return rule


def lengthened(**firsts: int | str) -> Batch:
    """The rule of an op whose attributes of those names have an entry for every dim."""

    def rule(node: Node, inputs: tuple[Node, ...], batched: tuple[bool, ...], size: Size) -> Node:
        longer = {
            name: (size if first is SIZE else first, *node.attrs[name])
            for name, first in firsts.items()
        }
        return node.op(*all_batched(inputs, batched, size), **{**node.attrs, **longer})

    return rule


def permuted(node: Node, inputs: tuple[Node, ...], batched: tuple[bool, ...], size: Size) -> Node:
    """The rule of `permute_dims`."""
    return node.op(*inputs, axes=(0, *(axis + 1 for axis in node.attrs["axes"])))


def broadcast(node: Node, inputs: tuple[Node, ...], batched: tuple[bool, ...], size: Size) -> Node:
    """The rule of `broadcast_to`: dims that are missing come after the batch."""
    (x,) = inputs
    missing = len(node.shape) + 1 - len(x.shape)
    if missing:
        x = ops.reshape(x, shape=(x.shape[0], *(1,) * missing, *x.shape[1:]))
    return node.op(x, shape=(size, *node.shape))


def right_sides(
    node: Node, inputs: tuple[Node, ...], batched: tuple[bool, ...], size: Size
) -> Node:
    """The rule of an op that does something to the columns of its last input.

    A batch of these alone is more columns: what the op does to its other inputs is done once.
    """
    if any(batched[:-1]):
        return member_by_member(node, inputs, batched, size)
    last = len(node.shape) - 1
    wide = node.op(*inputs[:-1], joined(inputs[-1], last), **node.attrs)
    return parted(wide, last, size, node.shape[last])


def to_axis(node: Node, axis: int) -> Node:
    """The batch axis moved from the front to another place."""
    return _moved(node, 0, axis)


def from_axis(node: Node, axis: int) -> Node:
    """The batch axis moved from another place to the front."""
    return _moved(node, axis, 0)


def _moved(node: Node, source: int, target: int) -> Node:
    if source == target:
        return node
    order = list(range(len(node.shape)))
    order.insert(target, order.pop(source))
    return ops.permute_dims(node, axes=tuple(order))


def joined(node: Node, axis: int) -> Node:
    """The batch made part of an axis of its members, in front of what is there."""
    moved = to_axis(node, axis)
    shape = moved.shape
    return ops.reshape(
        moved, shape=(*shape[:axis], shape[axis] * shape[axis + 1], *shape[axis + 2 :])
    )


def parted(node: Node, axis: int, size: Size, rest: Size) -> Node:
    """The batch taken out of an axis again, of which `rest` is each member's."""
    shape = node.shape
    whole = ops.reshape(node, shape=(*shape[:axis], size, rest, *shape[axis + 1 :]))
    return from_axis(whole, axis)
