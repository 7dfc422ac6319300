"""Functions that rearrange the elements of one tensor. They are views: no elements are copied."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from graphc.api.blame import fail_attribute, fail_shape
from graphc.api.broadcasting import fitted
from graphc.api.operands import TensorLike, graph_of, to_node
from graphc.api.shapes import (
    AxesLike,
    ShapeLike,
    as_axes,
    as_axis,
    as_int,
    as_list,
    as_shape,
    is_several,
    size_node,
)
from graphc.ir.dims import Dim, Size, floordiv, product
from graphc.ir.dtypes import int64
from graphc.ir.node import Node
from graphc.ir.types import Shape
from graphc.ops import ops

if TYPE_CHECKING:
    from graphc.api.tensor import Tensor


def reshape(x: TensorLike, /, shape: ShapeLike) -> Tensor:
    """The same elements in row-major order under another shape.

    One size may be -1: it follows from the others. If whether the sizes fit is known only when
    fed, it is checked then.
    """
    graph, node = graph_of("reshape", x), to_node("reshape", x)
    return graph.tensor(reshaped(node, _completed(node, as_shape("reshape", shape, least=-1))))


def flatten(x: TensorLike, /) -> Tensor:
    """The elements in row-major order in one dim."""
    graph, node = graph_of("flatten", x), to_node("flatten", x)
    return graph.tensor(reshaped(node, (product(node.shape),)))


def reshaped(node: Node, shape: Shape) -> Node:
    """The node under another shape; itself if it has that shape."""
    return node if node.shape == shape else ops.reshape(node, shape=shape)


def _completed(node: Node, shape: Shape) -> Shape:
    """The shape with -1 replaced by the size that is left over for it."""
    if shape.count(-1) > 1:
        fail_shape("reshape", f"only one size can be -1, not {shape.count(-1)} of {list(shape)}")
    if -1 not in shape:
        return shape
    others = product(size for size in shape if size != -1)
    if others == 0:
        fail_shape("reshape", f"nothing follows for -1 in {list(shape)}, since another size is 0")
    rest = floordiv(node.tensor.size, others)
    return tuple(rest if size == -1 else size for size in shape)


def expand_dims(x: TensorLike, /, axis: int | Sequence[int] = 0) -> Tensor:
    """The tensor with dims of size 1 inserted, which are at `axis` in the result."""
    graph, node = graph_of("expand_dims", x), to_node("expand_dims", x)
    several = as_list(axis)
    rank = len(node.shape) + len(several)
    new = as_axes("expand_dims", several, rank)
    rest = iter(node.shape)
    return graph.tensor(reshaped(node, tuple(1 if k in new else next(rest) for k in range(rank))))


def squeeze(x: TensorLike, /, axis: int | Sequence[int]) -> Tensor:
    """The tensor without the dims at `axis`, which must be of size 1."""
    graph, node = graph_of("squeeze", x), to_node("squeeze", x)
    axes = as_axes("squeeze", axis, len(node.shape))
    for k in axes:
        if node.shape[k] != 1:
            fail_shape("squeeze", f"axis {k} of {node.type} is not of size 1")
    return graph.tensor(
        reshaped(node, tuple(size for k, size in enumerate(node.shape) if k not in axes))
    )


def permute_dims(x: TensorLike, /, axes: Sequence[int]) -> Tensor:
    """The dims in another order: result dim k is dim axes[k] of x."""
    graph, node = graph_of("permute_dims", x), to_node("permute_dims", x)
    rank = len(node.shape)
    order = tuple(as_axis("permute_dims", axis, rank) for axis in axes)
    if sorted(order) != list(range(rank)):
        fail_shape("permute_dims", f"axes {list(axes)} are not a permutation of {rank} dims")
    return graph.tensor(permuted(node, order))


def permuted(node: Node, order: tuple[int, ...]) -> Node:
    """The node with its dims in another order; itself if it is the same."""
    return node if order == tuple(range(len(order))) else ops.permute_dims(node, axes=order)


def matrix_transpose(x: TensorLike, /) -> Tensor:
    """The last two dims exchanged."""
    graph, node = graph_of("matrix_transpose", x), to_node("matrix_transpose", x)
    rank = len(node.shape)
    if rank < 2:
        fail_shape("matrix_transpose", f"needs at least two dims, not {node.type}")
    return graph.tensor(permuted(node, (*range(rank - 2), rank - 1, rank - 2)))


def moveaxis(
    x: TensorLike, source: int | Sequence[int], destination: int | Sequence[int], /
) -> Tensor:
    """The dims at `source` moved to `destination`; the others keep their order."""
    graph, node = graph_of("moveaxis", x), to_node("moveaxis", x)
    rank = len(node.shape)
    pairs = [
        [as_axis("moveaxis", axis, rank) for axis in as_list(k)] for k in (source, destination)
    ]
    if any(len(set(part)) != len(part) for part in pairs) or len(pairs[0]) != len(pairs[1]):
        fail_shape("moveaxis", f"cannot move axes {source} to {destination}")
    moved = dict(zip(pairs[1], pairs[0], strict=True))
    rest = iter(axis for axis in range(rank) if axis not in pairs[0])
    return graph.tensor(
        permuted(node, tuple(moved[k] if k in moved else next(rest) for k in range(rank)))
    )


def flip(x: TensorLike, /, *, axis: AxesLike = None) -> Tensor:
    """The elements in reverse order along axes (all of them unless told otherwise)."""
    graph, node = graph_of("flip", x), to_node("flip", x)
    axes = as_axes("flip", axis, len(node.shape))
    return graph.tensor(ops.flip(node, axes=axes) if axes else node)


def rot90(x: TensorLike, /, k: int = 1, *, axes: tuple[int, int] = (0, 1)) -> Tensor:
    """The plane of two axes turned k times by a right angle, from the first to the second."""
    graph, node = graph_of("rot90", x), to_node("rot90", x)
    rank, several = len(node.shape), as_list(axes)
    if len(several) != 2:
        fail_attribute("rot90", f"needs two axes, not {axes!r}")
    first, second = (as_axis("rot90", axis, rank) for axis in several)
    if first == second:
        fail_attribute("rot90", f"needs two different axes, not {axes!r}")
    order = list(range(rank))
    order[first], order[second] = second, first
    match as_int("rot90", k, "k") % 4:
        case 1:
            node = permuted(ops.flip(node, axes=(second,)), tuple(order))
        case 2:
            node = ops.flip(node, axes=tuple(sorted((first, second))))
        case 3:
            node = ops.flip(permuted(node, tuple(order)), axes=(second,))
    return graph.tensor(node)


def roll(
    x: TensorLike, /, shift: int | Sequence[int], *, axis: int | Sequence[int] | None = None
) -> Tensor:
    """The elements moved by `shift` positions along axes; those that leave re-enter in front.

    Without an axis, along the row-major order of all elements.
    """
    graph, node = graph_of("roll", x), to_node("roll", x)
    if axis is None:
        line = reshaped(node, (product(node.shape),))
        return graph.tensor(reshaped(_rolled(line, as_int("roll", shift, "shift"), 0), node.shape))
    axes = as_list(axis)
    shifts = as_list(shift) if is_several(shift) else [shift] * len(axes)
    if len(shifts) != len(axes):
        fail_attribute("roll", f"{len(shifts)} shifts do not fit {len(axes)} axes")
    for amount, k in zip(shifts, axes, strict=True):
        node = _rolled(node, as_int("roll", amount, "shift"), as_axis("roll", k, len(node.shape)))
    return graph.tensor(node)


def _rolled(node: Node, shift: int, axis: int) -> Node:
    size = node.shape[axis]
    if isinstance(size, Dim):
        return _rolled_when_fed(node, shift, axis)
    cut = -shift % size if size else 0
    if cut == 0:
        return node
    back, front = sliced(node, axis, cut, size - cut), sliced(node, axis, 0, cut)
    return ops.concat(back, front, axis=axis)


def _rolled_when_fed(node: Node, shift: int, axis: int) -> Node:
    """Reads at (position - shift) modulo a size that is known when fed."""
    size = node.shape[axis]
    place = ops.iota(shape=(size,), axis=0, dtype=int64)
    moved = ops.sub(place, fitted(size_node(shift), (size,)))
    where = ops.remainder(moved, fitted(size_node(size), (size,)))
    return ops.gather(node, where, axes=(axis,), position=axis)


def sliced(node: Node, axis: int, start: Size, count: Size) -> Node:
    """The elements from start along one axis."""
    rank = len(node.shape)
    return ops.slice(
        node,
        start=tuple(start if k == axis else 0 for k in range(rank)),
        step=(1,) * rank,
        shape=tuple(count if k == axis else size for k, size in enumerate(node.shape)),
    )


def tile(x: TensorLike, repetitions: int | Sequence[int], /) -> Tensor:
    """The tensor laid side by side with itself, as often along each of the last dims as told."""
    graph, node = graph_of("tile", x), to_node("tile", x)
    counts = as_list(repetitions)
    times = [as_int("tile", count, "a number of repetitions") for count in counts]
    rank = max(len(times), len(node.shape))
    times = [1] * (rank - len(times)) + times
    shape = (1,) * (rank - len(node.shape)) + node.shape
    pairs = [pair for count, size in zip(times, shape, strict=True) for pair in (count, size)]
    apart = reshaped(node, tuple(part for size in shape for part in (1, size)))
    together = tuple(count * size for count, size in zip(times, shape, strict=True))
    return graph.tensor(reshaped(fitted(apart, tuple(pairs)), together))


def repeat(x: TensorLike, repeats: int, /, *, axis: int | None = None) -> Tensor:
    """Each element `repeats` times in a row along an axis, or without one in row-major order."""
    graph, node = graph_of("repeat", x), to_node("repeat", x)
    times = as_int("repeat", repeats, "repeats")
    if axis is None:
        node, axis = reshaped(node, (product(node.shape),)), 0
    k = as_axis("repeat", axis, len(node.shape))
    lead, size, rest = node.shape[:k], node.shape[k], node.shape[k + 1 :]
    apart = reshaped(node, (*lead, size, 1, *rest))
    spread = fitted(apart, (*lead, size, times, *rest))
    return graph.tensor(reshaped(spread, (*lead, size * times, *rest)))


def stop_gradient(x: TensorLike, /) -> Tensor:
    """The tensor itself, taken as constant by derivatives."""
    graph, node = graph_of("stop_gradient", x), to_node("stop_gradient", x)
    return graph.tensor(ops.stop_gradient(node))


def identity(x: TensorLike, /, name: str | None = None) -> Tensor:
    """The tensor itself, under a name of its own by which it can be fetched."""
    graph, node = graph_of("identity", x), to_node("identity", x)
    if name is None:
        return graph.tensor(ops.identity(node))
    return graph.named("identity", name, lambda: ops.identity(node, name=name))
