"""Gradients of parts of a batch, added up in variables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import GradientError

RNG = np.random.default_rng(2)
X, Y = RNG.normal(size=(12, 3)), RNG.normal(size=(12, 2))
START = RNG.normal(size=(3, 2))


class Model:
    def __init__(self) -> None:
        with gc.Graph() as self.graph:
            self.x = gc.placeholder(gc.float64, ("n", 3), name="x")
            self.y = gc.placeholder(gc.float64, ("n", 2), name="y")
            self.w = gc.variable(START, name="w")
            self.b = gc.variable(np.zeros(2), name="b")
            self.frozen = gc.variable(np.ones(2), name="frozen", trainable=False)
            self.loss = gc.nn.mse(gc.tanh(self.x @ self.w + self.b) * self.frozen, self.y)

    def feeds(self, rows: slice) -> dict[gc.Tensor, Any]:
        return {self.x: X[rows], self.y: Y[rows]}


def test_parts_add_up_to_the_whole() -> None:
    m = Model()
    buffers = gc.optim.GradientBuffers(m.loss)
    with m.graph:
        whole = gc.gradients(m.loss, [m.w, m.b])
        means = buffers.means
    assert buffers.variables == [m.w, m.b]
    assert [s.name for s in buffers.sums] == ["w/gradient", "b/gradient"]
    with gc.Session(m.graph) as session:
        for k in range(3):
            session.run(buffers.add, m.feeds(slice(4 * k, 4 * k + 4)))
        assert session.get_value(buffers.count) == 3
        wanted = session.run(whole, m.feeds(slice(None)))
        for found, sums, expected in zip(session.run(means), buffers.sums, wanted, strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-12)
            np.testing.assert_allclose(session.get_value(sums), 3 * expected, rtol=1e-12)
        session.run(buffers.reset)
        assert session.get_value(buffers.count) == 0
        assert not any(session.get_value(s).any() for s in buffers.sums)
        assert not any(part.any() for part in session.run(means))


@pytest.mark.parametrize(
    "optimiser", [lambda: gc.optim.SGD(0.1, momentum=0.9), lambda: gc.optim.Adam(0.1)]
)
def test_steps_on_parts_are_steps_on_the_whole(optimiser: Callable[[], Any]) -> None:
    """A step and the reset of what it reads fit into one run."""
    parts, whole = Model(), Model()
    buffers = gc.optim.GradientBuffers(parts.loss)
    step = optimiser().apply_gradients(zip(buffers.means, buffers.variables, strict=True))
    at_once = optimiser().minimize(whole.loss)
    with gc.Session(parts.graph) as mine, gc.Session(whole.graph) as other:
        for _ in range(3):
            for k in range(2):
                mine.run(buffers.add, parts.feeds(slice(6 * k, 6 * k + 6)))
            mine.run([step, buffers.reset])
            other.run(at_once, whole.feeds(slice(None)))
        for name in ("w", "b"):
            found, expected = mine.get_value(name), other.get_value(name)
            np.testing.assert_allclose(found, expected, rtol=1e-10)
            assert (found != (START if name == "w" else 0)).all()


def test_a_run_that_reads_and_adds_reads_what_was_there_before() -> None:
    m = Model()
    buffers = gc.optim.GradientBuffers(m.loss, [m.b])
    with gc.Session(m.graph) as session:
        (before,) = buffers.sums
        seen, _ = session.run([before, buffers.add], m.feeds(slice(None)))
        assert not seen.any()
        assert session.get_value(before).any()


def test_what_has_no_gradient_is_an_error() -> None:
    m = Model()
    with m.graph:
        other = gc.variable(1.0, name="other")
    with pytest.raises(GradientError, match="GradientBuffers: .* does not depend on .*other"):
        gc.optim.GradientBuffers(m.loss, [m.w, other])
    with m.graph, pytest.raises(GradientError, match="depends on no trainable variable"):
        gc.optim.GradientBuffers(gc.sum(m.x))


@pytest.mark.parametrize("optimiser", [gc.optim.SGD(0.1), gc.optim.Adam()])
@pytest.mark.parametrize("pairs", [[], [1.0], [(1.0, 2.0)]])
def test_steps_need_pairs(optimiser: Any, pairs: list[Any]) -> None:
    with pytest.raises(GradientError, match="pairs of a gradient and its variable|no gradient"):
        optimiser.apply_gradients(pairs)
