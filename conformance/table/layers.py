"""Layers of networks: activations, convolutions, normalisations, attention."""

from __future__ import annotations

import math
from typing import Any

import graphc as gc
from conformance.case import Translation
from conformance.table.entries import as_list, by_rows, cast, pairs, plain, refuse

# Activations ---------------------------------------------------------------------------------


def _softplus(input: Any, beta: float = 1, threshold: float = 20) -> Any:
    """Beyond a threshold PyTorch takes x itself."""
    return gc.where(input * beta > threshold, input, gc.nn.softplus(input, beta))


def _prelu(input: Any, weight: Any) -> Any:
    """Numbers of channels lie along dim 1."""
    if weight.ndim == 1 and input.ndim > 1:
        weight = gc.reshape(weight, (weight.shape[0],) + (1,) * (input.ndim - 2))
    elif weight.ndim == 1:
        weight = weight[0]
    return gc.nn.prelu(input, weight)


def _gelu(input: Any, *, approximate: Any = "none") -> Any:
    return gc.nn.gelu(input, approximate=approximate)


def _rrelu(
    input: Any, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False, **_: Any
) -> Any:
    refuse(training, "slopes that are drawn at random")
    return gc.nn.leaky_relu(input, (lower + upper) / 2)


def _softmin(input: Any, dim: int, dtype: Any = None) -> Any:
    return gc.nn.softmax(-cast(input, dtype), dim)


def _safe_softmax(input: Any, dim: int, dtype: Any = None) -> Any:
    """Rows of which all elements are -inf give 0."""
    nothing = gc.all(input == -math.inf, dim, keepdims=True)
    return gc.where(nothing, 0, gc.nn.softmax(gc.where(nothing, 0, cast(input, dtype)), dim))


def _softmax_slope(grad: Any, output: Any, dim: int, input_dtype: Any) -> Any:
    return output * (grad - gc.sum(grad * output, dim, keepdims=True))


# Dropout -------------------------------------------------------------------------------------


def _dropout(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    refuse(training and 0 < p < 1, "elements that are dropped at random")
    return input * 0 if training and p == 1 else gc.identity(input)


def _kept(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """Alpha dropout, whose result for p of 1 is not 0."""
    refuse(training and p > 0, "elements that are dropped at random")
    return gc.identity(input)


def _dropout_slope(grad_output: Any, mask: Any, scale: float) -> Any:
    return gc.where(mask, grad_output, 0) * scale


# Convolutions and linear maps ----------------------------------------------------------------


def _of_batches(rank: int, function: Any) -> Any:
    """A function of data with batches, on data that may lack the dim for them."""

    def apply(input: Any, *args: Any, **kwargs: Any) -> Any:
        if input.ndim == rank + 2:
            return function(input, *args, **kwargs)
        found = function(gc.expand_dims(input, 0), *args, **kwargs)
        parts = [gc.squeeze(part, 0) for part in as_list(found)]
        return parts if isinstance(found, list | tuple) else parts[0]

    return apply


def _convolved(rank: int, function: Any) -> Any:
    def apply(
        input: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0,
        dilation: Any = 1, groups: int = 1,
    ) -> Any:  # fmt: skip
        return function(
            input, weight, pairs(stride), pairs(padding), pairs(dilation), groups, bias=bias
        )

    return _of_batches(rank, apply)


def _transposed(rank: int, function: Any) -> Any:
    def apply(
        input: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0,
        output_padding: Any = 0, groups: int = 1, dilation: Any = 1,
    ) -> Any:  # fmt: skip
        return function(
            input, weight, pairs(stride), pairs(padding), pairs(output_padding),
            pairs(dilation), groups, bias=bias,
        )  # fmt: skip

    return _of_batches(rank, apply)


def _linear(input: Any, weight: Any, bias: Any = None) -> Any:
    found = input @ gc.matrix_transpose(weight) if weight.ndim > 1 else input @ weight
    return found if bias is None else found + bias


def _bilinear(input1: Any, input2: Any, weight: Any, bias: Any = None) -> Any:
    found = gc.einsum("...i,kij,...j->...k", input1, weight, input2)
    return found if bias is None else found + bias


def _embedded(weight: Any, indices: Any, **settings: Any) -> Any:
    """PyTorch's samples turn the arguments round."""
    refuse(any(value for value in settings.values()), f"the settings {sorted(settings)}")
    return gc.take(weight, indices, axis=0)


def _unfolded(
    input: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> Any:
    pair = [pairs(x) for x in (kernel_size, stride, padding, dilation)]
    return _of_batches(2, lambda x: gc.nn.unfold(x, *pair))(input)


# Normalisations ------------------------------------------------------------------------------


def _last(normalized_shape: Any) -> list[int]:
    return list(range(-len(normalized_shape), 0))


def _layer_norm(
    input: Any, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Any:
    return gc.nn.layer_norm(input, weight, bias, axis=_last(normalized_shape), epsilon=eps)


def _native_layer_norm(
    input: Any, normalized_shape: Any, weight: Any, bias: Any, eps: float
) -> Any:
    """With the mean and the inverse of the deviation."""
    axes = _last(normalized_shape)
    found = _layer_norm(input, normalized_shape, weight, bias, eps)
    spread = gc.var(input, axes, keepdims=True) + eps
    mean = gc.mean(input, axes, keepdims=True)
    return [found, gc.stop_gradient(mean), gc.stop_gradient(gc.rsqrt(spread))]


def _rms_norm(input: Any, normalized_shape: Any, weight: Any = None, eps: Any = None) -> Any:
    epsilon = 2.0**-52 if eps is None else eps
    return gc.nn.rms_norm(input, weight, axis=_last(normalized_shape), epsilon=epsilon)


def _batch_norm(
    input: Any, running_mean: Any, running_var: Any, weight: Any = None, bias: Any = None,
    training: bool = False, momentum: float = 0.1, eps: float = 1e-5,
) -> Any:  # fmt: skip
    refuse(input.ndim < 2, "data without channels")
    if training:
        return gc.nn.batch_norm(input, weight, bias, epsilon=eps)
    return gc.nn.batch_norm(
        input, weight, bias, mean=running_mean, variance=running_var, epsilon=eps
    )


def _native_batch_norm(input: Any, weight: Any, bias: Any, *settings: Any) -> Any:
    """With the batch's mean and the inverse of its deviation, which there are in training only."""
    mean, var, training, momentum, eps = (None,) * (5 - len(settings)) + settings
    found = _batch_norm(input, mean, var, weight, bias, training, momentum, eps)
    if not training:
        return [found, *(gc.zeros((0,), dtype=input.dtype) for _ in range(2))]
    axes = [k for k in range(input.ndim) if k != 1]
    mean, spread = gc.mean(input, axes), gc.var(input, axes) + eps
    return [found, gc.stop_gradient(mean), gc.stop_gradient(gc.rsqrt(spread))]


def _instance_norm(
    input: Any, running_mean: Any = None, running_var: Any = None, weight: Any = None,
    bias: Any = None, use_input_stats: bool = True, momentum: float = 0.1, eps: float = 1e-5,
) -> Any:  # fmt: skip
    refuse(not use_input_stats, "statistics that are not the input's")
    return gc.nn.instance_norm(input, weight, bias, epsilon=eps)


def _group_norm(
    input: Any, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Any:
    return gc.nn.group_norm(input, num_groups, weight, bias, epsilon=eps)


def _native_group_norm(
    input: Any, weight: Any, bias: Any, N: int, C: int, HxW: int, group: int, eps: float
) -> Any:
    found = _group_norm(input, group, weight, bias, eps)
    rows = gc.reshape(input, (N, group, -1))
    return [found, gc.mean(rows, 2), gc.rsqrt(gc.var(rows, 2) + eps)]


def _response_norm(
    input: Any, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Any:
    return gc.nn.local_response_norm(input, size, alpha=alpha, beta=beta, k=k)


def _normalized(input: Any, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Any:
    return gc.nn.normalize(input, axis=dim, ord=p, epsilon=eps)


# Attention and distances ---------------------------------------------------------------------


def _attention(
    query: Any, key: Any, value: Any, attn_mask: Any = None, dropout_p: float = 0.0,
    is_causal: bool = False, scale: Any = None, enable_gqa: bool = False,
) -> Any:  # fmt: skip
    refuse(dropout_p > 0, "elements that are dropped at random")
    refuse(enable_gqa, "keys that several queries share")
    return gc.nn.scaled_dot_product_attention(
        query, key, value, mask=attn_mask, causal=is_causal, scale=scale
    )


def _cosine(x1: Any, x2: Any, dim: int = 1, eps: float = 1e-8) -> Any:
    return gc.nn.cosine_similarity(x1, x2, axis=dim, epsilon=eps)


def _distance(x1: Any, x2: Any, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Any:
    return gc.nn.pairwise_distance(x1, x2, ord=p, epsilon=eps, keepdims=keepdim)


def _pdist(input: Any, p: float = 2.0) -> Any:
    rows, columns = gc.linalg.triu_indices(input.shape[0], k=1)
    gaps = gc.take(input, rows, axis=0) - gc.take(input, columns, axis=0)
    return gc.linalg.vector_norm(gaps, axis=-1, ord=p)


STATISTICS = "PyTorch takes no derivative through the mean and the deviation that it returns"

_nn = gc.nn
TABLE = {
    "native_layer_norm": Translation(_native_layer_norm, remark=STATISTICS),
    "native_batch_norm": Translation(_native_batch_norm, remark=STATISTICS),
    "_native_batch_norm_legit": Translation(_native_batch_norm, remark=STATISTICS),
    **plain({
    "cdist": lambda x1, x2, p=2.0, compute_mode=None: gc.nn.cdist(x1, x2, ord=p),
    "native_dropout_backward": _dropout_slope,
    "native_group_norm": _native_group_norm,
    "_softmax_backward_data": _softmax_slope,
    "torch.ops.aten._safe_softmax.default": by_rows(_safe_softmax),
    **{f"nn.functional.{names}": function for names, function in {
        "alpha_dropout": _kept,
        "batch_norm": _batch_norm,
        "bilinear": _bilinear,
        "celu": lambda input, alpha=1.0: _nn.celu(input, alpha),
        "conv1d": _convolved(1, _nn.conv1d),
        "conv2d": _convolved(2, _nn.conv2d),
        "conv3d": _convolved(3, _nn.conv3d),
        "conv_transpose1d": _transposed(1, _nn.conv_transpose1d),
        "conv_transpose2d": _transposed(2, _nn.conv_transpose2d),
        "conv_transpose3d": _transposed(3, _nn.conv_transpose3d),
        "cosine_similarity": _cosine,
        "dropout": _dropout,
        "dropout2d": _dropout,
        "dropout3d": _dropout,
        "elu": lambda input, alpha=1.0: _nn.elu(input, alpha),
        "embedding": _embedded,
        "feature_alpha_dropout.without_train": _kept,
        "gelu": _gelu,
        "glu": lambda input, dim=-1: _nn.glu(input, dim),
        "group_norm": _group_norm,
        "hardshrink": lambda input, lambd=0.5: _nn.hardshrink(input, lambd),
        "hardsigmoid": lambda input: _nn.hardsigmoid(input),
        "hardswish": lambda input: _nn.hardswish(input),
        "hardtanh": lambda input, min_val=-1.0, max_val=1.0: _nn.hardtanh(input, min_val, max_val),
        "instance_norm": _instance_norm,
        "layer_norm": _layer_norm,
        "leaky_relu": lambda input, negative_slope=0.01: _nn.leaky_relu(input, negative_slope),
        "linear": _linear,
        "local_response_norm": _response_norm,
        "logsigmoid": _nn.log_sigmoid,
        "mish": _nn.mish,
        "normalize": _normalized,
        "pairwise_distance": _distance,
        "pdist": _pdist,
        "prelu": _prelu,
        "relu": _nn.relu,
        "relu6": _nn.relu6,
        "rms_norm": _rms_norm,
        "rrelu": _rrelu,
        "scaled_dot_product_attention": _attention,
        "selu": _nn.selu,
        "silu": _nn.silu,
        "softmin": by_rows(_softmin),
        "softmin.with_dtype": by_rows(_softmin),
        "softplus": _softplus,
        "softshrink": lambda input, lambd=0.5: _nn.softshrink(input, lambd),
        "softsign": _nn.softsign,
        "tanhshrink": _nn.tanhshrink,
        "threshold": lambda input, threshold, value: _nn.threshold(input, threshold, value),
        "unfold": _unfolded,
    }.items()},
    }),
}  # fmt: skip
