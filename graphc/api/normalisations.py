"""Normalisations: data brought to mean 0 and variance 1, or to length 1, over some of its axes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphc.api import elementwise as el
from graphc.api import formulas, reductions
from graphc.api.blame import fail_attribute, fail_shape
from graphc.api.broadcasting import common_shape, fitted
from graphc.api.joining import pad
from graphc.api.manipulation import reshaped
from graphc.api.norms import vector_norm
from graphc.api.operands import TensorLike, graph_of, to_node
from graphc.api.shapes import AxesLike, as_axis, as_int
from graphc.ir.dims import Dim, Size, floordiv, unify
from graphc.ir.node import Node

if TYPE_CHECKING:
    from graphc.api.tensor import Tensor


def layer_norm(
    x: TensorLike,
    /,
    scale: TensorLike | None = None,
    shift: TensorLike | None = None,
    *,
    axis: AxesLike = -1,
    epsilon: float = 1e-5,
) -> Tensor:
    """x brought to mean 0 and variance 1 along an axis (or axes), then scaled and shifted.

    epsilon is added to the variance. Source: Ba, Kiros and Hinton, "Layer Normalization", 2016.
    """
    _check_fits("layer_norm", x, scale, shift)
    return _moved(_normal(x, axis, epsilon), scale, shift)


def rms_norm(
    x: TensorLike, /, scale: TensorLike | None = None, *, axis: AxesLike = -1,
    epsilon: float = 1e-5,
) -> Tensor:  # fmt: skip
    """x divided by its root mean square along an axis (or axes), then scaled.

    epsilon is added to the mean square. Source: Zhang and Sennrich, "Root Mean Square Layer
    Normalization", 2019.
    """
    _check_fits("rms_norm", x, scale)
    power = reductions.mean(formulas.square(x), axis, keepdims=True)
    return _moved(el.multiply(x, el.rsqrt(power + epsilon)), scale, None)


def batch_norm(
    x: TensorLike,
    /,
    scale: TensorLike | None = None,
    shift: TensorLike | None = None,
    *,
    mean: TensorLike | None = None,
    variance: TensorLike | None = None,
    axis: int = 1,
    epsilon: float = 1e-5,
) -> Tensor:
    """Every channel brought to mean 0 and variance 1 over all other axes, then scaled and shifted.

    Channels lie along `axis`; `scale`, `shift`, `mean` and `variance` are of shape [channels]. With
    `mean` and `variance`, as in inference, those are used in place of the batch's. The variance
    is that without correction. Source: Ioffe and Szegedy, "Batch Normalization", 2015.
    """
    op = "batch_norm"
    if (mean is None) != (variance is None):
        fail_attribute(op, "takes both mean and variance or neither")
    rank = len(to_node(op, x).shape)
    along = as_axis(op, axis, rank)
    others = [k for k in range(rank) if k != along]
    factors = [_along(op, x, part, along) for part in (scale, shift, mean, variance)]
    if factors[2] is None or factors[3] is None:
        return _moved(_normal(x, others, epsilon), *factors[:2])
    return _moved(el.subtract(x, factors[2]) * el.rsqrt(factors[3] + epsilon), *factors[:2])


def instance_norm(
    x: TensorLike,
    /,
    scale: TensorLike | None = None,
    shift: TensorLike | None = None,
    *,
    epsilon: float = 1e-5,
) -> Tensor:
    """Every channel of every sample brought to mean 0 and variance 1, then scaled and shifted.

    x is [N, C, *spatial], `scale` and `shift` [C]. Source: Ulyanov, Vedaldi and Lempitsky,
    "Instance Normalization", 2016.
    """
    op = "instance_norm"
    _check_spatial(op, to_node(op, x), 3)
    spatial = list(range(2, len(to_node(op, x).shape)))
    factors = [_along(op, x, part, 1) for part in (scale, shift)]
    return _moved(_normal(x, spatial, epsilon), *factors)


def group_norm(
    x: TensorLike,
    groups: int,
    /,
    scale: TensorLike | None = None,
    shift: TensorLike | None = None,
    *,
    epsilon: float = 1e-5,
) -> Tensor:
    """Channels in groups, each of every sample brought to mean 0 and variance 1; then scaled.

    x is [N, C, *spatial], `scale` and `shift` [C]; C must be a multiple of `groups`. Source: Wu and
    He, "Group Normalization", 2018.
    """
    op = "group_norm"
    graph, node, count = graph_of(op, x, scale, shift), to_node(op, x), as_int(op, groups, "groups")
    _check_spatial(op, node, 2)
    batch, channels, *sizes = node.shape
    if count < 1 or (isinstance(channels, int) and channels % count):
        fail_attribute(op, f"{channels} channels do not divide into {count} groups")
    apart = graph.tensor(reshaped(node, (batch, count, floordiv(channels, count), *sizes)))
    normal = _normal(apart, list(range(2, apart.ndim)), epsilon)
    together = graph.tensor(reshaped(normal.node, node.shape))
    return _moved(together, *(_along(op, together, part, 1) for part in (scale, shift)))


def local_response_norm(
    x: TensorLike, /, size: int, *, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    """x divided by (k + alpha*m)**beta, where m is the mean square of `size` channels around each.

    x is [N, C, *spatial]; channels that are not there count as 0. Of an even size, the channel is
    the one after the middle. Source: Krizhevsky, Sutskever and Hinton, "ImageNet Classification
    with Deep Convolutional Neural Networks", 2012.
    """
    op = "local_response_norm"
    node, width = to_node(op, x), as_int(op, size, "size")
    _check_spatial(op, node, 2)
    if width < 1:
        fail_attribute(op, f"size must be at least 1, not {width}")
    if isinstance(node.shape[1], Dim):
        fail_shape(op, f"the number of channels of {node.type} must be known")
    squares = formulas.square(x)
    widths = [(0, 0)] * len(node.shape)
    widths[1] = (width // 2, (width - 1) // 2)
    around = pad(squares, widths)
    total = around[:, : node.shape[1]]
    for first in range(1, width):
        total = total + around[:, first : first + node.shape[1]]
    return el.divide(x, (k + alpha / width * total) ** beta)


def normalize(
    x: TensorLike, /, *, axis: AxesLike = -1, ord: float = 2, epsilon: float = 1e-12
) -> Tensor:
    """x divided by its norm over axes, or by epsilon if that is more.

    Norms are those of `gc.linalg.vector_norm`.
    """
    length = vector_norm(x, axis=axis, keepdims=True, ord=ord)
    return el.divide(x, el.maximum(length, epsilon))


def _normal(x: TensorLike, axis: AxesLike, epsilon: float) -> Tensor:
    centred = el.subtract(x, reductions.mean(x, axis, keepdims=True))
    return centred * el.rsqrt(reductions.var(x, axis, keepdims=True) + epsilon)


def _moved(normal: Tensor, scale: TensorLike | None, shift: TensorLike | None) -> Tensor:
    scaled = normal if scale is None else normal * scale
    return scaled if shift is None else scaled + shift


def _check_fits(op: str, x: TensorLike, *factors: TensorLike | None) -> None:
    """ShapeError for a scale or a shift that does not broadcast with x."""
    for factor in factors:
        if factor is not None:
            common_shape(op, [to_node(op, part).shape for part in (x, factor)])


def _along(op: str, x: TensorLike, factor: TensorLike | None, axis: int) -> Tensor | None:
    """Numbers of channels, with dims of size 1 so that they lie along x's axis."""
    if factor is None:
        return None
    graph, node, data = graph_of(op, x, factor), to_node(op, factor), to_node(op, x)
    size = data.shape[axis]
    if len(node.shape) != 1 or unify(node.shape[0], size) is None:
        fail_shape(op, f"needs one number for each of {size} channels, not {node.type}")
    shape: tuple[Size, ...] = (size,) + (1,) * (len(data.shape) - axis - 1)
    return graph.tensor(reshaped(fitted(node, (size,)), shape))


def _check_spatial(op: str, node: Node, least: int) -> None:
    if len(node.shape) < least:
        fail_shape(op, f"needs batch, channels and what belongs to each, not {node.type}")
