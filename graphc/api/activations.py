"""Activations: functions of elements that stand between the layers of networks."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from graphc.api import elementwise as el
from graphc.api import formulas
from graphc.api.blame import fail_attribute, fail_shape
from graphc.api.manipulation import sliced
from graphc.api.operands import TensorLike, graph_of, to_node
from graphc.api.shapes import as_axis
from graphc.ir.dims import Dim, floordiv

if TYPE_CHECKING:
    from graphc.api.tensor import Tensor


def relu(x: TensorLike, /) -> Tensor:
    """x where it is positive, else 0; NaN stays NaN. The derivative at 0 is 0."""
    return el.where(el.less_equal(x, 0), 0, x)


def relu6(x: TensorLike, /) -> Tensor:
    """x between 0 and 6, else the nearer of them; see `hardtanh`."""
    return hardtanh(x, 0.0, 6.0)


def leaky_relu(x: TensorLike, /, slope: float = 0.01) -> Tensor:
    """x where it is positive, else slope*x."""
    return el.where(el.greater(x, 0), x, el.multiply(x, slope))


def prelu(x: TensorLike, slope: TensorLike, /) -> Tensor:
    """x where it is positive, else slope*x, with a slope that is learnt.

    `slope` broadcasts with x: one number, or for numbers of channels of shape [C, 1, 1] or the
    like.
    """
    return el.where(el.greater(x, 0), x, el.multiply(x, slope))


def elu(x: TensorLike, /, alpha: float = 1.0) -> Tensor:
    """x where it is positive, else alpha*(exp(x) - 1)."""
    positive = el.greater(x, 0)
    return el.where(positive, x, alpha * el.expm1(el.where(positive, 0, x)))


def celu(x: TensorLike, /, alpha: float = 1.0) -> Tensor:
    """x where it is positive, else alpha*(exp(x/alpha) - 1): smooth at 0 for every alpha.

    Source: Barron, "Continuously Differentiable Exponential Linear Units", 2017.
    """
    positive = el.greater(x, 0)
    return el.where(positive, x, alpha * el.expm1(el.where(positive, 0, x) / alpha))


def selu(x: TensorLike, /) -> Tensor:
    """`elu` scaled so that activations keep mean 0 and variance 1 from layer to layer.

    Source: Klambauer et al., "Self-Normalizing Neural Networks", 2017.
    """
    return 1.0507009873554805 * elu(x, 1.6732632423543772)


def gelu(x: TensorLike, /, *, approximate: Literal["none", "tanh"] = "none") -> Tensor:
    """x times the probability that a standard normal variable is less than x.

    `approximate="tanh"` replaces the error function by a tanh, with an error of about 5e-4.
    Source: Hendrycks and Gimpel, "Gaussian Error Linear Units", 2016.
    """
    tensor = graph_of("gelu", x).tensor(to_node("gelu", x))
    if approximate == "none":
        return 0.5 * tensor * (1 + el.erf(tensor * math.sqrt(0.5)))
    if approximate != "tanh":
        fail_attribute("gelu", f"approximate must be 'none' or 'tanh', not {approximate!r}")
    inner = math.sqrt(2 / math.pi) * (tensor + 0.044715 * tensor**3)
    return 0.5 * tensor * (1 + el.tanh(inner))


def silu(x: TensorLike, /) -> Tensor:
    """x*sigmoid(x)."""
    return el.multiply(x, el.sigmoid(x))


def mish(x: TensorLike, /) -> Tensor:
    """x*tanh(softplus(x)). Source: Misra, "Mish", 2019."""
    return el.multiply(x, el.tanh(softplus(x)))


def softplus(x: TensorLike, /, beta: float = 1.0) -> Tensor:
    """log(1 + exp(beta*x))/beta without overflow on the way."""
    if beta == 1:
        return formulas.logaddexp(x, 0)
    return formulas.logaddexp(el.multiply(x, beta), 0) / beta


def log_sigmoid(x: TensorLike, /) -> Tensor:
    """log(sigmoid(x)), without loss of small ones on the way."""
    return -softplus(el.negative(x))


def softsign(x: TensorLike, /) -> Tensor:
    """x/(1 + abs(x))."""
    return el.divide(x, 1 + el.abs(x))


def tanhshrink(x: TensorLike, /) -> Tensor:
    """x - tanh(x)."""
    return el.subtract(x, el.tanh(x))


def hardtanh(x: TensorLike, /, low: float = -1.0, high: float = 1.0) -> Tensor:
    """x between low and high, else the nearer of them; NaN stays NaN. The derivative there is 0."""
    if low > high:
        fail_attribute("hardtanh", f"low {low!r} must not be above high {high!r}")
    return el.where(el.less_equal(x, low), low, el.where(el.greater_equal(x, high), high, x))


def hardsigmoid(x: TensorLike, /) -> Tensor:
    """x/6 + 1/2, but at least 0 and at most 1."""
    return hardtanh(el.add(x, 3), 0.0, 6.0) / 6


def hardswish(x: TensorLike, /) -> Tensor:
    """x*hardsigmoid(x). Source: Howard et al., "Searching for MobileNetV3", 2019."""
    return el.multiply(x, hardsigmoid(x))


def hardshrink(x: TensorLike, /, threshold: float = 0.5) -> Tensor:
    """x where abs(x) is above the threshold, else 0; NaN stays NaN."""
    return el.where(el.less_equal(el.abs(x), threshold), 0, x)


def softshrink(x: TensorLike, /, threshold: float = 0.5) -> Tensor:
    """x brought nearer to 0 by the threshold, 0 where abs(x) is not above it."""
    beyond = el.subtract(x, el.sign(x) * threshold)
    return el.where(el.less_equal(el.abs(x), threshold), 0, beyond)


def threshold(x: TensorLike, bound: float, value: float, /) -> Tensor:
    """x where it is above the bound, else the value; NaN stays NaN."""
    return el.where(el.less_equal(x, bound), value, x)


def glu(x: TensorLike, /, axis: int = -1) -> Tensor:
    """The first half of an axis times the sigmoid of the second: a gated linear unit.

    Source: Dauphin et al., "Language Modeling with Gated Convolutional Networks", 2016.
    """
    graph, node = graph_of("glu", x), to_node("glu", x)
    along = as_axis("glu", axis, len(node.shape))
    size = node.shape[along]
    half = floordiv(size, 2)
    if 2 * half != size and not isinstance(size, Dim):
        fail_shape("glu", f"axis {axis} of {node.type} does not divide into halves")
    first, second = (graph.tensor(sliced(node, along, start, half)) for start in (0, half))
    return first * el.sigmoid(second)
