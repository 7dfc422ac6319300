from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import (
    AttributeValueError,
    DTypeError,
    FetchError,
    GraphError,
    ShapeError,
)
from graphc.ir.graph import topological
from tests.ops.differences import Array

pytestmark = pytest.mark.usefixtures("graph")
RNG = np.random.default_rng(0)
STACK, MATRIX, VECTOR = RNG.uniform(size=(5, 3, 4)), RNG.uniform(size=(3, 4)), RNG.uniform(size=4)


def feeds_of(*arrays: Array, symbol: str | None = None) -> dict[gc.Tensor, Array]:
    """Placeholders for arrays; a size of 5 may be a symbol."""

    def dim(size: int) -> int | str:
        return symbol if symbol and size == 5 else size

    return {gc.placeholder(gc.float64, [dim(n) for n in a.shape]): a for a in arrays}


@pytest.mark.parametrize("symbol", [None, "batch"])
def test_a_function_of_several_tensors(symbol: str | None, compute: Any) -> None:
    feeds = feeds_of(STACK, VECTOR, symbol=symbol)
    stack, vector = feeds
    both = gc.vmap(lambda m, v: gc.matvec(m, v) * 2, in_axes=(0, None))(stack, vector)
    assert both.shape == (symbol or 5, 3)
    np.testing.assert_allclose(compute(both, feeds), STACK @ VECTOR * 2)


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
@pytest.mark.parametrize("out", [0, 1, -1])
def test_axes_of_arguments_and_results(axis: int, out: int, compute: Any) -> None:
    feeds = feeds_of(STACK)
    (x,) = feeds
    found = gc.vmap(lambda m: gc.sum(m, axis=0), in_axes=axis, out_axes=out)(x)
    expected = np.moveaxis(np.sum(np.moveaxis(STACK, axis, 0), axis=1), 0, out)
    np.testing.assert_allclose(compute(found, feeds), expected)


def test_nestings_of_arguments_and_results(compute: Any) -> None:
    feeds = feeds_of(STACK, STACK + 1, VECTOR)
    a, b, v = feeds

    def function(state: dict[str, Any], scale: Any, power: int) -> tuple[Any, ...]:
        left, right = state["pair"]
        return {"sum": left + right}, [left * scale, 7.0], power * scale

    mapped = gc.vmap(function, in_axes=({"pair": (0, 1)}, None, None), out_axes=(0, [1, 0], None))
    sums, (products, sevens), scaled = mapped({"pair": [a, b.reshape(3, 5, 4)]}, v, 3)
    assert sums.keys() == {"sum"}
    values = compute([sums["sum"], products, sevens, scaled], feeds)
    moved = np.moveaxis((STACK + 1).reshape(3, 5, 4), 1, 0)
    np.testing.assert_allclose(values[0], STACK + moved)
    np.testing.assert_allclose(values[1], np.moveaxis(STACK * VECTOR, 0, 1))
    np.testing.assert_array_equal(values[2], np.full(5, 7.0))
    np.testing.assert_allclose(values[3], 3 * VECTOR)


def test_maps_in_maps(compute: Any) -> None:
    feeds = feeds_of(MATRIX, RNG.uniform(size=(2, 4)))
    x, y = feeds
    rows = gc.vmap(lambda a: gc.vmap(lambda b: gc.sum(gc.abs(a - b)))(y))(x)
    a, b = feeds.values()
    expected = np.abs(a[:, None] - b[None]).sum(-1)
    np.testing.assert_allclose(compute(rows, feeds), expected)


def test_derivatives_for_each_example(compute: Any) -> None:
    feeds = feeds_of(STACK, VECTOR, symbol="batch")
    x, w = feeds

    def slope(example: gc.Tensor) -> gc.Tensor:
        loss = gc.sum(gc.tanh(gc.matvec(example, w)))
        return gc.gradients(loss, [w])[0]

    each = gc.vmap(slope)(x)
    assert each.shape == ("batch", 4)
    expected = np.einsum("bij,bi->bj", STACK, 1 - np.tanh(STACK @ VECTOR) ** 2)
    np.testing.assert_allclose(compute(each, feeds), expected)
    (total,) = gc.gradients(gc.sum(gc.tanh(gc.matvec(x, w))), [w])
    np.testing.assert_allclose(compute(total, feeds), expected.sum(0))


def test_gradients_through_a_mapped_function(compute: Any) -> None:
    feeds = feeds_of(MATRIX, VECTOR)
    x, w = feeds
    loss = gc.sum(gc.vmap(lambda row: gc.sum(row * w) ** 2)(x))
    of_x, of_w = compute(gc.gradients(loss, [x, w]), feeds)
    np.testing.assert_allclose(of_x, 2 * np.outer(MATRIX @ VECTOR, VECTOR))
    np.testing.assert_allclose(of_w, 2 * MATRIX.T @ (MATRIX @ VECTOR))


def test_what_is_shared_is_computed_once() -> None:
    feeds = feeds_of(STACK, MATRIX)
    x, m = feeds
    found = gc.vmap(lambda each: each * gc.exp(m))(x)
    (shared,) = [node for node in topological([found.node]) if node.op.name == "exp"]
    assert shared.shape == (3, 4)


def test_arrays_and_lists_of_them_are_arguments(compute: Any) -> None:
    feeds = feeds_of(VECTOR)
    (x,) = feeds
    found = gc.vmap(lambda pair, b: pair[0] + pair[1] * b)([STACK[:4, 0, 0], STACK[:4, 0, 1]], x)
    expected = STACK[:4, 0, 0] + STACK[:4, 0, 1] * VECTOR
    np.testing.assert_allclose(compute(found, feeds), expected)


def test_guarded_batches(compute: Any) -> None:
    x = gc.placeholder(gc.float64, ("n", 2))
    y = gc.placeholder(gc.float64, ("m",))
    first, second = gc.vmap(lambda a, b: (a, b))(x, y)
    assert first.shape[0] == second.shape[0]
    values = compute([first, second], {x: np.ones((3, 2)), y: np.ones(3)})
    assert [value.shape for value in values] == [(3, 2), (3,)]
    guards = y.graph.extract([second, first]).guards
    assert [str(guard) for guard in guards] == ["m == n"]


def test_nothing_of_a_single_example_stays(graph: gc.Graph) -> None:
    (x,) = feeds_of(STACK)
    leaked = []

    def function(m: gc.Tensor) -> gc.Tensor:
        leaked.append(m + 1)
        return m * gc.constant(2.0, dtype=gc.float64)

    result = gc.vmap(function)(x)
    assert not {*map(id, leaked)} & {*map(id, graph.tensors)}
    assert graph.leaves()[0] == [result]
    with pytest.raises(FetchError, match="return from the function what is used outside"):
        graph.extract(leaked)


@pytest.mark.parametrize("name", ["argmax", "sort"])
def test_integers_may_be_mapped(name: str, compute: Any) -> None:
    whole = RNG.integers(0, 9, (4, 6))
    x = gc.placeholder(gc.int64, ("n", 6))
    found = gc.vmap(lambda row: getattr(gc, name)(row))(x)
    np.testing.assert_array_equal(
        compute(found, {x: whole}), whole.argmax(1) if name == "argmax" else np.sort(whole)
    )


def test_arguments_that_do_not_fit(fails: Callable[..., Any]) -> None:
    x, v = feeds_of(STACK, VECTOR)
    n = gc.placeholder(gc.float64, ())
    pair = gc.vmap(lambda a, b: a + b)
    with fails(ShapeError, "batches of different sizes: 5, 4", op="vmap"):
        pair(x, v)
    with fails(ShapeError, "has no dim to map over; in_axes=None takes it as it is", op="vmap"):
        pair(x, n)
    with fails(ShapeError, "2.0 has no dim to map over", op="vmap"):
        pair(x, 2.0)
    with fails(DTypeError, "'mode' cannot be mapped over", op="vmap"):
        pair(x, "mode")
    with fails(ShapeError, "there is no axis 3 in 3 dims", op="vmap"):
        gc.vmap(lambda a: a, in_axes=3)(x)
    with fails(AttributeValueError, "in_axes is None for all of them", op="vmap"):
        gc.vmap(lambda a: a, in_axes=None)(x)
    with fails(AttributeValueError, "in_axes=(0, 0) is not nested as what it is for, (*,)"):
        gc.vmap(lambda a: a, in_axes=(0, 0))(x)
    with fails(AttributeValueError, "in_axes='rows' must hold axes", op="vmap"):
        gc.vmap(lambda a: a, in_axes="rows")(x)


def test_results_that_do_not_fit(fails: Callable[..., Any]) -> None:
    (x,) = feeds_of(STACK)
    with fails(DTypeError, "the function must return tensors, not 'a'", op="vmap"):
        gc.vmap(lambda a: "a")(x)
    with fails(AttributeValueError, "not the same for all members", op="vmap"):
        gc.vmap(lambda a: a, out_axes=None)(x)
    with fails(AttributeValueError, "out_axes=(0, 0) is not nested", op="vmap"):
        gc.vmap(lambda a: [a], out_axes=(0, 0))(x)
    with fails(ShapeError, "there is no axis 3", op="vmap"):
        gc.vmap(lambda a: a, out_axes=3)(x)


def test_one_example_is_never_assigned(graph: gc.Graph) -> None:
    (x,) = feeds_of(STACK)
    w = gc.variable(np.zeros((3, 4)))
    with pytest.raises(GraphError, match="assign what the operation gives"):
        gc.vmap(lambda a: (gc.assign(w, a), a)[1])(x)
    assert graph.assignments == ()


def test_tensors_of_another_graph(graph: gc.Graph) -> None:
    with gc.Graph():
        other = gc.placeholder(gc.float64, (5,))
    with pytest.raises(GraphError, match="is of <gc.Graph"):
        gc.vmap(lambda a: a)(other)
