"""Branches and loops mapped over a batch, against one member after another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import IterationLimitError
from graphc.ir.graph import Graph, subgraphs, topological
from graphc.ir.verifier import verify
from graphc.runtime.reference import evaluate

RNG = np.random.default_rng(0)
Array = np.ndarray[Any, Any]


def compute(fetches: Any, feeds: dict[gc.Tensor, Any]) -> Any:
    """The values of one tensor, or of a list of them, by the interpreter."""
    tensors = fetches if isinstance(fetches, list) else [fetches]
    program = tensors[0].graph.extract(tensors)
    verify(program)
    given = {x.node: np.asarray(value, x.dtype.numpy) for x, value in feeds.items()}
    outputs, _ = evaluate(program, {node: given[node] for node in program.placeholders})
    return outputs if isinstance(fetches, list) else outputs[0]


def over_members(
    function: Callable[..., gc.Tensor], arrays: tuple[Array, ...], batched: tuple[bool, ...]
) -> tuple[Array, Array]:
    """(what the mapped function gives for a batch of unknown size, what members give)."""
    axes = tuple(0 if has else None for has in batched)
    with gc.Graph():
        shapes = [("b", *a.shape[1:]) if h else a.shape for a, h in zip(arrays, batched)]  # noqa: B905
        places = [gc.placeholder(str(a.dtype), s) for a, s in zip(arrays, shapes, strict=True)]
        together = compute(
            gc.vmap(function, in_axes=axes)(*places), dict(zip(places, arrays, strict=True))
        )
    members = []
    for k in range(3):
        own = [a[k] if has else a for a, has in zip(arrays, batched, strict=True)]
        with gc.Graph():
            places = [gc.placeholder(str(a.dtype), a.shape) for a in own]
            members.append(compute(function(*places), dict(zip(places, own, strict=True))))
    return together, np.stack(members)


def branching(flag: gc.Tensor, x: gc.Tensor, y: gc.Tensor) -> gc.Tensor:
    one, other = gc.cond(flag, lambda a: (a * y, y), lambda a: (gc.sin(a), gc.cos(y)), x)
    return one + 2 * other


def summing(init: gc.Tensor, xs: gc.Tensor, factor: gc.Tensor) -> gc.Tensor:
    def turn(carry: Any, x: gc.Tensor) -> Any:
        total, count = carry
        return (total * factor + x, count + 1), total * x + count

    (total, count), rows = gc.scan(turn, (init, gc.constant(0.0, dtype=gc.float64)), xs)
    return gc.sum(rows, axis=0) + total + count


def growing(x: gc.Tensor, limit: gc.Tensor) -> gc.Tensor:
    value, turns = gc.while_loop(
        lambda v, k: gc.sum(v) < limit, lambda v, k: (v + gc.exp(v), k + 1), (x, 0)
    )
    return value + turns.astype(gc.float64)


def counting(x: gc.Tensor, turns: gc.Tensor) -> gc.Tensor:
    return gc.fori_loop(0, turns, lambda i, v: gc.sin(v) + i.astype(gc.float64), x)


def nested(x: gc.Tensor, limit: gc.Tensor) -> gc.Tensor:
    def turn(carry: gc.Tensor, row: gc.Tensor) -> Any:
        (grown,) = gc.while_loop(lambda v: v < limit, lambda v: (v + v * v,), (carry + row,))
        chosen = gc.cond(grown > 2 * limit, lambda v: v / 4, lambda v: v, grown)
        return chosen, chosen

    last, rows = gc.scan(turn, gc.constant(1.0, dtype=gc.float64), x)
    return gc.sum(rows) + last


FLAGS = np.array([True, False, True])
ROWS, SMALL = RNG.uniform(size=(3, 4)), RNG.uniform(size=4)
CASES: dict[str, tuple[Callable[..., gc.Tensor], tuple[Array, ...]]] = {
    "branch": (branching, (FLAGS, ROWS, ROWS + 1)),
    "scan": (summing, (RNG.uniform(size=(3, 2)), RNG.uniform(size=(3, 5, 2)), ROWS[:, 0])),
    "while": (growing, (ROWS, np.array([3.0, 50.0, 0.1]))),
    "for": (counting, (ROWS, np.array([0, 4, 2]))),
    "nested": (nested, (ROWS, np.array([3.0, 50.0, 0.1]))),
}


def choices() -> list[Any]:
    return [
        pytest.param(
            name, tuple(bool(bits >> k & 1) for k in range(len(arrays))), id=f"{name}-{bits}"
        )
        for name, (_, arrays) in CASES.items()
        for bits in range(1, 2 ** len(arrays))
    ]


@pytest.mark.parametrize(("name", "batched"), choices())
def test_a_batch_gives_what_its_members_give(name: str, batched: tuple[bool, ...]) -> None:
    function, arrays = CASES[name]
    given = tuple(a if has else a[0] for a, has in zip(arrays, batched, strict=True))
    together, members = over_members(function, given, batched)
    np.testing.assert_allclose(together, members)


@pytest.mark.parametrize("name", CASES)
def test_gradients_of_a_mapped_function(name: str) -> None:
    """Of the sum over members, against the gradients of members alone."""
    function, arrays = CASES[name]
    x = 1 if name == "branch" else 0

    def slope(*given: gc.Tensor) -> gc.Tensor:
        return gc.gradients(gc.sum(function(*given)), given[x])[0]

    def slopes(*given: gc.Tensor) -> gc.Tensor:
        whole = gc.sum(gc.vmap(function)(*given))
        return gc.gradients(whole, given[x])[0]

    with gc.Graph():
        places = [gc.placeholder(str(a.dtype), a.shape) for a in arrays]
        feeds = dict(zip(places, arrays, strict=True))
        found = compute(slopes(*places), feeds)
    for k in range(3):
        with gc.Graph():
            places = [gc.placeholder(str(a.dtype), a.shape[1:]) for a in arrays]
            feeds = {place: a[k] for place, a in zip(places, arrays, strict=True)}
            np.testing.assert_allclose(found[k], compute(slope(*places), feeds))


def test_jacobians_of_loops() -> None:
    """The seeds are many, and the turns of the loop are taken once for all of them."""
    with gc.Graph():
        x = gc.placeholder(gc.float64, (4,))
        y = growing(x, gc.constant(10.0, dtype=gc.float64))
        columns = [gc.jvp(y, x, row)[0] for row in np.eye(4)]
        both = [gc.jacobian(y, x, mode) for mode in ("forward", "reverse")]
        forward, reverse, *expected = compute([*both, *columns], {x: SMALL})
    np.testing.assert_allclose(forward, np.stack(expected, axis=1))
    np.testing.assert_allclose(reverse, forward)


def test_hessian_of_a_scan() -> None:
    with gc.Graph():
        x = gc.placeholder(gc.float64, (3,))
        last, _ = gc.scan(lambda c, row: (c * row + row, None), x[0], x)
        a, b, c = (x[k] for k in range(3))
        product = ((a * a + a) * b + b) * c + c
        got, expected = compute([gc.hessian(last, x), gc.hessian(product, x)], {x: SMALL[:3]})
    np.testing.assert_allclose(got, expected)


def test_what_does_not_differ_keeps_its_size() -> None:
    """A counter in the carry is one number; a condition on it alone stays one bool."""
    with gc.Graph():
        x = gc.placeholder(gc.float64, ("b", 4))
        y = gc.vmap(
            lambda v: gc.while_loop(lambda v, k: k < 3, lambda v, k: (v * 2, k + 1), (v, 0))
        )(x)
    (loop,) = {node for node in topological([y[0].node]) if node.op.name == "while_loop"}
    assert [node.shape for node in loop.inputs] == [("b", 4), ()]
    assert [graph.outputs[0].shape for _, graph in subgraphs(loop)] == [(), ("b", 4)]
    assert isinstance(loop.attrs["body"], Graph)


def test_a_limit_counts_the_turns_of_the_member_that_takes_most() -> None:
    def most(v: gc.Tensor) -> gc.Tensor:
        return gc.while_loop(lambda v: v < 8, lambda v: v * 2, v, max_iterations=3)

    with gc.Graph():
        x = gc.placeholder(gc.float64, (2,))
        y = gc.vmap(most)(x)
        np.testing.assert_array_equal(compute(y, {x: [1.0, 5.0]}), [8, 10])
        with pytest.raises(IterationLimitError):
            compute(y, {x: [0.5, 5.0]})


def scalar_newton(x: gc.Tensor) -> gc.Tensor:
    """The square root, by as many turns as it takes."""
    return gc.while_loop(lambda y: gc.abs(y * y - x) > 1e-10, lambda y: (y + x / y) / 2, x)


def in_stretches(x: gc.Tensor) -> gc.Tensor:
    return gc.while_loop(lambda y: y < 40, lambda y: y + gc.sin(y) / 2 + x, x, checkpoint_every=3)


def with_limits(x: gc.Tensor) -> gc.Tensor:
    """A state of several parts, of which one is not the same at any two turns."""
    _, total, turns = gc.while_loop(
        lambda y, t, k: y < 40, lambda y, t, k: (y * y + x, t * gc.cos(y) + y, k + 1), (x, x, 0)
    )
    return total + turns.astype(gc.float64)


@pytest.mark.parametrize("function", [scalar_newton, in_stretches, with_limits])
@pytest.mark.parametrize("order", [1, 2])
def test_derivatives_of_members_that_take_different_turns(function: Any, order: int) -> None:
    """Reverse accumulation inside of the mapped function: the tape has gaps."""
    points = np.array([1.7, 9.0, 1.0, 30.0])

    def slope(x: gc.Tensor) -> gc.Tensor:
        y = function(x)
        for _ in range(order):
            (y,) = gc.gradients(y, x)
        return y

    with gc.Graph() as graph:
        x = gc.placeholder(gc.float64, ("b",))
        mapped = gc.vmap(slope)(x)
        found = compute(mapped, {x: points})
        with gc.Session(graph) as session:
            np.testing.assert_allclose(session.run(mapped, {x: points}), found, rtol=1e-10)
    for point, got in zip(points, found, strict=True):
        with gc.Graph():
            x = gc.placeholder(gc.float64, ())
            np.testing.assert_allclose(got, compute(slope(x), {x: point}), rtol=1e-10)


def test_a_jacobian_for_each_member_of_a_loop() -> None:
    with gc.Graph():
        x = gc.placeholder(gc.float64, ("b", 4))
        limit = gc.constant(10.0, dtype=gc.float64)
        each = gc.vmap(lambda v: gc.jacobian(growing(v, limit), v, mode="reverse"))(x)
        alone = [gc.jacobian(growing(x[k], limit), x, mode="forward")[:, k] for k in range(3)]
        found, *expected = compute([each, *alone], {x: ROWS * np.array([[1.0], [4.0], [0.1]])})
    np.testing.assert_allclose(found, np.stack(expected))


def test_second_derivatives_by_what_all_turns_read() -> None:
    """Sums over turns of products of rows: members add nothing for turns that they do not take."""

    def slope(v: gc.Tensor, w: gc.Tensor) -> gc.Tensor:
        end = gc.while_loop(lambda v: gc.sum(v) < 12, lambda v: v + gc.exp(-v) @ w, v)
        (first,) = gc.gradients(gc.sum(end * end), w)
        (second,) = gc.gradients(gc.sum(gc.sin(first)), w)
        return second

    starts, weights = ROWS * np.array([[0.2], [1.0], [4.0]]), RNG.uniform(size=(4, 4))
    with gc.Graph():
        x, w = gc.placeholder(gc.float64, ("b", 4)), gc.placeholder(gc.float64, (4, 4))
        mapped = gc.vmap(slope, in_axes=(0, None))(x, w)
        found = compute(mapped, {x: starts, w: weights})
    for start, got in zip(starts, found, strict=True):
        with gc.Graph():
            v, w = gc.placeholder(gc.float64, (4,)), gc.placeholder(gc.float64, (4, 4))
            alone = compute(slope(v, w), {v: start, w: weights})
        np.testing.assert_allclose(got, alone, rtol=1e-9)
