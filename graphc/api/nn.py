"""Layers, activations and losses for neural networks, written with other functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphc.api.activations import (
    celu,
    elu,
    gelu,
    glu,
    hardshrink,
    hardsigmoid,
    hardswish,
    hardtanh,
    leaky_relu,
    log_sigmoid,
    mish,
    prelu,
    relu,
    relu6,
    selu,
    silu,
    softplus,
    softshrink,
    softsign,
    tanhshrink,
    threshold,
)
from graphc.api.adaptive_pooling import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_avg_pool3d,
    adaptive_max_pool1d,
    adaptive_max_pool2d,
    adaptive_max_pool3d,
)
from graphc.api.attention import scaled_dot_product_attention
from graphc.api.class_losses import (
    cross_entropy,
    multi_margin_loss,
    multilabel_soft_margin_loss,
    nll_loss,
    softmax_cross_entropy,
)
from graphc.api.convolution import (
    conv1d,
    conv2d,
    conv3d,
    conv_transpose1d,
    conv_transpose2d,
    conv_transpose3d,
)
from graphc.api.elementwise import sigmoid
from graphc.api.losses import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    gaussian_nll_loss,
    huber_loss,
    kl_div,
    l1_loss,
    mse,
    poisson_nll_loss,
    smooth_l1_loss,
)
from graphc.api.margin_losses import (
    cosine_embedding_loss,
    hinge_embedding_loss,
    margin_ranking_loss,
    soft_margin_loss,
    triplet_margin_loss,
)
from graphc.api.normalisations import (
    batch_norm,
    group_norm,
    instance_norm,
    layer_norm,
    local_response_norm,
    normalize,
    rms_norm,
)
from graphc.api.other_names import no_attribute
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
from graphc.api.similarity import cdist, cosine_similarity, pairwise_distance
from graphc.api.softmax import log_softmax, logsumexp, softmax
from graphc.api.unpooling import (
    argmax_pool1d,
    argmax_pool2d,
    argmax_pool3d,
    max_unpool,
    take_pooled,
    unfold,
)

__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "adaptive_max_pool1d",
    "adaptive_max_pool2d",
    "adaptive_max_pool3d",
    "argmax_pool1d",
    "argmax_pool2d",
    "argmax_pool3d",
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "batch_norm",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cdist",
    "celu",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "cosine_embedding_loss",
    "cosine_similarity",
    "cross_entropy",
    "elu",
    "gaussian_nll_loss",
    "gelu",
    "global_avg_pool",
    "global_max_pool",
    "glu",
    "group_norm",
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "hinge_embedding_loss",
    "huber_loss",
    "instance_norm",
    "kl_div",
    "l1_loss",
    "layer_norm",
    "leaky_relu",
    "local_response_norm",
    "log_sigmoid",
    "log_softmax",
    "logsumexp",
    "margin_ranking_loss",
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
    "max_unpool",
    "mish",
    "mse",
    "multi_margin_loss",
    "multilabel_soft_margin_loss",
    "nll_loss",
    "normalize",
    "pairwise_distance",
    "poisson_nll_loss",
    "prelu",
    "relu",
    "relu6",
    "resize",
    "rms_norm",
    "scaled_dot_product_attention",
    "selu",
    "sigmoid",
    "silu",
    "smooth_l1_loss",
    "soft_margin_loss",
    "softmax",
    "softmax_cross_entropy",
    "softplus",
    "softshrink",
    "softsign",
    "take_pooled",
    "tanhshrink",
    "threshold",
    "triplet_margin_loss",
    "unfold",
]


if not TYPE_CHECKING:  # for a type checker there are no other names

    def __getattr__(name: str) -> object:
        raise no_attribute(__name__, name)
