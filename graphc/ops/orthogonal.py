"""QR factors.

Derivatives after Seeger, Hetzel, Dai and Lawrence, "Auto-differentiating linear algebra", 2017,
and for wide matrices Roberts and Roberts, "QR and LQ decomposition matrix backpropagation
algorithms for square, wide, and deep matrices", 2020. They divide by the diagonal of r: where
columns are dependent they are infinite or NaN.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from graphc.errors import GradientError
from graphc.ir import dims, scalar
from graphc.ir.dims import Size
from graphc.ir.dtypes import FLOATS, DType
from graphc.ir.inference import Inference
from graphc.ir.lowering import Library
from graphc.ir.node import Node
from graphc.ir.opdef import Arg, Array, AttrKind, Kind, Sample
from graphc.ir.routines import Area, Blocks, Steps, blocks_of, leading
from graphc.ir.scalar import Expr
from graphc.ir.types import Shape, TensorType
from graphc.ops.algebra import add, sub
from graphc.ops.contraction import transposed
from graphc.ops.declaring import attr, member_by_member, ops, structured
from graphc.ops.matrices import (
    columns_of,
    flat,
    for_each,
    in_lower,
    lower,
    matrix_type,
    mirrored,
    packed,
    packed_type,
    shared_blocks,
    unpacked,
)

#: Columns that LAPACK takes at a time.
_BLOCK = 32

#: Blocks of columns of a matrix that several tasks factor: at most so many, of at least so many.
_MOST_SHARED, _SHARED = 16, 32


def qr_parts(shape: Shape, complete: bool) -> tuple[Shape, ...]:
    """What `qr` packs of such a matrix: q', and r; a = q r."""
    m, n = shape
    k = m if complete else dims.minimum(m, n)
    return (k, m), (k, n)


def _blocks(node: Node) -> tuple[Blocks, Blocks, Blocks]:
    """Columns in blocks, those of them that reflectors are made from, and columns of q."""
    matrix = node.inputs[0]
    m, n = matrix.shape[-2:]
    (k, _), _ = qr_parts((m, n), attr(node, "complete"))
    size = shared_blocks(dims.maximum(n, k), matrix, most=_MOST_SHARED, least=_SHARED).size
    return blocks_of(n, size), blocks_of(dims.minimum(m, n), size), blocks_of(k, size)


def _named(node: Node, steps: Steps) -> tuple[Blocks, Blocks, Blocks]:
    columns, panels, of_q = map(steps.blocks, _blocks(node))
    return columns, panels, of_q


def _tasks(node: Node) -> Size:
    """One for each block of columns, and then one for each of q; or one for all of that."""
    columns, panels, of_q = _blocks(node)
    return columns.count + of_q.count - _is_one_task(columns, panels, of_q)


def _is_one_task(columns: Blocks, panels: Blocks, of_q: Blocks) -> Size:
    return dims.maximum(2 - columns.count * of_q.count, 0)


def _qr_steps(node: Node, steps: Steps) -> None:
    if steps.tasks == 1:
        _whole(node, steps)
    else:
        _by_blocks(node, steps)


def _by_blocks(node: Node, steps: Steps) -> None:
    """Reflectors of a block are applied to each later one as soon as they are there.

    The columns of q are what they make of the identity's, the last ones first.
    """
    m, n = node.inputs[0].shape[-2:]
    columns, panels, _ = _named(node, steps)
    room = _Room(
        size=panels.size,
        by_columns=steps.room(m * n),
        triangles=steps.room(panels.count * panels.size * panels.size),
        work=steps.room(steps.tasks * panels.size * panels.size),
        done=steps.progress(panels.count),
    )
    with steps.when(steps.task, columns.count):
        _factor_block(node, steps, room)
    first = columns.count - _is_one_task(*_named(node, steps))
    with steps.when(first - 1, steps.task):
        _block_of_q(node, steps, room, steps.task - first)


@dataclass(frozen=True, slots=True)
class _Room:
    """Columns of a block, the matrix by columns, factors of panels, what LAPACK needs, progress."""

    size: Size
    by_columns: Area
    triangles: Area
    work: Area
    done: Area


def _factor_block(node: Node, steps: Steps, room: _Room) -> None:
    m, n = node.inputs[0].shape[-2:]
    (k, _), _ = qr_parts((m, n), attr(node, "complete"))
    columns, panels, _ = _named(node, steps)
    task, start, width = steps.task, columns.start(steps.task), columns.length(steps.task)
    own, r = room.by_columns.at(start * m), steps.result.at(k * m)
    steps.fill(own, (width, m), lambda j, i: steps.read(0, i, start + j))
    with steps.turns(dims.minimum(task, panels.count)) as panel:
        steps.wait(room.done, panel, 1)
        _reflect(node, steps, room, panel, "T", own, width)
    with steps.when(task, panels.count):
        depth, flops = panels.length(task), dims.floordiv(4 * m * n * panels.extent, steps.tasks)
        with steps.when(0, depth):
            steps.call(
                "geqrt", m - start, width, depth, own.at(start), leading(m),
                _triangle(room, task), leading(depth), _work(steps, room), flops=flops,
            )  # fmt: skip
        steps.reached(room.done, task, 1)
    steps.fill_at(
        r, (k, width), lambda i, j: i * n + start + j,
        lambda i, j: in_lower(start + j, i, own.element(j * m + i)),
    )  # fmt: skip


def _block_of_q(node: Node, steps: Steps, room: _Room, block: Size) -> None:
    m, _ = node.inputs[0].shape[-2:]
    _, panels, of_q = _named(node, steps)
    start, width = of_q.start(block), of_q.length(block)
    own = steps.result.at(start * m)
    steps.fill(own, (width, m), lambda j, i: _identity(start + j, i, node.dtype))
    last = dims.minimum(block, panels.count - 1)  # later ones leave these columns as they are
    steps.wait(room.done, last, 1)
    with steps.turns(last + 1) as turn:
        _reflect(node, steps, room, last - turn, "N", own, width)


def _reflect(
    node: Node, steps: Steps, room: _Room, panel: Size, how: str, columns: Area, width: Size
) -> None:
    """Apply the reflectors of a panel to columns: the last of them first, or (T) the first."""
    m = node.inputs[0].shape[-2]
    panels = _named(node, steps)[1]
    start, depth = panels.start(panel), panels.length(panel)
    vectors = room.by_columns.at(start * m + start)
    with steps.when(0, depth):
        steps.call(
            "gemqrt", "L", how, m - start, width, depth, depth, vectors, leading(m),
            _triangle(room, panel), leading(depth), columns.at(start), leading(m),
            _work(steps, room), flops=0,
        )  # fmt: skip


def _triangle(room: _Room, panel: Size) -> Area:
    size = room.size
    return room.triangles.at(panel * size * size)


def _work(steps: Steps, room: _Room) -> Area:
    return room.work.at(steps.task * room.size * room.size)


def _identity(row: Size, column: Size, dtype: DType) -> Expr:
    one, zero = (scalar.const(number, dtype) for number in (1.0, 0.0))
    same = scalar.compare("eq", scalar.index(row), scalar.index(column))
    return scalar.select(same, one, zero)


def _whole(node: Node, steps: Steps) -> None:
    """LAPACK is given the matrix by columns and leaves q by columns, which is q' by rows."""
    *_, m, n = node.inputs[0].shape
    least = dims.minimum(m, n)
    (k, _), _ = qr_parts((m, n), attr(node, "complete"))
    size = leading(dims.maximum(n, k)) * leading(dims.minimum(least, _BLOCK))
    work, tau, q = steps.room(size), steps.room(least), steps.result
    by_columns = steps.room(m * n)
    flops = 2 * m * n * least
    steps.fill(by_columns, (n, m), lambda j, i: steps.read(0, i, j))
    steps.call("geqrf", m, n, by_columns, leading(m), tau, work, size, flops=flops)
    steps.fill(q.at(k * m), (k, n), lambda i, j: in_lower(j, i, by_columns.element(j * m + i)))
    steps.fill(q, (least, m), lambda j, i: by_columns.element(j * m + i))
    steps.call("orgqr", m, k, least, q, leading(m), tau, work, size, flops=flops)


def _reference(attrs: dict[str, Any], x: Array) -> Array:
    mode: Literal["complete", "reduced"] = "complete" if attrs["complete"] else "reduced"
    m, n = x.shape[-2:]

    def one(matrix: Array) -> Array:
        q, r = np.linalg.qr(matrix, mode)
        return flat(q.T, r)

    return for_each(one, ((m if attrs["complete"] else min(m, n)) * (m + n),), x)


def _type(inference: Inference) -> TensorType:
    matrix = matrix_type(inference)
    return packed_type(matrix, qr_parts(matrix.shape[-2:], attr(inference, "complete")))


# Derivatives ---------------------------------------------------------------------------------


def _square_columns(result: Node) -> Size:
    """How many columns of the matrix q is made from; GradientError if there are too few for it."""
    *_, m, n = result.inputs[0].shape
    if attr(result, "complete") and not dims.is_nonnegative(n - m):
        raise GradientError(
            f"of q's {m} columns those beyond the matrix' {n} are not determined by it, "
            "and have no derivative",
            op="qr", location=result.location,
        )  # fmt: skip
    return dims.minimum(m, n)


def _over(x: Node, r: Node) -> Node:
    """x times the inverse of the upper triangular r."""
    found = ops.triangular_solve(r, transposed(x), lower=False, transposed=True, unit=False)
    return transposed(found)


def _first_vjp(q: Node, r: Node, of_q: Node, of_r: Node) -> Node:
    """The cotangent of the columns that q is made from, and with them a square r."""
    inner = sub(ops.matmul(r, transposed(of_r)), ops.matmul(transposed(of_q), q))
    total = add(of_q, ops.matmul(q, mirrored(inner)))
    found = ops.triangular_solve(r, transposed(total), lower=False, transposed=False, unit=False)
    return transposed(found)


def _qr_vjp(result: Node, g: Node) -> tuple[Node | None, ...]:
    (a,) = result.inputs
    *lead, m, n = a.shape
    k = _square_columns(result)
    parts = qr_parts((m, n), attr(result, "complete"))
    (q_rows, r), (of_q_rows, of_r) = unpacked(result, parts), unpacked(g, parts)
    q, of_q = transposed(q_rows), transposed(of_q_rows)
    if k == n:
        return (_first_vjp(q, r, of_q, of_r),)
    rest, of_rest = columns_of(a, k, n - k), columns_of(of_r, k, n - k)
    of_q = add(of_q, ops.matmul(rest, transposed(of_rest)))
    first = _first_vjp(q, columns_of(r, 0, k), of_q, columns_of(of_r, 0, k))
    return (ops.concat(first, ops.matmul(q, of_rest), axis=len(lead) + 1),)


def _first_jvp(q: Node, r: Node, tangent: Node) -> tuple[Node, Node]:
    moved = _over(tangent, r)
    inner = ops.matmul(transposed(q), moved)
    below = lower(inner, strict=True)
    turn = sub(below, transposed(below))
    of_q = add(ops.matmul(q, turn), sub(moved, ops.matmul(q, inner)))
    return of_q, ops.matmul(sub(inner, turn), r)


def _qr_jvp(result: Node, tangents: tuple[Node | None, ...]) -> Node:
    (a,), (tangent,) = result.inputs, tangents
    assert tangent is not None
    *lead, m, n = a.shape
    k = _square_columns(result)
    q_rows, r = unpacked(result, qr_parts((m, n), attr(result, "complete")))
    q = transposed(q_rows)
    of_q, of_r = _first_jvp(q, columns_of(r, 0, k), columns_of(tangent, 0, k))
    if k != n:
        rest, of_a = columns_of(a, k, n - k), columns_of(tangent, k, n - k)
        of_rest = add(ops.matmul(transposed(of_q), rest), ops.matmul(transposed(q), of_a))
        of_r = ops.concat(of_r, of_rest, axis=len(lead) + 1)
    return packed([transposed(of_q), of_r], len(lead))


structured(
    "qr", "q' and r of a = q r, where q is orthogonal and r upper triangular; packed.",
    Kind.FACTORIZATION, attrs={"complete": AttrKind.BOOL}, infer=_type, reference=_reference,
    vjp=_qr_vjp, jvp=_qr_jvp, batch=member_by_member,
    lowering=Library(1, _qr_steps, tasks=_tasks), dtypes=FLOATS,
    samples=tuple(
        Sample((Arg(shape, diagonal=3.0),), {"complete": complete})
        for shape, complete in (
            ((3, 3), False), ((4, 2), False), ((2, 4), False), ((1, 1), False), ((0, 0), False),
            ((2, 4, 3), False), ((2, 3, 3), True), ((0, 2, 2), False),
        )
    ),
    cost=60,
)  # fmt: skip
