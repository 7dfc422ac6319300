"""Ops that combine the elements along axes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphc.errors import OutOfRangeError
from graphc.ir.dims import Size, product
from graphc.ir.dtypes import ALL, FLOATS, INTEGERS, DType, bool_, int64
from graphc.ir.inference import Inference
from graphc.ir.lowering import Composite, Read, Reduce
from graphc.ir.node import Node
from graphc.ir.opdef import Arg, Array, AttrKind, Jvp, Kind, NoDerivative, OpDef, Sample, Vjp
from graphc.ir.scalar import Expr, Index
from graphc.ir.types import Shape, TensorType
from graphc.ops.algebra import div, equal, mul, square, sub
from graphc.ops.batching import axes_after
from graphc.ops.declaring import DISCRETE, attr, linear_jvp, ops, restricted, structured

NUMBERS = FLOATS + INTEGERS


def kept_shape(shape: Shape, axes: tuple[int, ...]) -> Shape:
    """The shape without the reduced axes."""
    return tuple(size for axis, size in enumerate(shape) if axis not in axes)


def ones_shape(shape: Shape, axes: tuple[int, ...]) -> Shape:
    """The shape with the reduced axes of size 1."""
    return tuple(1 if axis in axes else size for axis, size in enumerate(shape))


def spread(result: Node, over: Node, axes: tuple[int, ...]) -> Node:
    """A reduction's result repeated over the shape that was reduced."""
    column = ops.reshape(result, shape=ones_shape(over.shape, axes))
    return ops.broadcast_to(column, shape=over.shape)


def _axes_of(node: Any) -> tuple[int, ...]:
    return tuple(attr(node, "axes"))


def _reduced_type(inference: Inference) -> TensorType:
    source, axes = inference.tensor(0), _axes_of(inference)
    for axis in axes:
        inference.axis(axis, source.rank)
    if len(set(axes)) != len(axes):
        inference.fail(f"axes {list(axes)} name one axis twice")
    return source.with_shape(kept_shape(source.shape, axes))


def merged_index(index: Index, inner: Index, axes: tuple[int, ...], rank: int) -> Index:
    """The index into the input, from those of the result and of the reduced loops."""
    kept, reduced = iter(index), dict(zip(sorted(axes), inner, strict=True))
    return tuple(reduced[axis] if axis in reduced else next(kept) for axis in range(rank))


def _operands(node: Node, index: Index, inner: Index, read: Read) -> tuple[Expr, ...]:
    rank = len(node.inputs[0].shape)
    return (read(0, merged_index(index, inner, _axes_of(node), rank)),)


def _extents(node: Node) -> tuple[Size, ...]:
    return tuple(node.inputs[0].shape[axis] for axis in sorted(_axes_of(node)))


def _inner_last(node: Node) -> bool:
    return len(node.inputs[0].shape) - 1 in _axes_of(node)


_SAMPLES = (
    Sample((Arg((7,), spread=True),), {"axes": (0,)}),
    Sample((Arg((1,), spread=True),), {"axes": (0,)}),
    Sample((Arg((3, 35), spread=True),), {"axes": (0,)}),
    Sample((Arg((3, 35), spread=True),), {"axes": (1,)}),
    Sample((Arg((5, 133), spread=True),), {"axes": (0, 1)}),
    Sample((Arg((2, 3, 5), spread=True),), {"axes": (0, 2)}),
    Sample((Arg((2, 3, 18), spread=True),), {"axes": (1,)}),
    Sample((Arg((0, 3), spread=True),), {"axes": (0,)}),
    Sample((Arg((3, 0), spread=True),), {"axes": (0,)}),
    Sample((Arg((3, 5)),), {"axes": ()}),
)


def mean_over(x: Node, axes: tuple[int, ...]) -> Node:
    """The sum over axes divided by the number of elements."""
    return _per_element(ops.sum(x, axes=axes), x, axes)


def centred(x: Node, axes: tuple[int, ...]) -> Node:
    """The distances from the mean over axes."""
    column = ops.reshape(ops.sum(x, axes=axes), shape=ones_shape(x.shape, axes))
    return sub(x, ops.broadcast_to(_per_element(column, x, axes), shape=x.shape))


def _per_element(total: Node, x: Node, axes: tuple[int, ...]) -> Node:
    count = product(x.shape[axis] for axis in axes)
    if isinstance(count, int):
        return div(total, count)
    number = ops.astype(ops.size(dim=(count,)), dtype=x.dtype)
    return div(total, ops.broadcast_to(number, shape=total.shape) if total.shape else number)


def _reduction(
    name: str,
    doc: str,
    reference: Callable[[Array, tuple[int, ...]], Array],
    vjp: Vjp | NoDerivative,
    jvp: Jvp | NoDerivative,
    dtypes: tuple[DType, ...],
    infer: Callable[[Inference], TensorType] = _reduced_type,
) -> OpDef:
    return structured(
        name, doc, Kind.REDUCTION, attrs={"axes": AttrKind.INTS}, infer=infer,
        reference=lambda attrs, x: np.asarray(reference(x, tuple(attrs["axes"]))),
        vjp=vjp, jvp=jvp, batch=axes_after("axes"),
        lowering=Reduce(name, _extents, _operands, _inner_last),
        dtypes=dtypes, samples=_SAMPLES,
    )  # fmt: skip


def _number_type(inference: Inference) -> TensorType:
    inference.require_kind(0, "fiu", "numbers; convert bool with gc.astype")
    return _reduced_type(inference)


def _bool_type(inference: Inference) -> TensorType:
    inference.require_kind(0, "b", "bool")
    return _reduced_type(inference)


def _sum_vjp(result: Node, g: Node) -> tuple[Node | None, ...]:
    return (spread(g, result.inputs[0], _axes_of(result)),)


_reduction(
    "sum", "Sum over axes, in a fixed order; 0 over nothing. Integers wrap around.",
    lambda x, axes: np.sum(x, axes, dtype=x.dtype), _sum_vjp, linear_jvp, NUMBERS, _number_type,
)  # fmt: skip


def _products_of_the_others(x: Node, axes: tuple[int, ...]) -> Node:
    """For each element the product of all the others along the axes, zeros or not.

    The product of those before it times the product of those after it, by running products
    over the axes moved to the end and made one.
    """
    rank = len(x.shape)
    kept = tuple(axis for axis in range(rank) if axis not in axes)
    order = kept + tuple(sorted(axes))
    moved = ops.permute_dims(x, axes=order)
    lead = tuple(x.shape[axis] for axis in kept)
    count: Size = 1
    for axis in axes:
        count = count * x.shape[axis]
    row = ops.reshape(moved, shape=(*lead, count))
    last = len(lead)
    before = _exclusive_product(row, last)
    after = ops.flip(_exclusive_product(ops.flip(row, axes=(last,)), last), axes=(last,))
    others = ops.reshape(mul(before, after), shape=moved.shape)
    return ops.permute_dims(others, axes=tuple(order.index(axis) for axis in range(rank)))


def _exclusive_product(row: Node, axis: int) -> Node:
    """Running product of the elements before each one; 1 for the first."""
    zeros, ones = (0,) * (axis + 1), (1,) * (axis + 1)
    low = (*(0,) * axis, 1)
    padded = ops.pad(row, low=low, high=zeros, value=1.0)
    running = ops.cumprod(padded, axis=axis)
    return ops.slice(running, start=zeros, step=ones, shape=row.shape)


def _prod_vjp(result: Node, g: Node) -> tuple[Node | None, ...]:
    (x,) = result.inputs
    axes = _axes_of(result)
    return (mul(spread(g, x, axes), _products_of_the_others(x, axes)),)


def _prod_jvp(result: Node, tangents: tuple[Node | None, ...]) -> Node:
    (x,), (tangent,) = result.inputs, tangents
    assert tangent is not None
    axes = _axes_of(result)
    return ops.sum(mul(tangent, _products_of_the_others(x, axes)), axes=axes)


_reduction(
    "prod", "Product over axes; 1 over nothing. Its derivative is right with zeros too.",
    lambda x, axes: np.prod(x, axes, dtype=x.dtype), _prod_vjp, _prod_jvp, NUMBERS, _number_type,
)  # fmt: skip


def _tie_shares(result: Node) -> Node:
    """1/k at each of the k elements that equal the maximum (or minimum), else 0."""
    (x,) = result.inputs
    axes = _axes_of(result)
    ones = ops.astype(equal(x, spread(result, x, axes)), dtype=x.dtype)
    return div(ones, spread(ops.sum(ones, axes=axes), x, axes))


def _extreme_vjp(result: Node, g: Node) -> tuple[Node | None, ...]:
    axes = _axes_of(result)
    return (mul(spread(g, result.inputs[0], axes), _tie_shares(result)),)


def _extreme_jvp(result: Node, tangents: tuple[Node | None, ...]) -> Node:
    (tangent,) = tangents
    assert tangent is not None
    return ops.sum(mul(tangent, _tie_shares(result)), axes=_axes_of(result))


_reduction(
    "max",
    "Maximum over axes, NaN if there is one; the least value of the dtype over nothing. "
    "Elements that tie share the derivative equally.",
    lambda x, axes: np.max(x, axes, initial=_lowest(x)), _extreme_vjp, _extreme_jvp, NUMBERS,
    _number_type,
)  # fmt: skip
_reduction(
    "min",
    "Minimum over axes, NaN if there is one; the greatest value of the dtype over nothing. "
    "Elements that tie share the derivative equally.",
    lambda x, axes: np.min(x, axes, initial=_highest(x)), _extreme_vjp, _extreme_jvp, NUMBERS,
    _number_type,
)  # fmt: skip


def _lowest(x: Array) -> float | int:
    return -np.inf if x.dtype.kind == "f" else int(np.iinfo(x.dtype).min)


def _highest(x: Array) -> float | int:
    return np.inf if x.dtype.kind == "f" else int(np.iinfo(x.dtype).max)


_reduction(
    "any", "Whether some element over the axes is true; false over nothing.",
    lambda x, axes: np.any(x, axes), DISCRETE, DISCRETE, (bool_,), _bool_type,
)  # fmt: skip
_reduction(
    "all", "Whether every element over the axes is true; true over nothing.",
    lambda x, axes: np.all(x, axes), DISCRETE, DISCRETE, (bool_,), _bool_type,
)  # fmt: skip


def _squared_deviations(x: Array, axes: tuple[int, ...]) -> Array:
    count = np.asarray(np.prod([x.shape[axis] for axis in axes]), x.dtype)
    with np.errstate(all="ignore"):
        distance = x - np.sum(x, axes, dtype=x.dtype, keepdims=True) / count
        return np.asarray(np.sum(distance * distance, axes, dtype=x.dtype))


def squares_of_centred(node: Node) -> Node:
    """Squared deviations in two passes: the mean, then the squared distances from it."""
    (x,), axes = node.inputs, _axes_of(node)
    return ops.sum(square(centred(x, axes)), axes=axes)


def _squared_deviations_vjp(result: Node, g: Node) -> tuple[Node | None, ...]:
    (x,), axes = result.inputs, _axes_of(result)
    return (mul(spread(mul(g, 2), x, axes), centred(x, axes)),)


def _squared_deviations_jvp(result: Node, tangents: tuple[Node | None, ...]) -> Node:
    (x,), (tangent,), axes = result.inputs, tangents, _axes_of(result)
    assert tangent is not None
    return mul(ops.sum(mul(centred(x, axes), tangent), axes=axes), 2)


structured(
    "squared_deviations",
    "Sum over axes of the squared distances from the mean over them; 0 over nothing.",
    Kind.REDUCTION, attrs={"axes": AttrKind.INTS},
    infer=restricted(_reduced_type, "f", "floating point"),
    reference=lambda attrs, x: _squared_deviations(x, tuple(attrs["axes"])),
    vjp=_squared_deviations_vjp, jvp=_squared_deviations_jvp,
    batch=axes_after("axes"),
    lowering=Composite(squares_of_centred), dtypes=FLOATS, samples=_SAMPLES,
)  # fmt: skip


def _position_type(inference: Inference) -> TensorType:
    source, axis = (
        inference.tensor(0),
        inference.axis(attr(inference, "axis"), inference.tensor(0).rank),
    )
    if source.shape[axis] == 0:
        inference.fail("there is no position of an extreme among no elements")
    return TensorType(int64, kept_shape(source.shape, (axis,)))


def _position_operands(node: Node, index: Index, inner: Index, read: Read) -> tuple[Expr, ...]:
    axis = attr(node, "axis")
    return (read(0, (*index[:axis], inner[0], *index[axis:])),)


_POSITION_SAMPLES = (
    Sample((Arg((7,)),), {"axis": 0}), Sample((Arg((3, 35)),), {"axis": 1}),
    Sample((Arg((3, 35)),), {"axis": 0}), Sample((Arg((2, 1)),), {"axis": 1}),
    Sample((Arg((0, 4)),), {"axis": 1}), Sample((Arg((2, 3, 18)),), {"axis": 1}),
)  # fmt: skip

for _name, _reference, _doc in (
    ("argmax", np.argmax, "Position of the first maximum along an axis, or of the first NaN."),
    ("argmin", np.argmin, "Position of the first minimum along an axis, or of the first NaN."),
):
    structured(
        _name, _doc, Kind.REDUCTION, attrs={"axis": AttrKind.INT}, infer=_position_type,
        reference=lambda attrs, x, find=_reference: _position(find, x, attrs["axis"]),
        vjp=DISCRETE, jvp=DISCRETE, batch=axes_after("axis"),
        lowering=Reduce(
            _name,
            lambda node: (node.inputs[0].shape[attr(node, "axis")],),
            _position_operands,
            lambda node: attr(node, "axis") == len(node.inputs[0].shape) - 1,
        ),
        dtypes=ALL, samples=_POSITION_SAMPLES,
    )  # fmt: skip


def _position(find: Callable[..., Array], x: Array, axis: int) -> Array:
    """Positions of an extreme; OutOfRangeError where there is no element to pick."""
    shape = (*x.shape[:axis], *x.shape[axis + 1 :])
    if x.shape[axis] == 0 and 0 not in shape:
        raise OutOfRangeError(f"index -1 is out of range for axis {axis} with size 0")
    return np.asarray(find(x, axis) if x.size else np.zeros(shape), np.int64)
