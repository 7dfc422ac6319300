"""Differences of neighbours, and the areas under lines through points."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphc.api import elementwise as el
from graphc.api import reductions
from graphc.api.blame import fail_attribute, fail_dtype
from graphc.api.joining import concat
from graphc.api.manipulation import reshaped, sliced
from graphc.api.operands import TensorLike, graph_of, to_node
from graphc.api.shapes import as_axis, as_int
from graphc.ir.dims import is_nonnegative, maximum
from graphc.ir.node import Node
from graphc.ops import ops

if TYPE_CHECKING:
    from graphc.api.tensor import Tensor


def diff(
    x: TensorLike,
    /,
    *,
    axis: int = -1,
    n: int = 1,
    prepend: TensorLike | None = None,
    append: TensorLike | None = None,
) -> Tensor:
    """Each element less the one before it along an axis, n times over.

    What is prepended and appended joins x along the axis first; for n = 0 the result is x. Of bool:
    whether they differ.
    """
    op = "diff"
    times = as_int(op, n, "n")
    if times < 0:
        fail_attribute(op, f"n must be at least 0, not {times}")
    given = (prepend, x, append) if times else (x,)  # as NumPy has it
    parts = [part for part in given if part is not None]
    node = concat(parts, axis=axis).node if len(parts) > 1 else to_node(op, x)
    along = as_axis(op, axis, len(node.shape))
    for _ in range(times):
        before, after = _neighbours(node, along)
        node = ops.ne(after, before) if node.dtype.is_bool else ops.sub(after, before)
    return graph_of(op, *parts).tensor(node)


def trapezoid(
    y: TensorLike, x: TensorLike | None = None, /, *, dx: float = 1.0, axis: int = -1
) -> Tensor:
    """The area under the line through points y along an axis, which are dx apart or lie at x.

    x is of y's shape, or has one number for each element along the axis.
    """
    return reductions.sum(_areas("trapezoid", y, x, dx, axis), axis)


def cumulative_trapezoid(
    y: TensorLike, x: TensorLike | None = None, /, *, dx: float = 1.0, axis: int = -1
) -> Tensor:
    """The running sums of the areas of `trapezoid`: one less than there are points."""
    return reductions.cumulative_sum(_areas("cumulative_trapezoid", y, x, dx, axis), axis=axis)


def _areas(op: str, y: TensorLike, x: TensorLike | None, dx: float, axis: int) -> Tensor:
    graph, node = graph_of(op, y, x), to_node(op, y)
    if not node.dtype.is_float:
        fail_dtype(op, f"needs floating point, not {node.dtype.name}; convert with gc.astype")
    along = as_axis(op, axis, len(node.shape))
    before, after = (graph.tensor(part) for part in _neighbours(node, along))
    heights = (before + after) * 0.5
    if x is None:
        return heights * dx
    places = to_node(op, x)
    if len(places.shape) == 1 < len(node.shape):
        places = reshaped(places, (*places.shape, *(1,) * (len(node.shape) - along - 1)))
    first, second = _neighbours(places, along - len(node.shape) + len(places.shape))
    return heights * el.subtract(graph.tensor(second), graph.tensor(first))


def _neighbours(node: Node, axis: int) -> tuple[Node, Node]:
    """All elements but the last, and all but the first."""
    size = node.shape[axis]
    count = size - 1 if is_nonnegative(size - 1) else maximum(size - 1, 0)
    start = size - count
    return sliced(node, axis, 0, count), sliced(node, axis, start, count)
