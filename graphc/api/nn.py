"""Layers and losses for neural networks, written with the functions of the array API."""

from __future__ import annotations

import math
from typing import Literal

from graphc.api import elementwise as el
from graphc.api import formulas, reductions
from graphc.api.blame import fail_attribute, fail_shape
from graphc.api.convolution import (
    conv1d,
    conv2d,
    conv3d,
    conv_transpose1d,
    conv_transpose2d,
    conv_transpose3d,
)
from graphc.api.gathering import take_along_axis
from graphc.api.manipulation import expand_dims, squeeze, stop_gradient
from graphc.api.operands import TensorLike, graph_of, to_node
from graphc.api.pooling import (
    avg_pool1d,
    avg_pool2d,
    avg_pool3d,
    global_avg_pool,
    global_max_pool,
    max_pool1d,
    max_pool2d,
    max_pool3d,
)
from graphc.api.resizing import resize
from graphc.api.shapes import AxesLike, as_axes
from graphc.api.tensor import Tensor
from graphc.ir.dims import unify
from graphc.ir.types import Shape

__all__ = [
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "elu",
    "gelu",
    "global_avg_pool",
    "global_max_pool",
    "layer_norm",
    "leaky_relu",
    "log_softmax",
    "logsumexp",
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
    "mse",
    "relu",
    "resize",
    "sigmoid",
    "silu",
    "softmax",
    "softmax_cross_entropy",
    "softplus",
]

sigmoid = el.sigmoid


def relu(x: TensorLike, /) -> Tensor:
    """x where it is positive, else 0; NaN stays NaN. The derivative at 0 is 0."""
    return el.where(el.less_equal(x, 0), 0, x)


def leaky_relu(x: TensorLike, /, slope: float = 0.01) -> Tensor:
    """x where it is positive, else slope*x."""
    return el.where(el.greater(x, 0), x, el.multiply(x, slope))


def elu(x: TensorLike, /, alpha: float = 1.0) -> Tensor:
    """x where it is positive, else alpha*(exp(x) - 1)."""
    positive = el.greater(x, 0)
    return el.where(positive, x, alpha * el.expm1(el.where(positive, 0, x)))


def gelu(x: TensorLike, /, *, approximate: Literal["none", "tanh"] = "none") -> Tensor:
    """x times the probability that a standard normal variable is less than x.

    `approximate="tanh"` replaces the error function by a tanh, with an error of about 5e-4.
    Source: Hendrycks and Gimpel, "Gaussian Error Linear Units", 2016.
    """
    tensor = _tensor("gelu", x)
    if approximate == "none":
        return 0.5 * tensor * (1 + el.erf(tensor * math.sqrt(0.5)))
    if approximate != "tanh":
        fail_attribute("gelu", f"approximate must be 'none' or 'tanh', not {approximate!r}")
    inner = math.sqrt(2 / math.pi) * (tensor + 0.044715 * tensor**3)
    return 0.5 * tensor * (1 + el.tanh(inner))


def silu(x: TensorLike, /) -> Tensor:
    """x*sigmoid(x)."""
    return el.multiply(x, el.sigmoid(x))


def softplus(x: TensorLike, /) -> Tensor:
    """log(1 + exp(x)) without overflow on the way."""
    return formulas.logaddexp(x, 0)


def softmax(x: TensorLike, /, axis: AxesLike = -1) -> Tensor:
    """exp(x) divided by its sum along an axis (or axes), without overflow on the way."""
    grown = el.exp(_below_maximum(x, axis))
    return grown / reductions.sum(grown, axis, keepdims=True)


def log_softmax(x: TensorLike, /, axis: AxesLike = -1) -> Tensor:
    """The logarithm of `softmax`, without overflow or loss of small ones on the way."""
    lowered = _below_maximum(x, axis)
    return lowered - el.log(reductions.sum(el.exp(lowered), axis, keepdims=True))


def logsumexp(x: TensorLike, /, axis: AxesLike = None, *, keepdims: bool = False) -> Tensor:
    """log(sum(exp(x))) over axes (all unless told otherwise), without overflow on the way.

    -inf over nothing and where all elements are -inf.
    """
    highest = stop_gradient(reductions.max(x, axis, keepdims=True))
    centre = el.where(formulas.isfinite(highest), highest, 0)
    total = reductions.sum(el.exp(el.subtract(x, centre)), axis, keepdims=True)
    result = el.log(total) + centre
    return result if keepdims else squeeze(result, as_axes("logsumexp", axis, result.ndim))


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
    centred = el.subtract(x, reductions.mean(x, axis, keepdims=True))
    variance = reductions.var(x, axis, keepdims=True)
    normal = centred * el.rsqrt(variance + epsilon)
    scaled = normal if scale is None else normal * scale
    return scaled if shift is None else scaled + shift


def softmax_cross_entropy(logits: TensorLike, labels: TensorLike, /) -> Tensor:
    """Mean over all leading dims of -log of the probability that softmax gives to the labels.

    `logits` is of shape [..., classes]. `labels` are integer classes of shape [...], or
    floating-point probabilities of the logits' shape. A class that is out of range is an error at
    run time; negative ones count from the last, as everywhere.
    """
    op = "softmax_cross_entropy"
    graph = graph_of(op, logits, labels)
    scores, target = (graph.tensor(to_node(op, x)) for x in (logits, labels))
    is_class = target.dtype.is_integer
    wanted = scores.shape[:-1] if is_class else scores.shape
    if scores.ndim == 0 or not _agree(target.shape, wanted):
        fail_shape(
            op,
            f"labels {target!r} do not fit logits {scores!r}: integer classes have one dim less, "
            "probabilities the same dims",
        )
    log_probabilities = log_softmax(scores)
    if is_class:
        picked = take_along_axis(log_probabilities, expand_dims(target, -1))
        return -reductions.mean(squeeze(picked, -1))
    return -reductions.mean(reductions.sum(target * log_probabilities, -1))


def mse(predictions: TensorLike, targets: TensorLike, /) -> Tensor:
    """Mean over all elements of the squared difference."""
    return reductions.mean(formulas.square(el.subtract(predictions, targets)))


def _tensor(op: str, x: TensorLike) -> Tensor:
    return graph_of(op, x).tensor(to_node(op, x))


def _below_maximum(x: TensorLike, axis: AxesLike) -> Tensor:
    """x less its maximum, which softmax does not change with and so needs no derivative."""
    return el.subtract(x, stop_gradient(reductions.max(x, axis, keepdims=True)))


def _agree(left: Shape, right: Shape) -> bool:
    """Whether two shapes can be equal; a literal 1 is equal to itself only."""
    return len(left) == len(right) and all(
        (a == 1) == (b == 1) and unify(a, b) is not None for a, b in zip(left, right, strict=True)
    )
