"""One compile serves every batch size; dims that must agree are checked when they are fed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.compiler import compile_graph
from graphc.errors import FeedError, GuardError
from graphc.runtime import program

Array = np.ndarray[Any, Any]

SIZES = (0, 1, 2, 7, 64, 257)
PIXELS, HIDDEN, CLASSES = 20, 9, 5


@pytest.fixture
def compiles(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The name of every graph that is compiled."""
    seen: list[str] = []

    def counting(graph: Any, *args: Any, **options: Any) -> Any:
        seen.append(graph.name)
        return compile_graph(graph, *args, **options)

    monkeypatch.setattr(program, "compile_graph", counting)
    yield seen


def parameters() -> dict[str, Array]:
    rng = np.random.default_rng(0)
    shapes = {"w1": (PIXELS, HIDDEN), "b1": (HIDDEN,), "w2": (HIDDEN, CLASSES), "b2": (CLASSES,)}
    return {name: rng.normal(size=shape) / 3 for name, shape in shapes.items()}


def batch(size: int) -> tuple[Array, Array]:
    rng = np.random.default_rng(size)
    return rng.normal(size=(size, PIXELS)), rng.integers(0, CLASSES, size).astype(np.int32)


def classifier() -> tuple[gc.Graph, dict[str, gc.Tensor], list[gc.Tensor]]:
    """(graph, results, variables): a perceptron's scores, its loss and the loss's gradients."""
    with gc.Graph() as graph:
        x = gc.placeholder(gc.float64, ("batch", PIXELS), name="x")
        y = gc.placeholder(gc.int32, ("batch",), name="y")
        w1, b1, w2, b2 = (gc.variable(value, name=name) for name, value in parameters().items())
        scores = gc.tanh(x @ w1 + b1) @ w2 + b2
        picked = gc.sum(gc.nn.log_softmax(scores) * gc.one_hot(y, CLASSES, dtype=gc.float64))
        gradients = gc.gradients(-picked, [w1, b1, w2, b2, x])
    names = ("w1", "b1", "w2", "b2", "x")
    results = {f"d{name}": g for name, g in zip(names, gradients, strict=True)}
    return graph, {"scores": scores, "loss": -picked, **results}, [w1, b1, w2, b2]


def classifier_by_hand(x: Array, y: Array) -> dict[str, Array]:
    """The same with NumPy, derivatives worked out on paper."""
    w1, b1, w2, b2 = parameters().values()
    hidden = np.tanh(x @ w1 + b1)
    scores = hidden @ w2 + b2
    powers = np.exp(scores)
    chances = powers / powers.sum(1, keepdims=True)
    wanted = np.eye(CLASSES)[y]
    loss = -np.sum(wanted * np.log(chances))
    by_score = chances - wanted
    by_sum = by_score @ w2.T * (1 - hidden**2)
    return {
        "scores": scores, "loss": loss,
        "dw1": x.T @ by_sum, "db1": by_sum.sum(0), "dw2": hidden.T @ by_score,
        "db2": by_score.sum(0), "dx": by_sum @ w1.T,
    }  # fmt: skip


def test_a_classifier_at_every_size(compiles: list[str]) -> None:
    graph, results, _ = classifier()
    with gc.Session(graph) as session:
        for size in (*SIZES, *reversed(SIZES)):
            x, y = batch(size)
            got = session.run(results, {"x": x, "y": y})
            for name, expected in classifier_by_hand(x, y).items():
                assert got[name].shape == np.shape(expected)
                np.testing.assert_allclose(got[name], expected, 1e-12, 1e-12, err_msg=name)
    assert len(compiles) == 1


def test_training_at_every_size(compiles: list[str]) -> None:
    """Assignments too: one step of gradient descent, with a batch of another size each time."""
    graph, results, variables = classifier()
    with graph:
        step = gc.group(*(gc.assign(v, v - 0.1 * results[f"d{v.name}"]) for v in variables))
    with gc.Session(graph) as session:
        for size in SIZES:
            x, y = batch(size)
            for name, value in parameters().items():
                session.set_value(name, value)
            session.run(step, {"x": x, "y": y})
            slopes = classifier_by_hand(x, y)
            for name, value in parameters().items():
                expected = value - 0.1 * slopes[f"d{name}"]
                np.testing.assert_allclose(session.get_value(name), expected, 1e-12, 1e-12)
    assert len(compiles) == 1


def rows_and_columns() -> tuple[gc.Graph, dict[str, gc.Tensor]]:
    """Every kind of op along the batch dim."""
    with gc.Graph() as graph:
        x = gc.placeholder(gc.float32, ("batch", 3), name="x")
        column = gc.sum(x, axis=1)
        mean = gc.mean(x, axis=0)
        results = {
            "sum": gc.sum(x, axis=0), "max": gc.max(x, axis=0), "all": gc.all(x > -9, axis=0),
            "running": gc.cumulative_sum(x, axis=0), "sorted": gc.sort(x, axis=0),
            "order": gc.argsort(column), "flipped": x[::-2], "joined": gc.concat([x, x]),
            "padded": gc.pad(x, ((1, 2), (0, 0))), "flat": gc.reshape(x, (-1,)),
            "turned": x.T, "squares": x.T @ x, "pairs": x @ x.T,
            "outer": gc.expand_dims(column, axis=0) - gc.expand_dims(column, axis=1),
            "centred": x - mean, "mean": mean, "taken": gc.take(x, gc.argsort(column), axis=0),
            "count": gc.sum(gc.ones_like(column)), "softmax": gc.nn.softmax(x, axis=0),
        }  # fmt: skip
    return graph, results


def rows_and_columns_by_hand(x: Array) -> dict[str, Array]:
    column = x.sum(1)
    with np.errstate(invalid="ignore"):
        mean = x.sum(0) / np.float32(len(x))
    powers = np.exp(x - x.max(0, initial=-np.inf))
    return {
        "sum": x.sum(0), "max": x.max(0, initial=-np.inf), "all": (x > -9).all(0),
        "running": x.cumsum(0), "sorted": np.sort(x, 0), "order": np.argsort(column),
        "flipped": x[::-2], "joined": np.concatenate([x, x]),
        "padded": np.pad(x, ((1, 2), (0, 0))), "flat": x.reshape(-1), "turned": x.T,
        "squares": x.T @ x, "pairs": x @ x.T, "outer": column[None, :] - column[:, None],
        "centred": x - mean, "mean": mean, "taken": x[np.argsort(column)],
        "count": np.asarray(len(x), np.float32), "softmax": powers / powers.sum(0),
    }  # fmt: skip


def test_ops_along_the_batch_at_every_size(compiles: list[str]) -> None:
    """Integers, so that sums are exact in any order; columns differ in their sums."""
    graph, results = rows_and_columns()
    with gc.Session(graph) as session:
        for size in SIZES:
            rng = np.random.default_rng(size)
            x = rng.integers(-4, 5, (size, 3)).astype(np.float32)
            x[:, 2] += rng.permutation(size) * 16
            got = session.run(results, {"x": x})
            for name, expected in rows_and_columns_by_hand(x).items():
                assert (got[name].shape, got[name].dtype) == (expected.shape, expected.dtype), name
                np.testing.assert_allclose(got[name], expected, 1e-5, 1e-5, err_msg=name)
    assert len(compiles) == 1


@pytest.mark.parametrize("size", SIZES)
def test_the_reference_session_agrees(size: int) -> None:
    graph, results, _ = classifier()
    x, y = batch(size)
    with gc.Session(graph) as native, gc.Session(graph, reference=True) as reference:
        got = native.run(results, {"x": x, "y": y})
        for name, expected in reference.run(results, {"x": x, "y": y}).items():
            np.testing.assert_allclose(got[name], expected, 1e-12, 1e-12, err_msg=name)


# Guards -------------------------------------------------------------------------------------


def meeting() -> tuple[gc.Graph, list[gc.Tensor]]:
    """Two names meet in a sum, of which a gradient is taken."""
    with gc.Graph() as graph:
        x = gc.placeholder(gc.float64, ("batch", 2), name="left")
        y = gc.placeholder(gc.float64, ("rows", 2), name="right")
        product = gc.sum(x * y + x)
        return graph, [product, *gc.gradients(product, [x, y])]


@pytest.mark.parametrize("reference", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_two_names_fed_alike(size: int, reference: bool, compiles: list[str]) -> None:
    graph, results = meeting()
    rng = np.random.default_rng(size)
    x, y = rng.normal(size=(size, 2)), rng.normal(size=(size, 2))
    with gc.Session(graph, reference=reference) as session:
        product, by_x, by_y = session.run(results, {"left": x, "right": y})
    np.testing.assert_allclose(product, np.sum(x * y + x), 1e-12, 1e-12)
    np.testing.assert_allclose(by_x, y + 1)
    np.testing.assert_array_equal(by_y, x)
    assert len(compiles) == (not reference)


UNEQUAL = (
    "the program relies on rows == batch, "
    "but rows is {} by right (axis 0) and batch is {} by left (axis 0)"
)


@pytest.mark.parametrize("reference", [False, True])
@pytest.mark.parametrize("sizes", [(3, 5), (1, 5), (5, 1), (0, 1), (257, 0)])
def test_two_names_fed_unequal(sizes: tuple[int, int], reference: bool) -> None:
    """Not even one row is broadcast silently."""
    graph, results = meeting()
    feeds = {"left": np.ones((sizes[0], 2)), "right": np.ones((sizes[1], 2))}
    with gc.Session(graph, reference=reference) as session:
        with pytest.raises(GuardError) as caught:
            session.run(results, feeds)
        assert caught.value.message == UNEQUAL.format(*reversed(sizes))
        session.run(results, {name: array[:0] for name, array in feeds.items()})


def test_one_name_fed_unequal() -> None:
    graph, results, _ = classifier()
    x, y = batch(7)
    with gc.Session(graph) as session, pytest.raises(GuardError) as caught:
        session.run(results, {"x": x, "y": y[:5]})
    assert caught.value.message == (
        "the dim batch is 7 in x (axis 0) but 5 in y (axis 0); "
        "dims of one name must be fed with one size"
    )


def test_a_guard_on_a_sum_of_dims() -> None:
    """Parts joined together meet a whole."""
    with gc.Graph() as graph:
        parts = [gc.placeholder(gc.float32, (name,), name=f"part_{name}") for name in ("m", "k")]
        whole = gc.placeholder(gc.float32, ("n",), name="whole")
        total = gc.concat(parts) * whole
    feeds = {"part_m": np.ones(2, np.float32), "part_k": np.ones(3, np.float32)}
    with gc.Session(graph) as session:
        fine = session.run(total, {**feeds, "whole": np.arange(5, dtype=np.float32)})
        np.testing.assert_array_equal(fine, np.arange(5))
        with pytest.raises(GuardError) as caught:
            session.run(total, {**feeds, "whole": np.ones(4, np.float32)})
    assert caught.value.message == (
        "the program relies on n == k + m, but n is 4 by whole (axis 0) "
        "and k + m is 5 by part_k (axis 0), part_m (axis 0)"
    )


def test_a_static_dim_is_compiled_in() -> None:
    graph, results, _ = classifier()
    _, y = batch(2)
    with gc.Session(graph) as session, pytest.raises(FeedError, match="axis 1 of x") as caught:
        session.run(results, {"x": np.ones((2, PIXELS + 1)), "y": y})
    assert not isinstance(caught.value, GuardError)
