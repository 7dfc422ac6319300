"""Derivatives of factors, systems and determinants, in sessions."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import graphc as gc
from graphc.errors import GradientError
from tests.api.matrices import Array, check_close, drawn, positive, run

la = gc.linalg


def _from_square(x: gc.Tensor) -> gc.Tensor:
    return x @ la.matrix_transpose(x) + gc.eye(3)


FUNCTIONS: dict[str, tuple[tuple[int, ...], Callable[[gc.Tensor], gc.Tensor]]] = {
    "cholesky": ((2, 3, 3), lambda x: la.cholesky(_from_square(x))),
    "inv": ((2, 3, 3), lambda x: la.inv(_from_square(x))),
    "solve": ((3, 3), lambda x: la.solve(x + 4 * gc.eye(3), x * x)),
    "triangular_solve": ((3, 3), lambda x: la.triangular_solve(x + 3 * gc.eye(3), x)),
    "det": ((2, 3, 3), la.det),
    "logabsdet": ((3, 3), lambda x: la.slogdet(x).logabsdet),
    "eigvalsh": ((3, 3), la.eigvalsh),
    "a function of eigh": (
        (3, 3),
        lambda x: (lambda w, v: (v * gc.expand_dims(gc.exp(w), axis=-2)) @ v.T)(*la.eigh(x)),
    ),
    "svdvals": ((4, 3), la.svdvals),
    "projection by svd": ((4, 2), lambda x: (lambda u: u @ u.T)(la.svd(x, full_matrices=False).U)),
    "qr tall": ((4, 3), lambda x: la.qr(x).Q @ gc.ones((3, 1)) + la.qr(x).R[0, 0]),
    "qr wide": ((2, 4), lambda x: la.qr(x).Q @ la.qr(x).R[:, 1:]),
    "pinv": ((2, 4, 3), la.pinv),
    "pinv of less than full rank": ((4, 3), lambda x: la.pinv(x[:, :2] @ x[:2])),
    "pinv of symmetric matrices": ((3, 3), lambda x: la.pinv(x, hermitian=True)),
    "lstsq": ((4, 3), lambda x: la.lstsq(x[:, :2], x * x).solution),
    "residuals": ((4, 3), lambda x: la.lstsq(x[:, :2], x * x).residuals),
    "lu": ((2, 3, 3), lambda x: la.lu(x).L * la.lu(x).U.mT),
    "lu_solve": ((3, 3), lambda x: la.lu_solve(la.lu_factor(x), x * x)),
    "nuclear norm": ((2, 4, 3), lambda x: la.matrix_norm(x, ord="nuc")),
    "cond": ((3, 3), lambda x: la.cond(x, "fro")),
    "qr complete of a wide matrix": ((2, 4), lambda x: la.qr(x, mode="complete").R),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_gradients_in_a_session(name: str) -> None:
    """Against differences of what the session computes; a gradient of a gradient as well."""
    shape, function = FUNCTIONS[name]
    with gc.Graph() as graph:
        x = gc.placeholder(gc.float64, shape, name="x")
        y = function(x)
        weights = gc.asarray(drawn(tuple(map(int, y.shape)), gc.float64, 3))
        total = gc.sum(y * weights)
        (slope,) = gc.gradients(total, [x])
        along = gc.asarray(drawn(shape, gc.float64, 4))
        first = gc.sum(slope * along)
        (second,) = gc.gradients(first, [x])
        (forward,) = gc.jvp([total], [x], [along])
        twice = gc.sum(second * along)
    point, way = drawn(shape, gc.float64, 5), drawn(shape, gc.float64, 4)
    with gc.Session(graph) as session:

        def at(step: float) -> list[Array]:
            return session.run([total, first, forward, twice], {x: point + step * way})

        _, mine, pushed, curved = at(0.0)
        step = 1e-4
        near, back, far, behind = (at(k * step) for k in (1, -1, 2, -2))
        for expected, got in ((0, mine), (0, pushed), (1, curved)):
            found = 8 * (near[expected] - back[expected]) - far[expected] + behind[expected]
            np.testing.assert_allclose(got, found / (12 * step), rtol=1e-6, atol=1e-6)


def gradient(function: Callable[[gc.Tensor], gc.Tensor], x: Array) -> Array:
    return run(lambda x: gc.gradients(gc.sum(function(x)), [x])[0], x)


def test_gradients_of_symmetric_matrices_are_symmetric() -> None:
    x = positive((4, 4), gc.float64)
    values = la.eigvalsh, lambda x: la.eigh(x).eigenvalues ** 2
    for function in (la.cholesky, *values):
        found = gradient(function, x)
        check_close(found, found.T)


def test_equal_eigenvalues_have_gradients_of_what_does_not_depend_on_the_vectors() -> None:
    def squared(x: gc.Tensor) -> gc.Tensor:
        w, v = la.eigh(x)
        return (v * gc.expand_dims(w**2, axis=0)) @ v.T

    check_close(gradient(la.eigvalsh, np.eye(3)), np.eye(3))
    found = gradient(lambda x: squared(x)[0, 0], np.diag([1.0, 1.0, 2.0]))
    check_close(found, np.diag([2.0, 0.0, 0.0]))  # of (x @ x)[0, 0]
    values = gradient(lambda x: la.eigh(x).eigenvalues, np.zeros((3, 3)))
    check_close(values, np.eye(3))


@pytest.mark.parametrize("diagonal", [(1.0, 1.0, 1.0), (2.0, 2.0, 1.0), (1.0, 3.0, 2.0)])
def test_the_polar_factor_has_a_gradient_where_singular_values_are_equal(
    diagonal: tuple[float, ...],
) -> None:
    weights, way, x = drawn((3, 3), gc.float64), drawn((3, 3), gc.float64, 1), np.diag(diagonal)

    def weighed(x: gc.Tensor) -> gc.Tensor:
        u, _, v = la.svd(x)
        return gc.sum((u @ v) * gc.asarray(weights))

    step = 1e-5
    ends = [run(weighed, x + by * way) for by in (step, -step)]
    slope = np.sum(gradient(weighed, x) * way)
    np.testing.assert_allclose(slope, (ends[0] - ends[1]) / (2 * step), rtol=1e-8)


def test_zero_has_singular_values_with_gradients() -> None:
    assert np.all(np.isfinite(gradient(la.svdvals, np.zeros((3, 2)))))


@pytest.mark.parametrize(
    "function",
    [
        lambda x: la.qr(x, mode="complete").Q,
        lambda x: la.svd(x).U,
        lambda x: la.svd(la.matrix_transpose(x)).Vh,
    ],
)
def test_columns_that_complete_a_basis_have_no_gradient(
    function: Callable[[gc.Tensor], gc.Tensor],
) -> None:
    with gc.Graph():
        x = gc.placeholder(gc.float64, (4, 2))
        y = function(x)
        with pytest.raises(GradientError, match="not determined"):
            gc.gradients(gc.sum(y), [x])


def test_values_of_a_full_svd_have_gradients() -> None:
    x = drawn((4, 2), gc.float64)
    check_close(gradient(lambda x: la.svd(x).S, x), gradient(la.svdvals, x))
