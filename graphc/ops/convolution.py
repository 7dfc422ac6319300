"""Convolution: the three derivatives of one form that is linear in data, weights and cotangent.

With x [N, G, C, *S] (batch, groups, channels, spatial dims), w [G, O, C, *K] and g [N, G, O, *Y],

    sum over n, group, o, c, k, y of  w[group, o, c, k] * g[n, group, o, y]
                                       * x[n, group, c, y*stride + k*dilation - low]

is what `convolution`, `convolution_input` and `convolution_weights` are the derivatives of, with
respect to g, x and w. So the derivatives of each are the other two. Elements of x outside count
as 0, as do those between the elements of g where the stride is more than 1: an infinite weight
times them is NaN.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphc.ir.dims import Size
from graphc.ir.dtypes import FLOATS, INTEGERS
from graphc.ir.inference import Inference
from graphc.ir.lowering import Read, Reduce
from graphc.ir.node import Node
from graphc.ir.opdef import Arg, Array, AttrKind, Kind, OpDef, Sample
from graphc.ir.scalar import Expr, Index
from graphc.ir.types import Shape, TensorType
from graphc.ops.declaring import attr, ops, structured
from graphc.ops.windows import (
    WINDOW_ATTRS,
    Attrs,
    Windows,
    all_of,
    counted,
    padded,
    places,
    strided,
)

_LEADING = 3  # dims before the spatial ones
_SHAPED = {**WINDOW_ATTRS, "shape": AttrKind.SHAPE}


def _checked(inference: Inference, *names: str) -> tuple[Windows, TensorType, TensorType]:
    """The windows and both inputs, which must be numbers of one dtype with as many dims."""
    windows = Windows.of(inference)
    inference.same_dtype()
    inference.require_kind(0, "fiu", "numbers")
    for name, source in zip(names, inference.tensors, strict=True):
        if source.rank != _LEADING + windows.rank:
            inference.fail(
                f"{name} need {_LEADING + windows.rank} dims for windows along {windows.rank}, "
                f"not {source.rank}"
            )
    left, right = inference.tensors
    return windows, left, right


def _spatial(shape: Shape) -> Shape:
    return shape[_LEADING:]


def _convolution_type(inference: Inference) -> TensorType:
    windows, x, w = _checked(inference, "data", "weights")
    batch, groups, channels, *sizes = x.shape
    also_groups, outputs, inputs, *kernel = w.shape
    groups = inference.same_dim(groups, also_groups, "groups of data and of weights")
    inference.same_dim(channels, inputs, "channels of data and of weights")
    counts = windows.check(inference, tuple(sizes), tuple(kernel))
    return x.with_shape((batch, groups, outputs, *counts))


def _convolution_operands(node: Node, index: Index, inner: Index, read: Read) -> tuple[Expr, ...]:
    batch, group, output, *window = index
    channel, *place = inner
    windows, (x, _) = Windows.of(node), node.inputs
    position, conditions = windows.element(tuple(window), tuple(place), _spatial(x.shape))
    return (
        read(1, (group, output, channel, *place)),
        read(0, (batch, group, channel, *position), all_of(conditions)),
    )


def _input_type(inference: Inference) -> TensorType:
    windows, g, w = _checked(inference, "cotangents", "weights")
    batch, groups, outputs, *counts = g.shape
    also_groups, also_outputs, channels, *kernel = w.shape
    groups = inference.same_dim(groups, also_groups, "groups of cotangents and of weights")
    inference.same_dim(outputs, also_outputs, "outputs of cotangents and of weights")
    sizes = _own_sizes(inference, windows)
    _same_counts(inference, windows.check(inference, sizes, tuple(kernel)), tuple(counts))
    return g.with_shape((batch, groups, channels, *sizes))


def _input_operands(node: Node, index: Index, inner: Index, read: Read) -> tuple[Expr, ...]:
    batch, group, channel, *position = index
    output, *place = inner
    windows, (g, _) = Windows.of(node), node.inputs
    window, conditions = windows.window(tuple(position), tuple(place), _spatial(g.shape))
    return (
        read(1, (group, output, channel, *place)),
        read(0, (batch, group, output, *window), all_of(conditions)),
    )


def _weights_type(inference: Inference) -> TensorType:
    windows, x, g = _checked(inference, "data", "cotangents")
    batch, groups, channels, *sizes = x.shape
    also_batch, also_groups, outputs, *counts = g.shape
    inference.same_dim(batch, also_batch, "batches of data and of cotangents")
    groups = inference.same_dim(groups, also_groups, "groups of data and of cotangents")
    kernel = _own_sizes(inference, windows)
    _same_counts(inference, windows.check(inference, tuple(sizes), kernel), tuple(counts))
    return x.with_shape((groups, outputs, channels, *kernel))


def _weights_operands(node: Node, index: Index, inner: Index, read: Read) -> tuple[Expr, ...]:
    group, output, channel, *place = index
    batch, *window = inner
    windows, (x, _) = Windows.of(node), node.inputs
    position, conditions = windows.element(tuple(window), tuple(place), _spatial(x.shape))
    return (
        read(1, (batch, group, output, *window)),
        read(0, (batch, group, channel, *position), all_of(conditions)),
    )


def _own_sizes(inference: Inference, windows: Windows) -> Shape:
    sizes = tuple(attr(inference, "shape"))
    if len(sizes) != windows.rank:
        inference.fail(f"the shape {list(sizes)} needs {windows.rank} dims")
    for size in sizes:
        inference.not_negative(size)
    return sizes


def _same_counts(inference: Inference, wanted: Shape, counts: Shape) -> None:
    inference.same_shape(wanted, counts, "the numbers of windows and the dims of cotangents")


def _extents(axis: int) -> Callable[[Node], tuple[Size, ...]]:
    """Loops over one leading dim of the second input and over its spatial dims."""

    def extents(node: Node) -> tuple[Size, ...]:
        shape = node.inputs[1].shape
        return (shape[axis], *_spatial(shape))

    return extents


def _convolution_reference(attrs: Attrs, x: Array, w: Array) -> Array:
    whole, kernel = padded(attrs, x), w.shape[_LEADING:]
    counts = counted(attrs, x.shape[_LEADING:], kernel)
    result = np.zeros((*x.shape[:2], w.shape[1], *counts), x.dtype)
    for place in places(kernel):
        part = whole[strided(attrs, place, counts)]
        result += np.einsum("goc,ngc...->ngo...", w[_last(place)], part)
    return result


def _input_reference(attrs: Attrs, g: Array, w: Array) -> Array:
    """Weights turned around, over cotangents with zeros between and around them."""
    kernel, sizes = w.shape[_LEADING:], tuple(attrs["shape"])
    reach = [d * (k - 1) for d, k in zip(attrs["dilations"], kernel, strict=True)]
    spaced = _spaced(attrs, g, [n + far for n, far in zip(sizes, reach, strict=True)], reach)
    result = np.zeros((*g.shape[:2], w.shape[2], *sizes), g.dtype)
    for place in places(kernel):
        start = [f - d * k for f, d, k in zip(reach, attrs["dilations"], place, strict=True)]
        part = spaced[_last([slice(a, a + n) for a, n in zip(start, sizes, strict=True)])]
        result += np.einsum("goc,ngo...->ngc...", w[_last(place)], part)
    return result


def _spaced(attrs: Attrs, g: Array, sizes: list[int], reach: list[int]) -> Array:
    """Zeros with element y of g at y*stride - low + reach along each dim, where that is inside."""
    result = np.zeros((*g.shape[:_LEADING], *sizes), g.dtype)
    targets, sources = [], []
    axes = zip(attrs["strides"], attrs["low"], reach, sizes, g.shape[_LEADING:], strict=True)
    for stride, low, far, size, count in axes:
        to = np.arange(count) * stride - low + far
        inside = (to >= 0) & (to < size)
        targets.append(to[inside])
        sources.append(np.arange(count)[inside])
    lead = [np.arange(n) for n in g.shape[:_LEADING]]
    result[np.ix_(*lead, *targets)] = g[np.ix_(*lead, *sources)]
    return result


def _weights_reference(attrs: Attrs, x: Array, g: Array) -> Array:
    whole, kernel = padded(attrs, x), tuple(attrs["shape"])
    result = np.zeros((g.shape[1], g.shape[2], x.shape[2], *kernel), x.dtype)
    for place in places(kernel):
        part = whole[strided(attrs, place, g.shape[_LEADING:])]
        result[_last(place)] = np.einsum("ngoy,ngcy->goc", _in_line(g), _in_line(part))
    return result


def _last(index: Sequence[Any]) -> tuple[Any, ...]:
    """An index into the last dims."""
    return (..., *index)


def _in_line(x: Array) -> Array:
    """The spatial dims made one."""
    return x.reshape(*x.shape[:_LEADING], math.prod(x.shape[_LEADING:]))


def _convolve(result: Node, x: Node, w: Node) -> Node:
    return ops.convolution(x, w, **Windows.of(result).attrs)


def _to_input(result: Node, g: Node, w: Node, like: Node) -> Node:
    shape = _spatial(like.shape)
    return ops.convolution_input(g, w, **Windows.of(result).attrs, shape=shape)


def _to_weights(result: Node, x: Node, g: Node, like: Node) -> Node:
    shape = _spatial(like.shape)
    return ops.convolution_weights(x, g, **Windows.of(result).attrs, shape=shape)


def _convolution_vjp(result: Node, g: Node) -> tuple[Node | None, ...]:
    x, w = result.inputs
    return _to_input(result, g, w, x), _to_weights(result, x, g, w)


def _input_vjp(result: Node, g: Node) -> tuple[Node | None, ...]:
    cotangents, w = result.inputs
    return _convolve(result, g, w), _to_weights(result, g, cotangents, w)


def _weights_vjp(result: Node, g: Node) -> tuple[Node | None, ...]:
    x, cotangents = result.inputs
    return _to_input(result, cotangents, g, x), _convolve(result, x, g)


def _bilinear_jvp(result: Node, tangents: tuple[Node | None, ...]) -> Node:
    (left, right), (tangent_left, tangent_right) = result.inputs, tangents
    pairs = ((tangent_left, right), (left, tangent_right))
    terms = [result.op(a, b, **result.attrs) for a, b in pairs if a is not None and b is not None]
    return terms[0] if len(terms) == 1 else ops.add(*terms)


def _attrs(strides: Shape, low: Shape, high: Shape, dilations: Shape) -> Attrs:
    return {"strides": strides, "low": low, "high": high, "dilations": dilations}


#: (shape of x, shape of w, attributes) of the samples of all three ops.
_TRIED: tuple[tuple[tuple[int, ...], tuple[int, ...], Attrs], ...] = (
    ((2, 1, 3, 9), (1, 4, 3, 3), _attrs((1,), (0,), (0,), (1,))),
    ((2, 2, 3, 20), (2, 2, 3, 3), _attrs((2,), (1,), (2,), (2,))),
    ((1, 1, 1, 1), (1, 1, 1, 1), _attrs((1,), (0,), (0,), (1,))),
    ((0, 1, 2, 5), (1, 3, 2, 2), _attrs((1,), (1,), (0,), (1,))),
    ((2, 1, 0, 5), (1, 3, 0, 2), _attrs((1,), (0,), (0,), (1,))),
    ((1, 2, 1, 3), (2, 1, 1, 4), _attrs((3,), (3,), (0,), (1,))),
    ((1, 1, 2, 9), (1, 2, 2, 2), _attrs((2,), (-1,), (-2,), (1,))),
    ((2, 1, 3, 6, 7), (1, 5, 3, 3, 3), _attrs((1, 1), (1, 1), (1, 1), (1, 1))),
    ((2, 3, 1, 5, 18), (3, 2, 1, 2, 3), _attrs((2, 1), (0, 2), (1, 0), (1, 2))),
    ((1, 1, 2, 4, 5, 6), (1, 3, 2, 2, 1, 3), _attrs((1, 2, 2), (1, 0, 1), (0, 1, 1), (2, 1, 1))),
)


def _cotangent_shape(x: tuple[int, ...], w: tuple[int, ...], attrs: Attrs) -> tuple[int, ...]:
    return (*x[:2], w[1], *counted(attrs, x[_LEADING:], w[_LEADING:]))


def _samples(of: str) -> tuple[Sample, ...]:
    """Both inputs' shapes (x, w or g) and the attributes, to which the third's sizes belong."""
    found = []
    for x, w, attrs in _TRIED:
        shapes = {"x": x, "w": w, "g": _cotangent_shape(x, w, attrs)}
        left, right = (Arg(shapes[key]) for key in of)
        own = {"gw": {"shape": x[_LEADING:]}, "xg": {"shape": w[_LEADING:]}}.get(of, {})
        found.append(Sample((left, right), {**attrs, **own}))
    return tuple(found)


def _declare(name: str, doc: str, of: str, inner: int, **parts: Any) -> OpDef:
    operands = parts.pop("operands")
    return structured(
        name, doc, Kind.CONTRACTION, arity=2, attrs=WINDOW_ATTRS if of == "xw" else _SHAPED,
        jvp=_bilinear_jvp,
        lowering=Reduce("dot", _extents(inner), operands, lambda node: False),
        dtypes=FLOATS + INTEGERS, samples=_samples(of), **parts,
    )  # fmt: skip


convolution = _declare(
    "convolution",
    "Sums of products of weights [G, O, C, *K] and the windows of data [N, G, C, *S].",
    of="xw", inner=2, infer=_convolution_type, reference=_convolution_reference,
    vjp=_convolution_vjp, operands=_convolution_operands,
)  # fmt: skip
convolution_input = _declare(
    "convolution_input",
    "The derivative of convolution by data: cotangents [N, G, O, *Y] times weights, added up "
    "where they were read; also called transposed convolution.",
    of="gw", inner=1, infer=_input_type, reference=_input_reference,
    vjp=_input_vjp, operands=_input_operands,
)  # fmt: skip
convolution_weights = _declare(
    "convolution_weights",
    "The derivative of convolution by weights: windows of data times cotangents, added up.",
    of="xg", inner=0, infer=_weights_type, reference=_weights_reference,
    vjp=_weights_vjp, operands=_weights_operands,
)  # fmt: skip
