"""Gradients added up over several runs, in variables of the graph."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from graphc.api import elementwise as el
from graphc.api.gradients import gradients
from graphc.api.sources import variable
from graphc.api.tensor import Tensor, Variable
from graphc.api.trained import chosen_variables
from graphc.api.updates import assign, group


class GradientBuffers:
    """The sums of a loss's gradients over runs, one variable for each variable differentiated by.

    Fetch `add` for every part of a batch; then use `sums` or `means`; fetch `reset` to start again.
    As a run is a transaction, a step that reads the sums and their reset fit into one run: it reads
    them as they were before. Sums have the shapes and dtypes of the `variables`, and are read and
    set as any variable is; `count` is how many gradients they hold, in int64.

    >>> import graphc as gc
    >>> with gc.Graph() as graph:
    ...     x = gc.placeholder(gc.float32, ("n",), name="x")
    ...     w = gc.variable(2.0, name="w")
    ...     buffers = gc.optim.GradientBuffers(gc.mean((w * x) ** 2))
    ...     step = gc.optim.SGD(0.5).apply_gradients(zip(buffers.means, buffers.variables))
    >>> with gc.Session(graph) as session:
    ...     for part in ([1.0, 0.0], [0.5, 0.5]):
    ...         _ = session.run(buffers.add, {x: part})
    ...     _ = session.run([step, buffers.reset])
    ...     float(session.get_value(w)), float(session.get_value(buffers.sums[0]))
    (1.25, 0.0)
    """

    def __init__(self, loss: Tensor, variables: Sequence[Variable] | None = None) -> None:
        """Of a scalar loss, by all trainable variables on which it depends unless told otherwise.

        GradientError if it depends on none, or not on one that is named.
        """
        with loss.graph as graph:
            self.variables = chosen_variables("GradientBuffers", loss, variables)
            self.sums = [_zeros(w) for w in self.variables]
            self.count = variable(np.int64(0), graph.unused_name("gradient_count"), trainable=False)
            found = gradients(loss, self.variables)
            added = [assign(s, s + g) for s, g in zip(self.sums, found, strict=True)]
            self.add = group(*added, assign(self.count, self.count + 1))
            self.reset = group(*(assign(s, 0) for s in self.sums), assign(self.count, 0))

    @property
    def means(self) -> list[Tensor]:
        """The sums divided by their count; zeros before the first gradient."""
        with self.count.graph:
            divisor = el.maximum(self.count, 1)
            return [s / divisor.astype(s.dtype) for s in self.sums]


def _zeros(w: Variable) -> Variable:
    zeros = np.zeros(w.initial_value.shape, w.dtype.numpy)
    return variable(zeros, w.graph.unused_name(f"{w.name}/gradient"), trainable=False)
