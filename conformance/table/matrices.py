"""Linear algebra."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import graphc as gc
from conformance.case import Array, Case, Translation
from conformance.table.entries import cast, plain, refuse


def _added(batched: bool) -> Any:
    """beta*input + alpha*(a @ b), summed over a stack of products if they are batched."""

    def apply(input: Any, a: Any, b: Any, *, beta: float = 1, alpha: float = 1) -> Any:
        product = gc.matmul(a, b)
        if batched:
            product = gc.sum(product, 0)
        return gc.add(gc.multiply(input, beta), gc.multiply(product, alpha))

    return apply


def _outer_added(input: Any, a: Any, b: Any, *, beta: float = 1, alpha: float = 1) -> Any:
    return gc.add(gc.multiply(input, beta), gc.multiply(gc.linalg.outer(a, b), alpha))


def _symmetric(A: Any, *args: Any) -> Sequence[Any]:
    return [A + A.mT, *args]


def _cholesky(input: Any, *, upper: bool = False) -> Any:
    return gc.linalg.cholesky(input, upper=upper)


def _without_status(function: Any) -> Any:
    """PyTorch adds LAPACK's status, 0 here, since graphc raises for anything else."""

    def apply(*args: Any, **kwargs: Any) -> Any:
        kwargs.pop("check_errors", None)
        found = function(*args, **kwargs)
        parts = list(found) if isinstance(found, list | tuple) else [found]
        shape = args[0].shape[:-2]
        return [*parts, gc.zeros(shape, dtype=gc.int32)]

    return apply


def _cholesky_inverse(L: Any, upper: bool = False) -> Any:
    identity = gc.broadcast_to(gc.eye(L.shape[-1], dtype=L.dtype), L.shape)
    return gc.linalg.cholesky_solve(L, identity, upper=upper)


def _diag(input: Any, diagonal: int = 0) -> Any:
    if input.ndim == 1:
        return gc.linalg.diag(input, k=diagonal)
    return gc.diagonal(input, offset=diagonal)


def _diag_embed(input: Any, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Any:
    return gc.moveaxis(gc.linalg.diag(input, k=offset), (-2, -1), (dim1, dim2))


def _lu(A: Any, *, pivot: bool = True) -> Any:
    refuse(not pivot, "factors without pivots")
    return gc.linalg.lu(A)


def _lu_factor(A: Any, *, pivot: bool = True, check_errors: bool = False) -> Any:
    refuse(not pivot, "factors without pivots")
    return gc.linalg.lu_factor(A)


def _solve(A: Any, B: Any, *, left: bool = True) -> Any:
    if not left:
        turned = gc.linalg.solve(gc.matrix_transpose(A), gc.matrix_transpose(B))
        return gc.matrix_transpose(turned)
    is_vectors = B.ndim == 1 or (B.ndim == A.ndim - 1 and B.shape == A.shape[:-1])
    if not is_vectors:
        return gc.linalg.solve(A, B)
    return gc.squeeze(gc.linalg.solve(A, gc.expand_dims(B, -1)), -1)


def _solve_triangular(
    A: Any, B: Any, *, upper: bool, left: bool = True, unitriangular: bool = False
) -> Any:
    if left:
        return gc.linalg.triangular_solve(A, B, lower=not upper, unit_diagonal=unitriangular)
    turned = gc.linalg.triangular_solve(
        A, gc.matrix_transpose(B), lower=not upper, transpose=True, unit_diagonal=unitriangular
    )
    return gc.matrix_transpose(turned)


def _triangular_solve(
    b: Any, A: Any, upper: bool = True, transpose: bool = False, unitriangular: bool = False
) -> Any:
    found = gc.linalg.triangular_solve(
        A, b, lower=not upper, transpose=transpose, unit_diagonal=unitriangular
    )
    return [found, gc.broadcast_to(A, (*found.shape[:-2], *A.shape[-2:]))]


def _qr(A: Any, mode: Any = "reduced") -> Any:
    mode = {True: "reduced", False: "complete"}.get(mode, mode)
    refuse(mode == "r", "R without Q")
    return gc.linalg.qr(A, mode=mode)


def _matrix_norm(
    A: Any, ord: Any = "fro", dim: Any = (-2, -1), keepdim: bool = False, *, dtype: Any = None
) -> Any:
    return gc.linalg.matrix_norm(cast(A, dtype), axis=tuple(dim), keepdims=keepdim, ord=ord)


def _vector_norm(
    x: Any, ord: Any = 2, dim: Any = None, keepdim: bool = False, *, dtype: Any = None
) -> Any:
    dim = None if x.ndim == 0 else dim
    return gc.linalg.vector_norm(cast(x, dtype), axis=dim, keepdims=keepdim, ord=ord)


def _norm(
    A: Any, ord: Any = None, dim: Any = None, keepdim: bool = False, *, dtype: Any = None
) -> Any:
    """Without a dim and an order, all elements are one vector."""
    A = cast(A, dtype)
    if isinstance(dim, list | tuple) and len(dim) == 2 and ord is None:
        return gc.linalg.matrix_norm(A, axis=tuple(dim), keepdims=keepdim)
    return gc.linalg.norm(A, ord=ord, axis=dim, keepdims=keepdim)


def _torch_norm(input: Any, p: Any = "fro", dim: Any = None, keepdim: bool = False) -> Any:
    """Numbers are vector norms here, over several dims as well."""
    if p == "nuc":
        return gc.linalg.matrix_norm(
            input, axis=tuple(dim or (-2, -1)), keepdims=keepdim, ord="nuc"
        )
    dim = None if input.ndim == 0 else dim
    return gc.linalg.vector_norm(
        input, axis=dim, keepdims=keepdim, ord=2 if p in ("fro", None) else p
    )


def _slogdet(A: Any) -> Any:
    return gc.linalg.slogdet(A)


def _logdet(A: Any) -> Any:
    sign, logarithm = gc.linalg.slogdet(A)
    return gc.where(sign < 0, float("nan"), logarithm)


def _diagonal(input: Any, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Any:
    return gc.diagonal(gc.moveaxis(input, (dim1, dim2), (-2, -1)), offset=offset)


def _vander(x: Any, *, N: int | None = None) -> Any:
    if x.ndim == 0:
        x = gc.reshape(x, (1,))
    return gc.linalg.vander(x, N, increasing=True)


def _lstsq(A: Any, B: Any, *, driver: str = "gelsy") -> Any:
    return [gc.linalg.lstsq(A, B).solution]


def _pinv(A: Any, *, atol: Any = None, rtol: Any = None, hermitian: bool = False) -> Any:
    refuse(atol is not None, "an absolute bound for singular values")
    return gc.linalg.pinv(A, rtol=rtol, hermitian=hermitian)


def _signless(values: Any) -> Any:
    return [abs(part) for part in values]


def _of_reduced(outputs: Sequence[Any]) -> Sequence[Any]:
    """U and V up to the signs of their columns, and only those columns that A determines."""
    u, s, v = outputs
    k = s.shape[-1]
    return [abs(u[..., :k]), s, abs(v[..., :k, :])]


def _of_columns(outputs: Sequence[Any]) -> Sequence[Any]:
    """The same where V stands in place of its transpose."""
    u, s, v = outputs
    k = s.shape[-1]
    return [abs(u[..., :k]), s, abs(v[..., :k])]


def _svd(input: Any, some: bool = True, compute_uv: bool = True) -> Any:
    refuse(not compute_uv, "singular values with zeros in place of vectors")
    u, s, vh = gc.linalg.svd(input, full_matrices=False)
    return [u, s, gc.matrix_transpose(vh)]


def _of_triangle(case: Case, vjps: Sequence[Array]) -> Sequence[Array]:
    """The derivative by the factor, which comes last, without the triangle that is not read."""
    upper = bool(case.kwargs.get("upper", False))
    return [*vjps[:-1], np.triu(vjps[-1]) if upper else np.tril(vjps[-1])]


def _tensordot(a: Any, b: Any, *, dims: Any = 2) -> Any:
    return gc.tensordot(a, b, axes=dims if isinstance(dims, int) else tuple(dims))


def _einsum(operands: Any, equation: str) -> Any:
    return gc.einsum(equation, *operands)


def _inner(input: Any, other: Any) -> Any:
    if input.ndim == 0 or other.ndim == 0:
        return gc.multiply(input, other)
    return gc.tensordot(input, other, axes=([-1], [-1]))


SIGNS = "signs of singular vectors and eigenvectors are free: their absolute values are compared"
OTHER_TRIANGLE = (
    "PyTorch gives derivatives by the triangle that is not read as well: those by the other one "
    "are compared"
)
SYMMETRIC = "A + A.T of each sample, since it must be symmetric"

TABLE = {
    **plain({
        "addbmm": _added(True),
        "addmm addmm.decomposed addmv baddbmm": _added(False),
        "addr": _outer_added,
        "bmm mm mv matmul": gc.matmul,
        "__rmatmul__": lambda input, other: gc.matmul(other, input),
        "cholesky linalg.cholesky": _cholesky,
        "linalg.cholesky_ex": _without_status(_cholesky),
        "cross linalg.cross": lambda input, other, dim=-1: gc.linalg.cross(input, other, axis=dim),
        "diagonal diagonal_copy": _diagonal,
        "linalg.diagonal": lambda A, offset=0, dim1=-2, dim2=-1: _diagonal(A, offset, dim1, dim2),
        "diag": _diag,
        "diag_embed": _diag_embed,
        "diagflat": lambda input, offset=0: gc.linalg.diag(gc.flatten(input), k=offset),
        "dot vdot": gc.vecdot,
        "einsum": _einsum,
        "inner": _inner,
        "kron": gc.linalg.kron,
        "linalg.cond": lambda A, p=None: gc.linalg.cond(A, p),
        "linalg.det": gc.linalg.det,
        "linalg.inv": gc.linalg.inv,
        "linalg.inv_ex": _without_status(gc.linalg.inv),
        "linalg.lu": _lu,
        "matrix_exp": gc.linalg.matrix_exp,
        "linalg.matrix_norm": _matrix_norm,
        "linalg.matrix_power": gc.linalg.matrix_power,
        "linalg.multi_dot": gc.linalg.multi_dot,
        "linalg.norm linalg.norm.subgradients_at_zero": _norm,
        "linalg.pinv": _pinv,
        "pinverse": gc.linalg.pinv,
        "linalg.pinv.singular": lambda a, b: gc.linalg.pinv(a @ gc.matrix_transpose(b)),
        "linalg.slogdet": _slogdet,
        "linalg.solve": _solve,
        "linalg.solve_ex": _without_status(_solve),
        "linalg.solve_triangular": _solve_triangular,
        "linalg.svdvals": gc.linalg.svdvals,
        "linalg.tensorinv": lambda A, ind=2: gc.linalg.tensorinv(A, ind),
        "linalg.tensorsolve": lambda A, B, dims=None: gc.linalg.tensorsolve(A, B, axes=dims),
        "linalg.vander": _vander,
        "linalg.vecdot": lambda x, y, dim=-1: gc.vecdot(x, y, axis=dim),
        "linalg.vector_norm": _vector_norm,
        "logdet": _logdet,
        "norm norm.nuc norm.fro norm.inf": _torch_norm,
        "outer": gc.linalg.outer,
        "tensordot": _tensordot,
        "trace": gc.linalg.trace,
        "triangular_solve": _triangular_solve,
        "tril": lambda input, k=0: gc.tril(input, k=k),
        "triu": lambda input, k=0: gc.triu(input, k=k),
    }),
    "linalg.lu_factor linalg.lu_factor_ex": Translation(
        _lu_factor, invariants=lambda outputs: outputs[:1],
        remark="factors alone: PyTorch has exchanges, graphc the permutation",
    ),
    "linalg.lstsq linalg.lstsq.grad_oriented": Translation(
        _lstsq, invariants=lambda outputs: outputs[:1],
        remark="solutions alone: PyTorch's other outputs depend on the driver",
    ),
    "linalg.eigh": Translation(
        lambda A, UPLO="L": gc.linalg.eigh(A), _symmetric, _signless,
        remark=f"{SYMMETRIC}; {SIGNS}",
    ),
    "linalg.svd": Translation(
        lambda A, full_matrices=True: gc.linalg.svd(A, full_matrices=False),
        invariants=_of_reduced,
        remark=f"{SIGNS}, without the columns that A does not determine",
    ),
    "svd": Translation(
        _svd,
        invariants=_of_columns,
        remark=f"{SIGNS}, without the columns that A does not determine",
    ),
    "cholesky_inverse": Translation(
        _cholesky_inverse, comparable=_of_triangle, remark=OTHER_TRIANGLE
    ),
    "cholesky_solve": Translation(
        lambda b, L, upper=False: gc.linalg.cholesky_solve(L, b, upper=upper),
        comparable=_of_triangle,
        remark=OTHER_TRIANGLE,
    ),
    "linalg.pinv.hermitian": Translation(
        lambda A, hermitian: gc.linalg.pinv(A, hermitian=True), _symmetric, remark=SYMMETRIC
    ),
    "linalg.eigvalsh": Translation(
        lambda A, UPLO="L": gc.linalg.eigvalsh(A), _symmetric, remark=SYMMETRIC
    ),
    "qr linalg.qr": Translation(_qr),
}  # fmt: skip
TABLE = {name: entry for names, entry in TABLE.items() for name in names.split()}
