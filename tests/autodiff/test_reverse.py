"""Reverse accumulation over graphs: sums, stops, errors, locations, size."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import pytest

from graphc.autodiff.reverse import cotangents, dependents
from graphc.errors import GradientError
from graphc.ir.dtypes import float64, int64
from graphc.ir.graph import topological
from graphc.ir.location import Location, created_at
from graphc.ir.node import Node
from graphc.ops import ops
from tests.autodiff.scalar_graphs import constant, placeholder, value
from tests.ops.undifferentiable import ONCE, OPAQUE


def gradients(y: Node, *xs: Node) -> list[Node | None]:
    return cotangents([y], xs, [constant(1.0)])


def test_uses_of_a_value_add_up() -> None:
    x = placeholder()
    y = ops.add(ops.mul(x, x), ops.mul(ops.sin(x), x))
    (g,) = gradients(y, x)
    assert value(g, {x: 0.7}) == pytest.approx(2 * 0.7 + np.cos(0.7) * 0.7 + np.sin(0.7))


def test_an_x_without_influence_has_none() -> None:
    x, other = placeholder(), placeholder()
    assert gradients(ops.sin(x), other) == [None]
    first, second = gradients(ops.sin(x), other, x)
    assert first is None
    assert value(second, {x: 1.0}) == np.cos(1.0)


def test_several_ys_are_summed_with_their_seeds() -> None:
    x, weight = placeholder(), placeholder()
    (g,) = cotangents([ops.sin(x), ops.mul(x, x), ops.sin(weight)], [x], [weight] * 3)
    assert value(g, {x: 0.5, weight: 3.0}) == pytest.approx(3 * (np.cos(0.5) + 1.0))


def test_one_y_given_twice_counts_twice() -> None:
    x = placeholder()
    y = ops.sin(x)
    (g,) = cotangents([y, y], [x], [constant(2.0), constant(3.0)])
    assert value(g, {x: 0.5}) == pytest.approx(5 * np.cos(0.5))


def test_one_x_given_twice_gets_its_gradient_twice() -> None:
    x = placeholder()
    first, second = gradients(ops.sin(x), x, x)
    assert first is second
    assert value(first, {x: 0.5}) == np.cos(0.5)


def test_the_gradient_of_x_itself_is_the_seed() -> None:
    x, seed = placeholder((3,)), placeholder((3,))
    assert cotangents([x], [x], [seed]) == [seed]


def test_an_x_on_the_way_takes_what_passes_through_it() -> None:
    """By h, sin(h)*x has the derivative cos(h)*x; by x that through h = x*x besides."""
    x = placeholder()
    h = ops.mul(x, x)
    by_x, by_h = gradients(ops.mul(ops.sin(h), x), x, h)
    assert value(by_h, {x: 0.5}) == pytest.approx(np.cos(0.25) * 0.5)
    assert value(by_x, {x: 0.5}) == pytest.approx(np.sin(0.25) + 2 * 0.5 * np.cos(0.25) * 0.5)


def test_stop_gradient_stops() -> None:
    x = placeholder()
    (g,) = gradients(ops.mul(ops.stop_gradient(ops.sin(x)), x), x)
    assert value(g, {x: 0.5}) == np.sin(0.5)
    assert gradients(ops.stop_gradient(x), x) == [None]


def test_a_stopped_value_can_itself_be_an_x() -> None:
    x = placeholder()
    stopped = ops.stop_gradient(ops.sin(x))
    by_x, by_stopped = gradients(ops.mul(stopped, x), x, stopped)
    assert value(by_x, {x: 0.5}) == np.sin(0.5)
    assert value(by_stopped, {x: 0.5}) == 0.5


def test_integers_have_no_gradient() -> None:
    k = placeholder(dtype=int64)
    assert gradients(ops.sin(ops.astype(k, dtype=float64)), k) == [None]
    assert cotangents([k], [k], [k]) == [None]


def test_what_cannot_be_differentiated_is_an_error_at_the_users_line() -> None:
    x = placeholder()
    with created_at(Location("model.py", 7)):
        y = OPAQUE(x)
    with pytest.raises(GradientError) as caught:
        gradients(y, x)
    assert str(caught.value) == (
        "opaque: cannot be differentiated: it is made for tests\n  created at model.py:7"
    )
    (once,) = gradients(ONCE(x), x)
    assert value(once, {x: 1.0}) == pytest.approx(-np.sin(1.0))
    assert once is not None
    with pytest.raises(GradientError, match="opaque"):
        gradients(once, x)


def test_what_cannot_be_differentiated_does_no_harm_beside_the_way() -> None:
    x, other = placeholder(), placeholder()
    (g,) = gradients(ops.mul(x, OPAQUE(other)), x)
    assert value(g, {x: 3.0, other: 1.0}) == pytest.approx(np.sin(1.0))


def test_gradient_nodes_stand_at_the_line_of_their_primal_node() -> None:
    x, seed = placeholder(), placeholder()
    with created_at(Location("model.py", 3)):
        inner = ops.sin(x)
    with created_at(Location("model.py", 4)):
        y = ops.mul(inner, inner)
    (g,) = cotangents([y], [x], [seed])
    assert g is not None
    primal = set(topological([y, seed]))
    made = [node for node in topological([g]) if node not in primal]
    assert sorted((node.op.name, str(node.location)) for node in made) == [
        ("add", "model.py:3"),
        ("cos", "model.py:3"),
        ("mul", "model.py:3"),
        ("mul", "model.py:4"),
        ("mul", "model.py:4"),
    ]


def test_nodes_off_the_way_are_not_visited() -> None:
    x, other = placeholder(), placeholder()
    y = ops.mul(ops.sin(x), ops.cos(other))
    active = dependents(topological([y]), [x])
    assert {node.op.name for node in active} == {"placeholder", "sin", "mul"}
    assert other not in active


def chain(x: Node, length: int) -> Node:
    for k in range(length // 2):
        x = ops.sin(x) if k % 2 else ops.mul(x, x)
        x = ops.add(x, x)
    return x


def test_ten_thousand_nodes_take_less_than_two_seconds() -> None:
    """Deep enough to break recursion, long enough to show a quadratic cost."""
    x = placeholder()
    y = chain(x, 10_000)
    start = time.process_time()
    (g,) = gradients(y, x)
    assert g is not None
    assert time.process_time() - start < 2


def test_a_long_chain_has_the_right_gradient() -> None:
    x = placeholder()
    y = x
    for _ in range(3000):
        y = ops.add(ops.mul(y, constant(0.5)), x)
    (g,) = gradients(y, x)
    assert value(g, {x: 0.3}) == pytest.approx(2.0)


def test_wide_fan_out_is_linear() -> None:
    x = placeholder()
    y: Sequence[Node] = [ops.sin(x) for _ in range(5000)]
    found = cotangents(y, [x], [constant(1.0)] * len(y))
    assert value(found[0], {x: 0.5}) == pytest.approx(5000 * np.cos(0.5))
