"""Convolution: the three derivatives of one form that is linear in data, weights and cotangent.

With x [N, *G, C, *S] (batch, groups, channels, spatial dims), w [*G, O, C, *K] and a cotangent
g [N, *G, O, *Y],

    sum over n, group, o, c, k, y of  w[group, o, c, k] * g[n, group, o, y]
                                       * x[n, group, c, y*stride + k*dilation - low]

is what `convolution`, `convolution_input` and `convolution_weights` are the derivatives of, with
respect to g, x and w. So the derivatives of each are the other two. Groups may have no dim or
several, as stacks of matrices have. Elements outside count as 0: an infinite weight times them is
NaN. Between the elements of g, where the stride is more than 1, there is nothing to multiply.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphc.ir.dims import Size
from graphc.ir.dtypes import FLOATS, INTEGERS
from graphc.ir.inference import Inference
from graphc.ir.lowering import Read, Reduce
from graphc.ir.node import Node
from graphc.ir.opdef import Arg, Array, AttrKind, Batch, Kind, OpDef, Sample
from graphc.ir.scalar import Expr, Index
from graphc.ir.types import Shape, TensorType
from graphc.ops.batching import from_axis, joined, parted, to_axis
from graphc.ops.declaring import attr, ops, structured
from graphc.ops.strided import pieces
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

_SHAPED = {**WINDOW_ATTRS, "shape": AttrKind.SHAPE}


@dataclass(frozen=True, slots=True)
class _Data:
    """The dims, or an index, of data or of cotangents; `channel` is an output's in the latter."""

    batch: Size
    groups: Shape
    channel: Size
    spatial: Shape

    @staticmethod
    def of(dims: Sequence[Size], rank: int) -> _Data:
        """The parts of dims of which the last are spatial."""
        lead = len(dims) - rank
        return _Data(dims[0], tuple(dims[1 : lead - 1]), dims[lead - 1], tuple(dims[lead:]))

    @property
    def dims(self) -> Shape:
        return (self.batch, *self.groups, self.channel, *self.spatial)


@dataclass(frozen=True, slots=True)
class _Weights:
    """The dims, or an index, of weights."""

    groups: Shape
    output: Size
    channel: Size
    spatial: Shape

    @staticmethod
    def of(dims: Sequence[Size], rank: int) -> _Weights:
        """The parts of dims of which the last are those of a window."""
        lead = len(dims) - rank
        return _Weights(tuple(dims[: lead - 2]), dims[lead - 2], dims[lead - 1], tuple(dims[lead:]))

    @property
    def dims(self) -> Shape:
        return (*self.groups, self.output, self.channel, *self.spatial)


def _checked(inference: Inference, *names: str) -> Windows:
    """The windows; the inputs must be numbers of one dtype with as many dims."""
    windows = Windows.of(inference)
    inference.same_dtype()
    inference.require_kind(0, "fiu", "numbers")
    left, right = inference.tensors
    if windows.rank < 1 or left.rank != right.rank or left.rank < windows.rank + 2:
        inference.fail(
            f"{names[0]} and {names[1]} need as many dims, {windows.rank} spatial ones (at least "
            "1), two others and those of groups"
        )
    return windows


def _convolution_type(inference: Inference) -> TensorType:
    windows = _checked(inference, "data", "weights")
    source, weights = inference.tensors
    x, w = _Data.of(source.shape, windows.rank), _Weights.of(weights.shape, windows.rank)
    groups = inference.same_shape(x.groups, w.groups, "groups of data and of weights")
    inference.same_dim(x.channel, w.channel, "channels of data and of weights")
    counts = windows.check(inference, x.spatial, w.spatial)
    return source.with_shape(_Data(x.batch, groups, w.output, counts).dims)


def _convolution_operands(node: Node, index: Index, inner: Index, read: Read) -> tuple[Expr, ...]:
    windows, (channel, *place) = Windows.of(node), inner
    at, sizes = _Data.of(index, windows.rank), _spatial(node.inputs[0], windows)
    position, conditions = windows.element(at.spatial, tuple(place), sizes)
    return (
        read(1, _Weights(at.groups, at.channel, channel, tuple(place)).dims),
        read(0, _Data(at.batch, at.groups, channel, position).dims, all_of(conditions)),
    )


def _input_type(inference: Inference) -> TensorType:
    windows = _checked(inference, "cotangents", "weights")
    cotangents, weights = inference.tensors
    g, w = _Data.of(cotangents.shape, windows.rank), _Weights.of(weights.shape, windows.rank)
    groups = inference.same_shape(g.groups, w.groups, "groups of cotangents and of weights")
    inference.same_dim(g.channel, w.output, "outputs of cotangents and of weights")
    sizes = _own_sizes(inference, windows)
    _same_counts(inference, windows.check(inference, sizes, w.spatial), g.spatial)
    return cotangents.with_shape(_Data(g.batch, groups, w.channel, sizes).dims)


def _input_operands(node: Node, index: Index, inner: Index, read: Read) -> tuple[Expr, ...]:
    windows, (output, *place) = Windows.of(node), inner
    at, counts = _Data.of(index, windows.rank), _spatial(node.inputs[0], windows)
    window, conditions = windows.window(at.spatial, tuple(place), counts)
    between = conditions[::2]  # a stride apart there is nothing, not even for infinite weights
    return (
        read(1, _Weights(at.groups, output, at.channel, tuple(place)).dims, all_of(between)),
        read(0, _Data(at.batch, at.groups, output, window).dims, all_of(conditions)),
    )


def _weights_type(inference: Inference) -> TensorType:
    windows = _checked(inference, "data", "cotangents")
    source, cotangents = inference.tensors
    x, g = (_Data.of(given.shape, windows.rank) for given in (source, cotangents))
    inference.same_dim(x.batch, g.batch, "batches of data and of cotangents")
    groups = inference.same_shape(x.groups, g.groups, "groups of data and of cotangents")
    kernel = _own_sizes(inference, windows)
    _same_counts(inference, windows.check(inference, x.spatial, kernel), g.spatial)
    return source.with_shape(_Weights(groups, g.channel, x.channel, kernel).dims)


def _weights_operands(node: Node, index: Index, inner: Index, read: Read) -> tuple[Expr, ...]:
    windows, (batch, *window) = Windows.of(node), inner
    at, sizes = _Weights.of(index, windows.rank), _spatial(node.inputs[0], windows)
    position, conditions = windows.element(tuple(window), at.spatial, sizes)
    return (
        read(1, _Data(batch, at.groups, at.output, tuple(window)).dims),
        read(0, _Data(batch, at.groups, at.channel, position).dims, all_of(conditions)),
    )


def _spatial(node: Node, windows: Windows) -> Shape:
    return node.shape[len(node.shape) - windows.rank :]


def _own_sizes(inference: Inference, windows: Windows) -> Shape:
    sizes = tuple(attr(inference, "shape"))
    if len(sizes) != windows.rank:
        inference.fail(f"the shape {list(sizes)} needs {windows.rank} dims")
    for size in sizes:
        inference.not_negative(size)
    return sizes


def _same_counts(inference: Inference, wanted: Shape, counts: Shape) -> None:
    inference.same_shape(wanted, counts, "the numbers of windows and the dims of cotangents")


def _extents(part: Callable[[Shape, int], Size]) -> Callable[[Node], tuple[Size, ...]]:
    """Loops over one leading dim of the second input and over its spatial dims."""

    def extents(node: Node) -> tuple[Size, ...]:
        windows, second = Windows.of(node), node.inputs[1]
        return (part(second.shape, windows.rank), *_spatial(second, windows))

    return extents


def _convolution_reference(attrs: Attrs, x: Array, w: Array) -> Array:
    rank = len(attrs["strides"])
    kernel, whole = w.shape[-rank:], padded(attrs, x)
    counts = counted(attrs, x.shape[-rank:], kernel)
    result = np.zeros((*x.shape[: -rank - 1], w.shape[-rank - 2], math.prod(counts)), x.dtype)
    for place in places(kernel):
        part = _in_line(whole[strided(attrs, place, counts)], rank)
        result += np.einsum("...oc,n...cy->n...oy", w[_last(place)], part)
    return result.reshape(*result.shape[:-1], *counts)


def _input_reference(attrs: Attrs, g: Array, w: Array) -> Array:
    """Weights turned around, over cotangents with zeros between and around them."""
    rank, sizes = len(attrs["strides"]), tuple(attrs["shape"])
    kernel = w.shape[-rank:]
    reach = [d * (k - 1) for d, k in zip(attrs["dilations"], kernel, strict=True)]
    spaced = _spaced(attrs, g, [n + far for n, far in zip(sizes, reach, strict=True)], reach)
    result = np.zeros((*g.shape[: -rank - 1], w.shape[-rank - 1], *sizes), g.dtype)
    for place in places(kernel):
        start = [f - d * k for f, d, k in zip(reach, attrs["dilations"], place, strict=True)]
        part = spaced[_last([slice(a, a + n) for a, n in zip(start, sizes, strict=True)])]
        there = _last(_read_by(attrs, place))
        line = _in_line(part[there], rank)
        added = np.einsum("...oc,n...oy->n...cy", w[_last(place)], line)
        result[there] += added.reshape(result[there].shape)
    return result


def _read_by(attrs: Attrs, place: tuple[int, ...]) -> list[slice]:
    """The positions of data that some window has at a place, padding included."""
    along = zip(attrs["strides"], attrs["low"], attrs["dilations"], place, strict=True)
    return [slice((d * k - low) % stride, None, stride) for stride, low, d, k in along]


def _spaced(attrs: Attrs, g: Array, sizes: list[int], reach: list[int]) -> Array:
    """Zeros with element y of g at y*stride - low + reach along each dim, where that is inside."""
    lead = g.shape[: g.ndim - len(sizes)]
    result = np.zeros((*lead, *sizes), g.dtype)
    targets, sources = [], []
    axes = zip(attrs["strides"], attrs["low"], reach, sizes, g.shape[len(lead) :], strict=True)
    for stride, low, far, size, count in axes:
        to = np.arange(count) * stride - low + far
        inside = (to >= 0) & (to < size)
        targets.append(to[inside])
        sources.append(np.arange(count)[inside])
    every = [np.arange(n) for n in lead]
    result[np.ix_(*every, *targets)] = g[np.ix_(*every, *sources)]
    return result


def _weights_reference(attrs: Attrs, x: Array, g: Array) -> Array:
    rank, kernel, whole = len(attrs["strides"]), tuple(attrs["shape"]), padded(attrs, x)
    groups, channels, outputs = x.shape[1 : -rank - 1], x.shape[-rank - 1], g.shape[-rank - 1]
    result = np.zeros((*groups, outputs, channels, *kernel), x.dtype)
    for place in places(kernel):
        part = whole[strided(attrs, place, g.shape[-rank:])]
        lines = (_in_line(a, rank) for a in (g, part))
        result[_last(place)] = np.einsum("n...oy,n...cy->...oc", *lines)
    return result


def _last(index: Sequence[Any]) -> tuple[Any, ...]:
    """An index into the last dims."""
    return (..., *index)


def _in_line(x: Array, rank: int) -> Array:
    """The spatial dims made one."""
    return x.reshape(*x.shape[:-rank], math.prod(x.shape[-rank:]))


def _convolve(result: Node, x: Node, w: Node) -> Node:
    return ops.convolution(x, w, **Windows.of(result).attrs)


def _to_input(result: Node, g: Node, w: Node, like: Node) -> Node:
    windows = Windows.of(result)
    return ops.convolution_input(g, w, **windows.attrs, shape=_spatial(like, windows))


def _to_weights(result: Node, x: Node, g: Node, like: Node) -> Node:
    windows = Windows.of(result)
    return ops.convolution_weights(x, g, **windows.attrs, shape=_spatial(like, windows))


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


#: By the operands: for a batch of each alone, the axis that it makes longer, and the one of the
#: result. Negative ones count from the spatial dims.
_LONGER = {
    "xw": ((0, 0), (-2, -1)), "gw": ((0, 0), (-1, -1)), "xg": ((-1, -1), (-1, -2)),
}  # fmt: skip


def _batch(of: str) -> Batch:
    """A batch of both operands is one more dim of groups; of one, a longer dim that it has."""

    def rule(node: Node, inputs: tuple[Node, ...], batched: tuple[bool, ...], size: Size) -> Node:
        if all(batched):
            before = [0 if key == "w" else 1 for key in of]  # what comes before the groups
            moved = (to_axis(x, axis) for x, axis in zip(inputs, before, strict=True))
            return from_axis(node.op(*moved, **node.attrs), 0 if of == "xg" else 1)
        k = batched.index(True)
        lead = len(node.shape) - Windows.of(node).rank
        longer, result = (axis if axis >= 0 else lead + axis for axis in _LONGER[of][k])
        operands = [joined(x, longer) if has else x for x, has in zip(inputs, batched, strict=True)]
        return parted(node.op(*operands, **node.attrs), result, size, node.shape[result])

    return rule


def _attrs(strides: Shape, low: Shape, high: Shape, dilations: Shape) -> Attrs:
    return {"strides": strides, "low": low, "high": high, "dilations": dilations}


#: (shape of x, shape of w, attributes) of the samples of all three ops.
_TRIED: tuple[tuple[tuple[int, ...], tuple[int, ...], Attrs], ...] = (
    ((2, 3, 9), (4, 3, 3), _attrs((1,), (0,), (0,), (1,))),
    ((2, 2, 3, 20), (2, 2, 3, 3), _attrs((2,), (1,), (2,), (2,))),
    ((1, 1, 1), (1, 1, 1), _attrs((1,), (0,), (0,), (1,))),
    ((0, 1, 2, 5), (1, 3, 2, 2), _attrs((1,), (1,), (0,), (1,))),
    ((2, 0, 5), (3, 0, 2), _attrs((1,), (0,), (0,), (1,))),
    ((1, 2, 1, 3), (2, 1, 1, 4), _attrs((3,), (3,), (0,), (1,))),
    ((1, 2, 9), (2, 2, 2), _attrs((2,), (-1,), (-2,), (1,))),
    ((2, 2, 3, 1, 7), (2, 3, 2, 1, 3), _attrs((2,), (1,), (1,), (1,))),
    ((2, 3, 6, 7), (5, 3, 3, 3), _attrs((1, 1), (1, 1), (1, 1), (1, 1))),
    ((2, 3, 1, 5, 18), (3, 2, 1, 2, 3), _attrs((2, 1), (0, 2), (1, 0), (1, 2))),
    ((3, 4, 17, 19), (9, 4, 3, 3), _attrs((1, 2), (1, 1), (1, 1), (1, 1))),
    ((1, 2, 4, 5, 6), (3, 2, 2, 1, 3), _attrs((1, 2, 2), (1, 0, 1), (0, 1, 1), (2, 1, 1))),
)


def _samples(of: str) -> tuple[Sample, ...]:
    """Both inputs' shapes (x, w or g) and the attributes, to which the third's sizes belong."""
    found = []
    for x, w, attrs in _TRIED:
        rank = len(attrs["strides"])
        sizes, kernel = x[-rank:], w[-rank:]
        g = (*x[: -rank - 1], w[-rank - 2], *counted(attrs, sizes, kernel))
        left, right = (Arg({"x": x, "w": w, "g": g}[key]) for key in of)
        own = {"gw": {"shape": sizes}, "xg": {"shape": kernel}}.get(of, {})
        found.append(Sample((left, right), {**attrs, **own}))
    return tuple(found)


def _declare(
    name: str, doc: str, of: str, inner: Callable[[Shape, int], Size], **parts: Any
) -> OpDef:
    operands, pieces = parts.pop("operands"), parts.pop("pieces", None)
    return structured(
        name, doc, Kind.CONTRACTION, arity=2, attrs=WINDOW_ATTRS if of == "xw" else _SHAPED,
        jvp=_bilinear_jvp, batch=_batch(of),
        lowering=Reduce("dot", _extents(inner), operands, lambda node: False, pieces=pieces),
        dtypes=FLOATS + INTEGERS, samples=_samples(of), **parts,
    )  # fmt: skip


convolution = _declare(
    "convolution",
    "Sums of products of weights [*G, O, C, *K] and the windows of data [N, *G, C, *S].",
    of="xw", inner=lambda w, rank: _Weights.of(w, rank).channel,
    infer=_convolution_type, reference=_convolution_reference,
    vjp=_convolution_vjp, operands=_convolution_operands,
)  # fmt: skip
convolution_input = _declare(
    "convolution_input",
    "The derivative of convolution by data: cotangents [N, *G, O, *Y] times weights, added up "
    "where they were read; also called transposed convolution.",
    of="gw", inner=lambda w, rank: _Weights.of(w, rank).output,
    infer=_input_type, reference=_input_reference,
    vjp=_input_vjp, operands=_input_operands, pieces=pieces,
)  # fmt: skip
convolution_weights = _declare(
    "convolution_weights",
    "The derivative of convolution by weights: windows of data times cotangents, added up.",
    of="xg", inner=lambda g, rank: _Data.of(g, rank).batch,
    infer=_weights_type, reference=_weights_reference,
    vjp=_weights_vjp, operands=_weights_operands,
)  # fmt: skip
