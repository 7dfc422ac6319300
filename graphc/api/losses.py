"""Losses by element: how far numbers and probabilities are from targets.

`reduction` is "mean" or "sum" over all elements, or "none".
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, TypeAlias

from graphc.api import elementwise as el
from graphc.api import formulas, reductions
from graphc.api.activations import softplus
from graphc.api.blame import fail_attribute
from graphc.api.manipulation import stop_gradient
from graphc.api.operands import TensorLike
from graphc.api.special import xlogy

if TYPE_CHECKING:
    from graphc.api.tensor import Tensor

Reduction: TypeAlias = Literal["mean", "sum", "none"]


# Of numbers ----------------------------------------------------------------------------------


def mse(
    predictions: TensorLike, targets: TensorLike, /, *, reduction: Reduction = "mean"
) -> Tensor:
    """The squared difference, its mean over all elements unless told otherwise."""
    return reduced("mse", formulas.square(el.subtract(predictions, targets)), reduction)


def l1_loss(
    predictions: TensorLike, targets: TensorLike, /, *, reduction: Reduction = "mean"
) -> Tensor:
    """The absolute difference, its mean over all elements unless told otherwise."""
    return reduced("l1_loss", el.abs(el.subtract(predictions, targets)), reduction)


def huber_loss(
    predictions: TensorLike, targets: TensorLike, /, *, delta: float = 1.0,
    reduction: Reduction = "mean",
) -> Tensor:  # fmt: skip
    """Half the squared difference d up to delta, and delta*(abs(d) - delta/2) beyond.

    Source: Huber, "Robust Estimation of a Location Parameter", 1964.
    """
    distance = el.abs(el.subtract(predictions, targets))
    near = el.less(distance, delta)
    inner = el.where(near, distance, 0)  # far ones may overflow when squared
    loss = el.where(near, 0.5 * inner * inner, delta * (distance - 0.5 * delta))
    return reduced("huber_loss", loss, reduction)


def smooth_l1_loss(
    predictions: TensorLike, targets: TensorLike, /, *, beta: float = 1.0,
    reduction: Reduction = "mean",
) -> Tensor:  # fmt: skip
    """`huber_loss` divided by its delta, here beta; `l1_loss` for 0."""
    if beta == 0:
        return l1_loss(predictions, targets, reduction=reduction)
    return huber_loss(predictions, targets, delta=beta, reduction=reduction) / beta


def poisson_nll_loss(
    predictions: TensorLike, counts: TensorLike, /, *, log_input: bool = True, full: bool = False,
    epsilon: float = 1e-8, reduction: Reduction = "mean",
) -> Tensor:  # fmt: skip
    """-log of the probability that a Poisson distribution gives to counts, without log(counts!).

    `predictions` are logarithms of its mean or, without `log_input`, the mean, to which epsilon is
    added before its logarithm is taken. With `full`, Stirling's approximation of log(counts!) is
    added for counts above 1.
    """
    if log_input:
        loss = el.subtract(el.exp(predictions), el.multiply(counts, predictions))
    else:
        logarithm = el.log(el.add(predictions, epsilon))
        loss = el.subtract(predictions, el.multiply(counts, logarithm))
    if full:
        several = el.greater(counts, 1)
        n = el.where(several, counts, 1)
        loss = loss + el.where(several, n * el.log(n) - n + 0.5 * el.log(2 * math.pi * n), 0)
    return reduced("poisson_nll_loss", loss, reduction)


def gaussian_nll_loss(
    means: TensorLike, targets: TensorLike, variances: TensorLike, /, *, full: bool = False,
    epsilon: float = 1e-6, reduction: Reduction = "mean",
) -> Tensor:  # fmt: skip
    """-log of the density that normal distributions have at the targets.

    Variances below epsilon count as epsilon, but their derivative stays that of the formula. `full`
    adds the constant log(2*pi)/2.
    """
    variance = formulas.positive(variances)
    variance = variance + stop_gradient(el.maximum(variance, epsilon) - variance)
    loss = 0.5 * (el.log(variance) + formulas.square(el.subtract(means, targets)) / variance)
    if full:
        loss = loss + 0.5 * math.log(2 * math.pi)
    return reduced("gaussian_nll_loss", loss, reduction)


# Of probabilities ----------------------------------------------------------------------------


def binary_cross_entropy(
    probabilities: TensorLike, targets: TensorLike, /, *, weight: TensorLike | None = None,
    reduction: Reduction = "mean",
) -> Tensor:  # fmt: skip
    """-log of the probability that is given to targets from 0 to 1; logarithms are at least -100.

    See `binary_cross_entropy_with_logits` for numbers that are not yet probabilities.
    """
    hit = el.maximum(el.log(probabilities), -100.0)
    missed = el.maximum(el.log1p(el.negative(probabilities)), -100.0)
    loss = -(el.multiply(targets, hit) + el.subtract(1, targets) * missed)
    return reduced("binary_cross_entropy", loss if weight is None else loss * weight, reduction)


def binary_cross_entropy_with_logits(
    logits: TensorLike, targets: TensorLike, /, *, weight: TensorLike | None = None,
    positive_weight: TensorLike | None = None, reduction: Reduction = "mean",
) -> Tensor:  # fmt: skip
    """-log of the probability that sigmoid(logits) gives to targets from 0 to 1.

    `positive_weight` weighs the part of targets that are 1, `weight` the whole.
    """
    against = softplus(el.negative(logits))
    if positive_weight is not None:
        against = against * (1 + el.multiply(el.subtract(positive_weight, 1), targets))
    loss = el.multiply(el.subtract(1, targets), logits) + against
    op = "binary_cross_entropy_with_logits"
    return reduced(op, loss if weight is None else loss * weight, reduction)


def kl_div(
    log_probabilities: TensorLike, targets: TensorLike, /, *, log_target: bool = False,
    reduction: Reduction | Literal["batchmean"] = "mean",
) -> Tensor:  # fmt: skip
    """How much more a code made for `log_probabilities` takes for what `targets` give, in nats.

    By element, targets*(log(targets) - log_probabilities), 0 for a target of 0; with `log_target`
    the targets are logarithms too. "batchmean" is the sum divided by the first dim.
    """
    op = "kl_div"
    if log_target:
        loss = el.exp(targets) * el.subtract(targets, log_probabilities)
    else:
        loss = xlogy(targets, targets) - el.multiply(targets, log_probabilities)
    if reduction == "batchmean":
        return reductions.sum(reductions.mean(loss, 0))
    return reduced(op, loss, reduction)


def reduced(op: str, loss: Tensor, reduction: str) -> Tensor:
    """The loss of elements as it is, added up, or its mean."""
    match reduction:
        case "mean":
            return reductions.mean(loss)
        case "sum":
            return reductions.sum(loss)
        case "none":
            return loss
        case _:
            fail_attribute(op, f"reduction must be 'mean', 'sum' or 'none', not {reduction!r}")
