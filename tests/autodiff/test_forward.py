"""Forward accumulation over graphs, and its duality with reverse accumulation."""

from __future__ import annotations

import time

import numpy as np
import pytest

from graphc.autodiff.forward import tangents
from graphc.autodiff.reverse import cotangents
from graphc.errors import GradientError
from graphc.ir.dtypes import float64, int64
from graphc.ir.graph import topological
from graphc.ir.location import Location, created_at
from graphc.ops import ops
from tests.autodiff.scalar_graphs import constant, placeholder, value
from tests.ops.undifferentiable import OPAQUE


def test_tangents_of_several_inputs_add_up() -> None:
    x, y = placeholder(), placeholder()
    (found,) = tangents([ops.mul(ops.sin(x), y)], [x, y], [constant(2.0), constant(3.0)])
    expected = 2 * np.cos(0.5) * 0.7 + 3 * np.sin(0.5)
    assert value(found, {x: 0.5, y: 0.7}) == pytest.approx(expected)


def test_a_y_without_dependence_has_none() -> None:
    x, other = placeholder(), placeholder()
    first, second = tangents([ops.sin(other), ops.sin(x)], [x], [constant(1.0)])
    assert first is None
    assert value(second, {x: 0.5}) == np.cos(0.5)


def test_the_tangent_of_x_itself_is_the_seed() -> None:
    x, seed = placeholder((3,)), placeholder((3,))
    assert tangents([x, x], [x], [seed]) == [seed, seed]


def test_one_x_given_twice_moves_by_both_seeds() -> None:
    x = placeholder()
    (found,) = tangents([ops.sin(x)], [x, x], [constant(2.0), constant(3.0)])
    assert value(found, {x: 0.5}) == pytest.approx(5 * np.cos(0.5))


def test_an_x_on_the_way_moves_by_its_seed_and_by_what_reaches_it() -> None:
    """The transpose of what reverse accumulation gives for the same xs."""
    x, first, second, seed = (placeholder() for _ in range(4))
    h = ops.mul(x, x)
    y = ops.mul(ops.sin(h), x)
    (pushed,) = tangents([y], [x, h], [first, second])
    by_x, by_h = cotangents([y], [x, h], [seed])
    feeds = {x: 0.5, first: 0.3, second: -0.8, seed: 1.7}
    transposed = 0.3 * value(by_x, feeds) - 0.8 * value(by_h, feeds)
    assert 1.7 * value(pushed, feeds) == pytest.approx(transposed)


def test_stop_gradient_stops() -> None:
    x = placeholder()
    stopped = ops.stop_gradient(ops.sin(x))
    assert tangents([stopped], [x], [constant(1.0)]) == [None]
    (found,) = tangents([ops.mul(stopped, x)], [x], [constant(2.0)])
    assert value(found, {x: 0.5}) == pytest.approx(2 * np.sin(0.5))
    (by_both,) = tangents([ops.mul(stopped, x)], [x, stopped], [constant(2.0), constant(3.0)])
    assert value(by_both, {x: 0.5}) == pytest.approx(2 * np.sin(0.5) + 3 * 0.5)


def test_integers_do_not_move() -> None:
    k = placeholder(dtype=int64)
    assert tangents([ops.astype(k, dtype=float64), k], [k], [k]) == [None, None]


def test_what_cannot_be_differentiated_is_an_error_at_the_users_line() -> None:
    x = placeholder()
    with created_at(Location("model.py", 7)):
        y = OPAQUE(x)
    with pytest.raises(GradientError) as caught:
        tangents([y], [x], [x])
    assert caught.value.op == "opaque"
    assert caught.value.location == Location("model.py", 7)


def test_tangents_stand_at_the_line_of_their_primal_node() -> None:
    x, seed = placeholder(), placeholder()
    with created_at(Location("model.py", 3)):
        y = ops.sin(x)
    (found,) = tangents([y], [x], [seed])
    assert found is not None
    made = [node for node in topological([found]) if node not in (x, seed)]
    assert [node.location for node in made] == [Location("model.py", 3)] * len(made)


def test_forward_over_reverse_is_a_hessian_vector_product() -> None:
    x, way = placeholder(), placeholder()
    (g,) = cotangents([ops.sin(x)], [x], [constant(1.0)])
    assert g is not None
    (found,) = tangents([g], [x], [way])
    assert value(found, {x: 0.5, way: 2.0}) == pytest.approx(-2 * np.sin(0.5))


def test_ten_thousand_nodes_take_less_than_two_seconds() -> None:
    x = placeholder()
    y = x
    for _ in range(5000):
        y = ops.add(ops.mul(y, constant(0.5)), x)
    start = time.process_time()
    (found,) = tangents([y], [x], [constant(1.0)])
    assert time.process_time() - start < 2
    assert value(found, {x: 0.3}) == pytest.approx(2.0)
