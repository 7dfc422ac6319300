"""Reductions of views with their axes in another order, along the axes as they are in memory.

A sum along the rows of `x.T` would read x down its columns, one element of every line. It is a sum
over the rows of x, whose results are the same numbers in the same places. The order of additions
is then that of the other sum: it follows from the graph alone, as ever.
"""

from __future__ import annotations

from graphc.ir import dims
from graphc.ir.node import Node
from graphc.ir.opdef import Kind
from graphc.ops import ops

#: Elements of which neighbours along a row may be apart: a line of the cache has several of them.
NEAR = 16

#: Elementwise ops that are looked through at most, between a reduction and the views.
MOST_THROUGH = 16


def is_seen_turned(node: Node) -> bool:
    """Whether a node reduces what is elementwise made of views with another last axis."""
    return node.op.kind is Kind.REDUCTION and _order(node.inputs[0]) is not None


def reduced_as_stored(node: Node) -> Node:
    """The same results by a reduction of what the views show."""
    (source,) = node.inputs
    order = _order(source)
    assert order is not None
    back = tuple(order.index(axis) for axis in range(len(order)))
    stored = _stored(source, back, {})
    if "axis" in node.attrs:
        gone = [order[node.attrs["axis"]]]
        result = node.op(stored, axis=gone[0])
    else:
        gone = sorted(order[axis] for axis in node.attrs["axes"])
        result = node.op(stored, axes=tuple(gone))
    kept = [axis for axis in range(len(order)) if axis not in gone]
    wanted = tuple(kept.index(axis) for axis in order if axis not in gone)
    return result if list(wanted) == sorted(wanted) else ops.permute_dims(result, axes=wanted)


def _order(source: Node) -> tuple[int, ...] | None:
    """The one order of axes in which all views show what is stored, if neighbours lie apart."""
    found: set[tuple[int, ...]] = set()
    todo, seen = [source], {source}
    while todo:
        node = todo.pop()
        if node.op is ops.permute_dims:
            if not is_turned(node):
                return None
            found.add(tuple(node.attrs["axes"]))
        elif node.op is not ops.broadcast_to:  # what that repeats is small, and may be read anyhow
            if node.op.kind is not Kind.ELEMENTWISE or len(seen) > MOST_THROUGH:
                return None
            todo.extend(operand for operand in node.inputs if operand not in seen)
            seen.update(node.inputs)
    return found.pop() if len(found) == 1 else None


def is_turned(view: Node) -> bool:
    """Whether neighbours in the rows of a view with moved axes are far apart in memory."""
    last = view.attrs["axes"][-1]
    step = dims.product(view.inputs[0].shape[last + 1 :])
    return not isinstance(step, int) or step > NEAR


def _stored(node: Node, back: tuple[int, ...], made: dict[Node, Node]) -> Node:
    """What an elementwise op makes of what the views show, instead of the views."""
    if node.op is ops.permute_dims:
        return node.inputs[0]
    if node not in made:
        if node.op is ops.broadcast_to:
            made[node] = ops.permute_dims(node, axes=back)
        else:
            inputs = [_stored(operand, back, made) for operand in node.inputs]
            made[node] = node.op(*inputs, **node.attrs)
    return made[node]
