"""Optimisers: from a loss to assignments that lower it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from graphc.api import elementwise as el
from graphc.api import formulas
from graphc.api.blame import fail_attribute, fail_gradient
from graphc.api.gradient_buffers import GradientBuffers
from graphc.api.gradients import gradients
from graphc.api.other_names import no_attribute
from graphc.api.sources import variable
from graphc.api.tensor import Tensor, Variable
from graphc.api.trained import chosen_variables
from graphc.api.updates import Assignment, Group, assign, group
from graphc.ir.dtypes import float64

__all__ = ["SGD", "Adam", "GradientBuffers"]


class SGD:
    """Gradient descent, with momentum if asked for.

    Each variable w with gradient g is replaced by w - rate*g; with momentum, by w - rate*v, where v
    is replaced by momentum*v + g. The rate is a number or a scalar tensor, such as a placeholder.
    """

    def __init__(self, rate: float | Tensor, momentum: float = 0.0) -> None:
        self.rate = _checked_rate("SGD", rate)
        self.momentum = _fraction("SGD", "momentum", momentum)

    def minimize(self, loss: Tensor, variables: Sequence[Variable] | None = None) -> Group:
        """One step down the gradient of a scalar loss, to be fetched.

        `variables` are those to change: without it all trainable ones on which the loss depends.
        """
        return self.apply_gradients(_slopes("SGD", loss, variables))

    def apply_gradients(self, pairs: Iterable[tuple[Tensor, Variable]]) -> Group:
        """One step along gradients that are known, each with its variable, to be fetched."""
        found = _checked_pairs("SGD", pairs)
        with found[0][1].graph:
            return group(*(part for g, w in found for part in self._update(w, g)))

    def _update(self, w: Variable, g: Tensor) -> list[Assignment]:
        rate = self.rate.astype(w.dtype) if isinstance(self.rate, Tensor) else self.rate
        if self.momentum == 0.0:
            return [assign(w, w - rate * g)]
        velocity = _state(w, "momentum")
        moved = self.momentum * velocity + g
        return [assign(velocity, moved), assign(w, w - rate * moved)]


class Adam:
    """Gradient descent by running means of the gradient and of its square.

    Source: Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2014, algorithm 1. The
    corrections for the means' start at 0 are computed in float64. The rate is a number or a scalar
    tensor, such as a placeholder.
    """

    def __init__(
        self,
        rate: float | Tensor = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
    ) -> None:
        self.rate = _checked_rate("Adam", rate)
        self.beta1 = _fraction("Adam", "beta1", beta1)
        self.beta2 = _fraction("Adam", "beta2", beta2)
        self.epsilon = epsilon

    def minimize(self, loss: Tensor, variables: Sequence[Variable] | None = None) -> Group:
        """One step of the algorithm for a scalar loss, to be fetched.

        `variables` are those to change: without it all trainable ones on which the loss depends.
        """
        return self.apply_gradients(_slopes("Adam", loss, variables))

    def apply_gradients(self, pairs: Iterable[tuple[Tensor, Variable]]) -> Group:
        """One step with gradients that are known, each with its variable, to be fetched."""
        found = _checked_pairs("Adam", pairs)
        with found[0][1].graph as graph:
            count = variable(np.int64(0), graph.unused_name("adam_step"), trainable=False)
            updates = [assign(count, count + 1)]
            rate, root = self._corrected((count + 1).astype(float64))
            for g, w in found:
                updates += self._update(w, g, rate.astype(w.dtype), root.astype(w.dtype))
            return group(*updates)

    def _corrected(self, step: Tensor) -> tuple[Tensor, Tensor]:
        """(rate / (1 - beta1**step), 1 / sqrt(1 - beta2**step)) in float64."""
        rate = self.rate.astype(float64) if isinstance(self.rate, Tensor) else self.rate
        first, second = (1 - formulas.pow(beta, step) for beta in (self.beta1, self.beta2))
        return rate / first, el.rsqrt(second)

    def _update(self, w: Variable, g: Tensor, rate: Tensor, root: Tensor) -> list[Assignment]:
        m, v = _state(w, "adam_m"), _state(w, "adam_v")
        mean = self.beta1 * m + (1 - self.beta1) * g
        square = self.beta2 * v + (1 - self.beta2) * (g * g)
        moved = w - rate * mean / (el.sqrt(square) * root + self.epsilon)
        return [assign(m, mean), assign(v, square), assign(w, moved)]


def _slopes(
    op: str, loss: Tensor, variables: Sequence[Variable] | None
) -> list[tuple[Tensor, Variable]]:
    """The gradients of the loss, each with its variable."""
    with loss.graph:
        chosen = chosen_variables(op, loss, variables)
        return list(zip(gradients(loss, chosen), chosen, strict=True))


def _checked_pairs(
    op: str, pairs: Iterable[tuple[Tensor, Variable]]
) -> list[tuple[Tensor, Variable]]:
    found = list(pairs)
    for pair in found:
        if not _is_pair(pair):
            fail_gradient(op, f"takes pairs of a gradient and its variable, not {pair!r}")
    if not found:
        fail_gradient(op, "is given no gradient")
    return found


def _is_pair(pair: object) -> bool:
    if not isinstance(pair, tuple) or len(pair) != 2:
        return False
    return isinstance(pair[0], Tensor) and isinstance(pair[1], Variable)


def _state(w: Variable, role: str) -> Variable:
    """A variable of zeros like w, named after it."""
    zeros = np.zeros(w.initial_value.shape, w.dtype.numpy)
    return variable(zeros, w.graph.unused_name(f"{w.name}/{role}"), trainable=False)


def _checked_rate(op: str, rate: float | Tensor) -> float | Tensor:
    if isinstance(rate, Tensor):
        if rate.shape != () or not rate.dtype.is_float:
            fail_attribute(op, f"the rate must be a floating-point scalar, not {rate!r}")
        return rate
    if isinstance(rate, bool) or not isinstance(rate, int | float) or not rate >= 0:
        fail_attribute(op, f"the rate must be a number that is not negative, not {rate!r}")
    return float(rate)


def _fraction(op: str, what: str, value: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1:
        fail_attribute(op, f"{what} must be at least 0 and less than 1, not {value!r}")
    return float(value)


if not TYPE_CHECKING:  # for a type checker there are no other names

    def __getattr__(name: str) -> object:
        raise no_attribute(__name__, name)
