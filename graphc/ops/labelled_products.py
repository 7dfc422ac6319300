"""Products of two tensors whose axes have labels.

A label that both operands have and the result has not is summed over; every other one is a dim of
the result.
"""

from __future__ import annotations

import string
from dataclasses import dataclass

from graphc.ir.dims import Size, product
from graphc.ir.node import Node
from graphc.ops.declaring import ops

Labels = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Term:
    """A tensor and the labels of its axes."""

    node: Node
    labels: Labels

    def size(self, label: str) -> Size:
        """The size of the axis with a label."""
        return self.node.shape[self.labels.index(label)]

    def permuted(self, to: Labels) -> Node:
        """The tensor with its axes in another order."""
        axes = tuple(self.labels.index(label) for label in to)
        return self.node if self.labels == to else ops.permute_dims(self.node, axes=axes)

    def in_memory(self) -> Term:
        """The same tensor as it lies in memory, if that is another order of its axes."""
        if self.node.op is not ops.permute_dims:
            return self
        labels = dict(zip(self.node.attrs["axes"], self.labels, strict=True))
        return Term(self.node.inputs[0], tuple(labels[k] for k in range(len(labels)))).in_memory()

    def spread(self, to: Labels, sizes: dict[str, Size]) -> Node:
        """The tensor repeated along the axes that it lacks."""
        node = self.permuted(tuple(label for label in to if label in self.labels))
        flat = tuple(sizes[label] if label in self.labels else 1 for label in to)
        shape = tuple(sizes[label] for label in to)
        node = node if node.shape == flat else ops.reshape(node, shape=flat)
        return node if flat == shape else ops.broadcast_to(node, shape=shape)


def labelled_product(left: Term, right: Term, to: Labels) -> Node:
    """The product of two tensors, its axes in the order of the labels `to`.

    Every label of an operand is one of the other operand's or of the result's, and both agree on
    its size. Without a sum the product is elementwise. If one operand has no axis of its own, it
    is a vector, or one for each matrix of a stack: then it is the sum of an elementwise product,
    which reads the other operand as it lies in memory. The rest is a `matmul`, if for that only
    the operands' axes need be moved; else a `contract`, or of integers a `matmul` moved afterwards.
    """
    if set(left.labels) | set(right.labels) == set(to):
        return _elementwise(left, right, to)
    left, right = _with_one_inner(left, right, to)
    for wide, narrow in ((left, right), (right, left)):
        if set(narrow.labels) <= set(wide.labels):
            return _vector_product(wide, narrow, to)
    return (
        _matrix_product(left, right, to)
        or _matrix_product(right, left, to)
        or _integer_product(left, right, to)
        or ops.contract(left.node, right.node, subscripts=subscripts(left.labels, right.labels, to))
    )


def subscripts(left: Labels, right: Labels, to: Labels) -> str:
    """Labels as letters, which are named in the order in which they occur."""
    letters = dict(zip(dict.fromkeys(left + right), string.ascii_letters, strict=False))
    return "{},{}->{}".format(
        *("".join(letters[label] for label in part) for part in (left, right, to))
    )


def _elementwise(left: Term, right: Term, to: Labels) -> Node:
    sizes = {label: term.size(label) for term in (left, right) for label in term.labels}
    return ops.mul(left.spread(to, sizes), right.spread(to, sizes))


def _vector_product(wide: Term, narrow: Term, to: Labels) -> Node:
    """The sum of the elementwise product, over the labels that the result does not have."""
    wide = wide.in_memory()
    axes = tuple(k for k, label in enumerate(wide.labels) if label not in to)
    kept = tuple(label for label in wide.labels if label in to)
    return Term(ops.sum(_elementwise(wide, narrow, wide.labels), axes=axes), kept).permuted(to)


def _with_one_inner(left: Term, right: Term, to: Labels) -> tuple[Term, Term]:
    """The terms with their inner axes made one, where both have them together in one order."""
    inner = tuple(label for label in left.labels if label not in to)
    if len(inner) < 2 or any(_place(inner, term.labels) is None for term in (left, right)):
        return left, right
    return _joined(left, inner), _joined(right, inner)


def _place(run: Labels, labels: Labels) -> int | None:
    """Where a run of labels stands among others; None if it does not."""
    start = labels.index(run[0])
    return start if labels[start : start + len(run)] == run else None


def _joined(term: Term, run: Labels) -> Term:
    """The term with a run of its axes made one, under the first one's label."""
    start = term.labels.index(run[0])
    end, shape = start + len(run), term.node.shape
    shape = (*shape[:start], product(shape[start:end]), *shape[end:])
    return Term(ops.reshape(term.node, shape=shape), term.labels[: start + 1] + term.labels[end:])


def _matrix_product(left: Term, right: Term, to: Labels) -> Node | None:
    """The result as a `matmul` of operands with moved axes; None if its axes would have to move."""
    inner = tuple(label for label in left.labels if label not in to)
    batch = tuple(label for label in to if label in left.labels and label in right.labels)
    rows = tuple(label for label in to if label not in right.labels)
    columns = tuple(label for label in to if label not in left.labels)
    if len(inner) != 1 or len(columns) != 1 or (batch and len(rows) > 1):
        return None
    if to != batch + rows + columns:
        return None
    return ops.matmul(left.permuted(batch + rows + inner), right.permuted(batch + inner + columns))


def _integer_product(left: Term, right: Term, to: Labels) -> Node | None:
    """For integers, a `matmul` with axes made one, and taken apart and moved afterwards.

    Products of integers are plain loops, which are slow where neighbours in the result do not
    read neighbours, and are not packed. None for floats, whose products are.
    """
    if left.node.dtype.is_float:
        return None
    inner = tuple(label for label in left.labels if label not in to)
    batch = tuple(label for label in to if label in left.labels and label in right.labels)
    rows = tuple(label for label in to if label not in right.labels)
    columns = tuple(label for label in to if label not in left.labels)
    result = ops.matmul(_flat(left, batch, rows, inner), _flat(right, batch, inner, columns))
    sizes = {label: term.size(label) for term in (left, right) for label in term.labels}
    labels = batch + rows + columns
    whole = ops.reshape(result, shape=tuple(sizes[label] for label in labels))
    return Term(whole, labels).permuted(to)


def _flat(term: Term, batch: Labels, first: Labels, second: Labels) -> Node:
    """The term as a stack of matrices, with several axes as rows and several as columns."""
    lead = tuple(term.size(label) for label in batch)
    sides = (product(term.size(label) for label in part) for part in (first, second))
    return ops.reshape(term.permuted(batch + first + second), shape=(*lead, *sides))
