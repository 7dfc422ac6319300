"""Losses of pairs and triples: which of them are alike, and by what margin.

`reduction` is "mean" or "sum" over all elements, or "none".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphc.api import elementwise as el
from graphc.api import reductions
from graphc.api.activations import softplus
from graphc.api.losses import Reduction, reduced
from graphc.api.operands import TensorLike
from graphc.api.similarity import pairwise_distance

if TYPE_CHECKING:
    from graphc.api.tensor import Tensor


def soft_margin_loss(
    scores: TensorLike, targets: TensorLike, /, *, reduction: Reduction = "mean"
) -> Tensor:
    """log(1 + exp(-target*score)), for targets of 1 and -1."""
    loss = softplus(el.negative(el.multiply(targets, scores)))
    return reduced("soft_margin_loss", loss, reduction)


def hinge_embedding_loss(
    distances: TensorLike, targets: TensorLike, /, *, margin: float = 1.0,
    reduction: Reduction = "mean",
) -> Tensor:  # fmt: skip
    """The distance for a target of 1, and what it lacks of the margin for -1."""
    lacking = el.maximum(el.subtract(margin, distances), 0)
    apart = el.where(el.not_equal(targets, 1), lacking, 0)
    together = el.where(el.not_equal(targets, -1), distances, 0)
    return reduced("hinge_embedding_loss", apart + together, reduction)


def margin_ranking_loss(
    x1: TensorLike, x2: TensorLike, targets: TensorLike, /, *, margin: float = 0.0,
    reduction: Reduction = "mean",
) -> Tensor:  # fmt: skip
    """What x1 lacks to be above x2 by the margin, or below it for a target of -1."""
    loss = el.maximum(margin - el.multiply(targets, el.subtract(x1, x2)), 0)
    return reduced("margin_ranking_loss", loss, reduction)


def cosine_embedding_loss(
    x1: TensorLike, x2: TensorLike, targets: TensorLike, /, *, margin: float = 0.0,
    reduction: Reduction = "mean",
) -> Tensor:  # fmt: skip
    """1 - cosine of vectors along the last dim for a target of 1; the cosine above a margin for -1.

    1e-12 is added to the squares of lengths.
    """
    squares = [reductions.sum(el.multiply(x, x), -1) + 1e-12 for x in (x1, x2)]
    cosine = reductions.sum(el.multiply(x1, x2), -1) / el.sqrt(squares[0] * squares[1])
    alike = el.where(el.equal(targets, 1), 1 - cosine, 0)
    apart = el.where(el.equal(targets, -1), el.maximum(cosine - margin, 0), 0)
    return reduced("cosine_embedding_loss", alike + apart, reduction)


def triplet_margin_loss(
    anchor: TensorLike, positive: TensorLike, negative: TensorLike, /, *, margin: float = 1.0,
    ord: float = 2, epsilon: float = 1e-6, swap: bool = False, reduction: Reduction = "mean",
) -> Tensor:  # fmt: skip
    """What the negative lacks to be further from the anchor than the positive, by the margin.

    Distances are those of `pairwise_distance`. With `swap`, the negative's distance from the
    positive counts if it is less. Source: Balntas et al., "Learning Shallow Convolutional Feature
    Descriptors with Triplet Losses", 2016.
    """
    near, far = (
        pairwise_distance(anchor, other, ord=ord, epsilon=epsilon) for other in (positive, negative)
    )
    if swap:
        far = el.minimum(far, pairwise_distance(positive, negative, ord=ord, epsilon=epsilon))
    return reduced("triplet_margin_loss", el.maximum(near - far + margin, 0), reduction)
