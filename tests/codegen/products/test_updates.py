"""Variables updated from products, in place where that is allowed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.compiler import compile_graph
from graphc.runtime.reference import evaluate
from tests.memory.variables import Program, extracted, without_sharing

Updates = list[tuple[gc.Tensor, gc.Tensor]]


def weights(rows: int, columns: int, name: str) -> gc.Tensor:
    rng = np.random.default_rng(rows)
    return gc.variable(rng.integers(-4, 4, (rows, columns)).astype(np.float32), name=name)


def descent(x: gc.Tensor, g: gc.Tensor) -> Updates:
    w = weights(64, 40, "w")
    return [(w, w - 0.5 * (gc.matrix_transpose(x) @ g))]


def momentum(x: gc.Tensor, g: gc.Tensor) -> Updates:
    w, v = weights(64, 40, "w"), weights(64, 40, "v")
    grown = 0.5 * v + gc.matrix_transpose(x) @ g
    return [(v, grown), (w, w - 0.25 * grown)]


def scaled_by_itself(x: gc.Tensor, g: gc.Tensor) -> Updates:
    w = weights(64, 40, "w")
    return [(w, w * (gc.matrix_transpose(x) @ g) + w)]


def multiplied(x: gc.Tensor, g: gc.Tensor) -> Updates:
    """Rows of the variable that a block of results is not made of are read later."""
    w, a = weights(256, 256, "w"), weights(256, 256, "a")
    return [(w, w + w @ a), (a, gc.matrix_transpose(a) @ w - a)]


def squared(x: gc.Tensor, g: gc.Tensor) -> Updates:
    w = weights(150, 150, "w")
    return [(w, w - 0.25 * (w @ gc.matrix_transpose(w)))]


def turned(x: gc.Tensor, g: gc.Tensor) -> Updates:
    w, a = weights(150, 150, "w"), weights(150, 40, "a")
    return [(w, gc.matrix_transpose(w) + a @ gc.matrix_transpose(a))]


def replaced(x: gc.Tensor, g: gc.Tensor) -> Updates:
    """A product of the variable that nothing is added to, over more than a panel of depth."""
    w, a = weights(20, 1100, "w"), weights(1100, 1100, "a")
    return [(w, w @ a)]


def exchanged(x: gc.Tensor, g: gc.Tensor) -> Updates:
    u, v = weights(64, 64, "u"), weights(65, 64, "v")
    return [(u, u + gc.matrix_transpose(v) @ v), (v, v + v @ u)]


def biased(x: gc.Tensor, g: gc.Tensor) -> Updates:
    """Weights and their biases, which are sums of what is multiplied."""
    w, c = weights(64, 40, "w"), gc.variable(np.ones(40, np.float32), name="c")
    return [(w, w - gc.matrix_transpose(x) @ g), (c, c - gc.sum(g, axis=0))]


def row_by_row(x: gc.Tensor, g: gc.Tensor) -> Updates:
    """One row of the variable is read for all rows of the result."""
    w = weights(64, 40, "w")
    return [(w, w[:1, :] + gc.matrix_transpose(x) @ g)]


def from_below(x: gc.Tensor, g: gc.Tensor) -> Updates:
    w = weights(64, 40, "w")
    return [(w, gc.flip(w, axis=0) + gc.matrix_transpose(x) @ g)]


CASES = [
    descent, momentum, scaled_by_itself, multiplied, squared, turned, replaced, exchanged, biased,
    row_by_row, from_below,
]  # fmt: skip

#: Variables of which every one may be written over.
IN_PLACE = (descent, momentum, scaled_by_itself, biased)


def program(case: Callable[[gc.Tensor, gc.Tensor], Updates]) -> Any:
    with gc.Graph() as graph:
        x = gc.placeholder(gc.float32, ("b", 64), name="x")
        g = gc.placeholder(gc.float32, ("b", 40), name="g")
        pairs = case(x, g)
        fetches = [gc.sum(x) + gc.sum(g), gc.group(*(gc.assign(*pair) for pair in pairs))]
    return extracted(graph, fetches)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_updates(case: Callable[[gc.Tensor, gc.Tensor], Updates]) -> None:
    graph = program(case)
    shared = Program(compile_graph(graph, verify=True))
    if case in IN_PLACE:
        assert all(shared.executable.in_place)
    apart = Program(without_sharing(graph))
    for batch in (0, 1, 7, 300, 1200):
        rng = np.random.default_rng(batch)
        feeds = {
            node: rng.integers(-2, 3, [s if isinstance(s, int) else batch for s in node.shape])
            .astype(np.float32)
            for node in (*graph.placeholders, *graph.variables)
        }  # fmt: skip
        names = [variable for variable, _ in graph.updates]
        expected = feeds | dict(zip(names, evaluate(graph, feeds)[1], strict=True))
        for run in (shared(feeds), apart(feeds)):
            for variable, value in zip(graph.variables, run.variables, strict=True):
                np.testing.assert_array_equal(value, expected[variable])


@pytest.mark.parametrize("rule", ["sgd", "adam"])
def test_networks_learn_as_the_interpreter_does(rule: str) -> None:
    """Gradients of two layers and of a convolution, each applied as its product ends."""
    with gc.Graph() as graph:
        x = gc.placeholder(gc.float64, ("b", 2, 9, 9), name="x")
        y = gc.placeholder(gc.int64, ("b",), name="y")
        rng = np.random.default_rng(0)
        shapes = ((6, 2, 3, 3), (6 * 81, 33), (33,), (33, 10))
        parameters = [
            gc.variable(rng.normal(size=s) / 9, name=f"p{k}") for k, s in enumerate(shapes)
        ]
        images = gc.nn.relu(gc.nn.conv2d(x, parameters[0], padding=1))
        hidden = gc.nn.gelu(gc.reshape(images, (-1, 6 * 81)) @ parameters[1] + parameters[2])
        loss = gc.nn.softmax_cross_entropy(hidden @ parameters[3], y)
        optimizer = gc.optim.SGD(0.1) if rule == "sgd" else gc.optim.Adam(0.01)
        step = optimizer.minimize(loss)
    native, reference = gc.Session(graph, threads=2), gc.Session(graph, reference=True)
    with native, reference:
        for batch in (3, 1, 16, 5):
            feeds = {x: rng.normal(size=(batch, 2, 9, 9)), y: rng.integers(0, 10, batch)}
            losses = [session.run([loss, step], feeds)[0] for session in (native, reference)]
            np.testing.assert_allclose(*losses, rtol=1e-9)
        for one in parameters:
            pair = [session.get_value(one) for session in (native, reference)]
            np.testing.assert_allclose(*pair, rtol=1e-6, atol=1e-9)
