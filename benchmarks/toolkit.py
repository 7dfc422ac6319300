"""Toolkit: the words in which formulas are written, so that one formula serves many programs.

Names and signatures are the array API's where it has them. A toolkit says them in its program's
own best words: what comes with the program (a fused loss, a layer norm) rather than its parts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import log, pi, sqrt
from typing import Any

Tensor = Any  # each program has its own

#: Adam's usual constants.
BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8


class Toolkit:
    """Functions over a namespace that has the array API's names: NumPy, jax.numpy, graphc.

    A program overrides what it spells otherwise or has a better word for. `CHANNELS` is the axis
    of images that holds them.
    """

    CHANNELS = 1

    def __init__(self, namespace: Any) -> None:
        self.namespace = namespace

    def __getattr__(self, name: str) -> Any:
        return getattr(self.namespace, name)

    def differentiated(
        self, function: Callable[..., Tensor], primals: Sequence[Tensor], cotangent: Tensor = None
    ) -> tuple[Tensor, list[Tensor]]:
        """The function's value and, for each primal, its derivative weighted by the cotangent."""
        raise NotImplementedError(f"{type(self).__name__} has no derivatives")

    def jacobian(self, function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
        """All derivatives of a function of a few numbers, forward; of shape y.shape + x.shape."""
        raise NotImplementedError(f"{type(self).__name__} has no derivatives")

    def directional(
        self, function: Callable[[Tensor], Tensor], x: Tensor, direction: Tensor
    ) -> Tensor:
        """The derivative of a function along a direction."""
        raise NotImplementedError(f"{type(self).__name__} has no derivatives")

    def forward(self, function: Callable[[Tensor], Tensor], x: Tensor) -> tuple[Tensor, Tensor]:
        """The value and the derivative of a function of a number, by forward accumulation."""
        raise NotImplementedError(f"{type(self).__name__} has no derivatives")

    def blocks(
        self, function: Callable[..., Tensor], rows: Sequence[Tensor], constant: Tensor
    ) -> list[Tensor]:
        """For every row of some tensors (and one more) its own Jacobian by each, in reverse."""
        raise NotImplementedError(f"{type(self).__name__} has no derivatives")

    def scan(self, step: Callable[..., Any], first: Any, rows: Tensor) -> Tensor:
        """The ys of `state, y = step(state, row)` for row after row, stacked."""
        raise NotImplementedError(f"{type(self).__name__} has no loops")

    def repeated(
        self, holds: Callable[[Tensor], Tensor], turn: Callable[[Tensor], Tensor], state: Tensor
    ) -> Tensor:
        """The state after `state = turn(state)` for as long as a condition on it holds."""
        raise NotImplementedError(f"{type(self).__name__} has no loops")

    def literal(self, array: Any) -> Tensor:
        """A tensor of known numbers."""
        return self.namespace.asarray(array)

    def picked(self, x: Tensor, indices: Any, axis: int) -> Tensor:
        """What lies at some places of an axis."""
        return self.namespace.take(x, indices, axis=axis)

    def sum_last(self, x: Tensor) -> Tensor:
        """The sum along the last axis, which is kept."""
        return self.namespace.sum(x, axis=-1, keepdims=True)

    def stack(self, parts: Sequence[Tensor], axis: int) -> Tensor:
        return self.namespace.stack(parts, axis=axis)

    def concat(self, parts: Sequence[Tensor], axis: int) -> Tensor:
        return self.namespace.concat(parts, axis=axis)

    def descended(
        self, weights: Sequence[Tensor], gradients: Sequence[Tensor], rate: float
    ) -> list[Tensor]:
        """The weights after one step of gradient descent."""
        return [w - rate * g for w, g in zip(weights, gradients, strict=True)]

    def adam(
        self,
        weights: Sequence[Tensor],
        gradients: Sequence[Tensor],
        means: Sequence[Tensor],
        squares: Sequence[Tensor],
        count: Tensor,
        rate: float,
    ) -> list[Tensor]:
        """The weights, means, squares and the count after one step of Adam."""
        count = count + 1
        step = -rate / self.expm1(count * log(BETA1))
        root = 1 / self.namespace.sqrt(-self.expm1(count * log(BETA2)))
        new = [
            (
                BETA1 * mean + (1 - BETA1) * gradient,
                BETA2 * square + (1 - BETA2) * gradient * gradient,
            )
            for gradient, mean, square in zip(gradients, means, squares, strict=True)
        ]
        moved = [
            w - step * mean / (self.namespace.sqrt(square) * root + EPSILON)
            for w, (mean, square) in zip(weights, new, strict=True)
        ]
        return [*moved, *(mean for mean, _ in new), *(square for _, square in new), count]

    def sum(self, x: Tensor, axis: int | None = None) -> Tensor:
        """The sum in x's own dtype."""
        return self.namespace.sum(x, axis=axis, dtype=x.dtype)

    def sigmoid(self, x: Tensor) -> Tensor:
        return 1 / (1 + self.namespace.exp(-x))

    def relu(self, x: Tensor) -> Tensor:
        return self.namespace.maximum(x, 0)

    def gelu(self, x: Tensor, approximate: str) -> Tensor:
        """x times the normal distribution function, which `approximate="tanh"` comes near to."""
        if approximate == "none":
            return 0.5 * x * (1 + self.erf(x * sqrt(0.5)))
        return 0.5 * x * (1 + self.tanh(sqrt(2 / pi) * (x + 0.044715 * x * x * x)))

    def attention(self, queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor) -> Tensor:
        """softmax(queries @ keys'/sqrt(width) + mask) @ values over [batch, heads, rows, width]."""
        scores = queries @ self.permute_dims(keys, (0, 1, 3, 2))
        return self.softmax(scores * queries.shape[-1] ** -0.5 + mask) @ values

    def norm(self, x: Tensor) -> Tensor:
        """The square root of the sum of all squares."""
        return self.namespace.sqrt(self.sum(x * x))

    def mean_and_var(self, x: Tensor, axis: int) -> tuple[Tensor, Tensor]:
        return self.namespace.mean(x, axis=axis), self.namespace.var(x, axis=axis)

    def along(self, step: Callable[[Any, Tensor], Any], state: Any, rows: Tensor) -> Any:
        """The state after `state = step(state, row)` for every row, in order; written out."""
        for row in self.unstack(rows):
            state = step(state, row)
        return state

    def images(self, x: Tensor) -> Tensor:
        """An input of images as the functions of images want it."""
        return x

    def per_channel(self, x: Tensor) -> Tensor:
        """A number for each channel, to be broadcast over images."""
        return x if self.CHANNELS == 3 else self.namespace.reshape(x, (-1, 1, 1))

    def batch_norm(self, x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        """x brought to mean 0 and variance 1 (plus 1e-5) in each channel, scaled, shifted."""
        axes = tuple(axis for axis in range(4) if axis != self.CHANNELS)
        centred = x - self.namespace.mean(x, axis=axes, keepdims=True)
        spread = self.namespace.mean(centred * centred, axis=axes, keepdims=True)
        rate = self.per_channel(scale) / self.namespace.sqrt(spread + 1e-5)
        return centred * rate + self.per_channel(shift)

    def layer_norm(self, x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        """x brought to mean 0 and variance 1 (plus 1e-5) along the last axis, scaled, shifted."""
        centred = x - self.namespace.mean(x, axis=-1, keepdims=True)
        spread = self.namespace.mean(centred * centred, axis=-1, keepdims=True)
        return centred / self.namespace.sqrt(spread + 1e-5) * scale + shift
