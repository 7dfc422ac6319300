"""The Cholesky factor.

Derivatives after Murray, "Differentiation of the Cholesky decomposition", 2016.
"""

from __future__ import annotations

import numpy as np

from graphc.errors import LinAlgError
from graphc.ir import dims, scalar
from graphc.ir.dims import Size
from graphc.ir.dtypes import FLOATS, bool_, int32
from graphc.ir.lowering import Library
from graphc.ir.node import Node
from graphc.ir.opdef import Arg, Array, Kind, Sample
from graphc.ir.routines import Area, Blocks, Steps, leading
from graphc.ir.scalar import Expr
from graphc.ops.algebra import add
from graphc.ops.contraction import transposed
from graphc.ops.declaring import member_by_member, ops, structured
from graphc.ops.matrices import (
    for_each,
    halved,
    in_lower,
    is_lower,
    mirrored,
    shared_blocks,
    square_type,
)
from graphc.ops.triangular import failed

_NAN = float("nan")

#: Blocks of rows of a matrix that several tasks factor: at most so many, of at least so many rows.
_MOST_BLOCKS, _BLOCK = 8, 64


def _blocks(node: Node) -> Blocks:
    return shared_blocks(node.shape[-1], node, most=_MOST_BLOCKS, least=_BLOCK)


def _tasks(node: Node) -> Size:
    count = _blocks(node).count
    return count * count


def _steps(node: Node, steps: Steps) -> None:
    if steps.tasks == 1:
        _whole(node, steps)
    else:
        _by_blocks(node, steps)


def _whole(node: Node, steps: Steps) -> None:
    n, factor = node.shape[-1], steps.result
    steps.fill(factor, (n, n), lambda i, j: in_lower(i, j, steps.read(0, i, j)))
    finite = steps.is_finite(factor, n * n)
    returned = steps.call("potrf", "U", n, factor, leading(n), flops=n * n * n, where=finite)
    _fill_with_nan(node, steps, _not(finite))
    steps.fail_if(failed(returned))


def _by_blocks(node: Node, steps: Steps) -> None:
    """Each block of the factor is a task, column by column; those of a row follow one another.

    What the columns before it contribute is one product, so that a block is passed over once.
    """
    n, blocks = node.shape[-1], steps.blocks(_blocks(node))
    j, i = dims.floordiv(steps.task, blocks.count), dims.remainder(steps.task, blocks.count)
    row, column, height, width = (
        blocks.start(i),
        blocks.start(j),
        blocks.length(i),
        blocks.length(j),
    )
    factor, ld = steps.result, leading(n)
    block, rows, columns = factor.at(row * n + column), factor.at(row * n), factor.at(column * n)
    done = steps.progress(blocks.count)
    failures, infinite = steps.room(blocks.count, int32), steps.room(steps.tasks, bool_)
    steps.fill_at(
        block, (height, width), lambda p, q: p * n + q,
        lambda p, q: in_lower(row + p, column + q, steps.read(0, row + p, column + q)),
    )  # fmt: skip
    finite = steps.is_finite_at(block, (height, width), lambda p, q: p * n + q)
    steps.fill(infinite.at(steps.task), (), lambda: _not(finite))
    with steps.when(j, i + 1):
        steps.wait(done, i, j)
        steps.wait(done, j, j)
    with steps.when(j, i):
        steps.call(
            "gemm", "T", "N", width, height, column, -1.0, columns, ld, rows, ld, 1.0, block, ld,
            flops=0,
        )  # fmt: skip
        steps.wait(done, j, j + 1)
        steps.call(
            "trsm", "L", "U", "T", "n", width, height, 1.0, columns.at(column), ld, block, ld,
            flops=0,
        )  # fmt: skip
        steps.reached(done, i, j + 1)
    with steps.when(i, j + 1), steps.when(j, i + 1):
        steps.call("syrk", "U", "T", width, column, -1.0, columns, ld, 1.0, block, ld, flops=0)
        work = dims.floordiv(n * n * n, steps.tasks)
        returned = steps.call("potrf", "U", width, block, ld, flops=work, where=finite)
        steps.fill(failures.at(j), (), lambda: returned)
        steps.reached(done, i, j + 1)
    with steps.when(steps.tasks - 1, steps.task + 1):
        _finish(node, steps, failures, infinite)


def _finish(node: Node, steps: Steps, failures: Area, infinite: Area) -> None:
    """What is left for the last task: say what is wrong with the matrix."""
    count = steps.blocks(_blocks(node)).count

    def is_wrong(k: Size) -> Expr:
        column, row = dims.floordiv(k, count), dims.remainder(k, count)
        return scalar.logical_and(is_lower(row, column), infinite.element(k))

    wrong = steps.combined("any", steps.tasks, is_wrong)
    stopped = steps.combined("any", count, lambda k: failed(failures.element(k)))
    _fill_with_nan(node, steps, wrong)
    steps.fail_if(scalar.logical_and(stopped, _not(wrong)))


def _fill_with_nan(node: Node, steps: Steps, where: Expr) -> None:
    n = node.shape[-1]
    steps.call("laset", "U", n, n, _NAN, _NAN, steps.result, leading(n), flops=0, where=where)


def _not(condition: Expr) -> Expr:
    return scalar.op("not", condition.dtype, condition)


def _factored(x: Array) -> Array:
    if not np.all(np.isfinite(np.tril(x))):
        return np.tril(np.full_like(x, _NAN))
    try:
        return np.linalg.cholesky(x)
    except np.linalg.LinAlgError:
        raise LinAlgError("a matrix is not positive definite") from None


def _vjp(result: Node, g: Node) -> tuple[Node | None, ...]:
    def inverse(b: Node) -> Node:
        return ops.triangular_solve(result, b, lower=True, transposed=True, unit=False)

    inner = halved(ops.matmul(transposed(result), g))
    outer = inverse(transposed(inverse(inner)))
    return (halved(add(outer, transposed(outer))),)


def _jvp(result: Node, tangents: tuple[Node | None, ...]) -> Node:
    (tangent,) = tangents
    assert tangent is not None

    def inverse(b: Node) -> Node:
        return ops.triangular_solve(result, b, lower=True, transposed=False, unit=False)

    inner = inverse(transposed(inverse(mirrored(tangent))))
    return ops.matmul(result, halved(transposed(inner)))


cholesky = structured(
    "cholesky", "The lower triangular factor l of a = l l'; only the lower triangle of a is read.",
    Kind.FACTORIZATION, attrs={}, infer=square_type,
    reference=lambda attrs, x: for_each(_factored, x.shape[-2:], x),
    vjp=_vjp, jvp=_jvp, batch=member_by_member,
    lowering=Library(2, _steps, "is not positive definite", tasks=_tasks), dtypes=FLOATS,
    samples=tuple(
        Sample((Arg(shape, diagonal=12.0),))
        for shape in ((3, 3), (1, 1), (0, 0), (2, 5, 5), (0, 2, 2), (2, 3, 2, 2))
    ),
    cost=20,
)  # fmt: skip
