"""The maximum of sliding windows, whose derivative reads windows at each element."""

from __future__ import annotations

import numpy as np

from graphc.ir.dtypes import FLOATS, INTEGERS, DType
from graphc.ir.inference import Inference
from graphc.ir.lowering import Composite
from graphc.ir.node import Node
from graphc.ir.opdef import Arg, Array, AttrKind, Kind, Sample
from graphc.ir.types import Shape, TensorType
from graphc.ops.algebra import div, equal, mul
from graphc.ops.declaring import attr, member_by_member, ops, structured
from graphc.ops.windows import WINDOW_ATTRS, Attrs, Windows, counted, padded, places, strided


def least(dtype: DType) -> float:
    """The value that no number of a dtype is below."""
    return -np.inf if dtype.is_float else float(np.iinfo(dtype.numpy).min)


def _kernel(result: Node) -> Shape:
    return tuple(attr(result, "shape"))


def _maximum_type(inference: Inference) -> TensorType:
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
    view = elements(x, Windows.of(result), _kernel(result), least(x.dtype))
    return ops.max(view, axes=_places(result))


def _places(result: Node) -> tuple[int, ...]:
    return tuple(range(len(_kernel(result))))


def _ties(result: Node) -> Node:
    """1 for each element of a window that is its maximum, else 0; 0 for padding."""
    (x,) = result.inputs
    view = elements(x, Windows.of(result), _kernel(result), np.nan)
    return ops.astype(equal(view, ops.broadcast_to(result, shape=view.shape)), dtype=x.dtype)


def _vjp(result: Node, g: Node) -> tuple[Node | None, ...]:
    """For each element the sum of its shares in the windows that contain it."""
    (x,) = result.inputs
    share = div(g, ops.sum(_ties(result), axes=_places(result)))
    is_maximum = equal(ops.broadcast_to(x, shape=(*_kernel(result), *x.shape)), _at(result, result))
    parts = mul(ops.astype(is_maximum, dtype=x.dtype), _at(result, share))
    return (ops.sum(parts, axes=_places(result)),)


def _at(result: Node, node: Node) -> Node:
    """A number of each window, at each element and place that it can have in a window."""
    windows, (x,) = Windows.of(result), result.inputs
    repeated = ops.broadcast_to(node, shape=(*_kernel(result), *node.shape))
    sizes = x.shape[len(x.shape) - windows.rank :]
    return ops.windows_adjoint(repeated, **windows.attrs, shape=sizes)


def _jvp(result: Node, tangents: tuple[Node | None, ...]) -> Node:
    (tangent,), ties = tangents, _ties(result)
    assert tangent is not None
    moved = elements(tangent, Windows.of(result), _kernel(result), 0)
    count = ops.sum(ties, axes=_places(result))
    return div(ops.sum(mul(moved, ties), axes=_places(result)), count)


def _reference(attrs: Attrs, x: Array) -> Array:
    rank, kernel = len(attrs["strides"]), tuple(attrs["shape"])
    low = -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
    whole, counts = padded(attrs, x, low), counted(attrs, x.shape[x.ndim - rank :], kernel)
    result = np.full((*x.shape[: x.ndim - rank], *counts), low, x.dtype)
    for place in places(kernel):
        result = np.maximum(result, whole[strided(attrs, place, counts)])
    return result


#: shape of data, size of a window, (stride, low, high, dilation) along every dim
_TRIED: tuple[tuple[tuple[int, ...], tuple[int, ...], tuple[tuple[int, ...], ...]], ...] = (
    ((7,), (3,), ((1, 0, 0, 1),)),
    ((3, 20), (2,), ((2, 0, 0, 1),)),
    ((2, 9), (3,), ((2, 1, 2, 2),)),
    ((1,), (1,), ((1, 0, 0, 1),)),
    ((0, 5), (2,), ((3, 0, 1, 1),)),
    ((2, 3), (4,), ((1, 3, 0, 1),)),
    ((2, 5, 8), (2, 3), ((2, 0, 1, 1), (1, 1, 1, 1))),
    ((1, 2, 6, 19), (3, 2), ((1, 1, 0, 2), (3, 0, 0, 1))),
)

structured(
    "window_max",
    "Maximum of every window along the last dims, NaN if there is one; padding counts as the "
    "least value of the dtype. Elements of a window that tie share its derivative equally.",
    Kind.GATHER,  # a reduction combines whole axes
    attrs={**WINDOW_ATTRS, "shape": AttrKind.SHAPE}, infer=_maximum_type,
    reference=_reference, vjp=_vjp, jvp=_jvp, batch=member_by_member,
    lowering=Composite(maximum_of),
    dtypes=FLOATS + INTEGERS,
    samples=tuple(
        Sample(
            (Arg(shape, spread=True),),
            {**dict(zip(WINDOW_ATTRS, zip(*along, strict=True), strict=True)), "shape": kernel},
        )
        for shape, kernel, along in _TRIED
    ),
)  # fmt: skip
