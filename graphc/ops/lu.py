"""LU factors.

LAPACK factors the transpose of what we store by rows. So ours is a = l u p, with ones on the
diagonal of u, and p a permutation of columns: row i of p x is row `permutation[i]` of x.

The derivatives follow from d(a p') = dl u + l du, where dl is lower and du strictly upper
triangular, block by block if there are more rows or more columns. They need leading columns of
a p', as many as there are pivots, that are not singular. What solves with the factors has
derivatives of its own.
"""

from __future__ import annotations

import numpy as np

from graphc.ir import dims, scalar
from graphc.ir.dims import Size
from graphc.ir.dtypes import FLOATS, DType, int32, int64
from graphc.ir.inference import Inference
from graphc.ir.lowering import Library
from graphc.ir.node import Node
from graphc.ir.opdef import Arg, Array, Kind, Sample
from graphc.ir.routines import Area, Blocks, Steps, blocks_of, leading
from graphc.ir.scalar import Expr
from graphc.ir.types import Shape, TensorType
from graphc.ops.algebra import add, sub
from graphc.ops.contraction import transposed
from graphc.ops.declaring import member_by_member, ops, structured, zeros_like
from graphc.ops.matrices import (
    diagonal_matrix,
    diagonal_of,
    flat,
    for_each,
    identity_like,
    in_blocks,
    joined_blocks,
    lower,
    matrix_type,
    packed,
    packed_type,
    positions,
    shared_blocks,
    unpacked,
    upper,
)

#: Blocks of rows of a matrix that several tasks factor: at most so many, of at least so many rows.
_MOST_BLOCKS, _BLOCK = 20, 64


def lu_parts(m: Size, n: Size) -> tuple[Shape, ...]:
    """What `lu` packs: both triangles, the permutation, the diagonal of l, the sign of p."""
    return (m, n), (n,), (dims.minimum(m, n),), ()


# Factors -------------------------------------------------------------------------------------


def _blocks(node: Node) -> Blocks:
    matrix = node.inputs[0]
    return shared_blocks(matrix.shape[-2], matrix, most=_MOST_BLOCKS, least=_BLOCK)


def _panels(node: Node) -> Blocks:
    """The blocks in which there are pivots."""
    m, n = node.inputs[0].shape[-2:]
    return blocks_of(dims.minimum(m, n), _blocks(node).size)


def _named(node: Node, steps: Steps) -> tuple[Blocks, Blocks]:
    return steps.blocks(_blocks(node)), steps.blocks(_panels(node))


def _tasks(node: Node) -> Size:
    """One for each block of rows, and one for each block in which more is to be exchanged then."""
    return _blocks(node).count + _panels(node).count - 1


def _steps(node: Node, steps: Steps) -> None:
    m, n = node.inputs[0].shape[-2:]
    pivots = steps.room(dims.minimum(m, n), int32)
    if steps.tasks == 1:
        steps.fill(steps.result, (m, n), lambda i, j: steps.read(0, i, j))
        steps.call("getrf", n, m, steps.result, leading(n), pivots, flops=m * n * n)
        _finish(node, steps, pivots)
        return
    blocks, panels = _named(node, steps)
    done = steps.progress(blocks.count)
    with steps.when(steps.task, blocks.count):
        _factor_block(node, steps, pivots, done)
    with steps.when(blocks.count - 1, steps.task):
        block = steps.task - blocks.count
        with steps.turns(blocks.count - panels.count + 1) as k:  # those that read panels last
            steps.wait(done, panels.count - 1 + k, 1)
        with steps.turns(panels.count - 1 - block) as k:
            _exchange(node, steps, pivots, block, block + 1 + k)
    with steps.when(steps.tasks - 1, steps.task + 1):
        _finish(node, steps, pivots)


def _factor_block(node: Node, steps: Steps, pivots: Area, done: Area) -> None:
    """Our rows, LAPACK's columns: what the panels before do to them, as soon as each is there.

    Panels are left in the order of rows in which they were found, as long as others read them.
    """
    m, n = node.inputs[0].shape[-2:]
    a, ld, task = steps.result, leading(n), steps.task
    blocks, panels = _named(node, steps)
    row, width = blocks.start(task), blocks.length(task)
    rows = a.at(row * n)
    steps.fill(rows, (width, n), lambda i, j: steps.read(0, row + i, j))
    with steps.turns(dims.minimum(task, panels.count)) as k:
        start, depth = panels.start(k), panels.length(k)
        panel, below = a.at(start * n + start), n - start - depth
        steps.wait(done, k, 1)
        _exchange(node, steps, pivots, task, k)
        steps.call(
            "trsm", "L", "l", "N", "u", depth, width, 1.0, panel, ld, rows.at(start), ld, flops=0
        )
        steps.call(
            "gemm", "N", "N", below, width, depth, -1.0, panel.at(depth), ld, rows.at(start), ld,
            1.0, rows.at(start + depth), ld, flops=0,
        )  # fmt: skip
    with steps.when(task, panels.count):
        work = dims.floordiv(m * n * n, steps.tasks)
        left = n - row
        steps.call("getrf", left, width, rows.at(row), ld, pivots.at(row), flops=work)
    steps.reached(done, task, 1)


def _exchange(node: Node, steps: Steps, pivots: Area, block: Size, panel: Size) -> None:
    """What is exchanged for the pivots of a panel, in a block of rows."""
    n, (blocks, panels) = node.inputs[0].shape[-1], _named(node, steps)
    start, depth = panels.start(panel), panels.length(panel)
    place = steps.result.at(blocks.start(block) * n + start)
    own = pivots.at(start)
    steps.call("laswp", blocks.length(block), place, leading(n), 1, depth, own, 1, flops=0)


def _finish(node: Node, steps: Steps, pivots: Area) -> None:
    """The permutation, the diagonal and the sign."""
    m, n = node.inputs[0].shape[-2:]
    (_, panels), count, factors = _named(node, steps), dims.minimum(m, n), steps.result
    permutation = factors.at(m * n)
    diagonal = permutation.at(n)
    steps.fill(permutation, (n,), lambda i: scalar.cast(scalar.index(i), node.dtype))
    with steps.turns(panels.count) as k:
        start, own = panels.start(k), pivots.at(panels.start(k))
        moved = permutation.at(start)
        steps.call("laswp", 1, moved, leading(n), 1, panels.length(k), own, 1, flops=0)
    steps.fill(diagonal, (count,), lambda i: factors.element(i * n + i))
    size = panels.size
    sign = steps.combined(
        "prod", count, lambda i: _sign(node, dims.remainder(i, size), pivots.element(i))
    )
    steps.fill(diagonal.at(count), (), lambda: sign)


def _sign(node: Node, i: Size, pivot: Expr) -> Expr:
    """-1 for an exchange of two rows; LAPACK counts them from 1."""
    stays = scalar.compare("eq", pivot, scalar.cast(scalar.index(i + 1), int32))
    one, other = (scalar.const(number, node.dtype) for number in (1.0, -1.0))
    return scalar.select(stays, one, other)


def _factored(x: Array) -> Array:
    """Gaussian elimination of columns, the largest element of what is left of a row first."""
    a, (rows, columns) = x.copy(), x.shape
    permutation, sign = np.arange(columns), 1.0
    for k in range(min(rows, columns)):
        chosen = k + int(np.argmax(np.abs(a[k, k:])))
        if chosen != k:
            a[:, [k, chosen]] = a[:, [chosen, k]]
            permutation[[k, chosen]] = permutation[[chosen, k]]
            sign = -sign
        if a[k, k] != 0:
            a[k, k + 1 :] /= a[k, k]
        a[k + 1 :, k + 1 :] -= np.outer(a[k + 1 :, k], a[k, k + 1 :])
    return flat(a, permutation, np.diagonal(a), sign)


def _packed_size(m: int, n: int) -> int:
    return m * n + n + min(m, n) + 1


def _type(inference: Inference) -> TensorType:
    matrix = matrix_type(inference)
    return packed_type(matrix, lu_parts(*matrix.shape[-2:]))


# Derivatives ---------------------------------------------------------------------------------


def moving(permutation: Node, dtype: DType) -> Node:
    """The permutation as the matrix p."""
    *lead, n = permutation.shape
    wide = ops.broadcast_to(ops.reshape(permutation, shape=(*lead, n, 1)), shape=(*lead, n, n))
    _, column = positions(wide)
    return ops.astype(ops.eq(ops.astype(wide, dtype=int64), column), dtype=dtype)


def _by_l(both: Node, x: Node, *, turned: bool) -> Node:
    """l^-1 x, or l'^-1 x; `both` holds the triangles of a square."""
    return ops.triangular_solve(both, x, lower=True, unit=False, transposed=turned)


def _by_u(both: Node, x: Node, *, turned: bool) -> Node:
    """x u^-1, or x u'^-1."""
    found = ops.triangular_solve(both, transposed(x), lower=False, unit=True, transposed=not turned)
    return transposed(found)


def _vjp(result: Node, g: Node) -> tuple[Node | None, ...]:
    (a,) = result.inputs
    parts = lu_parts(*a.shape[-2:])
    both, permutation, _, _ = unpacked(result, parts)
    of_both, _, of_diagonal, _ = unpacked(g, parts)
    first, right, below, corner = in_blocks(both)
    of_first, of_right, of_below, _ = in_blocks(of_both)
    of_l = add(lower(of_first), diagonal_matrix(of_diagonal))
    of_l = ops.matmul(transposed(lower(first)), of_l)
    of_u = ops.matmul(upper(of_first, strict=True), transposed(_unit_upper(first)))
    if right is not None and of_right is not None:
        of_l = sub(of_l, ops.matmul(of_right, transposed(right)))
        of_right = _by_l(first, of_right, turned=True)
    if below is not None and of_below is not None:
        of_u = sub(of_u, ops.matmul(transposed(below), of_below))
        of_below = _by_u(first, of_below, turned=True)
    inner = add(lower(of_l), upper(of_u, strict=True))
    inner = _by_u(first, _by_l(first, inner, turned=True), turned=True)
    found = joined_blocks(inner, of_right, of_below, corner)
    return (ops.matmul(found, moving(permutation, a.dtype)),)


def _jvp(result: Node, tangents: tuple[Node | None, ...]) -> Node:
    (tangent,) = tangents
    assert tangent is not None
    both, permutation, _, sign = unpacked(result, lu_parts(*tangent.shape[-2:]))
    first, right, below, corner = in_blocks(both)
    moved = ops.matmul(tangent, transposed(moving(permutation, tangent.dtype)))
    of_first, of_right, of_below, _ = in_blocks(moved)
    inner = _by_u(first, _by_l(first, of_first, turned=False), turned=False)
    in_l, in_u = lower(inner), upper(inner, strict=True)
    of_l, of_u = ops.matmul(lower(first), in_l), ops.matmul(in_u, _unit_upper(first))
    if right is not None and of_right is not None:
        of_right = sub(_by_l(first, of_right, turned=False), ops.matmul(in_l, right))
    if below is not None and of_below is not None:
        of_below = sub(_by_u(first, of_below, turned=False), ops.matmul(below, in_u))
    of_both = joined_blocks(add(of_l, of_u), of_right, of_below, corner)
    parts = [of_both, zeros_like(permutation), diagonal_of(of_l), zeros_like(sign)]
    return packed(parts, len(tangent.shape) - 2)


def _unit_upper(both: Node) -> Node:
    return add(upper(both, strict=True), identity_like(both))


structured(
    "lu", "Packed factors of a = l u p: l and u, the permutation, l's diagonal, p's sign.",
    Kind.FACTORIZATION, attrs={}, infer=_type,
    reference=lambda attrs, x: for_each(_factored, (_packed_size(*x.shape[-2:]),), x),
    vjp=_vjp, jvp=_jvp, batch=member_by_member,
    lowering=Library(1, _steps, tasks=_tasks), dtypes=FLOATS,
    samples=tuple(
        Sample((Arg(shape, diagonal=3.0),))
        for shape in ((4, 4), (1, 1), (0, 0), (2, 5, 5), (0, 2, 2), (3, 5), (2, 4, 2), (0, 3))
    ),
    cost=20,
)  # fmt: skip
