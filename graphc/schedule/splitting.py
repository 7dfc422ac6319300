"""Long reductions in two steps, so that rows can be worked on independently.

A reduction over leading dims takes blocks of BLOCK rows, in order within a block, and puts the
blocks' results together afterwards. One over trailing dims and others, or over all, first reduces
each row. A long vector is reduced in chunks of CHUNK elements. Which of these applies follows from
the shape alone: the order of additions, and so the bits, depend on nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from graphc.ir import dims
from graphc.ir.graph import Graph, rewrite, with_inputs
from graphc.ir.location import created_at
from graphc.ir.lowering import Composite, Reduce
from graphc.ir.node import Node
from graphc.ir.types import Shape
from graphc.ops import ops
from graphc.ops.views import inverse_permutation
from graphc.passes.canonicalize import canonicalize
from graphc.passes.cse import share
from graphc.schedule.as_stored import is_seen_turned, reduced_as_stored
from graphc.schedule.bands.sums import Cut, cuts_of_uses
from graphc.schedule.blocks import BLOCK, CHUNK, block_reduce, chunk_reduce, row_axes
from graphc.schedule.deviations import written_out
from graphc.schedule.products.depthwise import in_chain, in_sums, is_chain, is_depthwise, is_summed
from graphc.schedule.products.parts import in_parts

#: Elements of a matrix from which on it pays to go through it in the order of memory.
FEWEST = 1 << 12

_SPLIT = frozenset({"sum", "prod", "max", "min", "any", "all"})


def split_reductions(graph: Graph) -> Graph:
    """The graph with composite ops and products with vectors written out, long sums in two."""
    for applies, change in ((is_seen_turned, _as_stored), (_is_written_out, _write_out)):
        if any(applies(node) for node in graph.nodes):
            graph = canonicalize(rewrite(graph, change))
    return share(rewrite(graph, partial(_split, cuts_of_uses(graph))))


def _as_stored(node: Node, inputs: tuple[Node, ...]) -> Node:
    node = with_inputs(node, inputs)
    with created_at(node.location):
        return reduced_as_stored(node) if is_seen_turned(node) else node


def _is_written_out(node: Node) -> bool:
    return (
        isinstance(node.op.lowering, Composite)
        or is_depthwise(node)
        or is_chain(node)
        or _is_of_a_vector(node)
    )


def _write_out(node: Node, inputs: tuple[Node, ...]) -> Node:
    node = with_inputs(node, inputs)
    with created_at(node.location):
        if is_chain(node):
            return in_chain(node)
        if is_depthwise(node):
            return in_sums(node)
        if _is_of_a_vector(node):
            return _of_a_vector(node)
        return written_out(node) if isinstance(node.op.lowering, Composite) else node


def _split(cuts: Mapping[Node, Cut], node: Node, inputs: tuple[Node, ...]) -> Node:
    """The node, in steps if it is long; cut as has been decided for some."""
    made = with_inputs(node, inputs)
    with created_at(made.location):
        if isinstance(made.op.lowering, Reduce) and made.op.name in _SPLIT:
            return _in_steps(made)
        if node in cuts:
            return cuts[node].made(made)
        return made if is_summed(made) else in_parts(made) or made


def _in_steps(node: Node) -> Node:
    (source,), axes = node.inputs, tuple(sorted(node.attrs["axes"]))
    rank = len(source.shape)
    if len(axes) == rank == 1:
        return _by_chunks(node, source)
    inner = row_axes(rank, axes)
    if inner == axes:
        return node
    if inner:
        source, axes = node.op(source, axes=inner), axes[: -len(inner)]
    if axes != tuple(range(len(axes))):
        return node.op(source, axes=axes)
    return _by_blocks(node, source, axes)


def _is_of_a_vector(product: Node) -> bool:
    """Whether one side is a vector; rows of a stack with one matrix for all count as many.

    Where the matrix is known to have few elements, the order in which they are read matters little.
    """
    if product.op is not ops.matmul:
        return False
    left, right = product.inputs
    if right.shape[-1] != 1 and (left.shape[-2] != 1 or len(left.shape) != len(right.shape)):
        return False
    size = product.inputs[product.shape[-1] != 1].tensor.size
    return not isinstance(size, int) or size >= FEWEST


def _of_a_vector(product: Node) -> Node:
    """A matrix times a vector as a sum, which reads the matrix as it lies in memory."""
    left, right = product.inputs
    is_row = product.shape[-1] != 1
    vector, matrix = (left, right) if is_row else (right, left)
    steps = left.shape[-1]
    if _is_turned(matrix):
        (matrix,), is_row = matrix.inputs, not is_row
    stack = vector.shape[:-2] if len(vector.shape) > 2 else (1,) * (len(matrix.shape) - 2)
    flat = (*stack, steps, 1) if is_row else (*stack, 1, steps)
    shape = (*product.shape[:-2], *matrix.shape[-2:])
    axis = len(shape) - (2 if is_row else 1)
    total = _summed(ops.reshape(vector, shape=flat), matrix, shape, axis)
    return ops.reshape(total, shape=product.shape)


def _summed(vector: Node, matrix: Node, shape: Shape, axis: int) -> Node:
    """The sum along an axis of a matrix times a vector that is repeated to its shape.

    A view of which that axis is the last one in memory is read in the order of memory, such as
    keys that lie by positions and then by heads.
    """
    order = tuple(range(len(shape)))
    if matrix.op is ops.permute_dims:
        stored = inverse_permutation(matrix.attrs["axes"])
        order = stored if stored[-1] == axis else order
    vector, matrix = (ops.permute_dims(x, axes=order) for x in (vector, matrix))
    spread = ops.broadcast_to(vector, shape=tuple(shape[k] for k in order))
    total = ops.sum(ops.mul(spread, matrix), axes=(order.index(axis),))
    left = tuple(k - (k > axis) for k in order if k != axis)
    return ops.permute_dims(total, axes=inverse_permutation(left))


def _is_turned(matrix: Node) -> bool:
    """Whether a matrix is another one, or a stack of such, with rows and columns exchanged."""
    if matrix.op is not ops.permute_dims:
        return False
    *stack, last, first = matrix.attrs["axes"]
    rank = len(matrix.shape)
    return (last, first) == (rank - 1, rank - 2) and stack == [*range(rank - 2)]


def _by_chunks(node: Node, source: Node) -> Node:
    (size,) = source.shape
    if isinstance(size, int) and size <= CHUNK:
        return node
    partial = chunk_reduce(source, combiner=node.op.name)
    return node.op(partial, axes=(0,))


def _by_blocks(node: Node, source: Node, axes: tuple[int, ...]) -> Node:
    rows = dims.product(source.shape[axis] for axis in axes)
    if isinstance(rows, int) and rows <= BLOCK:
        return node.op(source, axes=axes)
    partial = block_reduce(source, combiner=node.op.name, count=len(axes))
    return node.op(partial, axes=(0,))
