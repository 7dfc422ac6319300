from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.ir.graph import topological

pytestmark = pytest.mark.usefixtures("graph")
FEEDS = (np.array([1.0, -2.0, 3.0]), np.array(0.5))


def _xy() -> tuple[gc.Tensor, gc.Tensor]:
    return gc.placeholder(gc.float64, ("n",), name="x"), gc.placeholder(gc.float64, (), name="y")


def _outputs(x: gc.Tensor, y: gc.Tensor) -> list[gc.Tensor]:
    return [gc.sin(x) * y, gc.cumulative_sum(x * x)]


def test_vjp_is_gradients_with_weights(compute: Any) -> None:
    x, y = _xy()
    feeds = dict(zip((x, y), FEEDS, strict=True))
    weights = [np.array([1.0, 2.0, -1.0]), np.array([0.5, 0.0, 3.0])]
    found = compute(gc.vjp(_outputs(x, y), [x, y], weights), feeds)
    expected = compute(gc.gradients(_outputs(x, y), [x, y], weights), feeds)
    for mine, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(mine, other)


def test_a_missing_cotangent_is_zero(compute: Any) -> None:
    x, y = _xy()
    of_x, of_y = gc.vjp([y * y, gc.sum(x) * y], [x, y], [None, 2.0])
    values = compute([of_x, of_y], dict(zip((x, y), FEEDS, strict=True)))
    np.testing.assert_array_equal(values[0], [1, 1, 1])
    assert values[1] == 2 * FEEDS[0].sum()
    (nothing,) = gc.vjp(y * y, y, None)
    assert compute(nothing) == 0


def test_hvp_is_the_hessian_times_vectors(compute: Any) -> None:
    x, y = _xy()
    loss = gc.sum(gc.exp(x) * y) + y**3
    vectors = [np.array([0.3, 1.0, -2.0]), np.array(0.7)]
    feeds = dict(zip((x, y), FEEDS, strict=True))
    got = compute(gc.hvp(loss, [x, y], vectors), feeds)
    blocks = [compute(row, feeds) for row in gc.hessian(loss, [x, y])]
    for mine, row in zip(got, blocks, strict=True):
        parts = (np.tensordot(part, v, v.ndim) for part, v in zip(row, vectors, strict=True))
        np.testing.assert_allclose(mine, sum(parts))


def test_hvp_of_one_tensor_is_a_tensor(compute: Any) -> None:
    x, y = _xy()
    feeds = {x: FEEDS[0]}
    np.testing.assert_allclose(compute(gc.hvp(gc.sum(x**3), x, x), feeds), 6 * FEEDS[0] ** 2)
    np.testing.assert_allclose(compute(gc.hvp(gc.sum(x**3), x, 2.0), feeds), 12 * FEEDS[0])
    first, second = gc.hvp(gc.sum(x) * y, [x, y], [None, 2.0])
    np.testing.assert_allclose(compute(first, feeds), [2, 2, 2])
    assert compute(second, feeds) == 0


def test_linearize_gives_what_jvp_gives(compute: Any) -> None:
    x, y = _xy()
    along = gc.linearize(_outputs(x, y), [x, y])
    assert repr(along) == "<gc.Linearized (f64[n], f64[]) -> (f64[n], f64[n])>"
    feeds = dict(zip((x, y), FEEDS, strict=True))
    for tangents in ([np.array([0.3, -1.0, 2.0]), 0.7], [None, 1.0], [gc.cos(x), None]):
        got = compute(along(tangents), feeds)
        expected = compute(gc.jvp(_outputs(x, y), [x, y], tangents), feeds)
        for mine, other in zip(got, expected, strict=True):
            np.testing.assert_allclose(mine, other)


def test_linear_parts_share_the_primal() -> None:
    x, _ = _xy()
    y = gc.tanh(gc.exp(x))
    along = gc.linearize(y, x)
    results = [along(tangent)[0] for tangent in (x, gc.sin(x), 1.0)]
    names = [node.op.name for node in topological([y.node, *(r.node for r in results)])]
    assert (names.count("exp"), names.count("tanh")) == (1, 1)
    alone = [node.op.name for node in topological([results[0].node])]
    assert len(names) < 3 * len(alone)


def test_linear_parts_can_be_mapped_and_differentiated(compute: Any) -> None:
    x, _ = _xy()
    feeds = {x: FEEDS[0]}
    along = gc.linearize(gc.sin(x), x)
    basis = gc.vmap(lambda tangent: along(tangent)[0])(np.eye(3))
    np.testing.assert_allclose(compute(basis, feeds), np.diag(np.cos(FEEDS[0])))
    (slope,) = gc.gradients(gc.sum(along(1.0)[0]), x)
    np.testing.assert_allclose(compute(slope, feeds), -np.sin(FEEDS[0]))


def test_a_y_without_a_way_from_xs(compute: Any) -> None:
    x, y = _xy()
    first, second = gc.linearize([y * 2, x], [x])([1.0])
    assert compute(first, {}) == 0
    np.testing.assert_array_equal(compute(second, {x: FEEDS[0]}), [1, 1, 1])
