from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import AttributeValueError, GradientError
from graphc.ir.graph import topological
from graphc.runtime.reference import evaluate

pytestmark = pytest.mark.usefixtures("graph")
RNG = np.random.default_rng(0)


def vector(*shape: int | str) -> gc.Tensor:
    return gc.placeholder(gc.float64, shape or (12,), name="x")


def second_difference(x: gc.Tensor) -> gc.Tensor:
    return x[2:] - 2 * x[1:-1] ** 2 + x[:-2] * x[1:-1]


def heat(x: gc.Tensor) -> gc.Tensor:
    """The five points around every one of a grid."""
    wide = gc.pad(x, [(1, 1), (1, 1)])
    around = wide[2:, 1:-1] + wide[:-2, 1:-1] + wide[1:-1, 2:] + wide[1:-1, :-2]
    return gc.tanh(around - 4 * x**2)


def by_matrix(x: gc.Tensor) -> gc.Tensor:
    bands = np.eye(12) + np.diag(np.full(11, 2.0), 1)
    return gc.exp(gc.constant(bands) @ x)


#: name: (shape of x, function, the most colors, the mode that is taken)
FUNCTIONS: dict[str, tuple[tuple[int, ...], Callable[[gc.Tensor], gc.Tensor], int, str]] = {
    "itself": ((12,), gc.sin, 1, "forward"),
    "three in a row": ((12,), second_difference, 3, "forward"),
    "five points": ((5, 6), heat, 8, "forward"),
    "a constant matrix": ((12,), by_matrix, 2, "forward"),
    "blocks": ((4, 3), lambda x: gc.sum(x, axis=1, keepdims=True) * x, 3, "forward"),
    "a convolution": ((1, 1, 12), lambda x: gc.nn.conv1d(x, np.ones((1, 1, 3))) ** 2, 3, "forward"),
    "a sum": ((12,), lambda x: gc.sum(x**3), 1, "reverse"),
    "sums of rows": ((3, 20), lambda x: gc.sum(x * x, axis=1), 1, "reverse"),
    "a matrix for each": ((4, 2, 2), lambda x: gc.linalg.inv(x + 2 * np.eye(2)), 4, "forward"),
    "picked": ((12,), lambda x: gc.take(x, np.array([3, 3, 0, 7])) ** 2, 1, "forward"),
    "nothing": ((12,), lambda x: gc.floor(x), 1, "forward"),
    "no elements": ((0,), lambda x: x * 2, 0, "forward"),
}


@pytest.mark.parametrize("mode", ["forward", "reverse", None])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_same_as_the_dense_one(name: str, mode: Any, compute: Any) -> None:
    shape, function, colors, taken = FUNCTIONS[name]
    x = gc.placeholder(gc.float64, shape)
    y, feeds = function(x), {x: RNG.uniform(0.5, 1.5, shape)}
    sparse = gc.sparse_jacobian(y, x, mode)
    assert sparse.shape == (y.size, x.size)
    assert sparse.mode == (mode or taken)
    if mode is None:
        assert sparse.colors <= colors
    dense, filled, values = compute([gc.jacobian(y, x), sparse.to_dense(), sparse.values], feeds)
    np.testing.assert_allclose(filled, dense, rtol=1e-12, atol=1e-14)
    flat = dense.reshape(sparse.shape)
    np.testing.assert_allclose(values, flat[sparse.rows, sparse.columns], rtol=1e-12, atol=1e-14)


def test_elements_stand_row_by_row() -> None:
    x = vector()
    found = gc.sparse_jacobian(second_difference(x), x)
    assert repr(found) == "<gc.SparseJacobian 10 x 12, 30 elements, 3 colors, forward>"
    np.testing.assert_array_equal(found.rows, np.repeat(np.arange(10), 3))
    np.testing.assert_array_equal(
        found.columns, np.concatenate([[k, k + 1, k + 2] for k in range(10)])
    )
    np.testing.assert_array_equal(found.row_starts, np.arange(0, 31, 3))
    assert found.values.shape == (30,)
    with pytest.raises(ValueError, match="read-only"):
        found.columns[0] = 3


def test_bundle_adjustment(compute: Any) -> None:
    """Every residual depends on one camera and one point; colors do not grow with observations."""
    sizes = {}
    for cameras, points in ((2, 3), (3, 8)):
        with gc.Graph():
            x = gc.placeholder(gc.float64, (cameras * 4 + points * 3,))
            seen = np.array([(c, p) for c in range(cameras) for p in range(points)])
            camera = gc.reshape(x[: cameras * 4], (cameras, 4))
            point = gc.reshape(x[cameras * 4 :], (points, 3))
            own, at = gc.take(camera, seen[:, 0], axis=0), gc.take(point, seen[:, 1], axis=0)
            moved = at + own[:, 1:]
            y = own[:, :1] * moved[:, :2] / moved[:, 2:]
            found = gc.sparse_jacobian(y, x)
            dense, whole = compute(
                [gc.jacobian(y, x), found.to_dense()], {x: RNG.uniform(1, 2, x.shape)}
            )
        np.testing.assert_allclose(whole, dense)
        assert len(found.rows) == len(seen) * 2 * (1 + 2 + 2)
        sizes[cameras, points] = found.colors
    assert max(sizes.values()) <= 7 < 3 * 4 + 8 * 3


def test_functions_mapped_over_a_batch_have_blocks(compute: Any) -> None:
    x = vector(6, 2)
    found = gc.sparse_jacobian(gc.vmap(lambda v: gc.cumulative_prod(v) * gc.sum(v))(x), x)
    assert (found.colors, len(found.rows)) == (2, 6 * 4)
    feeds = {x: RNG.uniform(size=(6, 2))}
    dense = gc.jacobian(gc.cumulative_prod(x, axis=1) * gc.sum(x, axis=1, keepdims=True), x)
    np.testing.assert_allclose(*compute([found.to_dense(), dense], feeds))


def test_gradients_of_the_values(compute: Any) -> None:
    x = vector()
    feeds = {x: RNG.uniform(size=12)}
    y = second_difference(x)
    (slope,) = gc.gradients(gc.sum(gc.sparse_jacobian(y, x).values ** 2), x)
    (expected,) = gc.gradients(gc.sum(gc.jacobian(y, x) ** 2), x)
    np.testing.assert_allclose(compute(slope, feeds), compute(expected, feeds))


def test_machine_code() -> None:
    x = vector()
    y = second_difference(x)
    point = RNG.uniform(size=12)
    with gc.Session(x.graph) as session:
        sparse, dense = session.run(
            [gc.sparse_jacobian(y, x).to_dense(), gc.jacobian(y, x)], {x: point}
        )
    np.testing.assert_allclose(sparse, dense, rtol=1e-14)


def test_the_number_of_nodes_does_not_grow() -> None:
    counts = []
    for size in (10, 1000):
        x = gc.placeholder(gc.float64, (size,))
        counts.append(len(topological([gc.sparse_jacobian(second_difference(x), x).values.node])))
    assert counts[0] == counts[1]


def test_errors(fails: Callable[..., Any]) -> None:
    x, i = vector("n"), gc.placeholder(gc.int64, (3,))
    with pytest.raises(GradientError, match=r"of sizes that are known; use numbers for dims"):
        gc.sparse_jacobian(x * 2, x)
    with fails(GradientError, "not floating point", op="sparse_jacobian"):
        gc.sparse_jacobian(i, x)
    with fails(AttributeValueError, "mode must be", op="sparse_jacobian"):
        gc.sparse_jacobian(x, x, "dense")
    wide = gc.placeholder(gc.float32, (20_000,))
    with fails(GradientError, "too many to be sparse; use gc.jacobian", op="sparse_jacobian"):
        gc.sparse_jacobian(gc.sum(wide) * wide, wide)


def turning(carry: gc.Tensor, row: gc.Tensor) -> tuple[gc.Tensor, gc.Tensor]:
    return gc.sin(carry) * row[0], carry * gc.sum(row)


def newton(x: gc.Tensor) -> gc.Tensor:
    """The square root of each element."""
    return gc.while_loop(lambda y: gc.any(gc.abs(y * y - x) > 1e-12), lambda y: (y + x / y) / 2, x)


#: name: (function of x [4, 2], where its derivatives may be, the most colors)
LOOPS: dict[str, tuple[Callable[[gc.Tensor], gc.Tensor], Any, int]] = {
    "rows one by one": (lambda x: gc.map(lambda r: r * gc.sum(r), x),
                        lambda i, j: i // 2 == j // 2, 2),
    "rows kept": (lambda x: gc.scan(turning, x[0, 0], x)[1],
                  lambda i, j: (j < 2 * i) & (j % 2 == 0) | (j // 2 == i) | (j == 0), 8),
    "rows from the last": (lambda x: gc.scan(turning, x[3, 0], x, reverse=True)[1],
                           lambda i, j: (j // 2 == i) | (j % 2 == 0) & (j // 2 >= i), 8),
    "a carry": (lambda x: gc.scan(turning, x[0], x)[0],
                lambda i, j: (j % 2 == 0) | (j == i), 8),
    "elements until all are done": (newton, lambda i, j: i == j, 1),
    "elements until each is done": (lambda x: gc.vmap(gc.vmap(newton))(x), lambda i, j: i == j, 1),
    "either branch": (
        lambda x: gc.cond(gc.sum(x) > 0, lambda a: a * 2, lambda a: gc.flip(a, axis=0) ** 2, x),
        lambda i, j: (i == j) | ((i // 2 == 3 - j // 2) & (i % 2 == j % 2)), 2,
    ),
    "for a while": (lambda x: gc.fori_loop(0, 2, lambda i, v: v + gc.roll(v, 1, axis=0), x),
                    lambda i, j: (i % 2 == j % 2) & ((i // 2 - j // 2) % 4 <= 2), 4),
}  # fmt: skip


@pytest.mark.parametrize("name", LOOPS)
def test_loops_and_branches(name: str) -> None:
    function, expected, colors = LOOPS[name]
    x = gc.placeholder(gc.float64, (4, 2))
    y = function(x)
    found = gc.sparse_jacobian(y, x)
    pattern = np.zeros(found.shape, bool)
    pattern[found.rows, found.columns] = True
    places = np.indices(found.shape)
    np.testing.assert_array_equal(pattern, expected(*places))
    assert found.colors <= colors
    program = x.graph.extract([found.to_dense(), gc.jacobian(y, x, mode="forward")])
    (sparse, dense), _ = evaluate(program, {x.node: RNG.uniform(0.5, 1.5, (4, 2))})
    np.testing.assert_allclose(sparse, dense, rtol=1e-12, atol=1e-14)


def test_long_loops_mix_what_they_are_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graphc.autodiff.dependence.MOST_STEPS", 3)
    x = gc.placeholder(gc.float64, (4, 2))
    found = gc.sparse_jacobian(gc.map(lambda row: row * 2, x), x)
    assert len(found.rows) == 8 * 8
