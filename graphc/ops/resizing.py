"""Linear interpolation along an axis, and its derivative as a gather.

Output t lies between two inputs, floor(p) and the next, where p = max((2*t + 1)*size - target, 0)
/ (2*target), or t*(size - 1)/(target - 1) with aligned corners; so input i is read where
i - 1 <= p < i + 1, by a few outputs next to each other. The derivative asks just these, of which
there are at most as many as p grows by 2 in, instead of adding up in the order of outputs. What
has no weight is not added: an infinite cotangent leaves alone what it does not depend on.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.ir import dims
from graphc.ir.dims import Size
from graphc.ir.dtypes import FLOATS, int64
from graphc.ir.inference import Inference
from graphc.ir.lowering import Composite
from graphc.ir.node import Node
from graphc.ir.opdef import Arg, Array, AttrKind, Kind, Sample
from graphc.ir.types import Shape, TensorType
from graphc.ops.algebra import add, equal, less, mul, sub, where
from graphc.ops.batching import axes_after
from graphc.ops.declaring import attr, ops, structured

_ATTRS = {"axis": AttrKind.INT, "size": AttrKind.SHAPE, "align_corners": AttrKind.BOOL}


def _type(inference: Inference) -> TensorType:
    source, axis = inference.tensor(0), attr(inference, "axis")
    inference.axis(axis, source.rank)
    (size,) = attr(inference, "size")
    inference.not_negative(size)
    return source.with_shape((*source.shape[:axis], size, *source.shape[axis + 1 :]))


def _spread(number: Size, shape: Shape) -> Node:
    """A size as a number, filling a shape."""
    if isinstance(number, int):
        value = ops.constant(value=np.asarray(number, np.int64))
    else:
        value = ops.size(dim=(number,))
    return ops.broadcast_to(value, shape=shape)


def _beside(place: Node, size: Size, target: Size, align: bool, like: Node) -> tuple[Node, ...]:
    """The inputs beside outputs at some places, and the weights of both."""

    def number(value: Size) -> Node:
        return _spread(value, place.shape)

    if align:
        over, under = mul(place, number(size - 1)), number(dims.maximum(target - 1, 1))
    else:
        twice = add(mul(place, 2), 1)
        over = ops.maximum(sub(mul(twice, number(size)), number(target)), number(0))
        under = number(2 * target)
    low = ops.floor_divide(over, under)
    high = ops.minimum(add(low, 1), number(size - 1))
    rest = sub(over, mul(low, under))
    part = ops.div(*(ops.astype(value, dtype=like.dtype) for value in (rest, under)))
    return low, high, sub(1.0, part), part


def _along(weights: Node, axis: int, shape: Shape) -> Node:
    """Numbers of an axis (and of those after it that they have), spread over a shape."""
    after = (1,) * (len(shape) - axis - len(weights.shape))
    return ops.broadcast_to(ops.reshape(weights, shape=(*weights.shape, *after)), shape=shape)


def _written_out(node: Node) -> Node:
    (x,), axis = node.inputs, attr(node, "axis")
    size, target = x.shape[axis], node.shape[axis]
    place = ops.iota(shape=(target,), axis=0, dtype=int64)
    *sides, one, other = _beside(place, size, target, attr(node, "align_corners"), x)
    low, high = (ops.gather(x, side, axes=(axis,), position=axis) for side in sides)
    first, second = (_along(part, axis, node.shape) for part in (one, other))
    return add(mul(low, first), mul(high, second))


def _adjoint_written_out(node: Node) -> Node:
    """For every input the sum over the outputs that read it."""
    (g,), axis, align = node.inputs, attr(node, "axis"), attr(node, "align_corners")
    size, target = node.shape[axis], g.shape[axis]
    most = _most_readers(size, target, align)
    grid = (most, size)
    own = ops.iota(shape=grid, axis=1, dtype=int64)
    place = add(_first_reader(own, size, target, align), ops.iota(shape=grid, axis=0, dtype=int64))
    is_there = less(place, _spread(target, grid))
    place = ops.minimum(place, _spread(target - 1, grid))
    low, high, one, other = _beside(place, size, target, align, g)
    is_low, is_high = (ops.logical_and(is_there, equal(own, side)) for side in (low, high))
    is_high = ops.logical_and(is_high, less(0.0, other))
    shape = (*g.shape[:axis], most, size, *g.shape[axis + 1 :])
    read = ops.gather(g, place, axes=(axis,), position=axis)
    parts = (
        where(_along(reads, axis, shape), mul(read, _along(weight, axis, shape)), 0.0)
        for reads, weight in ((is_low, one), (is_high, other))
    )
    return ops.sum(add(*parts), axes=(axis,))


def _most_readers(size: Size, target: Size, align: bool) -> Size:
    """How many outputs read an input at most."""
    if align:
        return dims.floordiv(2 * (target - 1), dims.maximum(size - 1, 1)) + 1
    return dims.floordiv(2 * target, dims.maximum(size, 1)) + 1


def _first_reader(own: Node, size: Size, target: Size, align: bool) -> Node:
    """The first output whose p is at least the input's number less 1."""

    def number(value: Size) -> Node:
        return _spread(value, own.shape)

    if align:
        over = mul(sub(own, 1), number(target - 1))
        under = number(dims.maximum(size - 1, 1))
    else:
        over = sub(mul(sub(mul(own, 2), 1), number(target)), number(size))
        under = number(dims.maximum(2 * size, 1))
    up = ops.floor_divide(sub(add(over, under), 1), under)
    return ops.maximum(up, number(0))


def _numbers(size: int, target: int, align: bool, dtype: Any) -> tuple[Array, Array, Array]:
    """The inputs beside each output, and the weight of the second."""
    place = np.arange(target)
    if align:
        over, under = place * (size - 1), max(target - 1, 1)
    else:
        over, under = np.maximum((2 * place + 1) * size - target, 0), 2 * target
    low = over // max(under, 1)
    return low, np.minimum(low + 1, size - 1), ((over - low * under) / max(under, 1)).astype(dtype)


def _reference(attrs: dict[str, Any], x: Array) -> Array:
    axis, (target,) = attrs["axis"], attrs["size"]
    low, high, part = _numbers(x.shape[axis], target, attrs["align_corners"], x.dtype)
    moved = np.moveaxis(x, axis, -1)
    found = moved[..., low] * (1 - part) + moved[..., high] * part
    return np.asarray(np.moveaxis(found, -1, axis), x.dtype)


def _adjoint_reference(attrs: dict[str, Any], g: Array) -> Array:
    axis, (size,) = attrs["axis"], attrs["size"]
    target = g.shape[axis]
    low, high, part = _numbers(size, target, attrs["align_corners"], g.dtype)
    moved = np.moveaxis(g, axis, -1)
    found = np.zeros((*moved.shape[:-1], size), g.dtype)
    for t in range(target):
        first, second = moved[..., t] * (1 - part[t]), moved[..., t] * part[t]
        found[..., low[t]] += first
        if part[t] > 0:
            found[..., high[t]] += second
    return np.asarray(np.moveaxis(found, -1, axis))


def _vjp(result: Node, g: Node) -> tuple[Node | None, ...]:
    """Each op is the other one's derivative."""
    other = ops.resize_linear_adjoint if result.op is ops.resize_linear else ops.resize_linear
    (x,), axis = result.inputs, attr(result, "axis")
    align = attr(result, "align_corners")
    return (other(g, axis=axis, size=(x.shape[axis],), align_corners=align),)


#: shape, axis, and the sizes of results apart and with aligned corners, so that weights are exact
_TRIED = (
    ((5,), 0, 8, 9), ((5, 3), 0, 4, 3), ((2, 4, 3), 1, 8, 9), ((3, 1), 1, 4, 3), ((6,), 0, 1, 1),
    ((2, 20), 1, 32, 33),
)  # fmt: skip


def _samples(is_adjoint: bool) -> tuple[Sample, ...]:
    found = []
    for shape, axis, *targets in _TRIED:
        for align, target in enumerate(targets):
            given: tuple[int, ...] = shape
            size = target
            if is_adjoint:
                given, size = (*shape[:axis], target, *shape[axis + 1 :]), shape[axis]
            attrs = {"axis": axis, "size": (size,), "align_corners": bool(align)}
            found.append(Sample((Arg(given),), attrs))
    return tuple(found)


structured(
    "resize_linear",
    "Linear interpolation between the elements along an axis, to another size of it.",
    Kind.GATHER, attrs=_ATTRS, infer=_type, reference=_reference, vjp=_vjp,
    batch=axes_after("axis"),
    lowering=Composite(_written_out), dtypes=FLOATS, samples=_samples(is_adjoint=False),
)  # fmt: skip
structured(
    "resize_linear_adjoint",
    "The derivative of resize_linear: what each of `size` elements gives to those in between.",
    Kind.GATHER, attrs=_ATTRS, infer=_type, reference=_adjoint_reference, vjp=_vjp,
    batch=axes_after("axis"), lowering=Composite(_adjoint_written_out), dtypes=FLOATS,
    samples=_samples(is_adjoint=True),
)  # fmt: skip
