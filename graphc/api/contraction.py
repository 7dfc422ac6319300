"""Sums of products over named axes, reduced to matrix products.

Every axis of every tensor has a label; axes with one label are one and the same. What is not in
the output is summed over. Tensors are multiplied two at a time, from left to right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from graphc.api.blame import fail_shape
from graphc.api.broadcasting import fitted
from graphc.api.manipulation import permuted, reshaped
from graphc.ir.dims import Size, product, unify
from graphc.ir.dtypes import int64
from graphc.ir.node import Node
from graphc.ir.types import Shape
from graphc.ops import ops

Labels = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Term:
    """A tensor and the labels of its axes."""

    node: Node
    labels: Labels

    def size(self, label: str) -> Size:
        """The size of the axis with a label."""
        return self.node.shape[self.labels.index(label)]


def contract(op: str, terms: Sequence[Term], output: Labels) -> Node:
    """The sum of products of the terms over all labels that are not in the output."""
    todo = _agreed(op, [_without_repeats(op, term) for term in terms])
    total = todo[0]
    for k, other in enumerate(todo[1:], start=2):
        needed = set(output).union(*(term.labels for term in todo[k:]))
        left = _summed(total, needed.union(other.labels))
        right = _summed(other, needed.union(total.labels))
        total = _product(left, right, needed)
    total = _summed(total, set(output))
    return _ordered(total, output)


def _without_repeats(op: str, term: Term) -> Term:
    """The diagonal over axes of the term that bear one label."""
    for label in dict.fromkeys(term.labels):
        while term.labels.count(label) > 1:
            first = term.labels.index(label)
            second = term.labels.index(label, first + 1)
            term = Term(
                diagonal_of(op, term.node, first, second),
                term.labels[:second] + term.labels[second + 1 :],
            )
    return term


def diagonal_of(op: str, node: Node, first: int, second: int) -> Node:
    """The elements with equal positions along two axes; they stand at the first one."""
    size = _common_size(op, "the axes of a diagonal", node.shape[first], node.shape[second])
    shape = tuple(size if k in (first, second) else n for k, n in enumerate(node.shape))
    place = ops.iota(shape=(size,), axis=0, dtype=int64)
    return ops.gather(fitted(node, shape), place, place, axes=(first, second), position=first)


def _agreed(op: str, terms: list[Term]) -> list[Term]:
    """The terms, with one size for each label."""
    sizes: dict[str, Size] = {}
    for term in terms:
        for label, size in zip(term.labels, term.node.shape, strict=True):
            sizes[label] = _common_size(op, f"the axes {label!r}", sizes.get(label, size), size)
    return [Term(fitted(term.node, _sizes(term.labels, sizes)), term.labels) for term in terms]


def _sizes(labels: Labels, sizes: dict[str, Size]) -> Shape:
    return tuple(sizes[label] for label in labels)


def _common_size(op: str, what: str, left: Size, right: Size) -> Size:
    found = unify(left, right)
    if found is None:
        fail_shape(op, f"{what} must be of one size, but {left} is not {right}")
    return found[0]


def _summed(term: Term, needed: set[str]) -> Term:
    """The term summed over the labels that nothing needs any more."""
    axes = tuple(k for k, label in enumerate(term.labels) if label not in needed)
    if not axes:
        return term
    kept = tuple(label for label in term.labels if label in needed)
    return Term(ops.sum(term.node, axes=axes), kept)


def _product(left: Term, right: Term, needed: set[str]) -> Term:
    """The product of two terms, summed over the labels that only these two have."""
    shared = [label for label in left.labels if label in right.labels]
    inner = tuple(label for label in shared if label not in needed)
    batch = tuple(label for label in shared if label in needed)
    rows = tuple(label for label in left.labels if label not in shared)
    columns = tuple(label for label in right.labels if label not in shared)
    if not inner:
        return _outer_product(left, right, columns)
    lead = tuple(left.size(label) for label in batch)
    depth = product(left.size(label) for label in inner)
    outer = tuple(left.size(label) for label in rows), tuple(right.size(label) for label in columns)
    result = ops.matmul(
        reshaped(_ordered(left, batch + rows + inner), (*lead, product(outer[0]), depth)),
        reshaped(_ordered(right, batch + inner + columns), (*lead, depth, product(outer[1]))),
    )
    return Term(reshaped(result, (*lead, *outer[0], *outer[1])), batch + rows + columns)


def _outer_product(left: Term, right: Term, columns: Labels) -> Term:
    """The elementwise product, where no label is summed over."""
    labels = left.labels + columns
    first = reshaped(left.node, left.node.shape + (1,) * len(columns))
    present = tuple(label for label in labels if label in right.labels)
    second = reshaped(
        _ordered(right, present),
        tuple(right.size(label) if label in right.labels else 1 for label in labels),
    )
    shape = left.node.shape + tuple(right.size(label) for label in columns)
    return Term(ops.mul(fitted(first, shape), fitted(second, shape)), labels)


def _ordered(term: Term, labels: Labels) -> Node:
    return permuted(term.node, tuple(term.labels.index(label) for label in labels))
