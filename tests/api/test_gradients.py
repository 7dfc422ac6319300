from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import GradientError
from tests.ops.undifferentiable import OPAQUE

pytestmark = pytest.mark.usefixtures("graph")


def _xy() -> tuple[gc.Tensor, gc.Tensor]:
    return gc.placeholder(gc.float64, ("n",), name="x"), gc.placeholder(gc.float64, (), name="y")


FEEDS = (np.array([1.0, -2.0, 3.0]), np.array(0.5))


def test_gradients_have_the_shapes_of_xs(compute: Any) -> None:
    x, y = _xy()
    found = gc.gradients(gc.sum(x * x) * y, [x, y])
    assert [slope.shape for slope in found] == [x.shape, ()]
    values = compute(found, dict(zip((x, y), FEEDS, strict=True)))
    np.testing.assert_allclose(values[0], 2 * FEEDS[0] * 0.5)
    np.testing.assert_allclose(values[1], 14)


def test_gradients_of_gradients(compute: Any) -> None:
    _, y = _xy()
    slope = y
    for _ in range(3):
        (slope,) = gc.gradients(y**4 if slope is y else slope, y)
    assert compute(slope, {y: 0.5}) == 24 * 0.5


def test_several_ys_add_up(compute: Any) -> None:
    x, y = _xy()
    (slope,) = gc.gradients([y * 3, y * y], y)
    assert compute(slope, {y: 0.5}) == 3 + 1.0
    found = gc.gradients([x, y * y], [x, y], grad_ys=[[1, 2, 3], None])
    values = compute(found, dict(zip((x, y), FEEDS, strict=True)))
    np.testing.assert_array_equal(values[0], [1, 2, 3])
    assert values[1] == 1.0


@pytest.mark.parametrize(
    "weight", [2.0, [2.0, 2.0, 2.0], np.full(3, 2.0), lambda x: [gc.full_like(x, 2.0)]]
)
def test_weights_of_a_y_with_dims(weight: Any, compute: Any) -> None:
    x = gc.placeholder(gc.float64, (3,))
    (slope,) = gc.gradients(x * x, x, weight(x) if callable(weight) else weight)
    np.testing.assert_array_equal(compute(slope, {x: FEEDS[0]}), 4 * FEEDS[0])


def test_a_weight_may_be_a_placeholder(compute: Any) -> None:
    x, _ = _xy()
    g = gc.placeholder(gc.float64, ("n",))
    (slope,) = gc.gradients(gc.exp(x), x, g)
    found = compute(slope, {x: FEEDS[0], g: [1, 0, 2]})
    np.testing.assert_allclose(found, np.exp(FEEDS[0]) * [1, 0, 2])


def test_an_independent_x_gets_zeros(compute: Any) -> None:
    x, y = _xy()
    found = gc.gradients(y * y, [x, y])
    np.testing.assert_array_equal(compute(found[0], {x: FEEDS[0]}), np.zeros(3))
    assert gc.depends_on(y * y, [x, y]) == [False, True]


def test_guarded_dims_give_gradients_of_the_declared_shape(compute: Any) -> None:
    x = gc.placeholder(gc.float64, ("n",))
    z = gc.placeholder(gc.float64, ("m",))
    slopes = gc.gradients(gc.sum(x * z), [x, z])
    assert [slope.shape for slope in slopes] == [("n",), ("m",)]
    found = compute(slopes, {x: [1, 2], z: [3, 4]})
    np.testing.assert_array_equal(found, [[3, 4], [1, 2]])


def test_what_depends_on_what() -> None:
    x, y = _xy()
    ys = {
        "itself": (y, True),
        "a product": (gc.sum(x) * y, True),
        "a rounded one": (gc.floor(y), False),
        "a comparison": (gc.where(y > 0, 1.0, 2.0), False),
        "an integer": (y.astype(gc.int32).astype(gc.float64), False),
        "a barrier": (gc.stop_gradient(y) * 2, False),
        "both": (gc.stop_gradient(y) * y, True),
        "a position": (x[y.astype(gc.int64)], False),
    }
    for name, (tensor, expected) in ys.items():
        assert gc.depends_on(tensor, y) == [expected], name
    assert gc.depends_on([gc.floor(y), gc.sum(x)], [x, y]) == [True, False]


def test_jvp_is_the_transpose_of_gradients(compute: Any) -> None:
    x, y = _xy()
    outputs = [gc.sin(x) * y, gc.cumulative_sum(x * x)]
    tangents = [np.array([0.3, -1.0, 2.0]), np.array(0.7)]
    weights = [np.array([1.0, 2.0, -1.0]), np.array([0.5, 0.0, 3.0])]
    feeds = dict(zip((x, y), FEEDS, strict=True))
    forward = compute(gc.jvp(outputs, [x, y], tangents), feeds)
    backward = compute(gc.gradients(outputs, [x, y], weights), feeds)
    left = sum(np.vdot(a, b) for a, b in zip(weights, forward, strict=True))
    right = sum(np.vdot(a, b) for a, b in zip(tangents, backward, strict=True))
    np.testing.assert_allclose(left, right)


def test_jvp_along_some_of_the_xs(compute: Any) -> None:
    x, y = _xy()
    found = gc.jvp([x * y, gc.sum(x)], [x, y], [None, 2.0])
    values = compute(found, dict(zip((x, y), FEEDS, strict=True)))
    np.testing.assert_array_equal(values[0], 2 * FEEDS[0])
    assert values[1] == 0
    assert [tangent.shape for tangent in found] == [("n",), ()]


CASES: list[tuple[Any, str]] = [
    (
        lambda x, i: gc.gradients(x * 2, x),
        "is not a scalar; pass grad_ys= of shape [n, 3], or differentiate gc.sum of it",
    ),
    (lambda x, i: gc.gradients(gc.sum(i), x), "is of int64, not floating point"),
    (lambda x, i: gc.gradients(gc.sum(x), i), "the x <gc.Tensor %i i32[3] placeholder>"),
    (lambda x, i: gc.gradients(x, x, np.ones((2, 2))), "a weight of type f64[2, 2] does not fit"),
    (lambda x, i: gc.gradients(x, x, gc.zeros(3)), "a weight of type f32[3] does not fit"),
    (lambda x, i: gc.gradients([x, x], x, gc.ones_like(x)), "as a list of 2, one for each"),
    (lambda x, i: gc.gradients([x, x], x, [1.0]), "as a list of 2, one for each"),
    (lambda x, i: gc.gradients("loss", x), "takes a tensor or a list of tensors"),
]


@pytest.mark.parametrize(("apply", "message"), CASES)
def test_errors(apply: Any, message: str) -> None:
    x = gc.placeholder(gc.float32, ("n", 3), name="x")
    i = gc.placeholder(gc.int32, (3,), name="i")
    with pytest.raises(GradientError) as caught:
        apply(x, i)
    assert message in caught.value.message
    assert caught.value.op == "gradients"
    assert caught.value.location is not None
    assert caught.value.location.file == __file__


def test_an_op_without_a_derivative_is_named(fails: Callable[..., Any]) -> None:
    x = gc.placeholder(gc.float64, ())
    y = x.graph.tensor(OPAQUE(x.node))
    with pytest.raises(GradientError, match="opaque: cannot be differentiated") as caught:
        gc.gradients(y, x)
    assert caught.value.location == y.location


def test_a_stopped_factor_is_a_number(compute: Any) -> None:
    """z = u*x with u = x*x stopped has the slope u; that of x*x itself is still 2x."""
    x = gc.placeholder(gc.float64, (3,))
    y = x * x
    u = gc.stop_gradient(y)
    (by_z,), (by_y,) = (gc.gradients(gc.sum(part), x) for part in (u * x, y))
    (along,) = gc.jvp(u * x, x, np.ones(3))
    found = compute([by_z, by_y, along], {x: FEEDS[0]})
    for value, expected in zip(found, (FEEDS[0] ** 2, 2 * FEEDS[0], FEEDS[0] ** 2), strict=True):
        np.testing.assert_array_equal(value, expected)
