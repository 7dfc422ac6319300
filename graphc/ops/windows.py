"""Windows that slide along the last dims of a tensor: their geometry, and views through them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any, TypeVar

import numpy as np

from graphc.ir import dims, scalar
from graphc.ir.dims import Size
from graphc.ir.dtypes import ALL
from graphc.ir.inference import Inference
from graphc.ir.lowering import Pointwise, Read
from graphc.ir.node import Node
from graphc.ir.opdef import Arg, Array, AttrKind, Kind, Sample
from graphc.ir.scalar import Expr, Index
from graphc.ir.types import Shape, TensorType
from graphc.ops.batching import from_axis, to_axis
from graphc.ops.declaring import attr, ops, structured

Attrs = dict[str, Any]
_Known = tuple[int, ...]
Conditions = tuple[Expr | None, ...]
_Part = TypeVar("_Part", int, Size)

#: Along every spatial dim: the distance of windows, the padding before and after (a negative one
#: cuts off), the distance of the elements of a window.
WINDOW_ATTRS = {
    "strides": AttrKind.INTS,
    "low": AttrKind.SHAPE,
    "high": AttrKind.SHAPE,
    "dilations": AttrKind.INTS,
}


@dataclass(frozen=True, slots=True)
class Windows:
    """Element k of window y lies at y*stride + k*dilation - low along every spatial dim."""

    strides: tuple[int, ...]
    low: Shape
    high: Shape
    dilations: tuple[int, ...]

    @staticmethod
    def of(owner: Node | Inference) -> Windows:
        """The windows of a node, or of a node whose type is being found."""
        return Windows(*(tuple(attr(owner, key)) for key in WINDOW_ATTRS))

    @property
    def attrs(self) -> Attrs:
        """As attributes of a node."""
        return {key: getattr(self, key) for key in WINDOW_ATTRS}

    @property
    def rank(self) -> int:
        """The number of spatial dims."""
        return len(self.strides)

    def counts(self, sizes: Shape, kernel: Shape) -> Shape:
        """How many windows there are along each dim."""
        rooms = zip(self.rooms(sizes, kernel), self.strides, strict=True)
        return tuple(dims.floordiv(room, stride) + 1 for room, stride in rooms)

    def rooms(self, sizes: Shape, kernel: Shape) -> Iterator[Size]:
        """How far a window can be moved along each dim; less than 0 if it does not fit."""
        for size, low, high, n, dilation in zip(
            sizes, self.low, self.high, kernel, self.dilations, strict=True
        ):
            yield size + low + high - dilation * (n - 1) - 1

    def element(self, window: Index, place: Index, sizes: Shape) -> tuple[Index, Conditions]:
        """Where an element of a window lies, and the conditions for its not being padding.

        Windows end before the padding does, so none leaves at the end if nothing is added there.
        """
        steps = zip(window, place, self.strides, self.dilations, self.low, strict=True)
        found = tuple(y * stride + k * dilation - low for y, k, stride, dilation, low in steps)
        conditions = []
        for position, size, high in zip(found, sizes, self.high, strict=True):
            ends_inside = dims.is_nonnegative(-high)
            conditions.append(_inside(position, size, check_end=not ends_inside))
        return found, tuple(conditions)

    def window(self, position: Index, place: Index, counts: Shape) -> tuple[Index, Conditions]:
        """The window of which a position is the element at a place, and the conditions for one."""
        found, conditions = [], []
        steps = zip(position, place, self.strides, self.dilations, self.low, counts, strict=True)
        for i, k, stride, dilation, low, count in steps:
            distance = i + low - k * dilation
            found.append(dims.floordiv(distance, stride))
            conditions.append(_is_zero(dims.remainder(distance, stride)))
            conditions.append(_inside(found[-1], count, check_end=True))
        return tuple(found), tuple(conditions)

    def check(self, inference: Inference, sizes: Shape, kernel: Shape) -> Shape:
        """The numbers of windows; ShapeError if the attributes or the sizes do not fit."""
        for key in WINDOW_ATTRS:
            if len(getattr(self, key)) != self.rank:
                inference.fail("strides, low, high and dilations need an entry for every dim")
        if any(step < 1 for step in (*self.strides, *self.dilations)):
            inference.fail("strides and dilations must be at least 1")
        for k, room in enumerate(self.rooms(sizes, kernel)):
            if kernel[k] == 0:
                inference.fail(f"a window needs at least one element along spatial dim {k}")
            if dims.is_nonnegative(-room - 1):
                padded = sizes[k] + self.low[k] + self.high[k]
                inference.fail(
                    f"a window over {padded - room} elements is larger than spatial dim {k}, "
                    f"{padded} elements with padding; pad more or use a smaller window"
                )
            inference.not_negative(room)
        return self.counts(sizes, kernel)


def _inside(position: Size, size: Size, *, check_end: bool) -> Expr | None:
    if check_end:
        return scalar.in_bounds(position, size)
    if dims.is_nonnegative(position):
        return None
    return scalar.compare("ge", scalar.index(position), scalar.index(0))


def _is_zero(rest: Size) -> Expr | None:
    return None if rest == 0 else scalar.compare("eq", scalar.index(rest), scalar.index(0))


def all_of(conditions: Conditions) -> Expr | None:
    """The conditions as one; None if there is none."""
    given = [condition for condition in conditions if condition is not None]
    return scalar.logical_and(*given) if given else None


def places(kernel: _Known) -> Iterator[_Known]:
    """All positions in a window whose sizes are known."""
    return product(*(range(n) for n in kernel))


def padded(attrs: Attrs, x: Array, value: float = 0) -> Array:
    """The array with padding along its last dims, or cut where that is negative."""
    lead = x.ndim - len(attrs["strides"])
    widths = [(0, 0)] * lead + list(zip(attrs["low"], attrs["high"], strict=True))
    grown = np.pad(
        x, [(max(a, 0), max(b, 0)) for a, b in widths], constant_values=x.dtype.type(value)
    )
    cut = [slice(max(-a, 0), n - max(-b, 0)) for (a, b), n in zip(widths, grown.shape, strict=True)]
    return np.asarray(grown[tuple(cut)])


def counted(attrs: Attrs, sizes: _Known, kernel: _Known) -> _Known:
    """How many windows start where they end inside the padded sizes."""
    ends = zip(sizes, attrs["low"], attrs["high"], kernel, attrs["dilations"], strict=True)
    starts = [n + low + high - d * (k - 1) for n, low, high, k, d in ends]
    return tuple(len(range(0, n, s)) for n, s in zip(starts, attrs["strides"], strict=True))


def strided(attrs: Attrs, place: _Known, counts: _Known) -> tuple[Any, ...]:
    """Where, in a padded array, the elements at one place of all windows are."""
    steps = zip(place, attrs["dilations"], attrs["strides"], counts, strict=True)
    found = [slice(k * d, k * d + max((n - 1) * s + 1, 0), s) for k, d, s, n in steps]
    return (..., *found)


def _split(
    shape: tuple[_Part, ...], rank: int
) -> tuple[tuple[_Part, ...], tuple[_Part, ...], tuple[_Part, ...]]:
    """(dims along a window, the dims between, spatial dims) of a shape."""
    return shape[:rank], shape[rank : len(shape) - rank], shape[len(shape) - rank :]


def _windows_type(inference: Inference) -> TensorType:
    source, windows = inference.tensor(0), Windows.of(inference)
    if source.rank < 2 * windows.rank:
        inference.fail(f"needs the {windows.rank} dims of a window and as many spatial ones")
    kernel, between, sizes = _split(source.shape, windows.rank)
    return source.with_shape((*kernel, *between, *windows.check(inference, sizes, kernel)))


def _windows_element(node: Node, index: Index, read: Read) -> Expr:
    windows, source = Windows.of(node), node.inputs[0].shape
    place, between, window = _split(index, windows.rank)
    _, _, sizes = _split(source, windows.rank)
    position, conditions = windows.element(window, place, sizes)
    where = all_of(conditions)
    found = read(0, (*place, *between, *position), where)
    fill = scalar.const(attr(node, "value"), node.dtype)
    return found if where is None else scalar.select(where, found, fill)


def _windows_reference(attrs: Attrs, x: Array) -> Array:
    rank = len(attrs["strides"])
    kernel, between, sizes = _split(x.shape, rank)
    whole, counts = padded(attrs, x, attrs["value"]), counted(attrs, sizes, kernel)
    result = np.empty((*kernel, *between, *counts), x.dtype)
    for place in places(kernel):
        result[place] = whole[place][strided(attrs, place, counts)]
    return result


def _adjoint_of(result: Node, g: Node) -> Node:
    windows = Windows.of(result)
    return ops.windows_adjoint(g, **windows.attrs, shape=result.inputs[0].shape[-windows.rank :])


def _windows_jvp(result: Node, tangents: tuple[Node | None, ...]) -> Node:
    (tangent,) = tangents
    assert tangent is not None
    return ops.windows(tangent, **Windows.of(result).attrs, value=0.0)


def _line(stride: int, low: int, high: int, dilation: int = 1) -> Attrs:
    return {"strides": (stride,), "low": (low,), "high": (high,), "dilations": (dilation,)}


def _plane(strides: _Known, low: _Known, high: _Known, dilations: _Known = (1, 1)) -> Attrs:
    return {"strides": strides, "low": low, "high": high, "dilations": dilations}


#: (dims of a window, dims between, spatial dims, attributes) of the samples of both ops.
_TRIED: tuple[tuple[_Known, _Known, _Known, Attrs], ...] = (
    ((3,), (), (7,), _line(1, 0, 0)),
    ((2,), (3,), (20,), _line(2, 0, 0)),
    ((3,), (2,), (9,), _line(2, 1, 2, 2)),
    ((1,), (), (1,), _line(1, 0, 0)),
    ((2,), (0,), (5,), _line(3, 0, 1)),
    ((4,), (2,), (3,), _line(1, 3, 0)),
    ((2,), (), (9,), _line(2, -1, -2)),
    ((2, 3), (2,), (5, 8), _plane((2, 1), (0, 1), (1, 1))),
    ((3, 2), (1, 2), (6, 19), _plane((1, 3), (1, 0), (0, 0), (2, 1))),
)


def _batch(node: Node, inputs: tuple[Node, ...], batched: tuple[bool, ...], size: Size) -> Node:
    """The batch is one more of the dims between those of a window and the spatial ones."""
    (x,), rank = inputs, Windows.of(node).rank
    return from_axis(node.op(to_axis(x, rank), **node.attrs), rank)


structured(
    "windows",
    "Elements of sliding windows: of each place in a window, the slices it takes along the last "
    "dims as the window moves; padding has one value.",
    Kind.VIEW, attrs={**WINDOW_ATTRS, "value": AttrKind.FLOAT}, infer=_windows_type,
    reference=_windows_reference, vjp=lambda r, g: (_adjoint_of(r, g),), jvp=_windows_jvp,
    batch=_batch,
    lowering=Pointwise(_windows_element), dtypes=ALL,
    samples=tuple(
        Sample((Arg((*kernel, *between, *sizes)),), {**attrs, "value": float(number % 2)})
        for number, (kernel, between, sizes, attrs) in enumerate(_TRIED)
    ),
    exact=True,
)  # fmt: skip


def _windows_adjoint_type(inference: Inference) -> TensorType:
    source, windows = inference.tensor(0), Windows.of(inference)
    sizes = tuple(attr(inference, "shape"))
    if source.rank < 2 * windows.rank or len(sizes) != windows.rank:
        inference.fail(f"needs the {windows.rank} dims of a window and as many spatial ones")
    kernel, between, counts = _split(source.shape, windows.rank)
    wanted = windows.check(inference, sizes, kernel)
    inference.same_shape(wanted, counts, "the numbers of windows and the last dims")
    return source.with_shape((*kernel, *between, *sizes))


def _windows_adjoint_element(node: Node, index: Index, read: Read) -> Expr:
    windows = Windows.of(node)
    place, between, position = _split(index, windows.rank)
    _, _, counts = _split(node.inputs[0].shape, windows.rank)
    window, conditions = windows.window(position, place, counts)
    where = all_of(conditions)
    found = read(0, (*place, *between, *window), where)
    return found if where is None else scalar.select(where, found, scalar.const(0, node.dtype))


def _windows_adjoint_reference(attrs: Attrs, g: Array) -> Array:
    kernel, between, counts = _split(g.shape, len(attrs["strides"]))
    whole = padded(attrs, np.zeros((*kernel, *between, *attrs["shape"]), g.dtype))
    for place in places(kernel):
        whole[place][strided(attrs, place, counts)] = g[place]
    back = {"low": [-n for n in attrs["low"]], "high": [-n for n in attrs["high"]]}
    return padded({**attrs, **back}, whole)


structured(
    "windows_adjoint",
    "For each place in a window, zeros with the elements put where windows would read them.",
    Kind.VIEW, attrs={**WINDOW_ATTRS, "shape": AttrKind.SHAPE}, infer=_windows_adjoint_type,
    reference=_windows_adjoint_reference,
    vjp=lambda r, g: (ops.windows(g, **Windows.of(r).attrs, value=0.0),),
    batch=_batch,
    lowering=Pointwise(_windows_adjoint_element), dtypes=ALL,
    samples=tuple(
        Sample(
            (
                Arg((*kernel, *between, *counted(attrs, sizes, kernel))),
            ),
            {**attrs, "shape": sizes},
        )
        for kernel, between, sizes, attrs in _TRIED
    ),
    exact=True,
)  # fmt: skip
