"""The product of matrices, batched."""

from __future__ import annotations

import numpy as np

from graphc.ir import dims
from graphc.ir.dtypes import FLOATS, INTEGERS
from graphc.ir.inference import Inference
from graphc.ir.lowering import Read, Reduce
from graphc.ir.node import Node
from graphc.ir.opdef import Arg, Array, Kind, Sample
from graphc.ir.scalar import Expr, Index
from graphc.ir.types import TensorType
from graphc.ops.declaring import ops, structured


def _matmul_type(inference: Inference) -> TensorType:
    left, right = inference.tensors
    dtype = inference.same_dtype()
    inference.require_kind(0, "fiu", "numbers")
    if left.rank < 2 or right.rank not in (2, left.rank):
        inference.fail("needs two stacks of as many dims, or a matrix on the right")
    batch = left.shape[:-2]
    if right.rank == left.rank:
        batch = inference.same_shape(batch, right.shape[:-2], "leading dims")
    inference.same_dim(left.shape[-1], right.shape[-2], "columns of the left and rows of the right")
    return TensorType(dtype, (*batch, left.shape[-2], right.shape[-1]))


def _matmul_operands(node: Node, index: Index, inner: Index, read: Read) -> tuple[Expr, ...]:
    *batch, row, column = index
    (k,) = inner
    stack = batch if len(node.inputs[1].shape) > 2 else ()
    return read(0, (*batch, row, k)), read(1, (*stack, k, column))


def _matmul_reference(attrs: object, x: Array, y: Array) -> Array:
    return np.asarray(np.matmul(x, y))


def transposed(node: Node) -> Node:
    """The matrices with rows and columns exchanged."""
    rank = len(node.shape)
    return ops.permute_dims(node, axes=(*range(rank - 2), rank - 1, rank - 2))


def _matmul_vjp(result: Node, g: Node) -> tuple[Node | None, ...]:
    x, y = result.inputs
    if len(y.shape) < len(x.shape):  # one matrix for all of the stack: their gradients add up
        return ops.matmul(g, transposed(y)), ops.matmul(transposed(_tall(x)), _tall(g))
    return ops.matmul(g, transposed(y)), ops.matmul(transposed(x), g)


def _tall(stack: Node) -> Node:
    """The rows of all matrices of a stack in one."""
    *rows, width = stack.shape
    return ops.reshape(stack, shape=(dims.product(rows), width))


def _matmul_jvp(result: Node, tangents: tuple[Node | None, ...]) -> Node:
    (x, y), (tx, ty) = result.inputs, tangents
    terms = ([] if tx is None else [ops.matmul(tx, y)]) + (
        [] if ty is None else [ops.matmul(x, ty)]
    )
    return terms[0] if len(terms) == 1 else ops.add(*terms)


matmul = structured(
    "matmul", "Matrix product; leading dims are a stack, which the right side may lack.",
    Kind.CONTRACTION, arity=2,
    attrs={}, infer=_matmul_type, reference=_matmul_reference, vjp=_matmul_vjp, jvp=_matmul_jvp,
    lowering=Reduce(
        "dot", lambda node: (node.inputs[0].shape[-1],), _matmul_operands, lambda node: False
    ),
    dtypes=FLOATS + INTEGERS,
    samples=tuple(
        Sample((Arg(left), Arg(right)))
        for left, right in (
            ((3, 5), (5, 19)), ((1, 1), (1, 1)), ((2, 0), (0, 3)), ((0, 2), (2, 3)),
            ((2, 3, 4), (2, 4, 33)), ((2, 2, 3, 1), (2, 2, 1, 5)), ((17, 33), (33, 1)),
            ((2, 3, 4), (4, 5)), ((2, 2, 1, 3), (3, 1)),
        )
    ),
)  # fmt: skip
