from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import AttributeValueError, GradientError
from graphc.ir.graph import topological

pytestmark = pytest.mark.usefixtures("graph")
RNG = np.random.default_rng(0)
Array = np.ndarray[Any, Any]
MODES = ("forward", "reverse", None)


def place(*shapes: tuple[int | str, ...]) -> list[gc.Tensor]:
    return [gc.placeholder(gc.float64, shape) for shape in shapes]


def feeds_for(xs: list[gc.Tensor], **sizes: int) -> dict[gc.Tensor, Array]:
    shapes = [[sizes.get(str(n), n) for n in x.shape] for x in xs]
    return {x: RNG.uniform(0.5, 1.5, shape) for x, shape in zip(xs, shapes, strict=True)}


def differences(compute: Any, y: gc.Tensor, x: gc.Tensor, feeds: dict[gc.Tensor, Array]) -> Array:
    """The Jacobian by central differences."""
    step, columns = 1e-5, []
    for place in np.ndindex(feeds[x].shape):
        ends = []
        for by in (step, -step):
            moved = feeds[x].copy()
            moved[place] += by
            ends.append(compute(y, {**feeds, x: moved}))
        columns.append((ends[0] - ends[1]) / (2 * step))
    whole = np.stack(columns, axis=-1) if columns else np.zeros((*compute(y, feeds).shape, 0))
    return whole.reshape((*whole.shape[:-1], *feeds[x].shape))


FUNCTIONS: dict[str, tuple[tuple[int | str, ...], Callable[[gc.Tensor], gc.Tensor]]] = {
    "elementwise": (("n",), lambda x: gc.sin(x) * x),
    "a matrix by a vector": ((3,), lambda x: gc.matvec(np.arange(12.0).reshape(4, 3), x)),
    "a matrix by itself": (("n", 3), lambda x: x @ gc.matrix_transpose(x)),
    "from a scalar": ((), lambda x: gc.stack([x, x * x, gc.exp(x)])),
    "to a scalar": (("n", 2), lambda x: gc.sum(gc.cumulative_prod(x, axis=0))),
    "between scalars": ((), lambda x: x**3),
    "softmax": ((2, "n"), lambda x: gc.nn.softmax(x)),
    "an inverse": ((3, 3), lambda x: gc.linalg.inv(x + 3 * gc.eye(3, dtype=gc.float64))),
    "a convolution": ((1, 2, 6), lambda x: gc.nn.conv1d(x, np.arange(12.0).reshape(2, 2, 3) / 9)),
    "a sort": ((4,), lambda x: gc.sort(x)),
    "rows picked twice": ((3, 2), lambda x: gc.take(x, np.array([2, 0, 2]), axis=0)),
    "nothing": ((0,), lambda x: gc.concat([x, x])),
}  # fmt: skip


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_jacobians_against_differences(name: str, mode: Any, compute: Any) -> None:
    shape, function = FUNCTIONS[name]
    (x,) = place(shape)
    feeds, y = feeds_for([x], n=3), function(x)
    found = gc.jacobian(y, x, mode=mode)
    assert found.shape == (*y.shape, *x.shape)
    expected = differences(compute, y, x, feeds)
    np.testing.assert_allclose(compute(found, feeds), expected, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("mode", MODES)
def test_jacobians_have_the_dtype_of_y(mode: Any, compute: Any) -> None:
    (x,) = place((3,))
    y = gc.sin(x).astype(gc.float32)
    dense, sparse = gc.jacobian(y, x, mode), gc.sparse_jacobian(y, x, mode)
    assert {dense.dtype, sparse.values.dtype, sparse.to_dense().dtype} == {gc.float32}
    feeds = feeds_for([x])
    for value in compute([dense, sparse.to_dense()], feeds):
        np.testing.assert_allclose(value, np.diag(np.cos(feeds[x])), rtol=1e-6)


@pytest.mark.parametrize("mode", MODES)
def test_lists_of_ys_and_xs(mode: Any, compute: Any) -> None:
    x, z, other = place((3,), (), (2,))
    ys = [gc.sum(x) * z, x * z * z]
    found = gc.jacobian(ys, [x, z, other], mode)
    feeds = feeds_for([x, z, other])
    for y, row in zip(ys, found, strict=True):
        assert [part.shape for part in row] == [(*y.shape, 3), y.shape, (*y.shape, 2)]
        for part, by in zip(row, (x, z), strict=False):
            expected = differences(compute, y, by, feeds)
            np.testing.assert_allclose(compute(part, feeds), expected, rtol=1e-8)
        assert not np.any(compute(row[2], feeds))
    assert isinstance(gc.jacobian(ys[0], [x], mode), list)
    assert gc.jacobian([ys[1]], x, mode)[0].shape == (3, 3)


@pytest.mark.parametrize(
    ("y_shape", "x_shape", "reverse"),
    [((), (5,), True), ((5,), (), False), ((5,), (5,), False), ((2, 3), (7,), True),
     (("b",), ("b", 2), True), (("b", 2), ("b",), False), (("b",), ("c",), False)],
)  # fmt: skip
def test_the_cheaper_mode_is_taken(
    y_shape: Any, x_shape: Any, reverse: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = []
    for name in ("jacobians_forward", "jacobians_reverse"):
        monkeypatch.setattr(
            f"graphc.api.jacobians.{name}", lambda ys, xs, name=name: taken.append(name) or [None]
        )
    (x,) = place(x_shape)
    gc.jacobian(gc.broadcast_to(gc.sum(x), y_shape), x)
    assert taken == ["jacobians_reverse" if reverse else "jacobians_forward"]


def test_there_is_no_loop_over_rows() -> None:
    small, large = (len(topological([_jacobian_of(size).node])) for size in (3, 300))
    assert small == large


def _jacobian_of(size: int) -> gc.Tensor:
    (x,) = place((size,))
    return gc.jacobian(gc.tanh(x) * gc.sum(x), x)  # type: ignore[no-any-return]


def test_gradients_and_jacobians_of_jacobians(compute: Any) -> None:
    (x,) = place((3,))
    feeds, y = feeds_for([x]), gc.stack([gc.prod(x), gc.sum(x**3)])
    (slope,) = gc.gradients(gc.sum(gc.jacobian(y, x) ** 2), x)
    first = gc.jacobian(y, x)
    expected = differences(compute, gc.sum(first**2), x, feeds)
    np.testing.assert_allclose(compute(slope, feeds), expected, rtol=1e-7)
    second = gc.jacobian(first, x)
    assert second.shape == (2, 3, 3)
    expected = differences(compute, first, x, feeds)
    np.testing.assert_allclose(compute(second, feeds), expected, rtol=1e-7, atol=1e-9)


def test_a_jacobian_for_each_example(compute: Any) -> None:
    x, w = place(("batch", 3), (2, 3))
    each = gc.vmap(lambda row: gc.jacobian(gc.tanh(gc.matvec(w, row)), row))(x)
    assert each.shape == ("batch", 2, 3)
    feeds = feeds_for([x, w], batch=4)
    rows, matrix = feeds.values()
    expected = (1 - np.tanh(rows @ matrix.T) ** 2)[..., None] * matrix
    np.testing.assert_allclose(compute(each, feeds), expected)


def rosenbrock(x: gc.Tensor) -> gc.Tensor:
    return gc.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


@pytest.mark.parametrize("size", [4, "n"])
def test_hessians(size: int | str, compute: Any) -> None:
    (x,) = place((size,))
    feeds, y = feeds_for([x], n=4), rosenbrock(x)
    found = gc.hessian(y, x)
    assert found.shape == (size, size)
    values = compute(found, feeds)
    np.testing.assert_allclose(values, values.T)
    (slope,) = gc.gradients(y, x)
    np.testing.assert_allclose(values, differences(compute, slope, x, feeds), rtol=1e-7, atol=1e-6)


def test_hessians_of_several(compute: Any) -> None:
    x, z, other = place((2,), (), (2,))
    feeds = feeds_for([x, z, other])
    found = gc.hessian(gc.sum(x * x) * z + z**3 + gc.sum(other), [x, z, other])
    assert [[part.shape for part in row] for row in found] == [
        [(2, 2), (2,), (2, 2)], [(2,), (), (2,)], [(2, 2), (2,), (2, 2)],
    ]  # fmt: skip
    at_x, at_z = feeds[x], feeds[z]
    np.testing.assert_allclose(compute(found[0][0], feeds), 2 * at_z * np.eye(2))
    np.testing.assert_allclose(compute(found[0][1], feeds), 2 * at_x)
    np.testing.assert_allclose(compute(found[1][0], feeds), 2 * at_x)
    np.testing.assert_allclose(compute(found[1][1], feeds), 6 * at_z)
    assert not np.any(compute(found[2][2], feeds))


def test_machine_code_of_a_hessian() -> None:
    (x,) = place(("n",))
    (slope,) = gc.gradients(rosenbrock(x), x)
    both = [gc.hessian(rosenbrock(x), x), gc.jacobian(slope, x, mode="reverse")]
    with gc.Session(x.graph) as session:
        for size in (2, 9):
            point = RNG.uniform(size=size)
            forward, reverse = session.run(both, {x: point})
            np.testing.assert_allclose(forward, reverse, rtol=1e-12, atol=1e-9)


CASES: list[tuple[Any, str, type[Exception], str]] = [
    (lambda x, i: gc.jacobian(x, i), "jacobian", GradientError, "is of int32, not floating point"),
    (lambda x, i: gc.jacobian("y", x), "jacobian", GradientError, "takes a tensor or a list"),
    (lambda x, i: gc.jacobian(x, x, "both"), "jacobian", AttributeValueError, "not 'both'"),
    (lambda x, i: gc.hessian(x, x), "hessian", GradientError, "is not a scalar; gc.sum of it is"),
    (lambda x, i: gc.hessian(gc.sum(i), x), "hessian", GradientError, "not floating point"),
    (lambda x, i: gc.hvp(x, x, x), "hvp", GradientError, "is not a scalar"),
    (lambda x, i: gc.hvp(gc.sum(x), x, i), "hvp", GradientError, "does not fit"),
    (lambda x, i: gc.vjp([x, x], x, [x]), "vjp", GradientError, "as a list of 2" ),
    (lambda x, i: gc.linearize(x, [x, x])([x]), "linearize", GradientError, "as a list of 2"),
]  # fmt: skip


@pytest.mark.parametrize(("apply", "op", "error", "message"), CASES)
def test_errors(apply: Any, op: str, error: Any, message: str) -> None:
    x = gc.placeholder(gc.float32, ("n", 3), name="x")
    i = gc.placeholder(gc.int32, (3,), name="i")
    with pytest.raises(error) as caught:
        apply(x, i)
    assert message in caught.value.message
    assert caught.value.op == op
    assert caught.value.location.file == __file__
