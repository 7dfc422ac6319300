"""Losses of scores that are given to classes.

Classes lie along an axis of the scores, the last unless told otherwise; labels lack that axis.
`reduction` is "mean" or "sum" over all labels, or "none"; the mean of weighted losses is divided by
the sum of their weights.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphc.api import elementwise as el
from graphc.api import reductions
from graphc.api.blame import fail_attribute, fail_dtype, fail_shape
from graphc.api.formulas import astype
from graphc.api.gathering import one_hot, take, take_along_axis
from graphc.api.losses import Reduction, binary_cross_entropy_with_logits, reduced
from graphc.api.manipulation import expand_dims, moveaxis, squeeze
from graphc.api.operands import TensorLike, graph_of, to_node
from graphc.api.shapes import as_axis, size_node
from graphc.api.softmax import log_softmax
from graphc.ir.dims import unify
from graphc.ir.types import Shape

if TYPE_CHECKING:
    from graphc.api.tensor import Tensor


def softmax_cross_entropy(logits: TensorLike, labels: TensorLike, /) -> Tensor:
    """Mean over all leading dims of -log of the probability that softmax gives to the labels.

    `logits` is of shape [..., classes]. `labels` are integer classes of shape [...], or
    floating-point probabilities of the logits' shape. A class that is out of range is an error at
    run time; negative ones count from the last, as everywhere.
    """
    op = "softmax_cross_entropy"
    scores, target = _scores_and_labels(op, logits, labels, -1)
    log_probabilities = log_softmax(scores)
    if target.dtype.is_integer:
        picked = take_along_axis(log_probabilities, expand_dims(target, -1))
        return -reductions.mean(squeeze(picked, -1))
    return -reductions.mean(reductions.sum(target * log_probabilities, -1))


def cross_entropy(
    logits: TensorLike,
    labels: TensorLike,
    /,
    *,
    axis: int = -1,
    weight: TensorLike | None = None,
    ignore: int | None = None,
    smoothing: float = 0.0,
    reduction: Reduction = "mean",
) -> Tensor:
    """-log of the probability that softmax gives to the labels; see `softmax_cross_entropy`.

    - `weight` (classes) weighs the losses of each class.
    - `ignore`: labels of that number, which need be no class, have a loss of 0 and no weight.
    - `smoothing` moves that part of a label's probability to all classes evenly.
    """
    op = "cross_entropy"
    _check_smoothing(op, smoothing)
    scores, target = _scores_and_labels(op, logits, labels, axis)
    log_probabilities = log_softmax(scores, axis)
    if not target.dtype.is_integer:
        return _of_probabilities(op, log_probabilities, target, axis, weight, smoothing, reduction)
    losses, weights = _nll(op, log_probabilities, target, axis, weight, ignore)
    if smoothing:
        factors = _along_classes(op, scores, axis, weight)
        spread = log_probabilities if factors is None else log_probabilities * factors
        even = -reductions.mean(spread, axis)
        if ignore is not None:
            even = el.where(el.equal(target, ignore), 0, even)
        losses = (1 - smoothing) * losses + smoothing * even
    return _weighted(op, losses, weights, reduction)


def nll_loss(
    log_probabilities: TensorLike,
    labels: TensorLike,
    /,
    *,
    axis: int = -1,
    weight: TensorLike | None = None,
    ignore: int | None = None,
    reduction: Reduction = "mean",
) -> Tensor:
    """Minus the logarithms of probabilities at the labels; see `cross_entropy`."""
    op = "nll_loss"
    scores, target = _scores_and_labels(op, log_probabilities, labels, axis)
    if not target.dtype.is_integer:
        fail_dtype(op, f"labels must be integers, not {target.dtype.name}")
    return _weighted(op, *_nll(op, scores, target, axis, weight, ignore), reduction)


def multi_margin_loss(
    scores: TensorLike,
    labels: TensorLike,
    /,
    *,
    power: int = 1,
    margin: float = 1.0,
    weight: TensorLike | None = None,
    reduction: Reduction = "mean",
) -> Tensor:
    """How far other classes of the last axis come within a margin of the label's score.

    Mean over the classes of max(0, margin - score of the label + score)**power, the label left out
    of the sum, weighted by the label.
    """
    op = "multi_margin_loss"
    if power not in (1, 2):
        fail_attribute(op, f"power must be 1 or 2, not {power!r}")
    rows, target = _scores_and_labels(op, scores, labels, -1)
    at_label = take_along_axis(rows, expand_dims(target, -1))
    short = el.maximum(margin - at_label + rows, 0) ** power
    if weight is not None:
        short = short * expand_dims(take(weight, target, axis=0), -1)
    own = one_hot(target, rows.shape[-1], dtype=rows.dtype) > 0
    return reduced(op, reductions.mean(el.where(own, 0, short), -1), reduction)


def multilabel_soft_margin_loss(
    logits: TensorLike,
    targets: TensorLike,
    /,
    *,
    weight: TensorLike | None = None,
    reduction: Reduction = "mean",
) -> Tensor:
    """Mean over the classes of the last axis of `binary_cross_entropy_with_logits`."""
    loss = binary_cross_entropy_with_logits(logits, targets, weight=weight, reduction="none")
    return reduced("multilabel_soft_margin_loss", reductions.mean(loss, -1), reduction)


# Parts ---------------------------------------------------------------------------------------


def _scores_and_labels(
    op: str, scores: TensorLike, labels: TensorLike, axis: int
) -> tuple[Tensor, Tensor]:
    """Both as tensors; ShapeError if the labels do not fit."""
    graph = graph_of(op, scores, labels)
    logits, target = (graph.tensor(to_node(op, x)) for x in (scores, labels))
    if logits.ndim:
        along = as_axis(op, axis, logits.ndim)
        without = logits.shape[:along] + logits.shape[along + 1 :]
        wanted = without if target.dtype.is_integer else logits.shape
    if logits.ndim == 0 or not _agree(target.shape, wanted):
        fail_shape(
            op,
            f"labels {target!r} do not fit logits {logits!r}: integer classes have one dim less, "
            "probabilities the same dims",
        )
    return logits, target


def _agree(left: Shape, right: Shape) -> bool:
    """Whether two shapes can be equal; a literal 1 is equal to itself only."""
    return len(left) == len(right) and all(
        (a == 1) == (b == 1) and unify(a, b) is not None for a, b in zip(left, right, strict=True)
    )


def _nll(
    op: str,
    log_probabilities: Tensor,
    labels: Tensor,
    axis: int,
    weight: TensorLike | None,
    ignore: int | None,
) -> tuple[Tensor, Tensor | None]:
    """The weighted losses of labels, and their weights, None if all are 1."""
    ignored = None if ignore is None else el.equal(labels, ignore)
    places = labels if ignored is None else el.where(ignored, 0, labels)
    picked = take_along_axis(log_probabilities, expand_dims(places, axis), axis=axis)
    losses = -squeeze(picked, axis)
    if weight is None and ignored is None:
        return losses, None
    factors = _class_weights(op, log_probabilities, axis, weight)
    if factors is None:
        weights = astype(el.equal(places, places), losses.dtype)
    else:
        weights = take(factors, places, axis=0)
    if ignored is not None:
        weights = el.where(ignored, 0, weights)
        losses = el.where(ignored, 0, losses)
    return losses * weights, weights


def _weighted(op: str, losses: Tensor, weights: Tensor | None, reduction: str) -> Tensor:
    if reduction == "mean" and weights is not None:
        return reductions.sum(losses) / reductions.sum(weights)
    return reduced(op, losses, reduction)


def _of_probabilities(
    op: str,
    log_probabilities: Tensor,
    targets: Tensor,
    axis: int,
    weight: TensorLike | None,
    smoothing: float,
    reduction: str,
) -> Tensor:
    """Every label is a distribution over the classes; the mean is over labels, whatever weights."""
    if smoothing:
        classes = targets.graph.tensor(size_node(targets.shape[axis], targets.dtype))
        targets = targets * (1 - smoothing) + smoothing / classes
    factors = _along_classes(op, log_probabilities, axis, weight)
    loss = targets * log_probabilities
    return reduced(
        op, -reductions.sum(loss if factors is None else loss * factors, axis), reduction
    )


def _along_classes(op: str, scores: Tensor, axis: int, weight: TensorLike | None) -> Tensor | None:
    """Weights of classes, with dims of size 1 so that they lie along the axis."""
    factors = _class_weights(op, scores, axis, weight)
    if factors is None or scores.ndim == 1:
        return factors
    return moveaxis(expand_dims(factors, list(range(scores.ndim - 1))), -1, axis)


def _class_weights(op: str, scores: Tensor, axis: int, weight: TensorLike | None) -> Tensor | None:
    """Weights of classes as a tensor; ShapeError if they are not as many."""
    if weight is None:
        return None
    factors = graph_of(op, scores, weight).tensor(to_node(op, weight, scores.dtype))
    if factors.ndim != 1 or unify(factors.shape[0], scores.shape[axis]) is None:
        fail_shape(op, f"needs a weight for each class of {scores!r}, not {factors!r}")
    return factors


def _check_smoothing(op: str, smoothing: float) -> None:
    if not 0 <= smoothing <= 1:
        fail_attribute(op, f"smoothing must be from 0 to 1, not {smoothing!r}")
