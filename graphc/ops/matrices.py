"""What the rules of factorizations have in common: types, masks, packing, and references."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphc.ir import dims, scalar
from graphc.ir.dims import Size, product
from graphc.ir.dtypes import int64
from graphc.ir.inference import Inference
from graphc.ir.node import Node
from graphc.ir.opdef import Array
from graphc.ir.routines import Blocks, blocks_of
from graphc.ir.scalar import Expr
from graphc.ir.types import Shape, TensorType
from graphc.ops.algebra import add, mul, where
from graphc.ops.contraction import transposed
from graphc.ops.declaring import ops

#: What an op with several results has for one: they lie one behind another, rows by rows, in a
#: vector for each matrix. `unpacked` takes them apart.
Shapes = Sequence[Shape]


# Types ---------------------------------------------------------------------------------------


def matrix_type(inference: Inference, k: int = 0) -> TensorType:
    """The k-th input: a matrix of floats, or a stack of them."""
    inference.require_kind(k, "f", "floating point")
    if inference.tensor(k).rank < 2:
        inference.fail("needs a matrix, or a stack of them")
    return inference.tensor(k)


def square_type(inference: Inference, k: int = 0) -> TensorType:
    """The k-th input: a square matrix of floats, or a stack of them."""
    matrix = matrix_type(inference, k)
    *lead, rows, columns = matrix.shape
    size = inference.same_dim(rows, columns, "rows and columns")
    return matrix.with_shape((*lead, size, size))


def packed_type(matrix: TensorType, shapes: Shapes) -> TensorType:
    """Parts of those shapes, packed, for every matrix of a stack."""
    return matrix.with_shape((*matrix.shape[:-2], sum(map(product, shapes))))


# Nodes ---------------------------------------------------------------------------------------


def packed(parts: Sequence[Node], rank: int) -> Node:
    """The parts, whose first `rank` dims are those of the stack, one behind another."""
    rows = [ops.reshape(p, shape=(*p.shape[:rank], product(p.shape[rank:]))) for p in parts]
    return rows[0] if len(rows) == 1 else ops.concat(*rows, axis=rank)


def unpacked(node: Node, shapes: Shapes) -> list[Node]:
    """The parts of those shapes, one behind another along the last dim."""
    *lead, _ = node.shape
    found: list[Node] = []
    start: Size = 0
    for shape in shapes:
        size = product(shape)
        row = ops.slice(
            node, start=(*[0] * len(lead), start), step=(1,) * (len(lead) + 1), shape=(*lead, size)
        )
        found.append(ops.reshape(row, shape=(*lead, *shape)))
        start = start + size
    return found


def columns_of(x: Node, start: Size, count: Size) -> Node:
    """Some of the matrices' columns."""
    return _block(x, (0, start), (x.shape[-2], count))


def rows_of(x: Node, start: Size, count: Size) -> Node:
    """Some of the matrices' rows."""
    return _block(x, (start, 0), (count, x.shape[-1]))


def _block(x: Node, start: tuple[Size, Size], shape: tuple[Size, Size]) -> Node:
    lead = x.shape[:-2]
    if shape == x.shape[-2:]:
        return x
    return ops.slice(
        x, start=(*[0] * len(lead), *start), step=(1,) * len(x.shape), shape=(*lead, *shape)
    )


def in_blocks(x: Node) -> tuple[Node, Node | None, Node | None, Node | None]:
    """The largest square at the first element, what is right of it, below it, and below that.

    What is known to be empty is None; of the last three at most one is not empty.
    """
    m, n = x.shape[-2:]
    k = dims.minimum(m, n)
    right = _block(x, (0, k), (k, n - k)) if k != n else None
    below = _block(x, (k, 0), (m - k, k)) if k != m else None
    corner = _block(x, (k, k), (m - k, n - k)) if k != m and k != n else None
    return _block(x, (0, 0), (k, k)), right, below, corner


def joined_blocks(first: Node, right: Node | None, below: Node | None, corner: Node | None) -> Node:
    """The matrices of such blocks."""
    rank = len(first.shape)
    if right is not None:
        first = ops.concat(first, right, axis=rank - 1)
    if below is None:
        return first
    if corner is not None:
        below = ops.concat(below, corner, axis=rank - 1)
    return ops.concat(first, below, axis=rank - 2)


def positions(node: Node) -> tuple[Node, Node]:
    """The row and the column of every element of matrices."""
    rank = len(node.shape)
    row, column = (ops.iota(shape=node.shape, axis=rank - n, dtype=int64) for n in (2, 1))
    return row, column


def lower(x: Node, *, strict: bool = False) -> Node:
    """The matrices with zeros above the diagonal, and on it if `strict`."""
    row, column = positions(x)
    return where((ops.lt if strict else ops.le)(column, row), x, 0.0)


def upper(x: Node, *, strict: bool = False) -> Node:
    """The matrices with zeros below the diagonal, and on it if `strict`."""
    row, column = positions(x)
    return where((ops.gt if strict else ops.ge)(column, row), x, 0.0)


def halved(x: Node) -> Node:
    """The lower triangle with half the diagonal."""
    row, column = positions(x)
    return where(ops.lt(column, row), x, where(ops.eq(column, row), mul(x, 0.5), 0.0))


def mirrored(x: Node) -> Node:
    """The symmetric matrices with that lower triangle."""
    return add(lower(x), transposed(lower(x, strict=True)))


def identity_like(x: Node) -> Node:
    """Identity matrices of the type of square ones."""
    row, column = positions(x)
    return ops.astype(ops.eq(row, column), dtype=x.dtype)


def rows_scaled(x: Node, factors: Node) -> Node:
    """diag(factors) @ x."""
    return mul(x, _spread(factors, x, (*factors.shape, 1)))


def columns_scaled(x: Node, factors: Node) -> Node:
    """x @ diag(factors)."""
    return mul(x, _spread(factors, x, (*factors.shape[:-1], 1, factors.shape[-1])))


def spread_over(number: Node, matrices: Node) -> Node:
    """A number for each matrix, at each of its elements."""
    return _spread(number, matrices, (*number.shape, 1, 1))


def diagonal_matrix(values: Node) -> Node:
    """Square matrices with the values along the diagonal, zero elsewhere."""
    *lead, size = values.shape
    wide = ops.broadcast_to(ops.reshape(values, shape=(*lead, 1, size)), shape=(*lead, size, size))
    row, column = positions(wide)
    return where(ops.eq(row, column), wide, 0.0)


def diagonal_of(x: Node) -> Node:
    """The diagonals of square matrices."""
    row, column = positions(x)
    return ops.sum(where(ops.eq(row, column), x, 0.0), axes=(len(x.shape) - 1,))


def _spread(values: Node, x: Node, shape: Shape) -> Node:
    return ops.broadcast_to(ops.reshape(values, shape=shape), shape=x.shape)


# Tasks ---------------------------------------------------------------------------------------

#: From so many blocks on several tasks work on one matrix: below, handing over takes as long.
FEWEST = 3

#: From so many matrices on each is worked on by one task, and is in the caches meanwhile.
MANY = 8


def shared_blocks(extent: Size, node: Node, *, most: int, least: int) -> Blocks:
    """Rows (or columns) of the node's matrices in blocks for tasks; one if there are too few.

    There are at most so many blocks, of at least so many rows. What they are depends on sizes
    alone, the number of matrices among them, so bits do not depend on threads.
    """
    stack = product(node.shape[:-2])
    fewest = FEWEST * least
    is_small = 1 - dims.minimum(dims.floordiv(extent, fewest), 1)
    are_many = dims.minimum(dims.floordiv(stack, MANY), 1)
    size = dims.maximum(dims.floordiv(extent + most - 1, most), least)
    size = dims.maximum(size, fewest * is_small)
    return blocks_of(extent, dims.maximum(size, extent * are_many))


# Elements ------------------------------------------------------------------------------------


def is_lower(row: Size, column: Size) -> Expr:
    """Whether an element lies on the diagonal or below it."""
    return scalar.compare("le", scalar.index(column), scalar.index(row))


def in_lower(row: Size, column: Size, value: Expr) -> Expr:
    """The value on the diagonal and below it, zero above."""
    return scalar.select(is_lower(row, column), value, scalar.const(0.0, value.dtype))


# References ----------------------------------------------------------------------------------


def for_each(
    function: Callable[..., Array], shape: tuple[int, ...], *stacks: Array, rank: int = 2
) -> Array:
    """A function of single matrices on every one of the stack; `shape` is that of one result."""
    lead = stacks[0].shape[:-rank]
    result = np.empty((*lead, *shape), stacks[0].dtype)
    for place in np.ndindex(lead):
        result[place] = function(*(stack[place] for stack in stacks))
    return result


def flat(*parts: Any) -> Array:
    """Arrays one behind another in a vector."""
    return np.concatenate([np.ravel(part) for part in parts])
