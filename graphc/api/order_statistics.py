"""What follows from the order of elements: medians, quantiles, the largest few."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

import numpy as np

from graphc.api import elementwise as el
from graphc.api.blame import fail_attribute, fail_shape
from graphc.api.formulas import astype, isnan
from graphc.api.gathering import take, take_along_axis
from graphc.api.manipulation import moveaxis, permuted, reshaped, sliced
from graphc.api.matrices import check_float
from graphc.api.operands import TensorLike, graph_of, to_array, to_node
from graphc.api.ordering import argsort, sort
from graphc.api.reductions import any as any_of
from graphc.api.shapes import AxesLike, as_axes, as_axis, as_int, size_node
from graphc.ir.dims import product
from graphc.ir.dtypes import float64, int64

if TYPE_CHECKING:
    from graphc.api.tensor import Tensor

_Parts: TypeAlias = np.ndarray[Any, np.dtype[np.float64]]

_METHODS = ("linear", "lower", "higher", "midpoint", "nearest")


class TopKResult(NamedTuple):
    """The largest elements, in order, and their positions as int64."""

    values: Tensor
    indices: Tensor


def top_k(x: TensorLike, k: int, /, *, axis: int = -1, largest: bool = True) -> TopKResult:
    """The k largest elements along an axis, the largest first; or the smallest, likewise.

    NaN counts as the greatest. Of equal elements those at the first positions are taken.
    """
    op = "top_k"
    graph, node, count = graph_of(op, x), to_node(op, x), as_int(op, k, "k")
    along = as_axis(op, axis, len(node.shape))
    size = node.shape[along]
    if count < 0 or (isinstance(size, int) and count > size):
        fail_attribute(op, f"cannot take {count} of the {size} elements along axis {axis}")
    order = argsort(x, axis=along, descending=largest)
    places = graph.tensor(sliced(order.node, along, 0, count))
    return TopKResult(take_along_axis(graph.tensor(node), places, axis=along), places)


def median(x: TensorLike, /, axis: AxesLike = None, *, keepdims: bool = False) -> Tensor:
    """The middle of the ordered elements over axes (all unless told otherwise), of floats.

    Of an even number, the mean of the two in the middle. NaN if there is one.
    """
    return _quantiles("median", x, 0.5, axis, "linear", keepdims)


def quantile(
    x: TensorLike,
    q: TensorLike,
    /,
    axis: AxesLike = None,
    *,
    method: Literal["linear", "lower", "higher", "midpoint", "nearest"] = "linear",
    keepdims: bool = False,
) -> Tensor:
    """Where a part q of the ordered elements over axes (all unless told otherwise) lies below.

    q is a number from 0 to 1 or a list of them, whose dim then stands first in the result; it is
    known. At position q*(n - 1) of n elements, `method` interpolates between two or chooses. NaN
    if there is one.
    """
    return _quantiles("quantile", x, q, axis, method, keepdims)


def _quantiles(
    op: str, x: TensorLike, q: TensorLike, axis: AxesLike, method: str, keepdims: bool
) -> Tensor:
    parts = _parts(op, q)
    if method not in _METHODS:
        fail_attribute(op, f"method must be one of {', '.join(_METHODS)}, not {method!r}")
    graph, node = graph_of(op, x), to_node(op, x)
    check_float(op, node)
    axes = as_axes(op, axis, len(node.shape))
    others = tuple(k for k in range(len(node.shape)) if k not in axes)
    lead = tuple(node.shape[k] for k in others)
    size = product(node.shape[k] for k in axes)
    if size == 0:
        fail_shape(op, f"there are no elements over the axes {axes} of {node.type}")
    rows = graph.tensor(reshaped(permuted(node, (*others, *axes)), (*lead, size)))
    ordered = sort(rows)
    found = _between(ordered, np.atleast_1d(parts), method)
    spoilt = any_of(isnan(rows), -1, keepdims=True)
    result = moveaxis(el.where(spoilt, float("nan"), found), -1, 0)
    kept = tuple(1 if k in axes else n for k, n in enumerate(node.shape)) if keepdims else lead
    return graph.tensor(reshaped(result.node, (*parts.shape, *kept)))


def _parts(op: str, q: TensorLike) -> _Parts:
    parts = np.asarray(to_array(op, q, float64), np.float64)
    if parts.ndim > 1:
        fail_shape(op, f"q must be a number or a list of them, not of shape {list(parts.shape)}")
    if not np.all((parts >= 0) & (parts <= 1)):
        fail_attribute(op, f"q must be from 0 to 1, not {q!r}")
    return parts


def _between(ordered: Tensor, parts: _Parts, method: str) -> Tensor:
    """The elements at positions parts*(n - 1) of the last dim, or what lies between two."""
    last = ordered.graph.tensor(size_node(ordered.shape[-1] - 1, float64))
    place = el.multiply(last, parts)
    below, above = el.floor(place), el.ceil(place)
    if method in ("lower", "higher", "nearest"):
        chosen = {"lower": below, "higher": above, "nearest": el.round(place)}[method]
        return take(ordered, astype(chosen, int64), axis=-1)
    low, high = (take(ordered, astype(side, int64), axis=-1) for side in (below, above))
    share = place - below if method == "linear" else el.where(below < above, 0.5, 0.0)
    return low + astype(share, ordered.dtype) * (high - low)
