"""Ops that only move elements: each reads its input through an index map."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.ir import dims, scalar
from graphc.ir.dims import Size
from graphc.ir.dtypes import ALL
from graphc.ir.indexing import reindex
from graphc.ir.inference import Inference
from graphc.ir.lowering import Pointwise, Read
from graphc.ir.node import Node
from graphc.ir.opdef import Arg, Array, AttrKind, Kind, Sample
from graphc.ir.scalar import Expr, Index
from graphc.ir.types import TensorType
from graphc.ops.batching import SIZE, axes_after, broadcast, lengthened, permuted
from graphc.ops.declaring import attr, ops, structured


def _reshape_type(inference: Inference) -> TensorType:
    source, shape = inference.tensor(0), attr(inference, "shape")
    inference.same_dim(source.size, dims.product(shape), "numbers of elements")
    return source.with_shape(shape)


def _reshape_element(node: Node, index: Index, read: Read) -> Expr:
    return read(0, reindex(index, node.shape, node.inputs[0].shape))


reshape = structured(
    "reshape", "The same elements in row-major order under another shape.", Kind.VIEW,
    attrs={"shape": AttrKind.SHAPE}, infer=_reshape_type,
    reference=lambda attrs, x: x.reshape(attrs["shape"]),
    vjp=lambda r, g: (ops.reshape(g, shape=r.inputs[0].shape),), batch=lengthened(shape=SIZE),
    lowering=Pointwise(_reshape_element), dtypes=ALL,
    samples=(
        Sample((Arg((6,)),), {"shape": (2, 3)}), Sample((Arg((2, 3, 4)),), {"shape": (6, 4)}),
        Sample((Arg((4, 6)),), {"shape": (3, 8)}), Sample((Arg((1,)),), {"shape": ()}),
        Sample((Arg((0, 3)),), {"shape": (3, 0, 2)}), Sample((Arg((5, 1, 7)),), {"shape": (35,)}),
    ),
    exact=True,
)  # fmt: skip


def _permute_type(inference: Inference) -> TensorType:
    source, axes = inference.tensor(0), attr(inference, "axes")
    if sorted(axes) != list(range(source.rank)):
        inference.fail(f"axes {list(axes)} are not a permutation of the {source.rank} dims")
    return source.with_shape(tuple(source.shape[axis] for axis in axes))


def inverse_permutation(axes: tuple[int, ...]) -> tuple[int, ...]:
    """Where each axis has gone."""
    return tuple(axes.index(axis) for axis in range(len(axes)))


def _permute_element(node: Node, index: Index, read: Read) -> Expr:
    return read(0, tuple(index[k] for k in inverse_permutation(attr(node, "axes"))))


permute_dims = structured(
    "permute_dims", "The dims in another order: result dim k is input dim axes[k].", Kind.VIEW,
    attrs={"axes": AttrKind.INTS}, infer=_permute_type,
    reference=lambda attrs, x: np.transpose(x, attrs["axes"]),
    vjp=lambda r, g: (ops.permute_dims(g, axes=inverse_permutation(attr(r, "axes"))),),
    batch=permuted, lowering=Pointwise(_permute_element), dtypes=ALL,
    samples=(
        Sample((Arg((3, 5)),), {"axes": (1, 0)}), Sample((Arg((2, 3, 20)),), {"axes": (2, 0, 1)}),
        Sample((Arg(()),), {"axes": ()}), Sample((Arg((0, 3)),), {"axes": (1, 0)}),
    ),
    exact=True,
)  # fmt: skip


def _broadcast_type(inference: Inference) -> TensorType:
    source, shape = inference.tensor(0), attr(inference, "shape")
    if len(shape) < source.rank:
        inference.fail(f"cannot be broadcast to fewer dims, {list(shape)}")
    trailing = shape[len(shape) - source.rank :]
    for size, wanted in zip(source.shape, trailing, strict=True):
        if size != 1:
            inference.same_dim(size, wanted, "a dim that is not 1 and the one it is broadcast to")
    return source.with_shape(shape)


def _broadcast_element(node: Node, index: Index, read: Read) -> Expr:
    source = node.inputs[0].shape
    trailing = index[len(index) - len(source) :]
    return read(0, tuple(0 if n == 1 else i for n, i in zip(source, trailing, strict=True)))


def broadcast_axes(source: tuple[Size, ...], shape: tuple[Size, ...]) -> tuple[int, ...]:
    """The axes of the result along which elements repeat."""
    extra = len(shape) - len(source)
    repeated = [k + extra for k, n in enumerate(source) if n == 1 and shape[k + extra] != 1]
    return tuple(range(extra)) + tuple(repeated)


def _broadcast_vjp(result: Node, g: Node) -> tuple[Node | None, ...]:
    source = result.inputs[0].shape
    axes = broadcast_axes(source, result.shape)
    total = ops.sum(g, axes=axes) if axes else g
    return (total if total.shape == source else ops.reshape(total, shape=source),)


broadcast_to = structured(
    "broadcast_to", "Dims of size 1 and missing leading dims repeated to fill a shape.",
    Kind.VIEW, attrs={"shape": AttrKind.SHAPE}, infer=_broadcast_type,
    reference=lambda attrs, x: np.broadcast_to(x, attrs["shape"]), vjp=_broadcast_vjp,
    batch=broadcast, lowering=Pointwise(_broadcast_element), dtypes=ALL,
    samples=(
        Sample((Arg(()),), {"shape": (3, 5)}), Sample((Arg((5,)),), {"shape": (3, 5)}),
        Sample((Arg((3, 1)),), {"shape": (3, 20)}), Sample((Arg((1, 7)),), {"shape": (0, 7)}),
        Sample((Arg((2, 1, 3)),), {"shape": (4, 2, 5, 3)}),
    ),
    exact=True,
)  # fmt: skip


def _slice_type(inference: Inference) -> TensorType:
    source = inference.tensor(0)
    start, step, shape = (attr(inference, key) for key in ("start", "step", "shape"))
    if not len(start) == len(step) == len(shape) == source.rank:
        inference.fail("start, step and shape need an entry for every dim")
    for axis, size in enumerate(source.shape):
        _check_slice(inference, axis, size, start[axis], step[axis], shape[axis])
    return source.with_shape(shape)


def _check_slice(
    inference: Inference, axis: int, size: Size, start: Size, step: int, count: Size
) -> None:
    if step == 0:
        inference.fail(f"the step along axis {axis} is 0")
    known = [part for part in (size, start, count) if not isinstance(part, int)] == []
    if known and count != 0:
        last = start + (count - 1) * step
        if not (0 <= start < size and 0 <= last < size):
            inference.fail(f"positions {start} to {last} along axis {axis} leave 0..{size - 1}")


def _slice_reference(attrs: dict[str, Any], x: Array) -> Array:
    for axis, (start, step, count) in enumerate(
        zip(attrs["start"], attrs["step"], attrs["shape"], strict=True)
    ):
        x = np.take(x, start + step * np.arange(count), axis=axis)
    return x


def _slice_element(node: Node, index: Index, read: Read) -> Expr:
    start, step = attr(node, "start"), attr(node, "step")
    return read(0, tuple(a + i * b for a, i, b in zip(start, index, step, strict=True)))


_SLICE_ATTRS = {"start": AttrKind.SHAPE, "step": AttrKind.INTS, "shape": AttrKind.SHAPE}

slice_ = structured(
    "slice", "Elements at start, start + step, ..., as many along each axis as shape says.",
    Kind.VIEW, attrs=_SLICE_ATTRS, infer=_slice_type, reference=_slice_reference,
    vjp=lambda r, g: (
        ops.slice_adjoint(
            g, start=attr(r, "start"), step=attr(r, "step"), shape=r.inputs[0].shape
        ),
    ),
    batch=lengthened(start=0, step=1, shape=SIZE), lowering=Pointwise(_slice_element), dtypes=ALL,
    samples=(
        Sample((Arg((7,)),), {"start": (2,), "step": (1,), "shape": (4,)}),
        Sample((Arg((7, 21)),), {"start": (6, 1), "step": (-2, 3), "shape": (4, 7)}),
        Sample((Arg((7, 40)),), {"start": (0, 39), "step": (1, -1), "shape": (7, 40)}),
        Sample((Arg((5,)),), {"start": (3,), "step": (1,), "shape": (0,)}),
    ),
    exact=True,
)  # fmt: skip


def _slice_adjoint_type(inference: Inference) -> TensorType:
    source = inference.tensor(0)
    start, step, shape = (attr(inference, key) for key in ("start", "step", "shape"))
    if not len(start) == len(step) == len(shape) == source.rank:
        inference.fail("start, step and shape need an entry for every dim")
    for axis, count in enumerate(source.shape):
        _check_slice(inference, axis, shape[axis], start[axis], step[axis], count)
    return source.with_shape(shape)


def _slice_adjoint_reference(attrs: dict[str, Any], x: Array) -> Array:
    result = np.zeros(attrs["shape"], x.dtype)
    positions = [
        start + step * np.arange(count)
        for start, step, count in zip(attrs["start"], attrs["step"], x.shape, strict=True)
    ]
    result[np.ix_(*positions)] = x
    return result


def _slice_adjoint_element(node: Node, index: Index, read: Read) -> Expr:
    """Position i holds input element (i - start) / step where that is a whole number in range."""
    conditions: list[Expr | None] = []
    source: list[Size] = []
    steps = zip(index, attr(node, "start"), attr(node, "step"), node.inputs[0].shape, strict=True)
    for position, start, step, count in steps:
        distance = position - start if step > 0 else start - position
        stride = abs(step)
        if stride != 1:
            aligned = scalar.compare(
                "eq", scalar.index(dims.remainder(distance, stride)), scalar.index(0)
            )
            conditions.append(aligned)
        source.append(dims.floordiv(distance, stride))
        conditions.append(scalar.in_bounds(source[-1], count))
    return _read_where(node, tuple(source), conditions, read, 0)


def _read_where(
    node: Node, index: Index, conditions: list[Expr | None], read: Read, fill: float
) -> Expr:
    needed = [condition for condition in conditions if condition is not None]
    if not needed:
        return read(0, index)
    inside = scalar.logical_and(*needed)
    return scalar.select(inside, read(0, index, inside), scalar.const(fill, node.dtype))


slice_adjoint = structured(
    "slice_adjoint", "Zeros of a shape with the elements put where slice would read them.",
    Kind.VIEW, attrs=_SLICE_ATTRS, infer=_slice_adjoint_type,
    reference=_slice_adjoint_reference,
    vjp=lambda r, g: (
        ops.slice(g, start=attr(r, "start"), step=attr(r, "step"), shape=r.inputs[0].shape),
    ),
    batch=lengthened(start=0, step=1, shape=SIZE),
    lowering=Pointwise(_slice_adjoint_element), dtypes=ALL,
    samples=(
        Sample((Arg((4,)),), {"start": (2,), "step": (1,), "shape": (7,)}),
        Sample((Arg((4, 7)),), {"start": (6, 1), "step": (-2, 3), "shape": (7, 21)}),
        Sample((Arg((0,)),), {"start": (3,), "step": (1,), "shape": (5,)}),
    ),
    exact=True,
)  # fmt: skip


def _pad_type(inference: Inference) -> TensorType:
    source, low, high = inference.tensor(0), attr(inference, "low"), attr(inference, "high")
    if not len(low) == len(high) == source.rank:
        inference.fail("low and high need an entry for every dim")
    if any(isinstance(size, int) and size < 0 for size in (*low, *high)):
        inference.fail("cannot pad by a negative amount; slice instead")
    return source.with_shape(
        tuple(n + a + b for n, a, b in zip(source.shape, low, high, strict=True))
    )


def _pad_element(node: Node, index: Index, read: Read) -> Expr:
    source = tuple(i - a for i, a in zip(index, attr(node, "low"), strict=True))
    bounds = [scalar.in_bounds(i, n) for i, n in zip(source, node.inputs[0].shape, strict=True)]
    return _read_where(node, source, bounds, read, attr(node, "value"))


def _pad_reference(attrs: dict[str, Any], x: Array) -> Array:
    low, high = attrs["low"], attrs["high"]
    shape = tuple(a + n + b for a, n, b in zip(low, x.shape, high, strict=True))
    result = np.full(shape, x.dtype.type(attrs["value"]))
    result[tuple(slice(a, a + n) for a, n in zip(low, x.shape, strict=True))] = x
    return result


def _pad_vjp(result: Node, g: Node) -> tuple[Node | None, ...]:
    shape = result.inputs[0].shape
    return (ops.slice(g, start=attr(result, "low"), step=(1,) * len(shape), shape=shape),)


def _pad_jvp(result: Node, tangents: tuple[Node | None, ...]) -> Node:
    (tangent,) = tangents
    assert tangent is not None
    return ops.pad(tangent, low=attr(result, "low"), high=attr(result, "high"), value=0.0)


pad = structured(
    "pad", "The elements with low and high more of one value before and after, by axis.",
    Kind.VIEW,
    attrs={"low": AttrKind.SHAPE, "high": AttrKind.SHAPE, "value": AttrKind.FLOAT},
    infer=_pad_type, reference=_pad_reference, vjp=_pad_vjp, jvp=_pad_jvp,
    batch=lengthened(low=0, high=0), lowering=Pointwise(_pad_element), dtypes=ALL,
    samples=(
        Sample((Arg((5,)),), {"low": (2,), "high": (3,), "value": 0.0}),
        Sample((Arg((3, 20)),), {"low": (1, 0), "high": (0, 5), "value": 1.0}),
        Sample((Arg((0,)),), {"low": (1,), "high": (1,), "value": 1.0}),
        Sample((Arg(()),), {"low": (), "high": (), "value": 0.0}),
    ),
    exact=True,
)  # fmt: skip


def _concat_type(inference: Inference) -> TensorType:
    if not inference.types:
        inference.fail("needs at least one tensor")
    first, axis = inference.tensor(0), attr(inference, "axis")
    dtype = inference.same_dtype()
    inference.axis(axis, first.rank)
    shape = list(first.shape)
    for other in inference.tensors[1:]:
        if other.rank != first.rank:
            inference.fail("tensors must have the same number of dims")
        for k, size in enumerate(other.shape):
            if k == axis:
                shape[k] = shape[k] + size
            else:
                shape[k] = inference.same_dim(shape[k], size, f"dims {k}")
    return TensorType(dtype, tuple(shape))


def _concat_offsets(node: Node) -> list[Size]:
    offsets: list[Size] = [0]
    for operand in node.inputs:
        offsets.append(offsets[-1] + operand.shape[attr(node, "axis")])
    return offsets


def _concat_element(node: Node, index: Index, read: Read) -> Expr:
    axis, offsets = attr(node, "axis"), _concat_offsets(node)
    value: Expr | None = None
    for k in reversed(range(len(node.inputs))):
        position = index[axis] - offsets[k]
        source = (*index[:axis], position, *index[axis + 1 :])
        inside = scalar.in_bounds(position, node.inputs[k].shape[axis])
        part = read(k, source, inside)
        value = part if value is None or inside is None else scalar.select(inside, part, value)
    assert value is not None
    return value


def _concat_vjp(result: Node, g: Node) -> tuple[Node | None, ...]:
    axis, offsets = attr(result, "axis"), _concat_offsets(result)
    return tuple(
        ops.slice(
            g,
            start=(*(0,) * axis, offsets[k], *(0,) * (len(g.shape) - axis - 1)),
            step=(1,) * len(g.shape),
            shape=operand.shape,
        )
        for k, operand in enumerate(result.inputs)
    )


concat = structured(
    "concat", "Tensors one after another along an axis.", Kind.VIEW, arity=None,
    attrs={"axis": AttrKind.INT}, infer=_concat_type,
    reference=lambda attrs, *arrays: np.concatenate(arrays, axis=attrs["axis"]),
    vjp=_concat_vjp, batch=axes_after("axis"), lowering=Pointwise(_concat_element), dtypes=ALL,
    samples=(
        Sample((Arg((3,)), Arg((4,))), {"axis": 0}), Sample((Arg((3, 5)),), {"axis": 1}),
        Sample((Arg((2, 3)), Arg((2, 0)), Arg((2, 17))), {"axis": 1}),
        Sample((Arg((2, 3)), Arg((1, 3))), {"axis": 0}),
    ),
    exact=True, cost=3,
)  # fmt: skip


def _flip_type(inference: Inference) -> TensorType:
    source = inference.tensor(0)
    for axis in attr(inference, "axes"):
        inference.axis(axis, source.rank)
    return source


def _flip_element(node: Node, index: Index, read: Read) -> Expr:
    axes = attr(node, "axes")
    return read(
        0,
        tuple(
            n - 1 - i if k in axes else i
            for k, (i, n) in enumerate(zip(index, node.shape, strict=True))
        ),
    )


flip = structured(
    "flip", "The elements in reverse order along axes.", Kind.VIEW,
    attrs={"axes": AttrKind.INTS}, infer=_flip_type,
    reference=lambda attrs, x: np.flip(x, attrs["axes"]),
    vjp=lambda r, g: (ops.flip(g, axes=attr(r, "axes")),),
    batch=axes_after("axes"), lowering=Pointwise(_flip_element), dtypes=ALL,
    samples=(
        Sample((Arg((5,)),), {"axes": (0,)}), Sample((Arg((3, 37)),), {"axes": (0, 1)}),
        Sample((Arg((0, 2)),), {"axes": (0,)}),
    ),
    exact=True,
)  # fmt: skip
