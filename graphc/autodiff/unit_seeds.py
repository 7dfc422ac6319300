"""What is linear in a seed, for every unit seed at once: the rows or columns of Jacobians."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from graphc.autodiff.forward import tangents
from graphc.autodiff.reverse import cotangents
from graphc.ir.dims import Size, product
from graphc.ir.dtypes import DType, int64
from graphc.ir.node import Node
from graphc.ir.opdef import Batched
from graphc.ir.types import Shape
from graphc.ops.declaring import ops, repeated, scalar_like
from graphc.ops.vectorization import over_batch

#: Makes nodes that are linear in one that it is given; None where they do not depend on it.
Linear = Callable[[Node], "list[Node | None]"]


def jacobians_forward(ys: Sequence[Node], x: Node) -> list[Node | None]:
    """For each y the derivatives by all elements of x, along a last axis; None without a way."""
    found = for_unit_seeds(lambda seed: tangents(ys, [x], [seed]), x)
    return [None if part is None else _first_axis_last(part) for part in found]


def jacobians_reverse(y: Node, xs: Sequence[Node]) -> list[Node | None]:
    """For each x the derivatives of all elements of y by it, along a first axis."""
    return for_unit_seeds(lambda seed: cotangents([y], xs, [seed]), y)


def for_unit_seeds(build: Linear, like: Node) -> list[Node | None]:
    """What is built of all seeds of a node's type with one element 1, along a new first axis."""
    size = product(like.shape)
    if size == 1:
        found = build(scalar_like(like, 1))
        return [None if y is None else ops.reshape(y, shape=(1, *y.shape)) for y in found]
    return for_seeds(build, like, unit_seeds(size, like.shape, like.dtype))


def for_seeds(build: Linear, like: Node, seeds: Node) -> list[Node | None]:
    """What is built of each of the seeds, which lie along a first axis, as the results do."""
    seed = ops.placeholder(shape=like.shape, dtype=like.dtype)
    size, found = seeds.shape[0], build(seed)
    batches = iter(over_batch([y for y in found if y is not None], {seed: seeds}, size))
    return [None if y is None else _with_axis(next(batches), size) for y in found]


def unit_seeds(size: Size, shape: Shape, dtype: DType) -> Node:
    """Tensors of a shape, one after another along a first axis, with a 1 at one place each."""
    square = (size, size)
    row, column = (ops.iota(shape=square, axis=axis, dtype=int64) for axis in (0, 1))
    return ops.reshape(ops.astype(ops.eq(row, column), dtype=dtype), shape=(size, *shape))


def _with_axis(found: Batched, size: Size) -> Node:
    return found.node if found.has_axis else repeated(found.node, size)


def _first_axis_last(node: Node) -> Node:
    rank = len(node.shape)
    return node if rank == 1 else ops.permute_dims(node, axes=(*range(1, rank), 0))
