"""Attention: rows that are weighted by how well their keys fit a query."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from graphc.api import elementwise as el
from graphc.api.blame import fail_attribute, fail_shape
from graphc.api.creation import arange
from graphc.api.linalg import matmul
from graphc.api.manipulation import expand_dims, matrix_transpose
from graphc.api.operands import TensorLike, graph_of, to_nodes
from graphc.api.softmax import softmax
from graphc.ir.dims import Dim, unify
from graphc.ir.dtypes import int32

if TYPE_CHECKING:
    from graphc.api.tensor import Tensor


def scaled_dot_product_attention(
    query: TensorLike,
    key: TensorLike,
    value: TensorLike,
    /,
    *,
    mask: TensorLike | None = None,
    causal: bool = False,
    scale: float | None = None,
) -> Tensor:
    """softmax(query @ key.mT * scale) @ value.

    `query` is (..., n, d), `key` (..., m, d) and `value` (..., m, e); the result is (..., n, e).
    `scale` is 1/sqrt(d) unless told otherwise. A `mask` (..., n, m) is added to the scores or, if
    it is bool, keeps those where it is true; `causal` keeps those of keys that are not after the
    query. Source: Vaswani et al., "Attention Is All You Need", 2017.
    """
    op = "scaled_dot_product_attention"
    graph = graph_of(op, query, key, value, mask)
    q, k, v = (graph.tensor(node) for node in to_nodes(op, query, key, value))
    if min(q.ndim, k.ndim, v.ndim) < 2:
        fail_shape(op, f"needs rows, not {q!r}, {k!r} and {v!r}")
    if unify(q.shape[-1], k.shape[-1]) is None:
        fail_shape(op, f"needs rows of one length in query and key, not {q!r} and {k!r}")
    if unify(k.shape[-2], v.shape[-2]) is None:
        fail_shape(op, f"needs as many rows in key as in value, not {k!r} and {v!r}")
    size = q.shape[-1]
    if scale is None and (isinstance(size, Dim) or size == 0):
        fail_attribute(op, f"needs a scale for rows of {size} elements")
    factor = 1 / math.sqrt(size) if scale is None else scale
    scores = matmul(q, matrix_transpose(k)) * factor
    if causal:
        at_query, at_key = (arange(n, dtype=int32) for n in scores.shape[-2:])
        scores = el.where(expand_dims(at_query, 1) >= at_key, scores, -math.inf)
    if mask is not None:
        scores = _masked(scores, mask)
    return matmul(softmax(scores, -1), v)


def _masked(scores: Tensor, mask: TensorLike) -> Tensor:
    node = to_nodes("scaled_dot_product_attention", mask)[0]
    masking = scores.graph.tensor(node)
    return el.where(masking, scores, -math.inf) if node.dtype.is_bool else scores + masking
