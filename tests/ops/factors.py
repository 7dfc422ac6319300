"""What makes factors of matrices right: that they give the matrix back, whatever their signs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from graphc.ir.opdef import Array
from tests.ops.sampling import Case

#: Errors allowed, in units of the dtype's epsilon and of the largest number in the matrix.
UNITS = 500.0


def assert_same_factors(case: Case, values: Sequence[Array], got: Array, expected: Array) -> None:
    """Every matrix of the stack has right factors, or a NaN where the reference has one."""
    same = _RULES.get(case.op.name, _same_numbers)
    for one, mine, other in _matrices(case, values, got, expected):
        if np.isnan(other).any():
            assert np.isnan(mine).any()
        else:
            same(case, one[0], mine, other)


def _matrices(
    case: Case, values: Sequence[Array], got: Array, expected: Array
) -> Iterator[tuple[list[Array], Array, Array]]:
    first = values[-1]  # the last input is a matrix for every op
    for place in np.ndindex(first.shape[:-2]):
        yield [value[place] for value in values], got[place], expected[place]


def _close(got: Array, expected: Array, dtype: np.dtype) -> None:
    scale = np.max(np.abs(expected), initial=1.0)
    np.testing.assert_allclose(got, expected, rtol=0, atol=UNITS * np.finfo(dtype).eps * scale)


def _same_numbers(case: Case, a: Array, got: Array, expected: Array) -> None:
    _close(got, expected, got.dtype)


def _same_lu(case: Case, a: Array, got: Array, expected: Array) -> None:
    (m, n), k = a.shape, min(a.shape)
    both, order, diagonal = got[: m * n].reshape(m, n), got[m * n :][:n], got[m * n + n : -1]
    permutation = np.eye(n)[order.astype(int)]
    low, up = np.tril(both)[:, :k], (np.triu(both, 1) + np.eye(m, n))[:k]
    _close(low @ up @ permutation, a, got.dtype)
    np.testing.assert_array_equal(diagonal, np.diagonal(both))
    assert got[-1] == round(np.linalg.det(permutation))


def _same_eigh(case: Case, a: Array, got: Array, expected: Array) -> None:
    n = a.shape[0]
    rows = got[n:].reshape(n, n)
    symmetric = np.tril(a) + np.tril(a, -1).T
    _close(got[:n], expected[:n], got.dtype)
    _close(rows.T @ np.diag(got[:n]) @ rows, symmetric, got.dtype)
    _close(rows @ rows.T, np.eye(n), got.dtype)


def _same_svd(case: Case, a: Array, got: Array, expected: Array) -> None:
    m, n = a.shape
    k = min(m, n)
    u, v = got[k : k + m * k].reshape(m, k), got[k + m * k :].reshape(k, n)
    _close(got[:k], expected[:k], got.dtype)
    _close(u @ np.diag(got[:k]) @ v, a, got.dtype)
    _close(u.T @ u, np.eye(k), got.dtype)
    _close(v @ v.T, np.eye(k), got.dtype)


def _same_qr(case: Case, a: Array, got: Array, expected: Array) -> None:
    m, n = a.shape
    k = m if case.sample.attrs["complete"] else min(m, n)
    rows, r = got[: k * m].reshape(k, m), got[k * m :].reshape(k, n)
    _close(rows.T @ r, a, got.dtype)
    _close(rows @ rows.T, np.eye(k), got.dtype)
    np.testing.assert_array_equal(r, np.triu(r))


_RULES: dict[str, Callable[[Case, Array, Array, Array], None]] = {
    "lu": _same_lu, "eigh": _same_eigh, "svd": _same_svd, "qr": _same_qr,
}  # fmt: skip
