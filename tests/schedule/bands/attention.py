"""Attention by its plain formula, written in several ways."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import graphc as gc
from graphc.ir.dtypes import DType
from graphc.ir.graph import Graph, extract

#: The result, and the weights of each layer.
Found = tuple[gc.Tensor, list[gc.Tensor]]


def scores(q: gc.Tensor, k: gc.Tensor) -> gc.Tensor:
    """Every query with every key."""
    return gc.matmul(q, gc.matrix_transpose(k)) * float(1 / np.sqrt(q.shape[-1]))


def plain(q: gc.Tensor, k: gc.Tensor, v: gc.Tensor) -> Found:
    """softmax(QK'/sqrt(d)) V."""
    weights = gc.nn.softmax(scores(q, k))
    return gc.matmul(weights, v), [weights]


def causal(q: gc.Tensor, k: gc.Tensor, v: gc.Tensor) -> Found:
    """Of what came before only, by positions that are compared."""
    at = gc.arange(q.shape[-2])
    earlier = gc.expand_dims(at, 1) >= gc.expand_dims(at, 0)
    weights = gc.nn.softmax(gc.where(earlier, scores(q, k), -np.inf))
    return gc.matmul(weights, v), [weights]


def masked(q: gc.Tensor, k: gc.Tensor, v: gc.Tensor) -> Found:
    """With a mask that is added, the same for all heads."""
    mask = gc.placeholder(q.dtype, (q.shape[-2], k.shape[-2]), name="mask")
    weights = gc.nn.softmax(scores(q, k) + mask)
    return gc.matmul(weights, v), [weights]


def by_letters(q: gc.Tensor, k: gc.Tensor, v: gc.Tensor) -> Found:
    """With positions before heads, as they come out of a product with weights."""
    found = gc.einsum("bqhd,bkhd->bhqk", q, k) * float(1 / np.sqrt(q.shape[-1]))
    weights = gc.nn.softmax(found)
    return gc.einsum("bhqk,bkhd->bqhd", weights, v), [weights]


def capped(q: gc.Tensor, k: gc.Tensor, v: gc.Tensor) -> Found:
    """With scores that are kept small, and a result that is turned around."""
    weights = gc.nn.softmax(5 * gc.tanh(scores(q, k) / 5))
    return gc.matrix_transpose(gc.matmul(weights, v)), [weights]


def linear(q: gc.Tensor, k: gc.Tensor, v: gc.Tensor) -> Found:
    """Without a softmax: weights that are divided by their sum."""
    squares = gc.square(scores(q, k))
    weights = squares / (1 + gc.sum(squares, axis=-1, keepdims=True))
    return gc.matmul(weights, v), [weights]


def twice(q: gc.Tensor, k: gc.Tensor, v: gc.Tensor) -> Found:
    """Two layers, of which the second asks with what the first found."""
    first, one = plain(q, k, v)
    second, other = plain(first, k, gc.tanh(v))
    return second, one + other


def hashed(shape: tuple[Any, ...], key: gc.Tensor) -> gc.Tensor:
    """Random whole numbers of 31 bits: a function of a key and of the position."""
    mixed = key
    for axis, size in enumerate(shape):
        place = [size if k == axis else 1 for k in range(len(shape))]
        mixed = gc.bitwise_xor(mixed, gc.reshape(gc.arange(size, dtype=gc.int32), place))
        mixed = gc.bitwise_xor(mixed, gc.bitwise_right_shift(mixed, 15)) * 0x2C1B3C6D
        mixed = gc.bitwise_xor(mixed, gc.bitwise_right_shift(mixed, 12)) * 0x297A2D39
    return gc.bitwise_and(mixed, 0x7FFFFFFF)


def dropped(q: gc.Tensor, k: gc.Tensor, v: gc.Tensor) -> Found:
    """With a tenth of the weights left out at random, by a hash of the position."""
    weights = gc.nn.softmax(scores(q, k))
    random = hashed(weights.shape, gc.placeholder(gc.int32, (), name="key"))
    kept = gc.where(random >= 214748365, weights / 0.9, 0)
    return gc.matmul(kept, v), [weights]


FORMS: dict[str, Callable[..., Found]] = {
    form.__name__: form
    for form in (plain, causal, masked, by_letters, capped, linear, twice, dropped)
}


@dataclass(frozen=True)
class Attention:
    """A form over placeholders of one shape, with its gradients if it has a way back."""

    form: str
    shape: tuple[Any, ...]
    dtype: DType = gc.float32
    back: bool = True

    def outputs(self) -> tuple[list[gc.Tensor], list[gc.Tensor]]:
        """The result with gradients with respect to queries, keys and values; and the weights."""
        q, k, v = (gc.placeholder(self.dtype, self.shape, name=name) for name in "qkv")
        result, weights = FORMS[self.form](q, k, v)
        if not self.back:
            return [result], weights
        seed = gc.placeholder(self.dtype, result.shape, name="seed")
        return [result, *gc.gradients(gc.sum(gc.tanh(result) * seed), [q, k, v])], weights

    def graph(self, *, spread: bool = False) -> Graph:
        """The program. With `spread`, something else needs the weights, so they are stored."""
        with gc.Graph():
            outputs, weights = self.outputs()
            if spread:
                outputs = [*outputs, *(gc.sum(wide, axis=-2) for wide in weights)]
            return extract("attention", [one.node for one in outputs])
