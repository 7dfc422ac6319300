"""The windows that contain an element, so that derivatives read them rather than every place.

An element at position p of padded data lies in window p // stride, unless it is behind its end, and
in windows before that one as far as they reach. A derivative that went by places in the window
would ask each of them whether a window begins there, of which one in `stride` does.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np

from graphc.ir import dims, scalar
from graphc.ir.dtypes import ALL
from graphc.ir.inference import Inference
from graphc.ir.lowering import Pointwise, Read
from graphc.ir.node import Node
from graphc.ir.opdef import Arg, Array, AttrKind, Kind, Sample
from graphc.ir.scalar import Expr, Index
from graphc.ir.types import Shape, TensorType
from graphc.ops.declaring import attr, member_by_member, ops, structured
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

_Known = tuple[int, ...]


def covers(windows: Windows, kernel: Shape) -> list[_Known]:
    """How many windows further back one may begin that contains an element, along each dim.

    Empty if elements of a window lie apart, or its size is not known.
    """
    steps = [*zip(kernel, windows.strides, windows.dilations, strict=True)]
    if not all(isinstance(n, int) and dilation == 1 for n, _, dilation in steps):
        return []
    return [*product(*(range(-(-int(n) // stride)) for n, stride, _ in steps))]


def _of(owner: Node | Inference) -> tuple[Windows, _Known, _Known]:
    return Windows.of(owner), tuple(attr(owner, "kernel")), tuple(attr(owner, "back"))


def _type(inference: Inference) -> TensorType:
    source, (windows, kernel, back) = inference.tensor(0), _of(inference)
    sizes = tuple(attr(inference, "shape"))
    if not source.rank >= windows.rank == len(kernel) == len(back) == len(sizes):
        inference.fail(f"needs {windows.rank} sizes, and an input with as many spatial dims")
    if windows.dilations != (1,) * windows.rank or any(n < 0 for n in back):
        inference.fail("windows must have their elements side by side, and none comes later")
    lead = source.rank - windows.rank
    wanted = windows.check(inference, sizes, kernel)
    inference.same_shape(wanted, source.shape[lead:], "the numbers of windows and the last dims")
    return source.with_shape((*source.shape[:lead], *sizes))


def _element(node: Node, index: Index, read: Read) -> Expr:
    windows, kernel, back = _of(node)
    lead = len(index) - windows.rank
    window, conditions = [], []
    for axis, (position, low, stride, n, k) in enumerate(
        zip(index[lead:], windows.low, windows.strides, kernel, back, strict=True), start=lead
    ):
        place = position + low
        window.append(dims.floordiv(place, stride) - k)
        conditions.append(scalar.in_bounds(window[-1], node.inputs[0].shape[axis]))
        if (k + 1) * stride > n:  # the window may end before the element
            within = scalar.index(dims.remainder(place, stride) + k * stride)
            conditions.append(scalar.compare("lt", within, scalar.index(n)))
    where = all_of(tuple(conditions))
    found = read(0, (*index[:lead], *window), where)
    return found if where is None else scalar.select(where, found, scalar.const(0, node.dtype))


def _reference(attrs: Attrs, g: Array) -> Array:
    lead, strides, back = g.ndim - len(attrs["shape"]), attrs["strides"], attrs["back"]
    whole = padded(attrs, np.zeros((*g.shape[:lead], *attrs["shape"]), g.dtype))
    for place in places(attrs["kernel"]):
        if tuple(k // s for k, s in zip(place, strides, strict=True)) == tuple(back):
            whole[strided(attrs, place, g.shape[lead:])] = g
    ends = {"low": [-n for n in attrs["low"]], "high": [-n for n in attrs["high"]]}
    return padded({**attrs, **ends}, whole)


def _vjp(result: Node, g: Node) -> tuple[Node | None, ...]:
    """For each window the sum over those of its elements that saw it as the one so far back."""
    windows, kernel, back = _of(result)
    sides = zip(windows.low, windows.high, kernel, windows.strides, back, strict=True)
    low, high, shape = [], [], []
    for before, after, n, stride, k in sides:
        shape.append(min(stride, n - k * stride))
        low.append(before - k * stride)
        high.append(after - n + shape[-1] + k * stride)
    part = Windows(windows.strides, tuple(low), tuple(high), windows.dilations)
    return (ops.window_sum(g, **part.attrs, shape=tuple(shape)),)


#: (dims before, sizes, size of a window, (stride, low, high) along every dim) of the samples
_TRIED: tuple[tuple[_Known, _Known, _Known, tuple[_Known, ...]], ...] = (
    ((), (7,), (3,), ((1, 0, 0),)),
    ((3,), (20,), (3,), ((2, 1, 1),)),
    ((2,), (9,), (5,), ((2, 3, 0),)),
    ((), (1,), (1,), ((1, 0, 0),)),
    ((0,), (5,), (2,), ((3, 0, 1),)),
    ((2,), (5, 8), (3, 4), ((2, 0, 1), (3, 1, 2))),
)


def _samples() -> Iterator[Sample]:
    for before, sizes, kernel, along in _TRIED:
        strides, low, high = zip(*along, strict=True)
        windows = Windows(strides, low, high, (1,) * len(sizes))
        counts = counted(windows.attrs, sizes, kernel)
        for back in covers(windows, kernel):
            attrs = {**windows.attrs, "kernel": kernel, "shape": sizes, "back": back}
            yield Sample((Arg((*before, *counts)),), attrs)


structured(
    "covering_window",
    "For each element along the last dims a number of the window that contains it, so many "
    "windows further `back` than the last one could begin; 0 if there is none.",
    Kind.VIEW,
    attrs={
        **WINDOW_ATTRS, "kernel": AttrKind.INTS, "shape": AttrKind.SHAPE, "back": AttrKind.INTS,
    },
    infer=_type, reference=_reference, vjp=_vjp, batch=member_by_member,
    lowering=Pointwise(_element),
    dtypes=ALL, samples=tuple(_samples()), exact=True,
)  # fmt: skip
