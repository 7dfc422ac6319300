"""Long reductions in two steps, so that rows can be worked on independently.

A reduction over leading dims takes blocks of BLOCK rows, in order within a block, and puts the
blocks' results together afterwards. One over trailing dims and others, or over all, first reduces
each row. A long vector is reduced in chunks of CHUNK elements. Which of these applies follows from
the shape alone: the order of additions, and so the bits, depend on nothing else.
"""

from __future__ import annotations

from graphc.ir import dims
from graphc.ir.graph import Graph, rewrite, with_inputs
from graphc.ir.location import created_at
from graphc.ir.lowering import Composite, Reduce
from graphc.ir.node import Node
from graphc.passes.canonicalize import canonicalize
from graphc.passes.cse import share
from graphc.schedule.blocks import BLOCK, CHUNK, block_reduce, chunk_reduce, row_axes
from graphc.schedule.deviations import written_out

_SPLIT = frozenset({"sum", "prod", "max", "min", "any", "all"})


def split_reductions(graph: Graph) -> Graph:
    """The graph with composite ops written out, and long reductions in two steps."""
    if any(isinstance(node.op.lowering, Composite) for node in graph.nodes):
        graph = canonicalize(rewrite(graph, _write_out))
    return share(rewrite(graph, _split))


def _write_out(node: Node, inputs: tuple[Node, ...]) -> Node:
    node = with_inputs(node, inputs)
    if not isinstance(node.op.lowering, Composite):
        return node
    with created_at(node.location):
        return written_out(node)


def _split(node: Node, inputs: tuple[Node, ...]) -> Node:
    node = with_inputs(node, inputs)
    if not isinstance(node.op.lowering, Reduce) or node.op.name not in _SPLIT:
        return node
    with created_at(node.location):
        return _in_steps(node)


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
