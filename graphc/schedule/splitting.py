"""Long reductions in two steps, so that rows can be worked on independently.

A reduction over leading dims takes blocks of BLOCK rows, in order within a block, and puts the
blocks' results together afterwards. A reduction over all dims first reduces each row. A long
vector is reduced in chunks of CHUNK elements. Which of these applies follows from the shape
alone: the order of additions, and so the bits, depend on nothing else.
"""

from __future__ import annotations

from graphc.ir import dims
from graphc.ir.dims import Size
from graphc.ir.dtypes import ALL
from graphc.ir.graph import Graph, rewrite, with_inputs
from graphc.ir.inference import Inference
from graphc.ir.location import created_at
from graphc.ir.lowering import BlockReduce, Reduce
from graphc.ir.node import Node
from graphc.ir.opdef import Arg, Array, AttrKind, Kind, NoDerivative, OpDef, Sample
from graphc.ir.types import TensorType

#: Rows that are combined in order before blocks are.
BLOCK = 64
#: Elements of a long vector that are combined before chunks are.
CHUNK = 4096

_SPLIT = frozenset({"sum", "prod", "max", "min", "any", "all"})


def split_reductions(graph: Graph) -> Graph:
    """The graph with long reductions in two steps."""
    return rewrite(graph, _split)


def _split(node: Node, inputs: tuple[Node, ...]) -> Node:
    node = with_inputs(node, inputs)
    if not isinstance(node.op.lowering, Reduce) or node.op.name not in _SPLIT:
        return node
    with created_at(node.location):
        return _in_steps(node)


def _in_steps(node: Node) -> Node:
    (source,), axes = node.inputs, tuple(sorted(node.attrs["axes"]))
    rank = len(source.shape)
    if not axes or axes != tuple(range(len(axes))):
        return node
    if len(axes) == rank == 1:
        return _by_chunks(node, source)
    if len(axes) == rank:
        source = node.op(source, axes=(rank - 1,))
        axes = axes[:-1]
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


def blocks_of(rows: Size, block: int) -> Size:
    """How many blocks cover the rows."""
    return dims.floordiv(rows + block - 1, block)


def _block_type(inference: Inference) -> TensorType:
    source, count = inference.tensor(0), inference.attrs["count"]
    rows = dims.product(source.shape[:count])
    return source.with_shape((blocks_of(rows, BLOCK), *source.shape[count:]))


def _chunk_type(inference: Inference) -> TensorType:
    source = inference.tensor(0)
    return source.with_shape((blocks_of(source.shape[0], CHUNK),))


def _never(attrs: object, *arrays: object) -> Array:
    raise AssertionError("made by the scheduler, never interpreted")


_LATE = NoDerivative("is made after gradients are", zero=False)

#: Not in the registry: they exist only between splitting and lowering.
block_reduce = OpDef(
    "block_reduce", Kind.REDUCTION, 1, {"combiner": AttrKind.TEXT, "count": AttrKind.INT},
    _block_type, _never, _LATE, _LATE, BlockReduce(BLOCK), ALL,
    (Sample((Arg((130, 3)),), {"combiner": "sum", "count": 1}),),
    "Rows combined block by block.",
)  # fmt: skip
chunk_reduce = OpDef(
    "chunk_reduce", Kind.REDUCTION, 1, {"combiner": AttrKind.TEXT},
    _chunk_type, _never, _LATE, _LATE, BlockReduce(CHUNK), ALL,
    (Sample((Arg((9000,)),), {"combiner": "sum"}),),
    "A vector combined chunk by chunk.",
)  # fmt: skip
