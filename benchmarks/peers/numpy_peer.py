"""NumPy: the formulas as they stand, an array for each step. It has no derivatives."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from benchmarks.peers.program import Peer, Program, Setup
from benchmarks.toolkit import Toolkit
from benchmarks.workload import Array


class NumpyToolkit(Toolkit):
    """NumPy's words, and what formulas with derivatives by hand have in common."""

    def __init__(self) -> None:
        super().__init__(np)

    def logsumexp(self, x: Array, axis: int) -> Any:
        highest = x.max(axis=axis, keepdims=True)
        total = np.log(np.sum(np.exp(x - highest), axis=axis, keepdims=True)) + highest
        return np.squeeze(total, axis)

    def cross_entropy_and_slope(self, logits: Array, labels: Array) -> tuple[Any, Array]:
        """The mean of the rows' softmax cross-entropies, and its derivative by the logits."""
        rows = np.arange(len(labels))
        lowered = logits - logits.max(axis=1, keepdims=True)
        grown = np.exp(lowered)
        totals = grown.sum(axis=1, keepdims=True)
        value = np.mean(np.log(totals[:, 0]) - lowered[rows, labels])
        grown /= totals
        grown[rows, labels] -= 1
        grown /= len(labels)
        return value, grown


class NumpyPeer(Peer):
    """Its threads are those of its matrix products, which the environment sets."""

    def prepare(self, setup: Setup) -> str:
        return np.__version__

    def build(self, setup: Setup, inputs: Mapping[str, Array]) -> Program:
        workload = setup.workload
        formula, toolkit = workload.builders["numpy"], NumpyToolkit()
        if workload.fill is not None:
            results = [row_major(part) for part in formula(toolkit, *inputs.values())]
            return Program(workload.fill([*inputs.values()], results), lambda _: results)
        if not workload.state:
            whole = partial(formula, toolkit, *inputs.values())
            return Program(lambda: [row_major(part) for part in whole()], _arrays)
        values = dict(inputs)

        def call() -> Any:
            outputs, new = formula(toolkit, *values.values())
            values.update(zip(workload.state, new, strict=True))
            return outputs

        return Program(call, _arrays, lambda: [values[name] for name in workload.state])


def row_major(array: Any) -> Array:
    """The array itself, or a copy if its elements lie in another order, as after a transpose."""
    return np.asarray(array, order="C")


def _arrays(outputs: Any) -> list[Array]:
    return [np.asarray(array) for array in outputs]
