"""Ops on blocks of rows and chunks of vectors; they exist only between splitting and lowering.

None is in the registry: the scheduler makes them after gradients are built, and nothing
interprets them.
"""

from __future__ import annotations

from graphc.ir import dims, scalar
from graphc.ir.dims import Size
from graphc.ir.dtypes import ALL
from graphc.ir.indexing import linearize
from graphc.ir.inference import Inference
from graphc.ir.lowering import BlockReduce, Pointwise, Read
from graphc.ir.node import Node
from graphc.ir.opdef import Arg, Array, AttrKind, Kind, NoBatching, NoDerivative, OpDef, Sample
from graphc.ir.scalar import Expr, Index
from graphc.ir.types import TensorType

#: Rows that are combined in order before blocks are.
BLOCK = 64
#: Elements of a long vector that are combined before chunks are.
CHUNK = 4096
#: The combiner of `block_reduce` that takes the first row of a block, for `block_shift`.
FIRST = "first"


def blocks_of(rows: Size, block: int) -> Size:
    """How many blocks cover the rows."""
    return dims.floordiv(rows + block - 1, block)


def row_axes(rank: int, axes: tuple[int, ...]) -> tuple[int, ...]:
    """Those of the axes, in ascending order, that run along a row: the last ones.

    Where all axes are reduced a row is the very last.
    """
    if len(axes) == rank:
        return axes[-1:]
    return tuple(axis for axis in axes if set(range(axis, rank)) <= set(axes))


def _block_type(inference: Inference) -> TensorType:
    source, count = inference.tensor(0), inference.attrs["count"]
    rows = dims.product(source.shape[:count])
    return source.with_shape((blocks_of(rows, BLOCK), *source.shape[count:]))


def _chunk_type(inference: Inference) -> TensorType:
    source = inference.tensor(0)
    return source.with_shape((blocks_of(source.shape[0], CHUNK),))


def _shift_element(node: Node, index: Index, read: Read) -> Expr:
    count = node.attrs["count"]
    row = linearize(index[:count], node.shape[:count])
    first = read(1, (dims.floordiv(row, BLOCK), *index[count:]))
    return scalar.same("sub", read(0, index), first)


def _never(attrs: object, *arrays: object) -> Array:
    raise AssertionError("made by the scheduler, never interpreted")


_LATE = NoDerivative("is made after gradients are", zero=False)
_MADE_LATE = NoBatching("is made after batches are")

block_reduce = OpDef(
    "block_reduce", Kind.REDUCTION, 1, {"combiner": AttrKind.TEXT, "count": AttrKind.INT},
    _block_type, _never, _LATE, _LATE, _MADE_LATE, BlockReduce(BLOCK), ALL,
    (Sample((Arg((130, 3)),), {"combiner": "sum", "count": 1}),),
    "Rows combined block by block.",
)  # fmt: skip
chunk_reduce = OpDef(
    "chunk_reduce", Kind.REDUCTION, 1, {"combiner": AttrKind.TEXT},
    _chunk_type, _never, _LATE, _LATE, _MADE_LATE, BlockReduce(CHUNK), ALL,
    (Sample((Arg((9000,)),), {"combiner": "sum"}),),
    "A vector combined chunk by chunk.",
)  # fmt: skip
block_shift = OpDef(
    "block_shift", Kind.ELEMENTWISE, 2, {"count": AttrKind.INT},
    lambda inference: inference.tensor(0), _never, _LATE, _LATE, _MADE_LATE,
    Pointwise(_shift_element), ALL,
    (Sample((Arg((130, 3)), Arg((3, 3))), {"count": 1}),),
    "Rows less a row of their block's.",
)  # fmt: skip
