"""Sums of products over named axes, reduced to products of two tensors.

Every axis of every tensor has a label; axes with one label are one and the same. What is not in
the output is summed over: at once if a single tensor has it, else by the product after which
nothing needs it any more. `contraction_order.py` says which two tensors are multiplied next.
"""

from __future__ import annotations

from collections.abc import Sequence

from graphc.api.blame import fail_shape
from graphc.api.broadcasting import fitted
from graphc.api.contraction_order import Problem, best_pairs, problem
from graphc.api.manipulation import reshaped
from graphc.ir.dims import Size, unify
from graphc.ir.dtypes import int64
from graphc.ir.node import Node
from graphc.ir.types import Shape
from graphc.ops import ops
from graphc.ops.labelled_products import Labels, Term, labelled_product

#: Labels of leading dims that broadcast start so; they count from the last: ...1.
DOTS = "..."


def contract(op: str, terms: Sequence[Term], output: Labels) -> Node:
    """The sum of products of the terms over all labels that are not in the output."""
    terms = agreed(op, terms)
    todo = [(k, _summed(term, _needed(terms, output, k))) for k, term in enumerate(terms)]
    for pair in best_pairs(ordering(terms, output)):
        (first, left), (_, right) = sorted(todo[k] for k in pair)
        todo = [part for k, part in enumerate(todo) if k not in pair]
        rest = [term for _, term in todo]
        labels = _labels_of_product(left, right, _needed(rest, output)) if rest else output
        todo.append((first, Term(labelled_product(left, right, labels), labels)))
    ((_, total),) = todo
    return total.permuted(output)


def agreed(op: str, terms: Sequence[Term]) -> list[Term]:
    """The terms without labels that one of them has twice, and with one size for each label."""
    terms = [_without_repeats(op, term) for term in _without_repeating(terms)]
    sizes: dict[str, Size] = {}
    for term in terms:
        for label, size in zip(term.labels, term.node.shape, strict=True):
            sizes[label] = _common_size(op, f"the axes {label!r}", sizes.get(label, size), size)
    return [Term(fitted(term.node, _sizes(term.labels, sizes)), term.labels) for term in terms]


def ordering(terms: Sequence[Term], output: Labels) -> Problem:
    """The problem of finding an order for terms that agree on the sizes of labels."""
    return problem([term.labels for term in terms], output, sizes_of(terms))


def sizes_of(terms: Sequence[Term]) -> dict[str, Size]:
    """The size of each label, for terms that agree on it."""
    return {label: term.size(label) for term in terms for label in term.labels}


def dot_labels(count: int) -> Labels:
    """Labels for leading dims that broadcast against those of other terms."""
    return tuple(f"{DOTS}{k}" for k in range(count, 0, -1))


def _without_repeating(terms: Sequence[Term]) -> list[Term]:
    """The terms without those leading dims that are 1 and repeat along another's."""
    found: list[Term] = []
    for term in terms:
        kept = [k for k, label in enumerate(term.labels) if not _repeats(label, term, terms)]
        shape = tuple(term.node.shape[k] for k in kept)
        found.append(Term(reshaped(term.node, shape), tuple(term.labels[k] for k in kept)))
    return found


def _repeats(label: str, term: Term, terms: Sequence[Term]) -> bool:
    if not label.startswith(DOTS) or term.size(label) != 1:
        return False
    return any(label in other.labels and other.size(label) != 1 for other in terms)


def _needed(terms: Sequence[Term], output: Labels, but: int | None = None) -> set[str]:
    """The labels that the output or terms need, all or all but one of them."""
    return set(output).union(*(term.labels for k, term in enumerate(terms) if k != but))


def _labels_of_product(left: Term, right: Term, needed: set[str]) -> Labels:
    """Labels of a product, in the order that suits it: those of both, of the left, of the right."""
    both = tuple(label for label in left.labels if label in right.labels)
    rows = tuple(label for label in left.labels if label not in both)
    columns = tuple(label for label in right.labels if label not in both)
    return (*(label for label in both if label in needed), *rows, *columns)


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
