"""Covariances and correlations of variables that are observed together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphc.api import elementwise as el
from graphc.api import reductions
from graphc.api.blame import fail_shape
from graphc.api.formulas import astype, clip
from graphc.api.linalg import matmul
from graphc.api.manipulation import matrix_transpose, reshaped
from graphc.api.matrices import check_float
from graphc.api.matrix_parts import diagonal
from graphc.api.operands import TensorLike, graph_of, to_node
from graphc.api.shapes import filled

if TYPE_CHECKING:
    from graphc.api.tensor import Tensor


def cov(
    x: TensorLike,
    /,
    *,
    correction: float = 1.0,
    frequencies: TensorLike | None = None,
    weights: TensorLike | None = None,
) -> Tensor:
    """The covariances (n, n) of n variables, in rows, of m observations, in columns.

    x is (n, m), or (m,) for one variable: then the result is a scalar. Each observation counts as
    often as `frequencies` (m,) say, with the `weights` (m,). Sums of products are divided by
    v - correction*u/v, where v is the sum of weights and u that of weights times `weights`, which
    is the number of observations less the correction where all of them are 1; by 0 if that is
    negative. Source of the formula: `numpy.cov`.
    """
    op = "cov"
    rows = _rows(op, x)
    given = [astype(part, rows.dtype) for part in (frequencies, weights) if part is not None]
    counts = rows.graph.tensor(filled(rows.shape[1:], 1, rows.dtype))
    for part in given:
        counts = counts * part
    total = reductions.sum(counts)
    mean = reductions.sum(rows * counts, 1, keepdims=True) / total
    centred = rows - mean
    ratio = reductions.sum(counts * given[-1]) / total if weights is not None else 1.0
    divisor = el.maximum(total - correction * ratio, 0)
    found = matmul(centred * counts, matrix_transpose(centred)) / divisor
    return _of_rank(found, x)


def corrcoef(x: TensorLike, /) -> Tensor:
    """The correlations (n, n) of n variables, in rows, of observations in columns; 1 for (m,).

    NaN for a variable that does not vary.
    """
    rows = _rows("corrcoef", x)
    found = cov(rows)
    deviation = el.sqrt(diagonal(found))
    across = rows.graph.tensor(reshaped(deviation.node, (1, *deviation.shape)))
    down = rows.graph.tensor(reshaped(deviation.node, (*deviation.shape, 1)))
    return _of_rank(clip(found / down / across, -1, 1), x)


def _rows(op: str, x: TensorLike) -> Tensor:
    graph, node = graph_of(op, x), to_node(op, x)
    check_float(op, node)
    if len(node.shape) not in (1, 2):
        fail_shape(op, f"needs a vector or a matrix, not {node.type}")
    return graph.tensor(node if len(node.shape) == 2 else reshaped(node, (1, *node.shape)))


def _of_rank(found: Tensor, x: TensorLike) -> Tensor:
    """A scalar for a vector."""
    if len(to_node("cov", x).shape) == 2:
        return found
    return found.graph.tensor(reshaped(found.node, ()))
