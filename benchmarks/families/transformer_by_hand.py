"""The transformer's loss and its derivatives in NumPy, written out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.workload import Array

_C, _CUBE = np.sqrt(2 / np.pi), 0.044715


class LayerNorm:
    """Rows brought to mean 0 and variance 1 (plus 1e-5), scaled and shifted."""

    def __init__(self, x: Array, scale: Array, shift: Array) -> None:
        centred = x - x.mean(axis=1, keepdims=True)
        spread = np.mean(centred * centred, axis=1, keepdims=True)
        self._scale, self._rate = scale, 1 / np.sqrt(spread + x.dtype.type(1e-5))
        self._normal = centred * self._rate
        self.value = self._normal * scale + shift

    def slopes(self, slope: Array) -> tuple[Array, Array, Array]:
        """By x, scale and shift."""
        scaled = slope * self._scale
        tilt = np.mean(scaled * self._normal, axis=1, keepdims=True)
        by_x = self._rate * (scaled - scaled.mean(axis=1, keepdims=True) - self._normal * tilt)
        return by_x, np.sum(slope * self._normal, axis=0), slope.sum(axis=0)


class Attention:
    """softmax(queries @ keys'/sqrt(width) + mask) @ values, from [tokens, 3*width] and back."""

    def __init__(self, mixed: Array, mask: Array, batch: int, heads: int) -> None:
        self._batch, positions = batch, len(mask)
        self._parts = mixed.reshape(batch, positions, 3, heads, -1).transpose(2, 0, 3, 1, 4)
        queries, keys, values = self._parts
        self._rate = mixed.dtype.type(queries.shape[-1] ** -0.5)
        scores = queries @ keys.swapaxes(2, 3) * self._rate + mask
        grown = np.exp(scores - scores.max(axis=3, keepdims=True))
        self._shares = grown / grown.sum(axis=3, keepdims=True)
        seen = self._shares @ values
        self.value = seen.transpose(0, 2, 1, 3).reshape(len(mixed), -1)

    def slope(self, slope: Array) -> Array:
        """By `mixed`."""
        queries, keys, values = self._parts
        batch, heads, positions, each = queries.shape
        by_seen = slope.reshape(batch, positions, heads, each).transpose(0, 2, 1, 3)
        by_values = self._shares.swapaxes(2, 3) @ by_seen
        tilt = by_seen @ values.swapaxes(2, 3)
        by_scores = self._shares * (tilt - np.sum(tilt * self._shares, axis=3, keepdims=True))
        by_scores *= self._rate
        parts = np.stack([by_scores @ keys, by_scores.swapaxes(2, 3) @ queries, by_values])
        return parts.transpose(1, 3, 0, 2, 4).reshape(len(slope), -1)


class Block:
    """Attention and two dense layers, each added to what it is applied to."""

    def __init__(self, x: Array, mask: Array, batch: int, heads: int, weights: Any) -> None:
        scale1, shift1, self._qkv, self._out, scale2, shift2, self._w1, b1, self._w2, b2 = weights
        self._norm1 = LayerNorm(x, scale1, shift1)
        self._attention = Attention(self._norm1.value @ self._qkv, mask, batch, heads)
        middle = x + self._attention.value @ self._out
        self._norm2 = LayerNorm(middle, scale2, shift2)
        self._inner = self._norm2.value @ self._w1 + b1
        self._bent = np.tanh(_bend(self._inner))
        self._hidden = self._inner * (1 + self._bent) / 2
        self.value = middle + self._hidden @ self._w2 + b2

    def slopes(self, slope: Array) -> tuple[Array, list[Array]]:
        """By x, and by the weights in their order."""
        by_w2, by_b2 = self._hidden.T @ slope, slope.sum(axis=0)
        by_inner = (slope @ self._w2.T) * _gelu_slope(self._inner, self._bent)
        by_w1, by_b1 = self._norm2.value.T @ by_inner, by_inner.sum(axis=0)
        through, *by_norm2 = self._norm2.slopes(by_inner @ self._w1.T)
        by_middle = slope + through
        by_out = self._attention.value.T @ by_middle
        by_mixed = self._attention.slope(by_middle @ self._out.T)
        by_qkv = self._norm1.value.T @ by_mixed
        through, *by_norm1 = self._norm1.slopes(by_mixed @ self._qkv.T)
        found = [*by_norm1, by_qkv, by_out, *by_norm2, by_w1, by_b1, by_w2, by_b2]
        return by_middle + through, found


def _bend(x: Array) -> Array:
    bent: Array = x.dtype.type(_C) * (x + x.dtype.type(_CUBE) * x * x * x)
    return bent


def _gelu_slope(x: Array, bent: Array) -> Array:
    """The derivative of x*(1 + tanh(u))/2, where bent is tanh(u) and u is `_bend(x)`."""
    steep = x.dtype.type(_C) * (1 + 3 * x.dtype.type(_CUBE) * x * x)
    slope: Array = (1 + bent) / 2 + x * (1 - bent * bent) * steep / 2
    return slope


def loss_and_gradients(
    t: Any,
    tokens: Array,
    targets: Array,
    mask: Array,
    heads: int,
    weights: Sequence[Array],
    blocks: int,
) -> tuple[Any, list[Array]]:
    """The mean cross-entropy of the targets, and its derivatives by the weights in their order."""
    embedding, position, *rest, scale, shift, head = weights
    count, batch = len(rest) // blocks, len(tokens)
    x = (embedding[tokens] + position).reshape(tokens.size, -1)
    passed = []
    for k in range(blocks):
        passed.append(Block(x, mask, batch, heads, rest[k * count : (k + 1) * count]))
        x = passed[-1].value
    norm = LayerNorm(x, scale, shift)
    value, slope = t.cross_entropy_and_slope(norm.value @ head, targets)
    by_head = norm.value.T @ slope
    by_x, *by_norm = norm.slopes(slope @ head.T)
    found: list[Array] = []
    for block in reversed(passed):
        by_x, by_weights = block.slopes(by_x)
        found = by_weights + found
    by_embedding = np.zeros_like(embedding)
    np.add.at(by_embedding, tokens.ravel(), by_x)
    by_position = by_x.reshape(batch, *position.shape).sum(axis=0)
    return value, [by_embedding, by_position, *found, *by_norm, by_head]
