"""Reading and adding at positions that the program computes.

Negative positions count from the end, as in NumPy. A position outside its axis is an error at
run time that names the op; nothing is read or written there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.errors import OutOfRangeError
from graphc.ir import scalar
from graphc.ir.dims import Opaque, Size, is_within, of_atom
from graphc.ir.dtypes import ALL, FLOATS, INTEGERS, int8, int32, int64, uint8
from graphc.ir.inference import Inference
from graphc.ir.lowering import Pointwise, Read, Scatter
from graphc.ir.node import Node
from graphc.ir.opdef import Arg, Array, AttrKind, Jvp, Kind, OpDef, Sample, Vjp
from graphc.ir.scalar import Expr, Index
from graphc.ir.types import Shape, TensorType
from graphc.ops.batching import from_axis, to_axis
from graphc.ops.declaring import (
    INTEGER_INPUTS,
    all_batched,
    attr,
    member_by_member,
    ops,
    scalar_like,
    structured,
    zeros_like,
)

_ATTRS = {"axes": AttrKind.INTS, "position": AttrKind.INT}


def _index_shape(inference: Inference, indices: range) -> Shape:
    first = inference.tensor(indices[0]).shape
    for k in indices:
        inference.require_kind(k, "iu", "integer positions")
        first = inference.same_shape(first, inference.tensor(k).shape, "shapes of the indices")
    return first


def _rest(source: Shape, axes: tuple[int, ...]) -> Shape:
    return tuple(size for axis, size in enumerate(source) if axis not in axes)


def _picked_shape(source: Shape, index: Shape, axes: tuple[int, ...], position: int) -> Shape:
    rest = _rest(source, axes)
    return rest[:position] + index + rest[position:]


def _check_axes(inference: Inference, source: TensorType, count: int) -> tuple[int, ...]:
    axes = tuple(attr(inference, "axes"))
    for axis in axes:
        inference.axis(axis, source.rank)
    if len(axes) != count or len(set(axes)) != count or count == 0:
        inference.fail(f"needs one index tensor for each of the axes {list(axes)}")
    if not 0 <= attr(inference, "position") <= source.rank - count:
        inference.fail(f"there is no position {attr(inference, 'position')} in the result")
    return axes


def _gather_type(inference: Inference) -> TensorType:
    source, indices = inference.tensor(0), range(1, len(inference.types))
    axes = _check_axes(inference, source, len(indices))
    index = _index_shape(inference, indices)
    shape = _picked_shape(source.shape, index, axes, attr(inference, "position"))
    return source.with_shape(shape)


def _split(index: Index, rank: int, position: int) -> tuple[Index, Index]:
    """(part along the index tensors, part along the other axes) of an index into the result."""
    return index[position : position + rank], index[:position] + index[position + rank :]


def _checked(
    node: Node, axis: int, value: Expr, extent: Size, where: Expr | None
) -> tuple[Size, Expr | None]:
    """A position along an axis and, unless it is known to be in range, the condition for it."""
    if value.name == "index" and is_within(value.data, extent):
        return value.data, None
    position = scalar.checked(value, extent, scalar.Site(node, axis), where)
    return of_atom(Opaque(position, extent - 1)), scalar.is_in_range(value, extent)


def _merge(rest: Index, computed: dict[int, Size], rank: int) -> Index:
    remaining = iter(rest)
    return tuple(computed[axis] if axis in computed else next(remaining) for axis in range(rank))


def _gather_element(node: Node, index: Index, read: Read) -> Expr:
    axes, (source, *indices) = tuple(attr(node, "axes")), node.inputs
    along, rest = _split(index, len(indices[0].shape), attr(node, "position"))
    computed: dict[int, Size] = {}
    conditions: list[Expr] = []
    for k, axis in enumerate(axes):
        value = read(k + 1, along)
        computed[axis], inside = _checked(node, axis, value, source.shape[axis], None)
        conditions += [] if inside is None else [inside]
    where = scalar.logical_and(*conditions) if conditions else None
    return read(0, _merge(rest, computed, len(source.shape)), where)


def wrapped(position: Array, extent: int, axis: int) -> Array:
    """Positions counted from the start; OutOfRangeError for one outside the axis."""
    bad = (position < -extent) | (position >= extent)
    if np.any(bad):
        value = int(position[bad].ravel()[0])
        raise OutOfRangeError(f"index {value} is out of range for axis {axis} with size {extent}")
    return np.where(position < 0, position + extent, position).astype(np.int64)


def _positions(
    attrs: dict[str, Any], shape: tuple[int, ...], indices: tuple[Array, ...]
) -> tuple[Array, ...]:
    """One array of positions for each axis of the source, broadcasting to the picked shape."""
    axes, position = tuple(attrs["axes"]), attrs["position"]
    rest = [axis for axis in range(len(shape)) if axis not in axes]
    count = indices[0].ndim
    total = len(rest) + count
    found: list[Array] = []
    for axis, size in enumerate(shape):
        if axis in axes:
            one = wrapped(np.asarray(indices[axes.index(axis)]).astype(np.int64), size, axis)
            along = (1,) * position + one.shape + (1,) * (total - count - position)
        else:
            one = np.arange(size)
            place = rest.index(axis)
            place = place if place < position else place + count
            along = (1,) * place + (size,) + (1,) * (total - place - 1)
        found.append(one.reshape(along))
    return tuple(found)


def _gather_reference(attrs: dict[str, Any], x: Array, *indices: Array) -> Array:
    where = np.broadcast_arrays(*_positions(attrs, x.shape, indices))
    return np.asarray(x[tuple(where)])


def _gather_vjp(result: Node, g: Node) -> tuple[Node | None, ...]:
    x, *indices = result.inputs
    total = ops.scatter_add(zeros_like(x), *indices, g, **result.attrs)
    return (total, *(None for _ in indices))


def _gather_jvp(result: Node, tangents: tuple[Node | None, ...]) -> Node:
    tangent = tangents[0]
    assert tangent is not None
    return ops.gather(tangent, *result.inputs[1:], **result.attrs)


def _batch_positions(
    indices: Sequence[Node], batched: Sequence[bool], size: Size
) -> tuple[Node, ...]:
    """The index tensors for all members, after one that names the member."""
    found = all_batched(indices, batched, size)
    return ops.iota(shape=found[0].shape, axis=0, dtype=int64), *found


def _gather_batch(
    node: Node, inputs: tuple[Node, ...], batched: tuple[bool, ...], size: Size
) -> Node:
    (source, *indices), position = inputs, attr(node, "position")
    axes = tuple(axis + 1 for axis in attr(node, "axes"))
    if not any(batched[1:]):
        return ops.gather(source, *indices, axes=axes, position=position + 1)
    every = _batch_positions(indices, batched[1:], size)
    if batched[0]:
        found = ops.gather(source, *every, axes=(0, *axes), position=position)
    else:
        found = ops.gather(source, *every[1:], axes=attr(node, "axes"), position=position)
    return from_axis(found, position)


_ROWS = Arg((4,), -5, 4.99, dtype=int64)
_PAIRS = Arg((2, 3), 0, 4.99, dtype=int32)

gather = structured(
    "gather",
    "Elements at computed positions along axes; the index tensors' dims come at `position`.",
    Kind.GATHER, arity=None, attrs=_ATTRS, infer=_gather_type, reference=_gather_reference,
    vjp=_gather_vjp, jvp=_gather_jvp, batch=_gather_batch,
    lowering=Pointwise(_gather_element), dtypes=ALL,
    samples=(
        Sample((Arg((5,)), _ROWS), {"axes": (0,), "position": 0}),
        Sample((Arg((5, 19)), _ROWS), {"axes": (0,), "position": 0}),
        Sample((Arg((3, 5)), _PAIRS), {"axes": (1,), "position": 1}),
        Sample((Arg((5, 2, 5)), _PAIRS, _PAIRS), {"axes": (2, 0), "position": 0}),
        Sample((Arg((5, 3)), Arg((0,), 0, 4, dtype=int64)), {"axes": (0,), "position": 0}),
        Sample((Arg((5,)), Arg((), 0, 4.99, dtype=int64)), {"axes": (0,), "position": 0}),
    ),
    exact=True, cost=6,
)  # fmt: skip


def _scatter_type(inference: Inference) -> TensorType:
    base, last = inference.tensor(0), len(inference.types) - 1
    if last < 2:
        inference.fail("needs a base, indices and updates")
    axes = _check_axes(inference, base, last - 1)
    inference.same_dtype(0, last)
    inference.require_kind(0, "fiu", "numbers")
    index = _index_shape(inference, range(1, last))
    shape = _picked_shape(base.shape, index, axes, attr(inference, "position"))
    inference.same_shape(shape, inference.tensor(last).shape, "the picked shape and the updates'")
    return base


def _scatter_target(node: Node, index: Index, read: Read) -> Index:
    axes, base, indices = tuple(attr(node, "axes")), node.inputs[0], node.inputs[1:-1]
    along, rest = _split(index, len(indices[0].shape), attr(node, "position"))
    computed: dict[int, Size] = {}
    for k, axis in enumerate(axes):
        computed[axis], _ = _checked(node, axis, read(k + 1, along), base.shape[axis], None)
    return _merge(rest, computed, len(base.shape))


def _scatter_value(node: Node, index: Index, read: Read) -> Expr:
    return read(len(node.inputs) - 1, index)


def _scatter_vjp(result: Node, g: Node) -> tuple[Node | None, ...]:
    _, *indices, _ = result.inputs
    return (g, *(None for _ in indices), ops.gather(g, *indices, **result.attrs))


def _scatter_jvp(result: Node, tangents: tuple[Node | None, ...]) -> Node:
    base, *indices, updates = result.inputs
    first = zeros_like(base) if tangents[0] is None else tangents[0]
    last = zeros_like(updates) if tangents[-1] is None else tangents[-1]
    return ops.scatter_add(first, *indices, last, **result.attrs)


def _scatter_batch(
    node: Node, inputs: tuple[Node, ...], batched: tuple[bool, ...], size: Size
) -> Node:
    position, axes = attr(node, "position"), tuple(axis + 1 for axis in attr(node, "axes"))
    base, updates = all_batched((inputs[0], inputs[-1]), (batched[0], batched[-1]), size)
    indices, has = inputs[1:-1], batched[1:-1]
    if not any(has):
        return node.op(base, *indices, updates, axes=axes, position=position + 1)
    every = _batch_positions(indices, has, size)
    moved = to_axis(updates, position)
    return node.op(base, *every, moved, axes=(0, *axes), position=position)


def _scatter(name: str, doc: str, combiner: str, function: Any, vjp: Vjp, jvp: Jvp) -> OpDef:
    def reference(attrs: dict[str, Any], base: Array, *others: Array) -> Array:
        *indices, updates = others
        result = np.array(base)
        where = np.broadcast_arrays(*_positions(attrs, base.shape, tuple(indices)))
        function.at(result, tuple(where), updates)
        return result

    return structured(
        name, doc, Kind.SCATTER, arity=None, attrs=_ATTRS, infer=_scatter_type,
        reference=reference, vjp=vjp, jvp=jvp, batch=_scatter_batch,
        lowering=Scatter(
            lambda node: node.inputs[-1].shape, _scatter_target, _scatter_value, combiner
        ),
        dtypes=FLOATS + INTEGERS,
        samples=(
            Sample((Arg((5,)), _ROWS, Arg((4,))), {"axes": (0,), "position": 0}),
            Sample((Arg((5, 19)), _ROWS, Arg((4, 19))), {"axes": (0,), "position": 0}),
            Sample((Arg((3, 5)), _PAIRS, Arg((3, 2, 3))), {"axes": (1,), "position": 1}),
            Sample(
                (Arg((5, 2, 5)), _PAIRS, _PAIRS, Arg((2, 3, 2))), {"axes": (2, 0), "position": 0}
            ),
            Sample(
                (Arg((5,)), Arg((0,), 0, 4, dtype=int64), Arg((0,))), {"axes": (0,), "position": 0}
            ),
        ),
    )  # fmt: skip


scatter_add = _scatter(
    "scatter_add",
    "The base with updates added at computed positions, one after another: gather's adjoint.",
    "sum", np.add, _scatter_vjp, _scatter_jvp,
)  # fmt: skip


def _tie_shares(result: Node) -> tuple[Node, Node]:
    """Of the derivative of a result, what part the base has, and what each update."""
    base, *indices, updates = result.inputs
    chosen = ops.gather(result, *indices, **result.attrs)
    own, theirs = (
        ops.astype(ops.eq(given, found), dtype=result.dtype)
        for given, found in ((base, result), (updates, chosen))
    )
    counts = ops.scatter_add(own, *indices, theirs, **result.attrs)
    shares = ops.div(scalar_like(counts, 1), ops.maximum(counts, scalar_like(counts, 1)))
    return ops.mul(own, shares), ops.mul(theirs, ops.gather(shares, *indices, **result.attrs))


def _extreme_vjp(result: Node, g: Node) -> tuple[Node | None, ...]:
    _, *indices, _ = result.inputs
    own, theirs = _tie_shares(result)
    reached = ops.gather(g, *indices, **result.attrs)
    return (ops.mul(g, own), *(None for _ in indices), ops.mul(reached, theirs))


def _extreme_jvp(result: Node, tangents: tuple[Node | None, ...]) -> Node:
    _, *indices, _ = result.inputs
    first, last = (
        zeros_like(share) if tangent is None else ops.mul(tangent, share)
        for tangent, share in zip((tangents[0], tangents[-1]), _tie_shares(result), strict=True)
    )
    return ops.scatter_add(first, *indices, last, **result.attrs)


for _name, _combiner, _function in (
    ("scatter_max", "max", np.maximum),
    ("scatter_min", "min", np.minimum),
):
    _scatter(
        _name,
        f"The {_function.__name__} of the base and all updates at computed positions, NaN if one "
        "is NaN. Those that tie share the derivative equally.",
        _combiner, _function, _extreme_vjp, _extreme_jvp,
    )  # fmt: skip


def _one_hot_type(inference: Inference) -> TensorType:
    inference.require_kind(0, "iu", "integer positions")
    (depth,) = attr(inference, "depth")
    return TensorType(attr(inference, "dtype"), (*inference.tensor(0).shape, depth))


def _one_hot_element(node: Node, index: Index, read: Read) -> Expr:
    position = scalar.cast(read(0, index[:-1]), int64)
    return scalar.cast(scalar.compare("eq", position, scalar.index(index[-1])), node.dtype)


def _one_hot_reference(attrs: dict[str, Any], x: Array) -> Array:
    (depth,) = attrs["depth"]
    return np.asarray(x[..., None] == np.arange(depth)).astype(attrs["dtype"].numpy)


one_hot = structured(
    "one_hot", "1 at the position that an element names, else 0; out of range names none.",
    Kind.GATHER, attrs={"depth": AttrKind.SHAPE, "dtype": AttrKind.DTYPE}, infer=_one_hot_type,
    reference=_one_hot_reference, vjp=INTEGER_INPUTS, jvp=INTEGER_INPUTS,
    batch=member_by_member, lowering=Pointwise(_one_hot_element), dtypes=INTEGERS,
    samples=tuple(
        Sample((Arg(shape, -1, 8),), {"depth": (6,), "dtype": dtype})
        for shape in ((), (7,), (2, 3), (0,)) for dtype in FLOATS
    ),
    exact=True,
)  # fmt: skip


def _checked_index_type(inference: Inference) -> TensorType:
    inference.require_kind(0, "iu", "integer positions")
    return inference.tensor(0).with_dtype(int64)


def _checked_index_element(node: Node, index: Index, read: Read) -> Expr:
    (extent,) = attr(node, "extent")
    return scalar.checked(read(0, index), extent, scalar.Site(node, attr(node, "axis")))


def _checked_index_reference(attrs: dict[str, Any], x: Array) -> Array:
    return wrapped(np.asarray(x).astype(np.int64), attrs["extent"][0], attrs["axis"])


checked_index = structured(
    "checked_index",
    "Positions along an axis of some extent, counted from the start; out of range is an error.",
    Kind.ELEMENTWISE, attrs={"extent": AttrKind.SHAPE, "axis": AttrKind.INT},
    infer=_checked_index_type, reference=_checked_index_reference, vjp=INTEGER_INPUTS,
    jvp=INTEGER_INPUTS, batch=member_by_member,
    lowering=Pointwise(_checked_index_element), dtypes=(int64,),
    samples=tuple(
        Sample((Arg(shape, low, 4.99, dtype=dtype),), {"extent": (5,), "axis": 1})
        for shape in ((), (37,), (2, 3), (0,))
        for dtype, low in ((int64, -5), (int8, -5), (int32, 0), (uint8, 0))
    ),
    exact=True, cost=4,
)  # fmt: skip
