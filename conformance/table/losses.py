"""Losses."""

from __future__ import annotations

from typing import Any

import graphc as gc
from conformance.table.entries import plain, refuse

_nn = gc.nn


def _classes_at(input: Any) -> int:
    """Classes lie along dim 1, or along dim 0 of a single sample."""
    return 0 if input.ndim == 1 else 1


def _nll(
    input: Any, target: Any, weight: Any = None, *, ignore_index: int = -100,
    reduction: Any = "mean",
) -> Any:  # fmt: skip
    return _nn.nll_loss(
        input, target, axis=_classes_at(input), weight=weight, ignore=ignore_index,
        reduction=reduction,
    )  # fmt: skip


def _cross_entropy(
    input: Any, target: Any, weight: Any = None, *, ignore_index: int = -100,
    reduction: Any = "mean", label_smoothing: float = 0.0,
) -> Any:  # fmt: skip
    return _nn.cross_entropy(
        input, target, axis=_classes_at(input), weight=weight, ignore=ignore_index,
        smoothing=label_smoothing, reduction=reduction,
    )  # fmt: skip


def _linear_cross_entropy(
    input: Any, linear_weight: Any, target: Any, *, linear_bias: Any = None, options: Any = None,
    **settings: Any,
) -> Any:  # fmt: skip
    """Options say how PyTorch goes about it, not what it computes."""
    *outputs, size = linear_weight.shape
    scores = input @ gc.matrix_transpose(gc.reshape(linear_weight, (-1, size)))
    if linear_bias is not None:
        scores = scores + gc.flatten(linear_bias)
    return _cross_entropy(gc.reshape(scores, (*input.shape[:-1], *outputs)), target, **settings)


def _binary(
    input: Any, target: Any, weight: Any = None, *, pos_weight: Any = None, reduction: Any = "mean"
) -> Any:
    return _nn.binary_cross_entropy_with_logits(
        input, target, weight=weight, positive_weight=pos_weight, reduction=reduction
    )


def _poisson(
    input: Any, target: Any, *, log_input: bool = True, full: bool = False, eps: float = 1e-8,
    reduction: Any = "mean",
) -> Any:  # fmt: skip
    return _nn.poisson_nll_loss(
        input, target, log_input=log_input, full=full, epsilon=eps, reduction=reduction
    )


def _gaussian(
    input: Any, target: Any, var: Any, *, full: bool = False, eps: float = 1e-6,
    reduction: Any = "mean",
) -> Any:  # fmt: skip
    """Variances may lack the last dim."""
    if var.ndim < input.ndim or (var.ndim and var.shape[-1] == 1 != input.shape[-1]):
        var = gc.expand_dims(var, -1) if var.ndim < input.ndim else var
    return _nn.gaussian_nll_loss(input, target, var, full=full, epsilon=eps, reduction=reduction)


def _triplet(
    anchor: Any, positive: Any, negative: Any, *, margin: float = 1.0, p: float = 2,
    eps: float = 1e-6, swap: bool = False, reduction: Any = "mean", distance_function: Any = None,
) -> Any:  # fmt: skip
    """A distance function that is none of graphc's is PyTorch's own default here."""
    known = distance_function is None or "PairwiseDistance" in repr(distance_function)
    refuse(not known, "a distance that is a function of PyTorch's")
    return _nn.triplet_margin_loss(
        anchor, positive, negative, margin=margin, ord=p, epsilon=eps, swap=swap,
        reduction=reduction,
    )  # fmt: skip


def _multi_margin(
    input: Any, target: Any, *, p: int = 1, margin: float = 1.0, weight: Any = None,
    reduction: Any = "mean",
) -> Any:  # fmt: skip
    if input.ndim == 0:
        input, target = gc.reshape(input, (1,)), gc.reshape(target, ())
    if input.ndim == 1:
        target = gc.reshape(target, ())
    return _nn.multi_margin_loss(
        input, target, power=p, margin=margin, weight=weight, reduction=reduction
    )


_LOSSES: dict[str, Any] = {
    "binary_cross_entropy":
        lambda input, target, weight=None, reduction="mean":
            _nn.binary_cross_entropy(input, target, weight=weight, reduction=reduction),
    "binary_cross_entropy_with_logits": _binary,
    "cosine_embedding_loss": _nn.cosine_embedding_loss,
    "cross_entropy": _cross_entropy,
    "gaussian_nll_loss": _gaussian,
    "hinge_embedding_loss": _nn.hinge_embedding_loss,
    "huber_loss": _nn.huber_loss,
    "kl_div": _nn.kl_div,
    "l1_loss": _nn.l1_loss,
    "linear_cross_entropy": _linear_cross_entropy,
    "linear_cross_entropy.chunked": _linear_cross_entropy,
    "linear_cross_entropy.chunked_none": _linear_cross_entropy,
    "margin_ranking_loss": _nn.margin_ranking_loss,
    "mse_loss": _nn.mse,
    "multi_margin_loss": _multi_margin,
    "multilabel_soft_margin_loss": _nn.multilabel_soft_margin_loss,
    "nll_loss": _nll,
    "poisson_nll_loss": _poisson,
    "smooth_l1_loss": _nn.smooth_l1_loss,
    "soft_margin_loss": _nn.soft_margin_loss,
    "triplet_margin_loss": _triplet,
    "triplet_margin_with_distance_loss": _triplet,
}  # fmt: skip
TABLE = plain({f"nn.functional.{name}": function for name, function in _LOSSES.items()})
