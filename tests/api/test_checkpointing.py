"""Functions that are computed again for their gradient: the same bits from less memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import GraphError
from graphc.passes.pipeline import run_passes

RNG = np.random.default_rng(4)
X = RNG.normal(size=(200, 32)).astype(np.float32)
WEIGHTS = [(RNG.normal(size=(32, 32)) / 6).astype(np.float32) for _ in range(4)]

Layer = Callable[[gc.Tensor, gc.Tensor], gc.Tensor]
LAYERS: dict[str, Layer] = {
    "residual": lambda h, w: h + gc.tanh(h @ w) * gc.sigmoid(h),
    "normalised": lambda h, w: gc.nn.layer_norm(h * 0.9 + gc.nn.gelu(h @ w)),
    "product at the edge": lambda h, w: (h + 1.5) * gc.tanh(h @ w),
    "relu": lambda h, w: gc.nn.relu(gc.sin(h @ w) + h / 3),
}


class Network:
    """A stack of layers; each of them, or all together, is taken again, or none."""

    def __init__(self, layer: Layer, how: str) -> None:
        with gc.Graph() as self.graph:
            self.x = gc.placeholder(gc.float32, ("n", 32), name="x")
            self.weights = [gc.variable(w, name=f"w{k}") for k, w in enumerate(WEIGHTS)]
            self.loss = gc.mean(gc.square(self._output(layer, how)))
            self.slopes = gc.gradients(self.loss, [self.x, *self.weights])

    def _output(self, layer: Layer, how: str) -> Any:
        h = self.x * 1.25
        for w in self.weights:
            if how == "none":
                h = layer(h, w)
            elif how == "captured":
                h = gc.checkpoint(lambda h, w=w: layer(h, w), h)
            else:
                h = gc.checkpoint(layer, h, w)
        return h

    def results(self, threads: int = 1) -> tuple[list[Any], int]:
        fetches, feeds = [self.loss, *self.slopes], {self.x: X}
        with gc.Session(self.graph, threads=threads) as session:
            return session.run(fetches, feeds), session.predicted_peak(fetches, feeds)


@pytest.mark.parametrize("how", ["captured", "arguments"])
@pytest.mark.parametrize("name", LAYERS)
def test_gradients_have_the_same_bits_and_take_less_memory(name: str, how: str) -> None:
    (plain, peak), (again, less) = (Network(LAYERS[name], h).results() for h in ("none", how))
    for expected, found in zip(plain, again, strict=True):
        np.testing.assert_array_equal(found, expected)
        assert np.isfinite(found).all()
    assert less < (1.0 if "edge" in name else 0.8) * peak  # there, a sum needs both factors


def test_threads_do_not_change_a_bit() -> None:
    network = Network(LAYERS["residual"], "arguments")
    for one, two in zip(network.results(1)[0], network.results(2)[0], strict=True):
        np.testing.assert_array_equal(one, two)


def products(network: Network) -> int:
    graph, _ = run_passes(network.graph.extract([network.loss, *network.slopes]))
    return sum(node.op.name == "matmul" for node in graph.nodes)


def test_what_is_computed_again_is_not_shared_with_what_was() -> None:
    """Products of every layer once more; without gradients there is nothing again."""
    layer = LAYERS["residual"]
    assert products(Network(layer, "arguments")) == products(Network(layer, "none")) + len(WEIGHTS)
    network = Network(layer, "arguments")
    graph, _ = run_passes(network.graph.extract([network.loss]))
    assert not {"after", "checkpoint"} & {node.op.name for node in graph.nodes}


def test_derivatives_of_every_kind() -> None:
    def f(x: gc.Tensor, w: gc.Tensor) -> Any:
        inner = lambda h: gc.checkpoint(lambda g: gc.sin(g) * g, h @ w)  # noqa: E731
        return gc.checkpoint(inner, x)

    gc.check_gradients(f, [RNG.normal(size=(3, 2)), RNG.normal(size=(2, 2))]).require()


def test_nested_results_of_which_one_is_used() -> None:
    def f(x: gc.Tensor) -> gc.Tensor:
        found = gc.checkpoint(
            lambda p: {"a": gc.exp(p["x"]), "b": (p["k"], p["x"])}, {"x": x, "k": 2}
        )
        return found["a"] * found["b"][0].astype(gc.float64)

    gc.check_gradients(f, [RNG.normal(size=3)]).require()


def test_it_may_be_part_of_a_loop() -> None:
    def f(x: gc.Tensor, w: gc.Tensor) -> Any:
        def turn(c: gc.Tensor, row: gc.Tensor) -> Any:
            c = gc.checkpoint(lambda c, row: gc.tanh(c @ w + row), c, row)
            return c, gc.sum(c)

        return gc.scan(turn, x[0], x)

    gc.check_gradients(f, [RNG.normal(size=(4, 3)), RNG.normal(size=(3, 3))]).require()


def test_a_batch_of_them() -> None:
    def f(x: gc.Tensor, w: gc.Tensor) -> Any:
        return gc.vmap(lambda row: gc.checkpoint(lambda r, w: gc.sin(w @ r), row, w))(x)

    gc.check_gradients(f, [RNG.normal(size=(4, 3)), RNG.normal(size=(3, 3))]).require()


def test_of_variables_alone() -> None:
    with gc.Graph() as graph:
        w = gc.variable(WEIGHTS[0], name="w")
        loss = gc.sum(gc.checkpoint(lambda w: gc.exp(gc.sin(w) @ w), w))
        plain = gc.sum(gc.exp(gc.sin(w) @ w))
        found = [gc.gradients(y, w)[0] for y in (loss, plain)]
    with gc.Session(graph) as session:
        np.testing.assert_array_equal(*session.run(found))


def test_an_assignment_inside_is_an_error() -> None:
    with gc.Graph():
        w = gc.variable(1.0, name="w")
        with pytest.raises(GraphError, match="w.* is assigned inside of the function"):
            gc.checkpoint(lambda x: (gc.assign(w, x), x)[1], gc.constant(2.0))
