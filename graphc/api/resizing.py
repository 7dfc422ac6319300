"""Data brought to other spatial sizes, by the nearest element or linearly between two."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Literal

from graphc.api.blame import fail_attribute, fail_dtype, fail_shape
from graphc.api.broadcasting import fitted
from graphc.api.manipulation import reshaped
from graphc.api.operands import TensorLike, graph_of, to_node
from graphc.api.shapes import ShapeLike, as_dim, as_list, is_several, size_node
from graphc.ir.dims import Size, divide, floordiv, is_nonnegative
from graphc.ir.dtypes import int64
from graphc.ir.node import Node
from graphc.ir.types import Shape
from graphc.ops import ops

if TYPE_CHECKING:
    from graphc.api.tensor import Tensor

Mode = Literal["nearest", "linear", "bilinear", "trilinear"]
_RANKS = {"bilinear": 2, "trilinear": 3}


def resize(
    x: TensorLike, /, size: ShapeLike | None = None, *,
    scale: float | Sequence[float] | None = None, mode: Mode = "nearest",
    align_corners: bool = False,
) -> Tensor:  # fmt: skip
    """The data at other spatial sizes: all dims but the first two, batch and channels.

    Either `size` or `scale` is given, one for all spatial dims or one for each; a scale makes the
    size floor(size*scale), with the scale taken as the fraction it is nearest to.

    Elements stand in the middle of cells of equal size that fill old and new data: position i of n
    lies at (i + 0.5)/n. "nearest" takes the old element in whose cell that is. "linear" (any
    number of spatial dims; also "bilinear" and "trilinear" for 2 and 3) weighs the two old
    elements beside it, and at the ends takes the last one. With `align_corners`, for linear modes,
    position i lies at i/(n - 1) instead, so that first and last elements stay. Nothing is averaged
    where data shrinks.

    >>> with gc.Graph():
    ...     x = gc.placeholder(gc.float32, ("batch", 3, 8, "width"))
    ...     shapes = gc.nn.resize(x, scale=2).shape, gc.nn.resize(x, (4, 5), mode="bilinear").shape
    >>> shapes
    ((batch, 3, 16, 2*width), (batch, 3, 4, 5))
    """
    op = "resize"
    graph, node = graph_of(op, x), to_node(op, x)
    rank = len(node.shape) - 2
    if rank < 1:
        fail_shape(op, f"needs batch, channels and spatial dims, not {node.type}")
    _check_mode(node, mode, align_corners, rank)
    for k, target in enumerate(_targets(node.shape[2:], size, scale)):
        if mode == "nearest":
            node = _nearest(node, k + 2, target)
        else:
            node = _linear(node, k + 2, target, align_corners)
    return graph.tensor(node)


def _check_mode(node: Node, mode: str, align_corners: bool, rank: int) -> None:
    if mode not in ("nearest", "linear", *_RANKS):
        fail_attribute("resize", f"mode must be 'nearest' or 'linear', not {mode!r}")
    if _RANKS.get(mode, rank) != rank:
        fail_attribute("resize", f"mode {mode!r} needs {_RANKS[mode]} spatial dims, not {rank}")
    if mode == "nearest" and align_corners:
        fail_attribute("resize", "align_corners has no meaning for mode 'nearest'")
    if mode != "nearest" and not node.dtype.is_float:
        fail_dtype("resize", f"mode {mode!r} needs floating point, not {node.dtype.name}")


def _targets(sizes: Shape, size: object, scale: object) -> Shape:
    """The new spatial sizes."""
    if (size is None) == (scale is None):
        fail_attribute("resize", "takes either a size or a scale")
    given = scale if size is None else size
    parts = as_list(given) if is_several(given) else [given] * len(sizes)
    if len(parts) != len(sizes):
        fail_attribute("resize", f"{given!r} does not fit {len(sizes)} spatial dims")
    if size is None:
        return tuple(_scaled(old, part) for old, part in zip(sizes, parts, strict=True))
    found = tuple(as_dim("resize", part) for part in parts)
    for old, new in zip(sizes, found, strict=True):
        if is_nonnegative(-new) or (old == 0 and new != 0):
            fail_shape("resize", f"cannot make {new} elements of {old}")
    return found


def _scaled(size: Size, scale: object) -> Size:
    if not isinstance(scale, int | float) or not 0 < scale < float("inf"):
        fail_attribute("resize", f"a scale must be a positive number, not {scale!r}")
    ratio = Fraction(scale).limit_denominator(1 << 16)
    return floordiv(size * ratio.numerator, ratio.denominator)


def _nearest(node: Node, axis: int, target: Size) -> Node:
    size = node.shape[axis]
    times, rest = divide(target, size) if size != 0 else (1, 0)
    if rest == 0 and isinstance(times, int):
        return _repeated(node, axis, times)
    twice = _plus(_times(ops.iota(shape=(target,), axis=0, dtype=int64), 2), 1)
    place = ops.floor_divide(_times(twice, size), fitted(size_node(2 * target), (target,)))
    return ops.gather(node, place, axes=(axis,), position=axis)


def _repeated(node: Node, axis: int, times: int) -> Node:
    lead, size, rest = node.shape[:axis], node.shape[axis], node.shape[axis + 1 :]
    if times == 1:
        return node
    apart = fitted(reshaped(node, (*lead, size, 1, *rest)), (*lead, size, times, *rest))
    return reshaped(apart, (*lead, size * times, *rest))


def _linear(node: Node, axis: int, target: Size, align_corners: bool) -> Node:
    """a*(1 - t) + b*t of the elements beside each position, the fraction t rounded once."""
    if node.shape[axis] == target:
        return node
    return ops.resize_linear(node, axis=axis, size=(target,), align_corners=align_corners)


def _times(node: Node, factor: Size) -> Node:
    return ops.mul(node, fitted(size_node(factor), node.shape))


def _plus(node: Node, number: Size) -> Node:
    return ops.add(node, fitted(size_node(number), node.shape))
