"""Live ranges where loops exchange buffers."""

from __future__ import annotations

import numpy as np
import pytest

import graphc as gc
from graphc.runtime.reference import evaluate


@pytest.mark.parametrize("turns", [2, 3])
def test_a_last_state_is_kept_wherever_it_lies(turns: int) -> None:
    """The next state cannot be written over the one that a sort still reads: they change places."""
    rng = np.random.default_rng(0)
    m, rows = rng.normal(size=(32, 32)) / 6, np.arange(float(turns))

    def turn(c: gc.Tensor, row: gc.Tensor) -> tuple[gc.Tensor, gc.Tensor]:
        return c @ m + row, gc.sort(gc.sort(c, axis=0), axis=1)[0]

    with gc.Graph() as graph:
        x = gc.placeholder(gc.float64, (32, 32), name="x")
        first, seen = gc.scan(turn, x, rows)
        second, _ = gc.scan(turn, x + 1, rows + gc.sum(seen))
        y = gc.sum(first * second)
    value = rng.normal(size=(32, 32))
    with gc.Session(graph) as session:
        found = session.run(y, {x: value})
    ((expected,), _) = evaluate(graph.extract([y]), {x.node: value})
    np.testing.assert_allclose(found, expected, rtol=1e-9)
