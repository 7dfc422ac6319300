"""`vmap`: a function of single examples as one of a whole batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

from graphc.api.blame import fail_attribute, fail_dtype, fail_shape
from graphc.api.broadcasting import fitted
from graphc.api.nesting import Form, form_of, leaves_of, settings_for
from graphc.api.operands import described, is_operand, to_node
from graphc.api.shapes import as_axis
from graphc.api.tracing import called, graph_for, inside
from graphc.api.value import Value
from graphc.ir.dims import Size, unify
from graphc.ir.node import Node
from graphc.ir.opdef import Batched
from graphc.ops import ops
from graphc.ops.batching import from_axis, to_axis
from graphc.ops.declaring import repeated
from graphc.ops.vectorization import over_batch

_OP = "vmap"


def vmap(fn: Callable[..., Any], in_axes: Any = 0, out_axes: Any = 0) -> Callable[..., Any]:
    """The function that does for every member of a batch what `fn` does for one.

    `fn` takes and returns tensors, or nestings of them in lists, tuples and dicts. It is called
    once, with tensors that lack the batch axis; what it builds is then built for all members, by
    the batching rule of each op: there is no loop, and what does not depend on a member is
    computed once. `in_axes` is the batch axis of each argument, None for one that is the same for
    all members (and may be anything); one number counts for all arguments, a nesting in place of
    a number for the parts of an argument. `out_axes` says likewise where results get the axis;
    None is for a result that is the same for all members. The batch may be of a size that is
    known when fed. Other tensors may be used in `fn`, and derivatives and `vmap` too.

    ShapeError for arguments without such an axis or of different batches, AttributeValueError for
    axes that do not fit the arguments, GraphError for an op that has no batching rule and for an
    assignment in `fn`.

    >>> import graphc as gc
    >>> with gc.Graph():
    ...     a = gc.placeholder(gc.float32, ("batch", 3, 4))
    ...     b = gc.placeholder(gc.float32, (4,))
    ...     both = gc.vmap(lambda m, v: gc.matvec(m, v), in_axes=(0, None))(a, b)
    >>> both.shape
    (batch, 3)
    """

    @wraps(fn)
    def mapped(*args: Any) -> Any:
        form, leaves, graph = form_of(args), leaves_of(args), graph_for(_OP, args)
        axes = _axes("in_axes", in_axes, form)
        size, batches = _batches(leaves, axes)
        with inside(graph, _OP):
            given = {_member_of(batch): batch for batch in batches}
            members = iter([graph.tensor(member) for member in given])
            pairs = zip(leaves, axes, strict=True)
            taken = [leaf if axis is None else next(members) for leaf, axis in pairs]
            result = called(fn, form.of(taken), _OP, "fn")
        outputs = over_batch(_nodes(result), given, size)
        places = _axes("out_axes", out_axes, form_of(result))
        found = [_placed(*pair, size) for pair in zip(outputs, places, strict=True)]
        return form_of(result).of(map(graph.tensor, found))

    return mapped


def _axes(what: str, axes: Any, form: Form) -> list[int | None]:
    """The axis, or None, for every leaf of arguments or results."""
    try:
        found = settings_for(axes, form)
    except ValueError:
        fail_attribute(_OP, f"{what}={axes!r} is not nested as what it is for, {form}")
    for axis in found:
        if axis is not None and (isinstance(axis, bool) or not isinstance(axis, int)):
            fail_attribute(_OP, f"{what}={axes!r} must hold axes, as integers, and None")
    return found


def _batches(leaves: Sequence[Any], axes: Sequence[int | None]) -> tuple[Size, list[Node]]:
    """The size of the batch, and the arguments that are mapped with their axis in front."""
    pairs = zip(leaves, axes, strict=True)
    moved = [_with_axis_in_front(leaf, axis) for leaf, axis in pairs if axis is not None]
    if not moved:
        fail_attribute(_OP, "needs an argument that is mapped; in_axes is None for all of them")
    size = moved[0].shape[0]
    for node in moved[1:]:
        common = unify(size, node.shape[0])
        if common is None:
            sizes = ", ".join(str(each.shape[0]) for each in moved)
            fail_shape(_OP, f"the mapped arguments are batches of different sizes: {sizes}")
        size = common[0]
    return size, [fitted(node, (size, *node.shape[1:])) for node in moved]


def _with_axis_in_front(leaf: Any, axis: int) -> Node:
    if not is_operand(leaf):
        fail_dtype(_OP, f"{leaf!r} cannot be mapped over; in_axes=None takes it as it is")
    node = to_node(_OP, leaf)
    if not node.shape:
        what = described(leaf) if isinstance(leaf, Value) else repr(leaf)
        fail_shape(_OP, f"{what} has no dim to map over; in_axes=None takes it as it is")
    return from_axis(node, as_axis(_OP, axis, len(node.shape)))


def _member_of(batch: Node) -> Node:
    """What stands for each member while the function is called."""
    return ops.placeholder(shape=batch.shape[1:], dtype=batch.dtype)


def _nodes(result: Any) -> list[Node]:
    leaves = leaves_of(result)
    for leaf in leaves:
        if not is_operand(leaf):
            fail_dtype(_OP, f"the function must return tensors, not {leaf!r}")
    return [to_node(_OP, leaf) for leaf in leaves]


def _placed(batch: Batched, axis: int | None, size: Size) -> Node:
    """The result with the batch axis where it is wanted."""
    if axis is None:
        if batch.has_axis:
            fail_attribute(
                _OP, "out_axes is None for a result that is not the same for all members"
            )
        return batch.node
    node = batch.node if batch.has_axis else repeated(batch.node, size)
    return to_axis(node, as_axis(_OP, axis, len(node.shape)))
