"""The maximum and the sum of sliding windows, whose derivatives read windows at each element."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial, reduce

import numpy as np

from graphc.ir.dtypes import FLOATS, INTEGERS, DType
from graphc.ir.inference import Inference
from graphc.ir.lowering import Composite
from graphc.ir.node import Node
from graphc.ir.opdef import Arg, Array, AttrKind, Kind, Sample
from graphc.ir.types import Shape, TensorType
from graphc.ops.algebra import add, div, equal, mul
from graphc.ops.covering import covers
from graphc.ops.declaring import attr, member_by_member, ops, structured
from graphc.ops.windows import WINDOW_ATTRS, Attrs, Windows, counted, padded, places, strided

#: Windows over an element, or places in a window, that are read one by one. More are reduced over,
#: and of windows over an element all places are asked.
MOST = 9


def least(dtype: DType) -> float:
    """The value that no number of a dtype is below."""
    return -np.inf if dtype.is_float else float(np.iinfo(dtype.numpy).min)


def _kernel(result: Node) -> Shape:
    return tuple(attr(result, "shape"))


def _pooled_type(inference: Inference) -> TensorType:
    source, windows = inference.tensor(0), Windows.of(inference)
    inference.require_kind(0, "fiu", "numbers")
    kernel = tuple(attr(inference, "shape"))
    if source.rank < windows.rank or len(kernel) != windows.rank:
        inference.fail(f"needs {windows.rank} sizes of a window and as many spatial dims")
    lead = source.rank - windows.rank
    counts = windows.check(inference, source.shape[lead:], kernel)
    return source.with_shape((*source.shape[:lead], *counts))


def elements(x: Node, windows: Windows, kernel: Shape, value: float) -> Node:
    """The elements of all windows, the places in a window in front; padding has the value."""
    repeated = ops.broadcast_to(x, shape=(*kernel, *x.shape))
    return ops.windows(repeated, **windows.attrs, value=float(value))


def maximum_of(result: Node) -> Node:
    """The maximum over the places in a window."""
    (x,) = result.inputs
    return _over_places(result, least(x.dtype), lambda view: view, ops.maximum, ops.max)


def sum_of(result: Node) -> Node:
    """The sum over the places in a window."""
    return _over_places(result, 0, lambda view: view, add, ops.sum)


def _places(result: Node) -> tuple[int, ...]:
    return tuple(range(len(_kernel(result))))


def _over_places(
    result: Node, value: float, part: Callable[[Node], Node],
    combine: Callable[[Node, Node], Node], reduction: Callable[..., Node],
) -> Node:  # fmt: skip
    """What is made of the elements of each window, combined in the order of their places."""
    windows, kernel, (x,) = Windows.of(result), _kernel(result), result.inputs
    known = [n for n in kernel if isinstance(n, int)]
    if len(known) < len(kernel) or math.prod(known) > MOST:
        return reduction(part(elements(x, windows, kernel, value)), axes=_places(result))
    views = (at_place(x, windows, kernel, place, value) for place in places(tuple(known)))
    return reduce(combine, map(part, views))


def at_place(
    x: Node, windows: Windows, kernel: Shape, place: tuple[int, ...], value: float
) -> Node:
    """The element of every window at one place."""
    low, high = [], []
    for before, after, n, k, step in zip(
        windows.low, windows.high, kernel, place, windows.dilations, strict=True
    ):
        low.append(before - k * step)
        high.append(after - (n - 1 - k) * step)
    moved = replace(windows, low=tuple(low), high=tuple(high))
    single = ops.reshape(x, shape=(*(1,) * len(kernel), *x.shape))
    view = ops.windows(single, **moved.attrs, value=float(value))
    return ops.reshape(view, shape=view.shape[len(kernel) :])


def _over_windows(result: Node, part: Callable[..., Node], *numbers: Node) -> Node:
    """For each element the sum of what is made of the numbers of the windows that contain it."""
    windows, kernel, (x,) = Windows.of(result), _kernel(result), result.inputs
    sizes = x.shape[len(x.shape) - windows.rank :]
    several = covers(windows, kernel)
    if not 0 < len(several) <= MOST:
        repeated = (ops.broadcast_to(n, shape=(*kernel, *n.shape)) for n in numbers)
        at = (ops.windows_adjoint(n, **windows.attrs, shape=sizes) for n in repeated)
        return ops.sum(part(*at), axes=_places(result))
    attrs = {**windows.attrs, "kernel": kernel, "shape": sizes}
    parts = (
        part(*(ops.covering_window(n, **attrs, back=back) for n in numbers)) for back in several
    )
    return reduce(add, parts)


# The maximum ------------------------------------------------------------------------------------


def _is_maximum(result: Node, view: Node) -> Node:
    """1 where an element of a window is its maximum, else 0; 0 for padding."""
    ties = equal(view, ops.broadcast_to(result, shape=view.shape))
    return ops.astype(ties, dtype=result.dtype)


def _ties(result: Node) -> Node:
    """How many elements of each window are its maximum."""
    return _over_places(result, np.nan, partial(_is_maximum, result), add, ops.sum)


def _maximum_vjp(result: Node, g: Node) -> tuple[Node | None, ...]:
    """For each element the sum of its shares in the windows that contain it."""
    (x,) = result.inputs

    def part(maximum: Node, share: Node) -> Node:
        is_maximum = equal(ops.broadcast_to(x, shape=maximum.shape), maximum)
        return mul(ops.astype(is_maximum, dtype=x.dtype), share)

    share = div(g, _ties(result))
    return (_over_windows(result, part, result, share),)


def _maximum_jvp(result: Node, tangents: tuple[Node | None, ...]) -> Node:
    windows, kernel, (x,), (tangent,) = (
        Windows.of(result), _kernel(result), result.inputs, tangents
    )  # fmt: skip
    assert tangent is not None
    maxima = _is_maximum(result, elements(x, windows, kernel, np.nan))
    moved = mul(elements(tangent, windows, kernel, 0), maxima)
    return div(ops.sum(moved, axes=_places(result)), _ties(result))


def _maximum_reference(attrs: Attrs, x: Array) -> Array:
    low = -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
    return _reference(attrs, x, low, np.maximum)


def _reference(attrs: Attrs, x: Array, padding: float, combined: Callable[..., Array]) -> Array:
    rank, kernel = len(attrs["strides"]), tuple(attrs["shape"])
    whole, counts = padded(attrs, x, padding), counted(attrs, x.shape[x.ndim - rank :], kernel)
    result = np.full((*x.shape[: x.ndim - rank], *counts), padding, x.dtype)
    for place in places(kernel):
        result = combined(result, whole[strided(attrs, place, counts)])
    return result


# The sum ----------------------------------------------------------------------------------------


def _sum_vjp(result: Node, g: Node) -> tuple[Node | None, ...]:
    return (_over_windows(result, lambda share: share, g),)


def _sum_jvp(result: Node, tangents: tuple[Node | None, ...]) -> Node:
    (tangent,) = tangents
    assert tangent is not None
    return ops.window_sum(tangent, **Windows.of(result).attrs, shape=_kernel(result))


def _sum_reference(attrs: Attrs, x: Array) -> Array:
    return _reference(attrs, x, 0, np.add)


#: shape of data, size of a window, (stride, low, high, dilation) along every dim
_TRIED: tuple[tuple[tuple[int, ...], tuple[int, ...], tuple[tuple[int, ...], ...]], ...] = (
    ((7,), (3,), ((1, 0, 0, 1),)),
    ((3, 20), (2,), ((2, 0, 0, 1),)),
    ((2, 9), (3,), ((2, 1, 2, 2),)),
    ((2, 15), (3,), ((2, 1, 1, 1),)),
    ((1,), (1,), ((1, 0, 0, 1),)),
    ((0, 5), (2,), ((3, 0, 1, 1),)),
    ((2, 3), (4,), ((1, 3, 0, 1),)),
    ((2, 5, 8), (2, 3), ((2, 0, 1, 1), (1, 1, 1, 1))),
    ((2, 12, 21), (4, 3), ((2, 1, 1, 1), (2, 0, 1, 1))),
    ((1, 2, 6, 19), (3, 2), ((1, 1, 0, 2), (3, 0, 0, 1))),
)


def _samples(*, spread: bool) -> tuple[Sample, ...]:
    made = []
    for shape, kernel, along in _TRIED:
        attrs = dict(zip(WINDOW_ATTRS, zip(*along, strict=True), strict=True))
        made.append(Sample((Arg(shape, spread=spread),), {**attrs, "shape": kernel}))
    return tuple(made)


#: How windows lie, and their size. (No reductions: those combine whole axes.)
_ATTRS = {**WINDOW_ATTRS, "shape": AttrKind.SHAPE}

structured(
    "window_max",
    "Maximum of every window along the last dims, NaN if there is one; padding counts as the "
    "least value of the dtype. Elements of a window that tie share its derivative equally.",
    Kind.GATHER, attrs=_ATTRS, infer=_pooled_type, reference=_maximum_reference,
    vjp=_maximum_vjp, jvp=_maximum_jvp, batch=member_by_member, lowering=Composite(maximum_of),
    dtypes=FLOATS + INTEGERS, samples=_samples(spread=True),
)  # fmt: skip

structured(
    "window_sum",
    "Sum of every window along the last dims; padding counts as zeros.",
    Kind.GATHER, attrs=_ATTRS, infer=_pooled_type, reference=_sum_reference,
    vjp=_sum_vjp, jvp=_sum_jvp, batch=member_by_member, lowering=Composite(sum_of),
    dtypes=FLOATS + INTEGERS, samples=_samples(spread=False),
)  # fmt: skip
