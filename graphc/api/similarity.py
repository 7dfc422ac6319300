"""How far vectors are from one another, and how much they point the same way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphc.api import elementwise as el
from graphc.api import reductions
from graphc.api.blame import fail_shape
from graphc.api.broadcasting import broadcast_arrays, common_shape
from graphc.api.manipulation import expand_dims
from graphc.api.norms import vector_norm
from graphc.api.operands import TensorLike, graph_of, to_nodes
from graphc.ir.dims import unify

if TYPE_CHECKING:
    from graphc.api.tensor import Tensor


def cosine_similarity(
    x1: TensorLike, x2: TensorLike, /, *, axis: int = -1, epsilon: float = 1e-8
) -> Tensor:
    """The cosine of the angle between vectors along an axis; the other dims broadcast.

    Norms below epsilon count as epsilon.
    """
    units = [
        x / el.maximum(vector_norm(x, axis=axis, keepdims=True), epsilon)
        for x in broadcast_arrays(*_pair("cosine_similarity", x1, x2))
    ]
    return reductions.sum(units[0] * units[1], axis)


def pairwise_distance(
    x1: TensorLike,
    x2: TensorLike,
    /,
    *,
    ord: float = 2,
    epsilon: float = 1e-6,
    keepdims: bool = False,
) -> Tensor:
    """The norm of x1 - x2 + epsilon along the last dim; the other dims broadcast.

    epsilon keeps the derivative finite where the vectors are equal.
    """
    gap = el.subtract(x1, x2) + epsilon
    return vector_norm(gap, axis=-1, keepdims=keepdims, ord=ord)


def cdist(x1: TensorLike, x2: TensorLike, /, *, ord: float = 2) -> Tensor:
    """The distances (..., m, n) of all pairs of one of m vectors and one of n.

    x1 is (..., m, k) and x2 (..., n, k); leading dims broadcast. `ord` is that of
    `gc.linalg.vector_norm`. Where two vectors are equal the derivative is 0.
    """
    op = "cdist"
    first, second = _pair(op, x1, x2)
    if first.ndim < 2 or second.ndim < 2:
        fail_shape(op, f"needs rows of vectors, not {first!r} and {second!r}")
    if unify(first.shape[-1], second.shape[-1]) is None:
        fail_shape(op, f"vectors of {first.shape[-1]} and of {second.shape[-1]} elements")
    common_shape(op, [first.shape[:-2], second.shape[:-2]])
    gaps = expand_dims(first, -2) - expand_dims(second, -3)
    return vector_norm(gaps, axis=-1, ord=ord)


def _pair(op: str, x1: TensorLike, x2: TensorLike) -> list[Tensor]:
    graph = graph_of(op, x1, x2)
    return [graph.tensor(node) for node in to_nodes(op, x1, x2)]
