"""Products of matrices, batched, and of tensors whose axes are named by letters."""

from __future__ import annotations

import string
from collections.abc import Mapping
from typing import Any

import numpy as np

from graphc.ir import dims
from graphc.ir.dims import Size
from graphc.ir.dtypes import FLOATS, INTEGERS
from graphc.ir.indexing import delinearize
from graphc.ir.inference import Inference
from graphc.ir.lowering import Read, Reduce
from graphc.ir.node import Node
from graphc.ir.opdef import Arg, Array, AttrKind, Kind, Sample
from graphc.ir.scalar import Expr, Index
from graphc.ir.types import Shape, TensorType
from graphc.ops.declaring import attr, ops, structured
from graphc.ops.labelled_products import Labels, Term, labelled_product


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


def _with_batch(
    node: Node, inputs: tuple[Node, ...], batched: tuple[bool, ...], size: Size
) -> Node:
    """The product with one more label, whose text is none of those of the axes."""
    *parts, to = labels_of(node)
    left, right = (
        Term(operand, ("batch", *own) if has else own)
        for operand, has, own in zip(inputs, batched, parts, strict=True)
    )
    return labelled_product(left, right, ("batch", *to))


matmul = structured(
    "matmul", "Matrix product; leading dims are a stack, which the right side may lack.",
    Kind.CONTRACTION, arity=2,
    attrs={}, infer=_matmul_type, reference=_matmul_reference, vjp=_matmul_vjp, jvp=_matmul_jvp,
    batch=_with_batch,
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


def _labels(subscripts: str) -> tuple[Labels, Labels, Labels]:
    inputs, _, to = subscripts.partition("->")
    left, _, right = inputs.partition(",")
    return tuple(left), tuple(right), tuple(to)


def _contract_type(inference: Inference) -> TensorType:
    dtype = inference.same_dtype()
    inference.require_kind(0, "fiu", "numbers")
    *parts, to = _checked_labels(inference)
    sizes: dict[str, Size] = {}
    for labels, tensor in zip(parts, inference.tensors, strict=True):
        for label, size in zip(labels, tensor.shape, strict=True):
            sizes[label] = inference.same_dim(sizes.get(label, size), size, f"the axes {label!r}")
    return TensorType(dtype, tuple(sizes[label] for label in to))


def _checked_labels(inference: Inference) -> tuple[Labels, Labels, Labels]:
    subscripts = attr(inference, "subscripts")
    left, right, to = found = _labels(subscripts)
    if "{},{}->{}".format(*map("".join, found)) != subscripts or not all(
        letter in string.ascii_letters for part in found for letter in part
    ):
        inference.fail(f"the subscripts {subscripts!r} are no letters of the form 'ab,bc->ac'")
    if any(len(set(part)) < len(part) for part in found):
        inference.fail(f"the subscripts {subscripts!r} name an axis twice in one term")
    once = set(left) ^ set(right)
    if not once <= set(to) <= set(left) | set(right):
        inference.fail(f"the subscripts {subscripts!r} sum over an axis that only one term has")
    if set(left) <= set(to):
        inference.fail(f"the subscripts {subscripts!r} sum over nothing")
    for labels, tensor in zip((left, right), inference.tensors, strict=True):
        if len(labels) != tensor.rank:
            inference.fail(f"the subscripts {subscripts!r} do not fit")
    return found


def labels_of(product: Node) -> tuple[Labels, Labels, Labels]:
    """Labels for the axes of a product's operands, and of its result."""
    if product.op is contract:
        return _labels(attr(product, "subscripts"))
    lead = tuple(f"stack{k}" for k in range(len(product.shape) - 2))
    own = lead if len(product.inputs[1].shape) > 2 else ()
    return (*lead, "row", "inner"), (*own, "inner", "column"), (*lead, "row", "column")


def product_labels(node: Node) -> tuple[Labels, Labels, Labels]:
    """Labels for the axes of both factors of a product, and of the result."""
    if node.op is not matmul:
        return _labels(attr(node, "subscripts"))
    left, right = (len(x.shape) for x in node.inputs)
    *stack, row, inner, column = list(string.ascii_letters[: left + 1])
    return (
        (*stack, row, inner),
        (*(stack if right > 2 else ()), inner, column),
        (*stack, row, column),
    )


def _inner(node: Node) -> Labels:
    left, _, to = _labels(attr(node, "subscripts"))
    return tuple(label for label in left if label not in to)


def _contract_extents(node: Node) -> tuple[Size, ...]:
    """The sizes of the inner axes; one for all of them where it is not known how far each goes.

    Panels of depth are then of so many steps, and not of as many as the last axis happens to have.
    """
    sizes = _inner_sizes(node)
    if node.dtype.is_float and not all(isinstance(size, int) for size in sizes[1:]):
        return (dims.product(sizes),)
    return sizes


def _inner_sizes(node: Node) -> Shape:
    left, _, _ = _labels(attr(node, "subscripts"))
    shape = node.inputs[0].shape
    return tuple(shape[left.index(label)] for label in _inner(node))


def _contract_operands(node: Node, index: Index, inner: Index, read: Read) -> tuple[Expr, ...]:
    left, right, to = _labels(attr(node, "subscripts"))
    sizes = _inner_sizes(node)
    if len(inner) < len(sizes):
        inner = delinearize(inner[0], sizes)
    at = dict(zip(to + _inner(node), index + inner, strict=True))
    return tuple(
        read(k, tuple(at[label] for label in labels)) for k, labels in enumerate((left, right))
    )


def _contract_reference(attrs: Mapping[str, Any], x: Array, y: Array) -> Array:
    return np.asarray(np.einsum(attrs["subscripts"], x, y))


def _contract_vjp(result: Node, g: Node) -> tuple[Node | None, ...]:
    (x, y), (left, right, to) = result.inputs, _labels(attr(result, "subscripts"))
    return (
        labelled_product(Term(g, to), Term(y, right), left),
        labelled_product(Term(x, left), Term(g, to), right),
    )


def _contract_jvp(result: Node, tangents: tuple[Node | None, ...]) -> Node:
    (x, y), (tx, ty) = result.inputs, tangents
    pairs = ((tx, y), (x, ty))
    terms = [result.op(a, b, **result.attrs) for a, b in pairs if a is not None and b is not None]
    return terms[0] if len(terms) == 1 else ops.add(*terms)


def _sample(subscripts: str, left: tuple[int, ...], right: tuple[int, ...]) -> Sample:
    return Sample((Arg(left), Arg(right)), {"subscripts": subscripts})


contract = structured(
    "contract", "Sum of products over labelled axes, those that the result does not have.",
    Kind.CONTRACTION, arity=2, attrs={"subscripts": AttrKind.TEXT},
    infer=_contract_type, reference=_contract_reference, vjp=_contract_vjp, jvp=_contract_jvp,
    batch=_with_batch,
    lowering=Reduce("dot", _contract_extents, _contract_operands, lambda node: False),
    dtypes=FLOATS + INTEGERS,
    samples=(
        _sample("ab,bc->ca", (3, 5), (5, 19)),
        _sample("abc,dbce->adbe", (2, 3, 5), (4, 3, 5, 1)),
        _sample("abcd,aecd->ceab", (2, 3, 2, 17), (2, 5, 2, 17)),
        _sample("abc,cdb->ad", (7, 2, 3), (3, 18, 2)),
        _sample("abc,cd->dba", (2, 3, 4), (4, 33)),
        _sample("ab,ca->bc", (0, 3), (2, 0)),
        _sample("ab,bc->ca", (2, 3), (3, 0)),
        _sample("abc,bcd->bad", (1, 1, 1), (1, 1, 1)),
        _sample("ab,ab->", (3, 17), (3, 17)),
        _sample("abc,bdae->edca", (17, 3, 9), (3, 5, 17, 33)),
    ),
)  # fmt: skip
